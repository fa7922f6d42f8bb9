//! UTF-16 to UTF-8, for files that some Windows programs write.
//!
//! Allocates its buffers once; blocks as its reader does.

use std::io::{self, Read};

/// How the text of a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or another superset of ASCII.
    Utf8,
    /// UTF-16 with the low byte first.
    Utf16Le,
    /// UTF-16 with the high byte first.
    Utf16Be,
}

impl Encoding {
    /// Decides by the first bytes: by a mark, or by the zeros that ASCII has in UTF-16.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0xff, 0xfe, ..] => return Self::Utf16Le,
            [0xfe, 0xff, ..] => return Self::Utf16Be,
            _ => {}
        }
        let pairs = head.as_chunks::<2>().0;
        let pairs = &pairs[..pairs.len().min(16)];
        let all = |is: fn(&[u8; 2]) -> bool| pairs.len() >= 4 && pairs.iter().all(is);
        if all(|[low, high]| *low != 0 && *high == 0) {
            Self::Utf16Le
        } else if all(|[high, low]| *low != 0 && *high == 0) {
            Self::Utf16Be
        } else {
            Self::Utf8
        }
    }
}

/// Reads UTF-16 as UTF-8; what is no text comes out as U+FFFD.
pub struct Utf16<R> {
    reader: R,
    big: bool,
    /// Bytes read that make no whole unit yet, and a surrogate that waits for its other half.
    half: Option<u8>,
    high: Option<u16>,
    /// Converted bytes that did not fit yet.
    out: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R> Utf16<R> {
    /// Reads text of this encoding, which must be one of UTF-16.
    pub fn new(reader: R, encoding: Encoding) -> Self {
        let big = encoding == Encoding::Utf16Be;
        Self { reader, big, half: None, high: None, out: Vec::new(), given: 0, ended: false }
    }

    fn unit(&mut self, unit: u16) {
        let mut push = |c: char| self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + (u32::from(high - 0xd800) << 10) + u32::from(unit - 0xdc00);
                push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return;
            }
            (Some(_), _) => push(char::REPLACEMENT_CHARACTER),
            (None, _) => {}
        }
        if (0xd800..=0xdbff).contains(&unit) {
            self.high = Some(unit);
        } else {
            push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() && !self.ended {
            self.out.clear();
            self.given = 0;
            let mut bytes = [0u8; 8_192];
            let count = self.reader.read(&mut bytes)?;
            if count == 0 {
                self.ended = true;
                if self.half.take().is_some() || self.high.take().is_some() {
                    self.out.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
            for &byte in &bytes[..count] {
                match self.half.take() {
                    None => self.half = Some(byte),
                    Some(first) if self.big => self.unit(u16::from_be_bytes([first, byte])),
                    Some(first) => self.unit(u16::from_le_bytes([first, byte])),
                }
            }
        }
        let count = out.len().min(self.out.len() - self.given);
        out[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encodings_are_told_apart() {
        for (bytes, encoding) in [
            (&b"ts,open"[..], Encoding::Utf8),
            (b"\xef\xbb\xbfts,open", Encoding::Utf8),
            (b"\xff\xfet\0", Encoding::Utf16Le),
            (b"\xfe\xff\0t", Encoding::Utf16Be),
            (b"t\0s\0,\0o\0p\0", Encoding::Utf16Le),
            (b"\0t\0s\0,\0o\0p", Encoding::Utf16Be),
            (b"", Encoding::Utf8),
            (b"\0\0\0\0\0\0\0\0", Encoding::Utf8),
        ] {
            assert_eq!(Encoding::of(bytes), encoding, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn text_survives_the_way(text in "\\PC{0,200}", big: bool, step in 1usize..7) {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            let encoding = if big { Encoding::Utf16Be } else { Encoding::Utf16Le };
            let mut reader = Utf16::new(&bytes[..], encoding);
            let mut found = Vec::new();
            loop {
                let mut out = vec![0; step];
                let count = reader.read(&mut out).unwrap();
                if count == 0 { break }
                found.extend_from_slice(&out[..count]);
            }
            prop_assert_eq!(String::from_utf8(found).unwrap(), text);
        }

        #[test]
        fn noise_stays_text(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut found = String::new();
            Utf16::new(&bytes[..], Encoding::Utf16Le).read_to_string(&mut found).unwrap();
        }
    }
}
