//! Calendars: by which rule moments belong to bars.

use super::{Period, Refusal, Session, Sessions, Span, Timeframe};
use std::sync::Arc;

/// Days of a year in which a market that never closes, and one with sessions, trades.
const DAYS: (i64, usize) = (365, 252);

/// The calendar of a symbol, which says where its bars begin and end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Calendar {
    /// A market that never closes: bars start at multiples of their interval since the epoch, UTC.
    #[default]
    Utc,
    /// The sessions of an exchange.
    Exchange(Arc<Sessions>),
}

impl Calendar {
    /// Name as it is saved: two calendars of one name have the same spans.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "utc",
            Self::Exchange(sessions) => sessions.name(),
        }
    }

    /// The sessions; none of a market that never closes.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        match self {
            Self::Utc => &[],
            Self::Exchange(sessions) => sessions.list(),
        }
    }

    /// Whether a moment, Unix ms, lies in a session. One outside belongs to no bar of a day or longer.
    #[inline]
    #[must_use]
    pub fn holds(&self, moment: i64) -> bool {
        match self {
            Self::Utc => true,
            Self::Exchange(sessions) => sessions.holds(moment),
        }
    }

    /// The span of the base bar that a record is whose bar starts at `stamp`, Unix ms, as
    /// [`Stamp::start`](super::Stamp::start) gives it.
    ///
    /// With an exchange's calendar a base bar below one day belongs to the first session that its whole interval
    /// overlaps, and is cut at open and close. One of a day or longer belongs to a date: a stamp at exactly 00:00:00Z is
    /// that date, any other has its date in the exchange's zone. Neither allocates nor blocks.
    ///
    /// # Errors
    /// [`Refusal::OutsideSession`], [`Refusal::NoCalendar`].
    #[inline]
    pub fn record(&self, base: Timeframe, stamp: i64) -> Result<Span, Refusal> {
        match self {
            Self::Utc => Ok(base.utc_span(stamp)),
            Self::Exchange(sessions) => sessions.record(base, stamp),
        }
    }
}

impl Timeframe {
    /// The span of the bar that a moment, Unix ms, belongs to; `None` outside sessions.
    ///
    /// In the calendar `utc` bars start at multiples of the interval since the epoch: weeks on Mondays, months on the
    /// first. With an exchange's calendar bars of a day, a week or a month consist of sessions, and shorter ones are cut at
    /// open and close. Neither allocates nor blocks.
    #[inline]
    #[must_use]
    pub fn span(self, moment: i64, calendar: &Calendar) -> Option<Span> {
        match calendar {
            Calendar::Utc => Some(self.utc_span(moment)),
            Calendar::Exchange(sessions) => sessions.span(self, moment),
        }
    }

    /// The span of the bar with this label, Unix ms. Every bar that was accepted or made has one; what is none counts as
    /// one interval.
    #[inline]
    #[must_use]
    pub fn labelled(self, label: i64, calendar: &Calendar) -> Span {
        let plain = || Span { label, start: label, end: self.utc_later(label, 1) };
        match calendar {
            Calendar::Utc => plain(),
            Calendar::Exchange(sessions) => sessions.labelled(self, label).unwrap_or_else(plain),
        }
    }

    /// The end, Unix ms, of the bar with this label.
    #[inline]
    #[must_use]
    pub fn end(self, label: i64, calendar: &Calendar) -> i64 {
        self.labelled(label, calendar).end
    }

    /// Bars between the end of one and the start of another, Unix ms; nights and closures have none.
    #[must_use]
    pub fn between(self, end: i64, start: i64, calendar: &Calendar) -> i64 {
        match calendar {
            Calendar::Utc => self.utc_between(end, start),
            Calendar::Exchange(sessions) => sessions.between(self, end, start),
        }
    }

    /// Bars of a year: without sessions 365 days of them; with those of an exchange 252 times the bars of a full regular
    /// session, 252 days, 52 weeks, 12 months. Allocates.
    #[must_use]
    pub fn bars_a_year(self, calendar: &Calendar) -> f64 {
        let Calendar::Exchange(_) = calendar else {
            return (DAYS.0 * 86_400_000) as f64 / self.interval_ms() as f64;
        };
        let of_session = |session: &Session| self.between(session.open, session.close, calendar);
        match self.period() {
            Some(Period::Month) => 12.0,
            Some(Period::Week) => 52.0,
            Some(Period::Day) => DAYS.1 as f64,
            None => {
                // Some sessions close early; most do not.
                let mut bars: Vec<i64> = calendar.sessions().iter().rev().take(DAYS.1).map(of_session).collect();
                bars.sort_unstable();
                (DAYS.1 as i64 * bars.get(bars.len() / 2).copied().unwrap_or(0)) as f64
            }
        }
    }

    /// The end, Unix ms, of the bar that comes so many bars after the one that ends at `end`.
    #[inline]
    #[must_use]
    pub fn later(self, end: i64, bars: i64, calendar: &Calendar) -> i64 {
        match calendar {
            Calendar::Utc => self.utc_later(end, bars),
            Calendar::Exchange(sessions) => sessions.later(self, end, bars),
        }
    }
}
