//! The values of a JSON text at a few paths, found in one pass without building anything.
//!
//! Runs once per entry on the reader's thread where a stream has its records as JSON; does not block. Allocates only where a
//! text with escapes in it is longer than any before.

use super::Refusal;

/// Most paths.
pub const MAX_PATHS: usize = 32;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// Paths into a JSON text, as names joined by dots; a number is the place in a list, from 0.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    paths: Vec<Vec<Box<[u8]>>>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Piece<'a> {
    /// Nowhere: it is absent, or null.
    #[default]
    None,
    /// In the text: what is between the quotes of a text, or all of any other value.
    Text(&'a [u8]),
    /// In the buffer of unescaped texts, from where to where.
    Unescaped(usize, usize),
}

impl<'a> Piece<'a> {
    /// The bytes; `None` where there are none.
    #[inline]
    #[must_use]
    pub fn bytes(self, unescaped: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::None => None,
            Self::Text(text) => Some(text),
            Self::Unescaped(from, to) => unescaped.get(from..to),
        }
    }
}

/// An object or a list that is being read.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Paths that lead into it, as a bit set; and those that end at it.
    inside: u32,
    wanted: u32,
    /// Where it begins.
    start: usize,
    /// Place of the next value of a list.
    place: usize,
    is_object: bool,
}

impl Paths {
    /// Adds a path; gives its number, `None` where there are too many or one of its names is empty.
    pub fn add(&mut self, path: &str) -> Option<usize> {
        let parts: Vec<Box<[u8]>> = path.split('.').map(|part| part.as_bytes().into()).collect();
        if self.paths.len() == MAX_PATHS || parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        self.paths.push(parts);
        Some(self.paths.len() - 1)
    }

    /// Finds the values of all paths in an object or a list. Texts with escapes are appended to `unescaped`, and pieces are
    /// places there. An object or a list as a value is given as it is written.
    ///
    /// # Errors
    /// [`Refusal::BadText`] for what is no JSON object or list, or nested deeper than [`MAX_DEPTH`];
    /// [`Refusal::RepeatedField`] for a path that is there twice.
    pub fn find<'a>(
        &self,
        text: &'a [u8],
        unescaped: &mut Vec<u8>,
        found: &mut [Piece<'a>; MAX_PATHS],
    ) -> Result<(), Refusal> {
        std::str::from_utf8(text).map_err(|_| Refusal::BadText)?;
        let all = if self.paths.len() == MAX_PATHS { u32::MAX } else { (1 << self.paths.len()) - 1 };
        let mut walk = JsonWalk { paths: self, text, at: 0, unescaped, found, seen: 0 };
        walk.document(all)
    }

    /// Those of a set of paths whose name at this depth this is, as a bit set.
    #[inline]
    fn named(&self, mut set: u32, depth: usize, name: &[u8]) -> u32 {
        let mut named = 0;
        while set != 0 {
            let index = set.trailing_zeros();
            set &= set - 1;
            let part = self.paths[index as usize].get(depth);
            named |= u32::from(part.is_some_and(|part| **part == *name)) << index;
        }
        named
    }

    /// Those of a set of paths that end at this depth.
    #[inline]
    fn ending(&self, mut set: u32, depth: usize) -> u32 {
        let mut ending = 0;
        while set != 0 {
            let index = set.trailing_zeros();
            set &= set - 1;
            ending |= u32::from(self.paths[index as usize].len() == depth + 1) << index;
        }
        ending
    }
}

/// A pass over one text.
struct JsonWalk<'p, 'a> {
    paths: &'p Paths,
    text: &'a [u8],
    at: usize,
    unescaped: &'p mut Vec<u8>,
    found: &'p mut [Piece<'a>; MAX_PATHS],
    /// Paths that have been there, as a bit set.
    seen: u32,
}

const BAD: Refusal = Refusal::BadText;

impl<'a> JsonWalk<'_, 'a> {
    fn document(&mut self, all: u32) -> Result<(), Refusal> {
        let mut levels = [Level::default(); MAX_DEPTH];
        self.blanks();
        levels[0] = self.open(all, 0)?;
        let mut depth = 0;
        // Whether the level at hand has had a value.
        let mut first = true;
        loop {
            self.blanks();
            let level = &mut levels[depth];
            let end = if level.is_object { b'}' } else { b']' };
            if self.peek()? == end {
                self.at += 1;
                let (start, wanted) = (level.start, level.wanted);
                self.give(wanted, Piece::Text(&self.text[start..self.at]))?;
                if depth == 0 {
                    self.blanks();
                    return if self.at == self.text.len() { Ok(()) } else { Err(BAD) };
                }
                depth -= 1;
                first = false;
                continue;
            }
            if !first {
                self.expect(b',')?;
                self.blanks();
            }
            first = false;
            let here = if levels[depth].is_object {
                self.name(levels[depth].inside, depth)?
            } else {
                self.place(&mut levels[depth], depth)
            };
            let wanted = self.paths.ending(here, depth);
            if matches!(self.peek()?, b'{' | b'[') {
                depth += 1;
                *levels.get_mut(depth).ok_or(BAD)? = self.open(here & !wanted, wanted)?;
                first = true;
            } else {
                let piece = self.scalar(wanted != 0)?;
                self.give(wanted, piece)?;
            }
        }
    }

    /// Begins an object or a list.
    fn open(&mut self, inside: u32, wanted: u32) -> Result<Level, Refusal> {
        let is_object = match self.peek()? {
            b'{' => true,
            b'[' => false,
            _ => return Err(BAD),
        };
        let start = self.at;
        self.at += 1;
        Ok(Level { inside, wanted, start, place: 0, is_object })
    }

    /// Reads the name of a member; gives the paths that go on with it.
    fn name(&mut self, inside: u32, depth: usize) -> Result<u32, Refusal> {
        let mark = self.unescaped.len();
        let piece = self.string(true)?;
        let name = piece.bytes(self.unescaped).unwrap_or_default();
        let here = if inside == 0 { 0 } else { self.paths.named(inside, depth, name) };
        self.unescaped.truncate(mark);
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        Ok(here)
    }

    /// The paths that go on with the next value of a list.
    fn place(&self, level: &mut Level, depth: usize) -> u32 {
        let place = level.place;
        level.place += 1;
        if level.inside == 0 {
            return 0;
        }
        let mut digits = [0; 20];
        let (mut rest, mut from) = (place, digits.len());
        loop {
            from -= 1;
            digits[from] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.paths.named(level.inside, depth, &digits[from..])
    }

    fn give(&mut self, wanted: u32, piece: Piece<'a>) -> Result<(), Refusal> {
        if self.seen & wanted != 0 {
            return Err(Refusal::RepeatedField);
        }
        self.seen |= wanted;
        let mut set = wanted;
        while set != 0 {
            self.found[set.trailing_zeros() as usize] = piece;
            set &= set - 1;
        }
        Ok(())
    }

    /// Reads a text, a number, or a word.
    fn scalar(&mut self, wanted: bool) -> Result<Piece<'a>, Refusal> {
        let start = self.at;
        match self.peek()? {
            b'"' => return self.string(wanted),
            b'-' | b'0'..=b'9' => self.number()?,
            _ => {
                let rest = &self.text[self.at..];
                let word = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word));
                let word = word.ok_or(BAD)?;
                self.at += word.len();
                if word == b"null" {
                    return Ok(Piece::None);
                }
            }
        }
        Ok(Piece::Text(&self.text[start..self.at]))
    }

    fn number(&mut self) -> Result<(), Refusal> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Refusal> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits > 0 { Ok(()) } else { Err(BAD) }
    }

    /// Reads a text. Escapes are checked in any case and resolved where it is wanted.
    fn string(&mut self, wanted: bool) -> Result<Piece<'a>, Refusal> {
        self.expect(b'"')?;
        let start = self.at;
        let plain =
            self.text[start..].iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count();
        self.at += plain;
        match self.peek()? {
            b'"' => {
                self.at += 1;
                Ok(Piece::Text(&self.text[start..start + plain]))
            }
            b'\\' => self.escaped(start, wanted),
            _ => Err(BAD),
        }
    }

    /// Reads the rest of a text with escapes in it.
    #[cold]
    fn escaped(&mut self, start: usize, wanted: bool) -> Result<Piece<'a>, Refusal> {
        let from = self.unescaped.len();
        self.unescaped.extend_from_slice(&self.text[start..self.at]);
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    self.unescaped.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return Err(BAD),
                _ => self.unescaped.push(byte),
            }
        }
        if !wanted {
            self.unescaped.truncate(from);
        }
        Ok(Piece::Unescaped(from, self.unescaped.len()))
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.unit()?;
                if (0xd800..0xdc00).contains(&code) {
                    // The first half of a pair.
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    let low = self.unit()?.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(BAD)?;
                    code = 0x1_0000 + ((code - 0xd800) << 10) + low;
                }
                char::from_u32(code).ok_or(BAD)?
            }
            _ => return Err(BAD),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(BAD)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, &digit| Some(code * 16 + char::from(digit).to_digit(16)?)).ok_or(BAD)
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Result<u8, Refusal> {
        self.text.get(self.at).copied().ok_or(BAD)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Refusal> {
        if self.peek()? != byte {
            return Err(BAD);
        }
        self.at += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn find(paths: &[&str], text: &str) -> Result<Vec<Option<String>>, Refusal> {
        let mut all = Paths::default();
        paths.iter().for_each(|path| assert!(all.add(path).is_some(), "{path}"));
        let (mut unescaped, mut found) = (Vec::new(), [Piece::None; MAX_PATHS]);
        all.find(text.as_bytes(), &mut unescaped, &mut found)?;
        let text = |piece: &Piece<'_>| piece.bytes(&unescaped).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        Ok(found[..paths.len()].iter().map(text).collect())
    }

    #[test]
    fn values_are_found_by_their_paths() {
        let text = r#" { "e":"kline", "k": {"o" : "1.50", "c":-2e-3 ,"x":false, "n":null, "deep":{"a":[1,{"b":"β"}]}},
            "s":"BTC\/USD\u00e9", "k2":{"o":7}, "list":[10,[],{}] } "#;
        let paths = ["e", "k.o", "k.c", "k.x", "k.n", "k.deep.a.1.b", "s", "o", "list.0", "k.deep.a", "list.1"];
        let wanted = [
            Some("kline"),
            Some("1.50"),
            Some("-2e-3"),
            Some("false"),
            None,
            Some("β"),
            Some("BTC/USDé"),
            None,
            Some("10"),
            Some(r#"[1,{"b":"β"}]"#),
            Some("[]"),
        ];
        assert_eq!(find(&paths, text).unwrap(), wanted.map(|text| text.map(str::to_owned)));
        assert_eq!(find(&["0", "2"], "[1.5,2,\"x\"]").unwrap(), [Some("1.5".to_owned()), Some("x".to_owned())]);
        assert_eq!(find(&["a"], r#"{"\u0061":"\ud83d\ude00"}"#).unwrap(), [Some("😀".to_owned())]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "1",
            "\"a\"",
            "{",
            "{]",
            "[}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "{a:1}",
            "[01]",
            "[1.]",
            "[.5]",
            "[1e]",
            "[+1]",
            "[nul]",
            "[truefalse]",
            "[1 2]",
            "{\"a\":1}x",
            "[\"\\x\"]",
            "[\"\\ud800\"]",
            "[\"\\u12g4\"]",
            "[\"a\nb\"]",
            "[\"a",
            "[NaN]",
            "[Infinity]",
            "['a']",
        ] {
            assert_eq!(find(&["a"], text), Err(Refusal::BadText), "{text:?}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(find(&["a"], &nested(MAX_DEPTH)).is_ok());
        assert_eq!(find(&["a"], &nested(MAX_DEPTH + 1)), Err(Refusal::BadText));
        assert_eq!(find(&["a"], r#"{"a":1,"a":1}"#), Err(Refusal::RepeatedField));
        assert!(find(&["a"], r#"{"b":1,"b":1}"#).is_ok(), "nobody asks for it");
        assert_eq!(Paths::default().add("a..b"), None);
    }
}
