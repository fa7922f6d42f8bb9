//! Where an input record came from: which input, and which entry or line of it.

use super::saved::saved_as;
use crate::text::push_u64;
use std::{fmt, str::FromStr};
use wincode::{
    SchemaRead, SchemaWrite,
    error::{ReadError, WriteError},
};

/// Identity of an entry within its input; identities are ordered as the entries are.
///
/// A line of a file has its number as `ms`, and 0 as `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, SchemaWrite, SchemaRead)]
pub struct StreamId {
    /// Time of the entry, Unix ms on the server's clock.
    pub ms: u64,
    /// Number of the entry within its millisecond.
    pub seq: u64,
}

/// A text is not the identity of a stream entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a stream entry; it has the form <milliseconds>-<number>, such as 1751985000000-0")]
pub struct StreamIdError;

impl StreamId {
    /// Reads `<ms>-<seq>`, or `<ms>` alone for its first entry; nothing is allocated.
    #[inline]
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (ms, rest) = digits(text)?;
        let seq = match rest {
            [] => 0,
            [b'-', rest @ ..] => match digits(rest)? {
                (seq, []) => seq,
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { ms, seq })
    }

    /// Appends `<ms>-<seq>`.
    #[inline]
    pub fn push(self, out: &mut Vec<u8>) {
        push_u64(out, self.ms);
        out.push(b'-');
        push_u64(out, self.seq);
    }
}

/// Identity of an entry among all inputs. The order is the one in which entries are taken: by id, ties by input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId {
    /// Identity within the input; of a clock event its moment as `ms`.
    pub id: StreamId,
    /// Index of the input (stream or file) in the configuration's order.
    pub input: u32,
}

impl SourceId {
    /// Input of the clock events, which the engine makes itself.
    pub const CLOCK: u32 = u32::MAX;

    /// A line of a file, or a bar of the mock market, by its number from 1.
    #[inline]
    #[must_use]
    pub fn line(input: u32, number: u64) -> Self {
        Self { id: StreamId { ms: number, seq: 0 }, input }
    }

    /// Index of the input in tables of the inputs.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.input as usize
    }

    /// Index of the input where it is a stream, of which there are at most 255.
    #[inline]
    #[must_use]
    pub const fn stream(self) -> u8 {
        if self.input < u8::MAX as u32 { self.input as u8 } else { u8::MAX }
    }

    /// The clock event of this moment, Unix ms.
    #[inline]
    #[must_use]
    pub fn clock(moment: i64) -> Self {
        Self { id: StreamId { ms: moment.cast_unsigned(), seq: 0 }, input: Self::CLOCK }
    }

    /// Moment of a clock event, Unix ms; `None` for a record of an input.
    #[inline]
    #[must_use]
    pub fn clock_ms(self) -> Option<i64> {
        (self.input == Self::CLOCK).then_some(self.id.ms.cast_signed())
    }
}

impl SourceId {
    /// Saved with one byte for the input: state is kept of streams alone, of which there are few.
    fn form(self) -> Result<(StreamId, u8), WriteError> {
        let input = match self.input {
            Self::CLOCK => Some(u8::MAX),
            input => u8::try_from(input).ok().filter(|input| *input < u8::MAX),
        };
        Ok((self.id, input.ok_or(WriteError::Custom("state is kept of at most 255 inputs"))?))
    }

    fn of((id, input): (StreamId, u8)) -> Result<Self, ReadError> {
        let input = if input == u8::MAX { Self::CLOCK } else { input.into() };
        Ok(Self { id, input })
    }
}

saved_as!(SourceId, (StreamId, u8), SourceId::form, SourceId::of);

#[inline]
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    let mut len = 0;
    for digit in text.iter().map(|byte| byte.wrapping_sub(b'0')).take_while(|&digit| digit <= 9) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        len += 1;
    }
    (len > 0).then(|| (value, &text[len..]))
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).ok_or(StreamIdError)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_back_as_printed() {
        for id in
            [StreamId { ms: 1_751_985_000_000, seq: 7 }, StreamId { ms: u64::MAX, seq: u64::MAX }, StreamId::default()]
        {
            let mut text = Vec::new();
            id.push(&mut text);
            assert_eq!(StreamId::parse(&text), Some(id));
            assert_eq!(id.to_string().into_bytes(), text);
        }
        assert_eq!("5".parse(), Ok(StreamId { ms: 5, seq: 0 }));
    }

    #[test]
    fn entries_are_ordered_by_id_and_ties_by_input() {
        let entry = |ms, input| SourceId { id: StreamId { ms, seq: 0 }, input };
        assert!(entry(5, 1) < entry(6, 0) && entry(5, 0) < entry(5, 1));
        assert_eq!((SourceId::clock(-5).clock_ms(), entry(5, 0).clock_ms()), (Some(-5), None));
    }

    #[test]
    fn saved_with_one_byte_for_the_input() {
        for source in [SourceId::line(0, 7), SourceId::line(254, 7), SourceId::clock(-5)] {
            let bytes = wincode::serialize(&source).unwrap_or_default();
            assert_eq!(bytes.len(), 17);
            assert_eq!(wincode::deserialize(&bytes).ok(), Some(source));
        }
        assert!(wincode::serialize(&SourceId::line(255, 7)).is_err());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "-", "1-", "-1", "1-2-3", "1 - 2", "$", "*", "+1-0", "18446744073709551616-0"] {
            assert!(text.parse::<StreamId>().is_err(), "{text:?}");
        }
    }
}
