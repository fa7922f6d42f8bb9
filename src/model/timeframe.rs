//! Timeframes: how long a bar is, and the one place that knows where it begins and ends.

use super::time::{civil_from_days, days_from_civil};
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
/// Mean length of a month, a twelfth of 365.2425 days.
const MONTH_MS: i64 = 2_629_746_000;

/// The interval of a bar: any `<n>s|m|h|d|w|M`, `M` for months.
///
/// Two spellings of one interval (`60s`, `1m`) are the same timeframe; `7d` and `1w` are not, as they start on
/// different days. Timeframes are ordered by length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    interval_ms: i64,
    anchor_ms: i64,
    /// Length in months; 0 for a timeframe whose bars are all equally long.
    months: u32,
}

/// Where a bar begins and ends, Unix ms: it holds the moments from `start` to just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Time of the bar as it is published. Of a bar of a day or longer with an exchange's calendar it is 00:00Z of a date,
    /// which may lie before or after the start; of all others it is the start.
    pub label: i64,
    /// First moment of the bar.
    pub start: i64,
    /// First moment after the bar.
    pub end: i64,
}

/// What consists of the sessions of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// One session.
    Day,
    /// The sessions from Monday to Sunday.
    Week,
    /// The sessions of a month.
    Month,
}

impl Period {
    /// The first and the last date of the period that a date lies in, days since 1970-01-01.
    #[must_use]
    pub const fn days(self, date: i64) -> (i64, i64) {
        match self {
            Self::Day => (date, date),
            Self::Week => {
                let monday = date - (date * DAY_MS - MONDAY_MS).div_euclid(DAY_MS).rem_euclid(7);
                (monday, monday + 6)
            }
            Self::Month => {
                let month = month_of(date * DAY_MS);
                (month_start(month) / DAY_MS, month_start(month + 1) / DAY_MS - 1)
            }
        }
    }
}

/// Why a text is not a timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a timeframe; write a number and a unit s, m, h, d, w or M, such as 1s, 5m, 1h, 1d, 1w, 1M (at most 10 years)"
)]
pub struct TimeframeError {
    text: String,
}

impl Timeframe {
    /// Length of the interval, ms; of months, which differ, the mean length.
    ///
    /// For comparisons and scales. Where a bar ends, [`span`](Self::span) and [`end`](Self::end) say.
    #[inline]
    #[must_use]
    pub const fn interval_ms(self) -> i64 {
        self.interval_ms
    }

    /// Bars of the calendar `utc` between the end of one and the start of another, Unix ms.
    pub(super) const fn utc_between(self, end: i64, start: i64) -> i64 {
        if self.months == 0 {
            return (start - end).div_euclid(self.interval_ms);
        }
        (month_of(start) - month_of(end)).div_euclid(self.months as i64)
    }

    /// The span of the bar that a moment, Unix ms, belongs to in the calendar `utc`.
    #[inline]
    #[must_use]
    pub const fn utc_span(self, moment: i64) -> Span {
        if self.months == 0 {
            let start = moment - (moment - self.anchor_ms).rem_euclid(self.interval_ms);
            return Span { label: start, start, end: start + self.interval_ms };
        }
        let months = self.months as i64;
        let first = month_of(moment).div_euclid(months) * months;
        Span { label: month_start(first), start: month_start(first), end: month_start(first + months) }
    }

    /// The boundary, Unix ms, that lies so many bars after the boundary `moment` in the calendar `utc`.
    #[inline]
    #[must_use]
    pub(super) const fn utc_later(self, moment: i64, bars: i64) -> i64 {
        if self.months == 0 {
            moment + bars * self.interval_ms
        } else {
            month_start(month_of(moment) + bars * self.months as i64)
        }
    }

    /// Whether its bars are a day or longer.
    #[inline]
    #[must_use]
    pub const fn is_long(self) -> bool {
        self.interval_ms >= DAY_MS
    }

    /// What its bars are with an exchange's calendar; `None` below a day, and where there are none: an exchange has no bars
    /// of two days.
    #[inline]
    #[must_use]
    pub const fn period(self) -> Option<Period> {
        match (self.interval_ms, self.months) {
            (_, 1) => Some(Period::Month),
            (DAY_MS, _) => Some(Period::Day),
            (WEEK_MS, _) if self.anchor_ms == MONDAY_MS => Some(Period::Week),
            _ => None,
        }
    }

    /// Whether all its bars are equally long, as those of months are not.
    #[inline]
    #[must_use]
    pub const fn is_even(self) -> bool {
        self.months == 0
    }

    /// Whether bars of `self` can be made of whole bars of `base`.
    #[must_use]
    pub const fn is_multiple_of(self, base: Self) -> bool {
        match (self.months, base.months) {
            (0, 0) => {
                self.interval_ms % base.interval_ms == 0 && (self.anchor_ms - base.anchor_ms) % base.interval_ms == 0
            }
            (0, _) => false,
            (_, 0) => DAY_MS % base.interval_ms == 0,
            (own, part) => own % part == 0,
        }
    }

    /// The default price scale `s = min(1, √(interval / 1 day))`, by which thresholds written for daily bars shrink.
    #[must_use]
    pub fn price_scale(self) -> f64 {
        (self.interval_ms as f64 / DAY_MS as f64).sqrt().min(1.0)
    }
}

/// The month that a moment, Unix ms, lies in, counted from January 1970.
const fn month_of(moment: i64) -> i64 {
    let (year, month, _) = civil_from_days(moment.div_euclid(DAY_MS));
    (year - 1_970) * 12 + month as i64 - 1
}

/// The first moment, Unix ms, of a month counted from January 1970.
const fn month_start(month: i64) -> i64 {
    days_from_civil(1_970 + month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1) * DAY_MS
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
            'M' => (MONTH_MS, 0),
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
        let months = if unit == 'M' { count as u32 } else { 0 };
        Ok(Self { interval_ms, anchor_ms, months })
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.months > 0 {
            return write!(f, "{}M", self.months);
        }
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
    use crate::model::Calendar;

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
        for text in ["", "m", "0m", "-1m", "+1m", "1", "1 m", "1.5h", "99999999999s", "4000d", "121M", "0M", "1µ"] {
            assert!(text.parse::<Timeframe>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn weeks_start_on_monday_and_times_before_the_epoch_floor_down() {
        let monday = 1_381_104_000_000; // 2013-10-07T00:00Z
        let start = |text, moment| tf(text).utc_span(moment).start;
        assert_eq!(start("1w", monday), monday);
        assert_eq!(start("1w", monday - 1), monday - 7 * 86_400_000);
        assert_eq!(start("1m", -1), -60_000);
    }

    #[test]
    fn months_start_on_the_first() {
        let day = |text: &str| {
            let parts: Vec<i64> = text.split('-').map(|part| part.parse().unwrap()).collect();
            let [year, month, day] = parts[..] else { panic!("{text}") };
            // Counted day by day from the epoch, by the rule of leap years alone.
            let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = |year| [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
            let before: i64 = (year..1970).map(|year| 365 + i64::from(leap(year))).sum();
            let months: i64 = lengths(year)[..month as usize - 1].iter().sum();
            (years - before + months + day - 1) * DAY_MS
        };
        for year in 1895..2105 {
            for month in 1..=12 {
                let (start, end) = (day(&format!("{year}-{month}-1")), {
                    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                    day(&format!("{year}-{month}-1"))
                });
                for moment in [start, start + 1, start + 13 * DAY_MS, end - 1] {
                    let span = Span { label: start, start, end };
                    assert_eq!(tf("1M").span(moment, &Calendar::Utc), Some(span), "{year}-{month}: {moment}");
                    assert_eq!(Period::Month.days(moment.div_euclid(DAY_MS)), (start / DAY_MS, end / DAY_MS - 1));
                }
                assert_eq!(tf("1M").end(start, &Calendar::Utc), end);
            }
        }
        let quarter = Span { label: day("2024-1-1"), start: day("2024-1-1"), end: day("2024-4-1") };
        assert_eq!(tf("3M").utc_span(day("2024-2-29")), quarter);
        assert_eq!(tf("1M").later(day("2024-11-1"), 3, &Calendar::Utc), day("2025-2-1"));
        assert_eq!(tf("12M").to_string(), "12M");
    }

    #[test]
    fn months_are_made_of_what_divides_a_day() {
        for base in ["1s", "1m", "4h", "1d", "1M"] {
            assert!(tf("3M").is_multiple_of(tf(base)), "{base}");
        }
        for base in ["7m", "5h", "2d", "1w", "2M"] {
            assert!(!tf("1M").is_multiple_of(tf(base)), "{base}");
        }
        assert!(!tf("30d").is_multiple_of(tf("1M")));
        assert!(tf("1M") > tf("1w") && tf("1M").price_scale() == 1.0);
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
