//! Finds the end of a reply while its bytes arrive: in place, resumable, each element visited once, without allocation.

use super::token::{Limits, ProtocolError, Token, short_bulk, token};

/// Deepest nesting of arrays: the deepest reply in use, `XINFO STREAM … FULL`, has 7.
pub(super) const DEPTH_MAX: usize = 16;
/// Streams, a stream's name and entries, its entries: these are an entry's arrays around it.
const ENTRY_DEPTH: usize = 3;

/// How far a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Bytes are missing.
    Incomplete,
    /// The reply is complete and this many bytes long.
    Complete(usize),
}

impl Progress {
    /// Length of a complete reply.
    #[inline]
    #[must_use]
    pub const fn complete(self) -> Option<usize> {
        match self {
            Self::Complete(len) => Some(len),
            Self::Incomplete => None,
        }
    }
}

/// State of the scan of one reply, kept while its bytes arrive.
///
/// A bulk string that is still arriving costs the parse of its length, whatever has arrived of it, so a reply of any
/// size in pieces of any size is scanned in time proportional to its elements and pieces.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    limits: Limits,
    pos: usize,
    depth: usize,
    missing: [usize; DEPTH_MAX],
    entry: usize,
}

impl Scanner {
    /// A scanner at the start of a reply.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Continues with the reply that begins at the start of `buf`; earlier calls saw a shorter prefix of it.
    ///
    /// Once the reply is complete the scanner stands at the start of the next one.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the bytes cannot become a reply; the scanner cannot be used again.
    #[inline]
    pub fn scan(&mut self, buf: &[u8]) -> Result<Progress, ProtocolError> {
        loop {
            self.pass_short(buf);
            let Some((element, next)) = token(buf, self.pos, &self.limits)? else { break };
            let start = std::mem::replace(&mut self.pos, next);
            if let Token::Array(count @ 1..) = element {
                if self.depth == ENTRY_DEPTH {
                    self.entry = start;
                }
                *self.missing.get_mut(self.depth).ok_or(ProtocolError::TooDeep)? = count;
                self.depth += 1;
            } else if self.close() {
                return Ok(Progress::Complete(std::mem::take(&mut self.pos)));
            }
        }
        Ok(Progress::Incomplete)
    }

    /// Where the last array three levels deep begins: in the reply of an `XREAD` that is its last entry.
    #[inline]
    #[must_use]
    pub fn last_entry(&self) -> usize {
        self.entry
    }

    /// Starts over, at the start of a reply.
    pub fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Skips short bulk strings of the current array, except its last element.
    #[inline]
    fn pass_short(&mut self, buf: &[u8]) {
        let Some(missing) = self.depth.checked_sub(1).and_then(|level| self.missing.get_mut(level)) else { return };
        while *missing > 1 {
            let Some((start, end)) = short_bulk(buf, self.pos) else { return };
            if end - start > self.limits.bulk_bytes_max {
                return;
            }
            *missing -= 1;
            self.pos = end + 2;
        }
    }

    /// Counts a complete element and the arrays it completes; true if that completes the reply.
    #[inline]
    fn close(&mut self) -> bool {
        while let Some(level) = self.depth.checked_sub(1) {
            self.missing[level] -= 1;
            if self.missing[level] > 0 {
                return false;
            }
            self.depth = level;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the elements from `pos` on are those that the redis crate reads; moves on behind them.
    fn same(reply: &[u8], pos: &mut usize, theirs: &redis::Value) -> bool {
        let (element, next) = token(reply, *pos, &Limits::NONE).unwrap().unwrap();
        *pos = next;
        match (element, theirs) {
            (Token::Simple(text), redis::Value::Okay) => text == b"OK",
            (Token::Simple(text), redis::Value::SimpleString(other)) => text == other.as_bytes(),
            (Token::Error(_), redis::Value::ServerError(_)) | (Token::Nil, redis::Value::Nil) => true,
            (Token::Int(value), redis::Value::Int(other)) => value == *other,
            (Token::Bulk(bytes), redis::Value::BulkString(other)) => bytes == other,
            (Token::Array(count), redis::Value::Array(others)) => {
                count == others.len() && others.iter().all(|other| same(reply, pos, other))
            }
            _ => false,
        }
    }

    fn array(elements: &[Vec<u8>]) -> Vec<u8> {
        [format!("*{}\r\n", elements.len()).into_bytes(), elements.concat()].concat()
    }

    fn bulk(bytes: &[u8]) -> Vec<u8> {
        [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
    }

    /// The bytes of a reply.
    fn reply() -> impl Strategy<Value = Vec<u8>> {
        let leaf = prop_oneof![
            "[ -~]{0,12}".prop_map(|text| format!("+{text}\r\n").into_bytes()),
            "[A-Z]{1,9} [ -~]{0,12}".prop_map(|text| format!("-{text}\r\n").into_bytes()),
            any::<i64>().prop_map(|value| format!(":{value}\r\n").into_bytes()),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| bulk(&bytes)),
            Just(b"$-1\r\n".to_vec()),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| prop::collection::vec(inner, 0..6).prop_map(|all| array(&all)))
    }

    proptest! {
        #[test]
        fn replies_cut_at_every_byte_are_found_whole(replies in prop::collection::vec(reply(), 1..4)) {
            let bytes = replies.concat();
            let (mut scanner, mut start) = (Scanner::default(), 0);
            let mut found = Vec::new();
            for end in 0..=bytes.len() {
                while let Progress::Complete(len) = scanner.scan(&bytes[start..end]).unwrap() {
                    let whole = &bytes[start..start + len];
                    let (theirs, mut pos) = (redis::parse_redis_value(whole).unwrap(), 0);
                    prop_assert!(same(whole, &mut pos, &theirs) && pos == len, "{theirs:?}");
                    found.push(whole.to_vec());
                    start += len;
                }
            }
            prop_assert_eq!(start, bytes.len());
            prop_assert_eq!(found, replies);
        }

        #[test]
        fn noise_is_refused_or_what_the_redis_crate_reads(noise in prop::collection::vec(
            prop_oneof![prop::sample::select(b"$*:+-0123459\r\n".to_vec()), any::<u8>()], 0..64)) {
            let whole = Scanner::default().scan(&noise);
            let mut piecewise = Scanner::default();
            let stepwise = (0..=noise.len()).map(|end| piecewise.scan(&noise[..end]))
                .find(|step| *step != Ok(Progress::Incomplete)).unwrap_or(Ok(Progress::Incomplete));
            prop_assert_eq!(whole, stepwise);
            if let Ok(Progress::Complete(len)) = whole {
                match redis::parse_redis_value(&noise[..len]) {
                    Ok(theirs) => prop_assert!(same(&noise, &mut 0, &theirs), "{theirs:?}"),
                    // The redis crate insists on UTF-8 in lines; the scanner leaves that to whoever reads them.
                    Err(error) => prop_assert!(std::str::from_utf8(&noise[..len]).is_err(), "{error}"),
                }
            }
        }

        #[test]
        fn mutilated_replies_do_no_harm(mut bytes in reply(), at: prop::sample::Index, byte: u8) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(Progress::Complete(len)) = Scanner::default().scan(&bytes) {
                let theirs = redis::parse_redis_value(&bytes[..len]);
                prop_assert!(theirs.map_or_else(
                    |_| std::str::from_utf8(&bytes[..len]).is_err(),
                    |theirs| same(&bytes, &mut 0, &theirs)
                ));
            }
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bulk_bytes_max: 4, elements_max: 2, line_bytes_max: 4 };
        for (bytes, error) in [
            (&b"$5\r\n"[..], ProtocolError::TooLong(5)),
            (b"*3\r\n", ProtocolError::TooLong(3)),
            (b"+12345\r\n", ProtocolError::TooLong(5)),
            (b"-123456", ProtocolError::TooLong(6)),
            (b"$-2\r\n", ProtocolError::BadNumber),
            (b"$99999999999999999999\r\n", ProtocolError::BadNumber),
            (b"*\r\n", ProtocolError::BadNumber),
            (b"$2\r\nabc", ProtocolError::BadEnd),
            (b"HTTP/1.1 400", ProtocolError::UnknownType(b'H')),
            (b"%1\r\n", ProtocolError::UnknownType(b'%')),
        ] {
            assert_eq!(Scanner::new(limits).scan(bytes), Err(error), "{}", bytes.escape_ascii());
        }
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 1);
        assert_eq!(Scanner::default().scan(&deep), Err(ProtocolError::TooDeep));
    }

    #[test]
    fn a_large_entry_in_small_pieces_is_not_scanned_again_and_again() {
        let mut bytes = Vec::new();
        bytes.extend(array(&vec![bulk(b"x"); 200_000]));
        bytes.extend(bulk(&vec![b'x'; 10 << 20]));
        let mut scanner = Scanner::default();
        let mut steps = 0;
        let mut start = 0;
        for end in (0..bytes.len()).step_by(16).chain([bytes.len()]) {
            if let Progress::Complete(len) = scanner.scan(&bytes[start..end]).unwrap() {
                start += len;
                steps += 1;
            }
        }
        assert_eq!((steps, start), (2, bytes.len())); // quadratic, this would take hours
    }
}
