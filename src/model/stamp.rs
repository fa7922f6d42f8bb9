//! What the time written in a record says of its bar.

use super::Timeframe;

const DAY_MS: i64 = 86_400_000;

/// A time as a record has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// A moment, Unix ms.
    Moment(i64),
    /// A date without a time, days since 1970-01-01.
    Date(i64),
}

/// Which end of its bar a record is stamped at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StampedAt {
    /// The first moment of the bar.
    #[default]
    Start,
    /// The first moment after the bar.
    End,
}

impl Stamp {
    /// The stamp that the same bar would have if it were stamped at its start, Unix ms.
    ///
    /// A bar stamped at its end is the one that the millisecond before belongs to. A bar of a day or longer belongs to a
    /// date: 00:00:00Z as its end is the date before, and a date without a time is that date. Only
    /// [`Calendar::record`](super::Calendar::record) knows the exchange's zone, so that one stamped at another time keeps
    /// it. A date without a time is 00:00:00Z here: for bars below one day, give the moment at which it begins in the
    /// input's zone.
    #[inline]
    #[must_use]
    pub const fn start(self, at: StampedAt, base: Timeframe) -> i64 {
        match (self, at) {
            (Self::Moment(ms), StampedAt::Start) => ms,
            (Self::Date(days), StampedAt::Start) => days * DAY_MS,
            (Self::Date(days), StampedAt::End) if base.is_long() => days * DAY_MS,
            (Self::Date(days), StampedAt::End) => days * DAY_MS - 1,
            (Self::Moment(ms), StampedAt::End) if !base.is_long() => ms - 1,
            (Self::Moment(ms), StampedAt::End) => match ms.rem_euclid(DAY_MS) {
                0 => ms - DAY_MS,
                // The millisecond before would be taken for a date; no date of any zone begins in between.
                1 => ms,
                _ => ms - 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_bar_is_not_in_it() {
        let start = |stamp: Stamp, base: &str| stamp.start(StampedAt::End, base.parse().unwrap());
        let day = 19_509 * DAY_MS;
        assert_eq!(start(Stamp::Moment(day), "1m"), day - 1);
        assert_eq!(start(Stamp::Moment(day + 1), "1h"), day);
        assert_eq!(start(Stamp::Date(19_509), "1h"), day - 1);
        assert_eq!(start(Stamp::Moment(day), "1d"), day - DAY_MS);
        assert_eq!(start(Stamp::Date(19_509), "1d"), day);
        assert_eq!(start(Stamp::Moment(day + 14_400_000), "1d"), day + 14_399_999);
        assert_ne!(start(Stamp::Moment(day + 1), "1w").rem_euclid(DAY_MS), 0);
        for base in ["1s", "1d", "1M"] {
            let base = base.parse().unwrap();
            assert_eq!(Stamp::Moment(day + 7).start(StampedAt::Start, base), day + 7);
            assert_eq!(Stamp::Date(19_509).start(StampedAt::Start, base), day);
        }
    }
}
