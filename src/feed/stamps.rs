//! From what a record says its time is to where its bar lies: the zone of local stamps, and bars that are stamped at
//! their end. For files and for the entries of streams alike.
//!
//! Allocates only where the clock of a zone is put back; does not block.

use super::Refusal;
use super::timestamp::{DateOrder, StampForm, WrittenStamp, in_range, parse_stamp};
use super::zone::Zone;
use crate::model::{Stamp, StampedAt, Timeframe};

const DAY_MS: i64 = 86_400_000;

/// Reads the stamps of one input.
#[derive(Debug, Clone)]
pub struct Stamps {
    order: Option<DateOrder>,
    zone: Option<Zone>,
    at: StampedAt,
    base: Timeframe,
    /// Whether a stamp is taken as it is.
    plain: bool,
    /// The forms seen, as a bit set.
    seen: u8,
}

impl Stamps {
    /// Stamps of bars of this interval: those without a zone are of `zone`, UTC where there is none.
    #[must_use]
    pub fn new(zone: Option<Zone>, at: StampedAt, order: Option<DateOrder>, base: Timeframe) -> Self {
        let plain = zone.is_none() && at == StampedAt::Start;
        Self { order, zone, at, base, plain, seen: 0 }
    }

    /// Whether a moment is taken as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Reads a stamp of a record of this symbol: a moment of its bar, Unix ms. A date alone of a bar of a day or longer is
    /// the midnight of UTC that begins it, whatever the zone.
    ///
    /// # Errors
    /// [`Refusal::BadTimestamp`] as for [`parse_stamp`] and out of the years 1970 to 2200; [`Refusal::NoSuchTime`] for a
    /// local time that the clock skipped.
    #[inline]
    pub fn read(&mut self, text: &[u8], symbol: &[u8]) -> Result<i64, Refusal> {
        let stamp = parse_stamp(text, self.order)?;
        self.place(stamp, symbol)
    }

    /// The same for a stamp that was read already.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    #[inline]
    pub fn place(&mut self, stamp: WrittenStamp, symbol: &[u8]) -> Result<i64, Refusal> {
        self.seen |= 1 << stamp.form as u8;
        if self.plain { in_range(stamp.ms) } else { self.moved(stamp, symbol) }
    }

    /// The same where a stamp is not taken as it is.
    #[inline(never)]
    fn moved(&mut self, stamp: WrittenStamp, symbol: &[u8]) -> Result<i64, Refusal> {
        let stamp = if self.base.is_long() && stamp.form == StampForm::Date {
            Stamp::Date(stamp.ms.div_euclid(DAY_MS))
        } else {
            match &mut self.zone {
                Some(zone) if !stamp.absolute => Stamp::Moment(zone.utc_ms(stamp.ms, symbol)?),
                _ => Stamp::Moment(stamp.ms),
            }
        };
        in_range(stamp.start(self.at, self.base))
    }

    /// Whether it may matter when a record was written, because the clock of a zone may show a time twice.
    #[inline]
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.zone.is_some()
    }

    /// Says which moment is the latest that a bar may begin at from now on, Unix ms; `i64::MAX` where nobody knows.
    pub fn set_latest(&mut self, latest: i64) {
        if let Some(zone) = &mut self.zone {
            // One that is stamped at its end has a later stamp.
            let behind = if self.at == StampedAt::End { self.base.interval_ms() } else { 0 };
            zone.set_latest(latest.saturating_add(behind));
        }
    }

    /// Says that records come newest first.
    pub fn set_backwards(&mut self) {
        if let Some(zone) = &mut self.zone {
            zone.set_backwards();
        }
    }

    /// The forms of the stamps read so far.
    pub fn forms(&self) -> impl Iterator<Item = StampForm> + use<> {
        let seen = self.seen;
        StampForm::ALL.into_iter().filter(move |form| seen & 1 << *form as u8 != 0)
    }

    /// The zone of stamps without one.
    #[must_use]
    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// In which order dates have day and month, where it is known.
    #[must_use]
    pub fn order(&self) -> Option<DateOrder> {
        self.order
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::feed::timestamp::parse_timestamp;

    fn stamps(zone: &str, at: StampedAt, base: &str) -> Stamps {
        let zone = (!zone.is_empty()).then(|| Zone::new(zone).unwrap());
        Stamps::new(zone, at, None, base.parse().unwrap())
    }

    #[test]
    fn zones_and_ends_make_the_moment() {
        use StampedAt::{End, Start};
        for (zone, at, base, text, expected) in [
            ("", Start, "1m", "2025-07-08 09:30", "2025-07-08T09:30"),
            ("America/New_York", Start, "1m", "2025-07-08 09:30", "2025-07-08T13:30"),
            ("America/New_York", Start, "1m", "2025-07-08 09:30Z", "2025-07-08T09:30"),
            ("America/New_York", Start, "1m", "1751985000", "2025-07-08T14:30"),
            ("America/New_York", Start, "1m", "2025-07-08", "2025-07-08T04:00"),
            ("America/New_York", Start, "1d", "2025-07-08", "2025-07-08"),
            ("America/New_York", Start, "1d", "20250708", "2025-07-08"),
            ("America/New_York", Start, "1d", "2025-07-08 00:00", "2025-07-08T04:00"),
            ("America/New_York", End, "1m", "2025-07-08 09:31", "2025-07-08T13:30:59.999"),
            ("", End, "1m", "2025-07-08T00:00", "2025-07-07T23:59:59.999"),
            ("", End, "1h", "2025-07-08", "2025-07-07T23:59:59.999"),
            ("", End, "1d", "2025-07-08", "2025-07-08"),
            ("", End, "1d", "2025-07-08T00:00Z", "2025-07-07"),
            ("", End, "1w", "2025-07-08T00:00", "2025-07-07"),
            ("", End, "1d", "2025-07-08T20:00Z", "2025-07-08T19:59:59.999"),
            ("Asia/Tokyo", End, "1d", "2025-07-08 00:00", "2025-07-07T14:59:59.999"),
        ] {
            let found = stamps(zone, at, base).read(text.as_bytes(), b"A");
            assert_eq!(found, parse_timestamp(expected.as_bytes()), "{zone} {at:?} {base} {text}");
        }
        assert_eq!(stamps("America/New_York", Start, "1m").read(b"2025-03-09 02:30", b"A"), Err(Refusal::NoSuchTime));
        assert_eq!(stamps("", End, "1m").read(b"1970-01-01", b"A"), Err(Refusal::BadTimestamp));
    }

    #[test]
    fn the_forms_are_remembered() {
        let mut stamps = stamps("", StampedAt::Start, "1m");
        for text in ["1751985000", "1751985000000", "2025-07-08", "1751985001"] {
            stamps.read(text.as_bytes(), b"A").unwrap();
        }
        let forms: Vec<_> = stamps.forms().collect();
        assert_eq!(forms, [StampForm::Date, StampForm::Seconds, StampForm::Millis]);
    }
}
