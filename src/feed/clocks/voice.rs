//! Whether an input stream speaks: whether its silence means that there is nothing to say. Pure.

use wincode::{SchemaRead, SchemaWrite};

/// When a stream had entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Voice {
    /// Moment of its last entry, Unix ms; `i64::MIN` before the first.
    pub last: i64,
    /// Moment of the entry that ended its last silence, a gap longer than the allowed lateness, Unix ms. The time before
    /// the first entry is one.
    pub resumed: i64,
}

impl Default for Voice {
    fn default() -> Self {
        Self { last: i64::MIN, resumed: i64::MIN }
    }
}

impl Voice {
    /// Takes an entry at a moment; whether it ends a silence.
    #[inline]
    pub fn hears(&mut self, moment: i64, lateness_ms: i64) -> bool {
        let silence = moment.saturating_sub(self.last) > lateness_ms;
        if silence {
            self.resumed = moment;
        }
        self.last = moment;
        silence
    }

    /// The first moment from `from` on at which it speaks, as far as its entries so far tell; `None` if it is silent.
    #[inline]
    pub fn speaks_from(&self, from: i64, lateness_ms: i64) -> Option<i64> {
        let first = from.max(self.resumed.saturating_add(lateness_ms));
        (self.last != i64::MIN && first <= self.last.saturating_add(lateness_ms)).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_speaks_from_a_lateness_after_its_silence_until_a_lateness_after_its_last_entry() {
        let mut voice = Voice::default();
        assert_eq!(voice.speaks_from(0, 20), None);
        assert!(voice.hears(100, 20));
        assert_eq!(voice.speaks_from(0, 20), Some(120));
        assert_eq!(voice.speaks_from(121, 20), None);
        assert!(!voice.hears(120, 20), "a gap of the lateness is no silence");
        assert_eq!(voice.speaks_from(0, 20), Some(120));
        assert_eq!(voice.speaks_from(140, 20), Some(140));
        assert!(voice.hears(141, 20));
        assert_eq!(voice.speaks_from(0, 20), Some(161));
    }
}
