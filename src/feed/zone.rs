//! A time zone: from what a local clock showed to UTC.
//!
//! A lookup of the zone's table costs microseconds and may allocate; it is made once per change of the offset. Between
//! two changes a local time costs two comparisons.

use super::Refusal;
use crate::model::{MAX_SYMBOLS, time_zone};
use jiff::{
    Timestamp,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use rustc_hash::FxHashMap;

/// Within this time of another, a local time lies in the same repeated stretch: none is longer than a few hours, ms.
const SAME_FOLD_MS: i64 = 12 * 3_600_000;

/// The name is of no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no time zone; write a name such as America/New_York or UTC, or an offset such as +05:30")]
pub struct ZoneError {
    name: String,
}

/// The last stamp of a symbol in a stretch of local time that the clock showed twice.
#[derive(Debug, Clone, Copy)]
struct Fold {
    local: i64,
    second: bool,
}

/// Turns local times into UTC.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
    /// Local times from `from` to before `until` are this far east of UTC, ms.
    from: i64,
    until: i64,
    offset_ms: i64,
    /// By symbol, where its last repeated time was. As good as always empty.
    folds: FxHashMap<Box<[u8]>, Fold>,
    /// Whether the records come newest first.
    backwards: bool,
    /// The latest moment that a local time can be, Unix ms: there is no record of what has not been yet.
    latest: i64,
}

impl Zone {
    /// The zone of this name, of the tables that are compiled in, so that a host's tables make no difference.
    ///
    /// # Errors
    /// [`ZoneError`] for a name that is none.
    pub fn new(name: &str) -> Result<Self, ZoneError> {
        let zone = time_zone(name).ok_or_else(|| ZoneError { name: name.to_owned() })?;
        let folds = FxHashMap::default();
        let latest = i64::MAX;
        Ok(Self { name: name.to_owned(), zone, from: 0, until: 0, offset_ms: 0, folds, backwards: false, latest })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says that records come newest first: of a time that occurs twice, the second then comes first.
    pub fn set_backwards(&mut self) {
        self.backwards = true;
    }

    /// Says which moment is the latest that a local time can be from now on, Unix ms; `i64::MAX` where nobody knows.
    #[inline]
    pub fn set_latest(&mut self, latest: i64) {
        self.latest = latest;
    }

    /// Unix ms of a local time, which is given as if it were of UTC.
    ///
    /// A time that occurs twice is the first, unless the symbol's last stamp shows that the first has passed: unless it
    /// was this time or a later one of the same stretch, or the second of one already. Where the latest moment is known it is
    /// never a second that has not come yet (a bar that is still forming is written again and again with the same stamp); and
    /// without a last stamp it is the second where the first would be late by more than the clock was put back.
    ///
    /// # Errors
    /// [`Refusal::NoSuchTime`] for a time that the clock skipped; [`Refusal::BadTimestamp`] out of all range.
    #[inline]
    pub fn utc_ms(&mut self, local_ms: i64, symbol: &[u8]) -> Result<i64, Refusal> {
        if self.from <= local_ms && local_ms < self.until {
            return Ok(local_ms - self.offset_ms);
        }
        self.look_up(local_ms, symbol)
    }

    #[cold]
    fn look_up(&mut self, local_ms: i64, symbol: &[u8]) -> Result<i64, Refusal> {
        let local = Timestamp::from_millisecond(local_ms).map_err(|_| Refusal::BadTimestamp)?;
        match self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let utc_ms = local_ms - ms(offset);
                self.remember(utc_ms, offset)?;
                Ok(utc_ms)
            }
            AmbiguousOffset::Gap { .. } => Err(Refusal::NoSuchTime),
            AmbiguousOffset::Fold { before, after } => {
                let last = self.folds.get(symbol).filter(|last| (last.local - local_ms).abs() < SAME_FOLD_MS);
                let [first_ms, second_ms] = [before, after].map(|offset| local_ms - ms(offset));
                // How long ago the second began, where that is known.
                let ago_ms = Some(self.latest)
                    .filter(|&latest| latest < i64::MAX)
                    .map(|latest| latest.saturating_sub(second_ms));
                let second = match (last, self.backwards) {
                    (None, backwards) => backwards || ago_ms.is_some_and(|ago_ms| ago_ms < second_ms - first_ms),
                    (Some(last), false) => last.second || local_ms <= last.local,
                    (Some(last), true) => last.second && local_ms < last.local,
                };
                let second = second && ago_ms.is_none_or(|ago_ms| ago_ms >= 0);
                if self.folds.len() >= MAX_SYMBOLS && !self.folds.contains_key(symbol) {
                    // More names than there can be symbols: nearly all of them will be refused.
                    self.folds.clear();
                }
                self.folds.insert(symbol.into(), Fold { local: local_ms, second });
                Ok(if second { second_ms } else { first_ms })
            }
        }
    }

    /// Finds the local times around a moment at which the offset is sure to be the same.
    fn remember(&mut self, utc_ms: i64, offset: Offset) -> Result<(), Refusal> {
        let moment = Timestamp::from_millisecond(utc_ms).map_err(|_| Refusal::BadTimestamp)?;
        let behind = Timestamp::from_millisecond(utc_ms + 1).map_err(|_| Refusal::BadTimestamp)?;
        // Around a change the clock repeats or skips what lies between the two offsets.
        self.from = self.zone.preceding(behind).next().map_or(i64::MIN / 2, |change| {
            let at = change.timestamp();
            let before = at.as_millisecond().checked_sub(1).and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let before = before.map_or(offset, |before| self.zone.to_offset(before));
            at.as_millisecond() + ms(before).max(ms(offset))
        });
        self.until =
            self.zone.following(moment).next().map_or(i64::MAX / 2, |change| {
                change.timestamp().as_millisecond() + ms(change.offset()).min(ms(offset))
            });
        self.offset_ms = ms(offset);
        Ok(())
    }
}

fn ms(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::feed::timestamp::parse_timestamp;
    use proptest::prelude::*;

    fn at(text: &str) -> i64 {
        parse_timestamp(text.as_bytes()).unwrap()
    }

    fn utc(zone: &mut Zone, local: &str) -> Result<i64, Refusal> {
        zone.utc_ms(at(local), b"A")
    }

    #[test]
    fn summer_and_winter_have_their_offsets() {
        let mut zone = Zone::new("America/New_York").unwrap();
        for (local, expected) in [
            ("2025-07-08T09:30", "2025-07-08T13:30"),
            ("2025-01-08T09:30", "2025-01-08T14:30"),
            ("2025-03-09T01:59", "2025-03-09T06:59"),
            ("2025-03-09T03:00", "2025-03-09T07:00"),
            ("1975-07-08T09:30", "1975-07-08T13:30"),
            ("2190-07-08T09:30", "2190-07-08T13:30"),
        ] {
            assert_eq!(utc(&mut zone, local), Ok(at(expected)), "{local}");
        }
        for name in ["UTC", "Etc/UTC", "+00:00"] {
            assert_eq!(utc(&mut Zone::new(name).unwrap(), "2025-07-08"), Ok(at("2025-07-08")), "{name}");
        }
        assert_eq!(utc(&mut Zone::new("+05:30").unwrap(), "2025-07-08T05:30"), Ok(at("2025-07-08")));
        assert_eq!(utc(&mut Zone::new("Asia/Tokyo").unwrap(), "2025-07-08T09:00"), Ok(at("2025-07-08")));
        for name in ["", "Mars/Base", "New York", "+25:00", "5"] {
            assert!(Zone::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_the_clock_skips_does_not_exist() {
        let mut zone = Zone::new("America/New_York").unwrap();
        for local in ["2025-03-09T02:00", "2025-03-09T02:30", "2025-03-09T02:59:59.999"] {
            assert_eq!(utc(&mut zone, local), Err(Refusal::NoSuchTime), "{local}");
        }
        assert_eq!(utc(&mut Zone::new("Europe/Berlin").unwrap(), "2025-03-30T02:15"), Err(Refusal::NoSuchTime));
    }

    #[test]
    fn what_it_shows_twice_is_the_first_and_then_the_second() {
        let hour = 3_600_000;
        let first = at("2025-11-02T05:00");
        for step in [60_000, 15 * 60_000, hour] {
            // Bar after bar, of two symbols of which one starts within the repeated hour.
            let mut zone = Zone::new("America/New_York").unwrap();
            for (symbol, from) in [(b"A", -2 * hour), (b"B", 0)] {
                for utc in (from..3 * hour).step_by(step as usize).map(|since| first + since) {
                    let local = utc - if utc < first + hour { 4 * hour } else { 5 * hour };
                    assert_eq!(zone.utc_ms(local, symbol), Ok(utc), "{step} {utc}");
                }
            }
            // The same newest first.
            let mut zone = Zone::new("America/New_York").unwrap();
            zone.set_backwards();
            let moments: Vec<i64> = (-2 * hour..3 * hour).step_by(step as usize).map(|since| first + since).collect();
            for utc in moments.into_iter().rev() {
                let local = utc - if utc < first + hour { 4 * hour } else { 5 * hour };
                assert_eq!(zone.utc_ms(local, b"A"), Ok(utc), "{step} {utc}");
            }
        }
        // Bars that are still forming, written every ten seconds with the same stamp: live, and again after a restart.
        let mut zone = Zone::new("America/New_York").unwrap();
        for wall in (-2 * hour..3 * hour).step_by(10_000).map(|since| first + since) {
            let utc = wall - wall.rem_euclid(60_000);
            let local = utc - if utc < first + hour { 4 * hour } else { 5 * hour };
            let mut restarted = zone.clone();
            restarted.folds.clear();
            for (zone, delay) in [(&mut zone, 0), (&mut restarted.clone(), 0), (&mut restarted, 15 * 60_000)] {
                zone.set_latest(wall + delay + 5_000);
                assert_eq!(zone.utc_ms(local, b"A"), Ok(utc), "{delay} {}", utc - first);
            }
        }
        // What was written long before, or its time is not known: by the order alone.
        let mut zone = Zone::new("America/New_York").unwrap();
        zone.set_latest(first + 900 * hour);
        assert_eq!(
            ["2025-11-02T01:30", "2025-11-02T01:30"].map(|local| utc(&mut zone, local)),
            [Ok(at("2025-11-02T05:30")), Ok(at("2025-11-02T06:30"))]
        );
        // A year later the first is the first again.
        let mut zone = Zone::new("America/New_York").unwrap();
        for (local, expected) in [
            ("2025-11-02T01:30", "2025-11-02T05:30"),
            ("2025-11-02T01:10", "2025-11-02T06:10"),
            ("2025-11-02T01:40", "2025-11-02T06:40"),
            ("2026-11-01T01:10", "2026-11-01T05:10"),
        ] {
            assert_eq!(utc(&mut zone, local), Ok(at(expected)), "{local}");
        }
    }

    proptest! {
        /// However times follow each other, a remembered offset is the one that a fresh zone looks up.
        #[test]
        fn what_is_remembered_is_right(
            name in prop::sample::select(vec!["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "America/St_Johns"]),
            times in prop::collection::vec(0..4_000_000_000i64, 1..40), near in -7_200i64..7_200
        ) {
            let mut zone = Zone::new(name).unwrap();
            for time in times {
                // Also close to the changes.
                let change = zone.zone.following(Timestamp::from_second(time).unwrap()).next();
                let change = change.map_or(time, |change| change.timestamp().as_second());
                for utc in [time, change + near] {
                    let utc = utc * 1_000;
                    let local = utc + ms(zone.zone.to_offset(Timestamp::from_millisecond(utc).unwrap()));
                    let mut fresh = Zone::new(name).unwrap();
                    zone.folds.clear();
                    let found = zone.utc_ms(local, b"A");
                    prop_assert_eq!(found, fresh.utc_ms(local, b"A"));
                    // It is a moment at which the clock showed this.
                    let found = found.unwrap();
                    let shown = found + ms(zone.zone.to_offset(Timestamp::from_millisecond(found).unwrap()));
                    prop_assert_eq!(shown, local);
                }
            }
        }
    }
}
