//! Timeframes: the interval of a bar and where its boundaries lie.

use std::{fmt, str::FromStr};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
pub(crate) const WEEK_MS: i64 = 7 * DAY_MS;
/// The first Monday after the epoch, a Thursday: weeks start on Monday.
const MONDAY_MS: i64 = 4 * DAY_MS;
/// Longest interval accepted, 10 years of days: keeps every sum of times far from overflow.
const MAX_INTERVAL_MS: i64 = 3_653 * DAY_MS;

/// The interval of a bar: any `<n>s|m|h|d|w`.
///
/// Bars start at multiples of the interval since the epoch, those of week timeframes at multiples since a Monday.
/// Two spellings of one interval (`60s`, `1m`) are the same timeframe; `7d` and `1w` are not, as they start on
/// different days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    interval_ms: i64,
    anchor_ms: i64,
}

/// Why a text is not a timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a timeframe; write a number and a unit s, m, h, d or w, such as 1s, 5m, 1h, 1d, 1w (at most 10 years)"
)]
pub struct TimeframeError {
    text: String,
}

impl Timeframe {
    /// Length of the interval, milliseconds.
    #[inline]
    #[must_use]
    pub const fn interval_ms(self) -> i64 {
        self.interval_ms
    }

    /// Start of the bar that contains `ts_ms`.
    #[inline]
    #[must_use]
    pub const fn floor(self, ts_ms: i64) -> i64 {
        ts_ms - (ts_ms - self.anchor_ms).rem_euclid(self.interval_ms)
    }

    /// Whether bars of `self` can be made of whole bars of `base`.
    #[must_use]
    pub const fn is_multiple_of(self, base: Self) -> bool {
        self.interval_ms % base.interval_ms == 0 && (self.anchor_ms - base.anchor_ms) % base.interval_ms == 0
    }

    /// The default price scale `s = min(1, √(interval / 1 day))`, by which thresholds written for daily bars shrink.
    #[must_use]
    pub fn price_scale(self) -> f64 {
        (self.interval_ms as f64 / DAY_MS as f64).sqrt().min(1.0)
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || TimeframeError { text: text.to_owned() };
        let unit = text.chars().next_back().ok_or_else(bad)?;
        let (unit_ms, anchor_ms) = match unit {
            's' => (SECOND_MS, 0),
            'm' => (MINUTE_MS, 0),
            'h' => (HOUR_MS, 0),
            'd' => (DAY_MS, 0),
            'w' => (WEEK_MS, MONDAY_MS),
            _ => return Err(bad()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let count: i64 = digits.parse().map_err(|_| bad())?;
        let interval_ms = count * unit_ms;
        if interval_ms == 0 || interval_ms > MAX_INTERVAL_MS {
            return Err(bad());
        }
        Ok(Self { interval_ms, anchor_ms })
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(i64, char)] = if self.anchor_ms == MONDAY_MS {
            &[(WEEK_MS, 'w')]
        } else {
            &[(DAY_MS, 'd'), (HOUR_MS, 'h'), (MINUTE_MS, 'm'), (SECOND_MS, 's')]
        };
        for &(unit_ms, unit) in units {
            if self.interval_ms % unit_ms == 0 {
                return write!(f, "{}{unit}", self.interval_ms / unit_ms);
            }
        }
        Ok(())
    }
}

impl serde::Serialize for Timeframe {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tf(text: &str) -> Timeframe {
        text.parse().unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn spellings_of_one_interval_are_one_timeframe() {
        assert_eq!(tf("60s"), tf("1m"));
        assert_eq!(tf("24h").to_string(), "1d");
        assert_ne!(tf("7d"), tf("1w"));
        assert_eq!(tf("1w").to_string(), "1w");
        assert_eq!(tf("90s").to_string(), "90s");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "m", "0m", "-1m", "+1m", "1", "1M", "1 m", "1.5h", "99999999999s", "4000d", "1µ"] {
            assert!(text.parse::<Timeframe>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn weeks_start_on_monday_and_times_before_the_epoch_floor_down() {
        let monday = 1_381_104_000_000; // 2013-10-07T00:00Z
        assert_eq!(tf("1w").floor(monday), monday);
        assert_eq!(tf("1w").floor(monday - 1), monday - 7 * 86_400_000);
        assert_eq!(tf("1m").floor(-1), -60_000);
    }

    #[test]
    fn multiples_respect_the_anchor() {
        assert!(tf("1w").is_multiple_of(tf("1d")));
        assert!(!tf("1w").is_multiple_of(tf("7d")));
        assert!(!tf("5m").is_multiple_of(tf("2m")));
        assert!(tf("2w").is_multiple_of(tf("1w")));
    }

    #[test]
    fn price_scale_shrinks_with_the_root_of_time() {
        assert_eq!(tf("1d").price_scale(), 1.0);
        assert_eq!(tf("1w").price_scale(), 1.0);
        assert!((tf("1h").price_scale() - (1.0f64 / 24.0).sqrt()).abs() < 1e-15);
    }
}
