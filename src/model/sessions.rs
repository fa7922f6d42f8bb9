//! The sessions of an exchange as numbers, and the spans that are made of them.
//!
//! Made once, at the start. A look-up takes a few comparisons whatever the length of the table, allocates nothing and does
//! not block.

use super::{Period, Refusal, Span, Timeframe};
use std::fmt;

const DAY_MS: i64 = 86_400_000;
/// The end of a span that lies beyond the table: no record comes to it.
const NEVER: i64 = i64::MAX;

/// One session: the time from an open to a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its date in the exchange's zone, days since 1970-01-01.
    pub date: i64,
    /// First moment, Unix ms.
    pub open: i64,
    /// First moment after it, Unix ms.
    pub close: i64,
}

/// Which bars there are beside those that sessions give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether bars below one day are counted from the open within a session, instead of from the epoch.
    pub from_open: bool,
    /// Whether there are bars below one day outside sessions.
    pub outside: bool,
}

/// What the sessions of a calendar are made of.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The first and the last day that are known, days since 1970-01-01.
    pub days: (i64, i64),
    /// The sessions in their order, none of which overlap.
    pub sessions: Vec<Session>,
    /// The zone: from when, Unix ms, local time is how far ahead of UTC, ms; in order.
    pub offsets: Vec<(i64, i64)>,
}

/// The sessions of one exchange, and the weeks and months that consist of them.
#[derive(PartialEq, Eq)]
pub struct Sessions {
    name: String,
    rules: Rules,
    /// First day that is known, days since 1970-01-01.
    first_day: i64,
    /// The moments that are known, Unix ms: from the first to just before the second.
    moments: (i64, i64),
    offsets: Vec<(i64, i64)>,
    list: Vec<Session>,
    /// By day from the first: the first session of that date or a later one.
    by_day: Vec<u32>,
    weeks: Periods,
    months: Periods,
}

/// The weeks or the months that have a session and are known as a whole.
#[derive(Debug, Default, PartialEq, Eq)]
struct Periods {
    spans: Vec<Span>,
    /// By session: its place in `spans`; one that does not exist where it belongs to none.
    of: Vec<u32>,
}

impl Periods {
    fn new(list: &[Session], days: (i64, i64), period: Period) -> Self {
        let mut periods = Self::default();
        for session in list {
            let (first, last) = period.days(session.date);
            let label = first * DAY_MS;
            if first < days.0 || (period == Period::Week && last > days.1) {
                periods.of.push(u32::MAX);
                continue;
            }
            match periods.spans.last_mut() {
                Some(span) if span.label == label => span.end = session.close,
                _ => periods.spans.push(Span { label, start: session.open, end: session.close }),
            }
            periods.of.push(periods.spans.len() as u32 - 1);
        }
        periods
    }

    fn of(&self, session: usize) -> Option<usize> {
        self.of.get(session).map(|&place| place as usize)
    }

    fn span(&self, session: usize) -> Option<Span> {
        self.spans.get(self.of(session)?).copied()
    }
}

impl fmt::Debug for Sessions {
    /// Its name: the tables are long, and many symbols have the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.name).finish()
    }
}

impl Sessions {
    /// The sessions of a calendar; `name` tells them from all others with other spans.
    #[must_use]
    pub fn new(name: String, known: Known, rules: Rules) -> Self {
        let Known { days, sessions: list, offsets } = known;
        let mut by_day = Vec::new();
        let mut next = 0;
        for day in days.0..=days.1 {
            while list.get(next).is_some_and(|session| session.date < day) {
                next += 1;
            }
            by_day.push(next as u32);
        }
        let midnight = |day: i64| {
            let utc = day * DAY_MS;
            utc - offset(&offsets, utc - offset(&offsets, utc))
        };
        Self {
            name,
            rules,
            first_day: days.0,
            moments: (midnight(days.0), midnight(days.1 + 1)),
            weeks: Periods::new(&list, days, Period::Week),
            months: Periods::new(&list, days, Period::Month),
            by_day,
            offsets,
            list,
        }
    }

    /// What tells these sessions from all others with other spans.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sessions in their order.
    #[must_use]
    pub fn list(&self) -> &[Session] {
        &self.list
    }

    /// The first session of a date, days since 1970-01-01, or a later one.
    fn session_from(&self, day: i64) -> usize {
        match usize::try_from(day - self.first_day) {
            Ok(index) => self.by_day.get(index).map_or(self.list.len(), |&first| first as usize),
            Err(_) => 0,
        }
    }

    /// The first session that closes after a moment.
    #[inline]
    fn next(&self, moment: i64) -> usize {
        // Local time is at most 14 hours from UTC: what is of an earlier date has closed.
        let mut next = self.session_from(moment.div_euclid(DAY_MS) - 1);
        while self.list.get(next).is_some_and(|session| session.close <= moment) {
            next += 1;
        }
        next
    }

    /// The session that a moment lies in.
    #[inline]
    fn at(&self, moment: i64) -> Option<usize> {
        let next = self.next(moment);
        self.list.get(next).filter(|session| session.open <= moment).map(|_| next)
    }

    /// Whether a moment, Unix ms, lies in a session.
    #[inline]
    pub(super) fn holds(&self, moment: i64) -> bool {
        self.at(moment).is_some()
    }

    /// The span of the bar that a moment belongs to.
    #[inline]
    pub(super) fn span(&self, timeframe: Timeframe, moment: i64) -> Option<Span> {
        if let Some(period) = timeframe.period() {
            return self.period(period, self.at(moment)?);
        }
        if timeframe.is_long() {
            return None;
        }
        let known = self.moments.0 <= moment && moment < self.moments.1;
        let (span, inside) = self.piece(timeframe.interval_ms(), moment);
        (inside || (self.rules.outside && known)).then_some(span)
    }

    /// The span of the bar with this label.
    pub(super) fn labelled(&self, timeframe: Timeframe, label: i64) -> Option<Span> {
        let Some(period) = timeframe.period() else { return self.span(timeframe, label) };
        let span = self.period(period, self.session_from(label.div_euclid(DAY_MS)))?;
        (span.label == label).then_some(span)
    }

    fn period(&self, period: Period, session: usize) -> Option<Span> {
        match period {
            Period::Day => self.list.get(session).map(|&Session { date, open, close }| Span {
                label: date * DAY_MS,
                start: open,
                end: close,
            }),
            Period::Week => self.weeks.span(session),
            Period::Month => self.months.span(session),
        }
    }

    /// The piece of an interval below one day that a moment lies in, cut at open and close, and whether it is a session's.
    #[inline]
    fn piece(&self, interval_ms: i64, moment: i64) -> (Span, bool) {
        let next = self.next(moment);
        let before = || next.checked_sub(1).map_or(i64::MIN, |last| self.list[last].close);
        let (zero, from, to, inside) = match self.list.get(next) {
            Some(&Session { open, close, .. }) if open <= moment => (self.zero(open), open, close, true),
            Some(&Session { open, .. }) => (0, before(), open, false),
            None => (0, before(), NEVER, false),
        };
        let multiple = moment - (moment - zero).rem_euclid(interval_ms);
        let start = multiple.max(from);
        (Span { label: start, start, end: (multiple + interval_ms).min(to) }, inside)
    }

    /// What the multiples of an interval are counted from, in the session of this open.
    fn zero(&self, open: i64) -> i64 {
        if self.rules.from_open { open } else { 0 }
    }

    /// The span of the base bar that a record with this stamp is; see [`super::Calendar::record`].
    #[inline]
    pub(super) fn record(&self, base: Timeframe, stamp: i64) -> Result<Span, Refusal> {
        if let Some(period) = base.period() {
            return self.record_of_date(period, stamp);
        }
        if stamp < self.moments.0 || stamp >= self.moments.1 {
            return Err(Refusal::NoCalendar);
        }
        let interval_ms = base.interval_ms();
        let zero = self.at(stamp).map_or(0, |session| self.zero(self.list[session].open));
        let start = stamp - (stamp - zero).rem_euclid(interval_ms);
        // The first session that the uncut interval overlaps.
        match self.list.get(self.next(start)) {
            Some(session) if session.open < start + interval_ms => {
                Ok(self.piece(interval_ms, start.max(session.open)).0)
            }
            _ if self.rules.outside => Ok(self.piece(interval_ms, start).0),
            _ => Err(Refusal::OutsideSession),
        }
    }

    fn record_of_date(&self, period: Period, stamp: i64) -> Result<Span, Refusal> {
        let local = if stamp.rem_euclid(DAY_MS) == 0 { stamp } else { stamp + offset(&self.offsets, stamp) };
        let date = local.div_euclid(DAY_MS);
        let (first, last) = period.days(date);
        let last_day = self.first_day + self.by_day.len() as i64 - 1;
        if first < self.first_day || last > last_day {
            return Err(Refusal::NoCalendar);
        }
        let span = self.period(period, self.session_from(first));
        span.filter(|span| span.label == first * DAY_MS).ok_or(Refusal::OutsideSession)
    }

    /// The end of the bar that comes so many bars after the one that ends at `end`; never, where the table ends before.
    pub(super) fn later(&self, timeframe: Timeframe, end: i64, bars: i64) -> i64 {
        let Some(period) = timeframe.period() else { return self.later_piece(timeframe.interval_ms(), end, bars) };
        let (session, bars) = (self.next(end - 1), usize::try_from(bars).unwrap_or(0));
        let of = |periods: &Periods| periods.spans.get(periods.of(session)? + bars).map(|span| span.end);
        let end = match period {
            Period::Day => self.list.get(session + bars).map(|session| session.close),
            Period::Week => of(&self.weeks),
            Period::Month => of(&self.months),
        };
        end.unwrap_or(NEVER)
    }

    /// Bars of sessions between the end of one and the start of another, Unix ms.
    pub(super) fn between(&self, timeframe: Timeframe, end: i64, start: i64) -> i64 {
        let Some(period) = timeframe.period() else { return self.pieces_between(timeframe.interval_ms(), end, start) };
        let place = |moment: i64| {
            let session = self.next(moment);
            let of = |periods: &Periods| periods.of(session).map_or(0, |place| place as i64);
            match period {
                Period::Day => session as i64,
                Period::Week => of(&self.weeks),
                Period::Month => of(&self.months),
            }
        };
        place(start) - place(end - 1) - 1
    }

    /// The same below one day: the pieces of each session that lie between.
    fn pieces_between(&self, interval_ms: i64, end: i64, start: i64) -> i64 {
        let between = self.list[self.next(end)..].iter().take_while(|session| session.open < start);
        let pieces = between.map(|&Session { open, close, .. }| {
            let (from, to, zero) = (open.max(end), close.min(start), self.zero(open));
            let cell = |moment: i64| (moment - zero).div_euclid(interval_ms);
            if from < to { cell(to - 1) - cell(from) + 1 } else { 0 }
        });
        pieces.sum()
    }

    /// The same below one day: counts the pieces of a session, or between two, at once.
    fn later_piece(&self, interval_ms: i64, end: i64, mut bars: i64) -> i64 {
        let (mut at, mut next) = (end, self.next(end));
        while bars > 0 {
            let Some(&Session { open, close, .. }) = self.list.get(next) else { return NEVER };
            let inside = at >= open;
            if !inside && !self.rules.outside {
                at = open;
                continue;
            }
            let (zero, to) = if inside { (self.zero(open), close) } else { (0, open) };
            let multiple = at - (at - zero).rem_euclid(interval_ms);
            let pieces = (to - multiple + interval_ms - 1) / interval_ms;
            if bars <= pieces {
                return (multiple + bars * interval_ms).min(to);
            }
            bars -= pieces;
            at = to;
            next += usize::from(inside);
        }
        at
    }
}

/// How far local time is ahead of UTC at a moment, ms.
fn offset(offsets: &[(i64, i64)], moment: i64) -> i64 {
    let after = offsets.partition_point(|(from, _)| *from <= moment);
    offsets.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
}
