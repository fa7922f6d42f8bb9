//! Admission of records: which are accepted, with which sequence, and when a clock event is due.
//!
//! Allocates only when a symbol is added; never blocks. Time is a parameter or comes from the input.

use super::{Record, Refusal};
use crate::{
    config::{Asset, Plan},
    model::{Bar, Calendar, MAX_TIMEFRAMES, Span, SymbolId, Timeframe, TimeframeId},
    state::{StateError, is_sound_time, put, take, take_borrowed},
};
use bincode::{BorrowDecode, Decode, Encode};

/// The newest accepted record of a symbol.
#[derive(Debug, Clone, Copy, Encode, Decode)]
struct Newest {
    ts: i64,
    /// End of its interval, Unix ms.
    end: i64,
}

/// The state before a symbol's first record.
const NONE: Newest = Newest { ts: i64::MIN, end: i64::MIN };

/// A symbol's row of a saved admission.
#[derive(Debug, Clone, Copy, Encode, BorrowDecode)]
struct NewestOf<'a> {
    symbol: &'a str,
    newest: Newest,
}

/// What an [`Admission`] remembers, by the symbols of a plan.
#[derive(Debug, Clone, Default)]
pub struct AdmissionState {
    /// Sequence of the newest accepted record.
    pub seq: u64,
    /// Event time, Unix ms; `i64::MIN` before the first record.
    pub event_ts: i64,
    /// By symbol; `None` for one that is not among those saved.
    newest: Vec<Option<Newest>>,
}

impl AdmissionState {
    /// Takes off the front what [`Admission::save`] wrote, for so many symbols, whose places `find` gives by name.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read(bytes: &mut &[u8], symbols: usize, find: impl Fn(&str) -> Option<usize>) -> Result<Self, StateError> {
        let (seq, event_ts, count): (u64, i64, u64) = take(bytes)?;
        let mut state = Self { seq, event_ts, newest: vec![None; symbols] };
        let mut sound = seq < u64::MAX / 2 && is_sound_time(event_ts);
        for _ in 0..count {
            let NewestOf { symbol, newest } = take_borrowed(bytes)?;
            sound &= is_sound_time(newest.ts) && is_sound_time(newest.end);
            if let Some(slot) = find(symbol).and_then(|place| state.newest.get_mut(place)) {
                *slot = Some(newest);
            }
        }
        if sound { Ok(state) } else { Err(StateError::Shape("the reader")) }
    }

    /// Whether a symbol was among those saved.
    #[must_use]
    pub fn knows(&self, symbol: usize) -> bool {
        self.newest.get(symbol).is_some_and(Option::is_some)
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        self.event_ts = self.event_ts.max(other.event_ts);
        for (own, other) in self.newest.iter_mut().zip(&other.newest) {
            *own = own.or(*other);
        }
    }
}

/// Decides for every record whether it is late, duplicate or too far in the future, and numbers the accepted ones.
///
/// It knows which bars are closed without building any: a bar of a longer timeframe that holds the symbol's newest
/// record is closed once event time has passed its end by the allowed lateness.
#[derive(Debug, Clone)]
pub struct Admission {
    timeframes: Vec<Timeframe>,
    /// By base timeframe: the timeframes that its bars feed, as a bit set.
    fed_by: [u32; MAX_TIMEFRAMES],
    allowed_lateness_ms: i64,
    max_future_ms: i64,
    /// By symbol.
    newest: Vec<Newest>,
    /// By symbol: enabled timeframes, as a bit set.
    enabled: Vec<u32>,
    /// By symbol.
    calendars: Vec<Calendar>,
    seq: u64,
    event_ts: i64,
    /// No clock event is due before this wall-clock time, Unix ms.
    next_clock_check: i64,
}

impl Admission {
    /// Admission for the plan's symbols, before the first record.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut admission = Self {
            timeframes: plan.timeframes.clone(),
            fed_by: plan.fed_by(),
            allowed_lateness_ms: plan.allowed_lateness_ms,
            max_future_ms: plan.max_future_ms,
            newest: Vec::with_capacity(plan.assets.len()),
            enabled: Vec::with_capacity(plan.assets.len()),
            calendars: Vec::with_capacity(plan.assets.len()),
            seq: 0,
            event_ts: i64::MIN,
            next_clock_check: i64::MIN,
        };
        for asset in &plan.assets {
            admission.add_symbol(asset);
        }
        admission
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.enabled.push(asset.enabled());
        self.calendars.push(asset.calendar);
        self.newest.push(NONE);
    }

    /// Sequence of the newest accepted record; 0 before the first.
    #[inline]
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Event time, Unix ms: the newest end of a bar seen; `i64::MIN` before the first record.
    #[inline]
    #[must_use]
    pub fn event_ts(&self) -> i64 {
        self.event_ts
    }

    /// Accepts a record of a known symbol: floors it to its interval and numbers it. Otherwise returns the refusal.
    ///
    /// `entry_ms` is the time in the record's entry id, Unix ms; `None` if it came from no stream.
    ///
    /// # Errors
    /// [`Refusal::Duplicate`], [`Refusal::Late`], [`Refusal::Future`]; the state is unchanged then.
    #[inline]
    pub fn admit(
        &mut self,
        symbol: SymbolId,
        timeframe: TimeframeId,
        record: &Record<'_>,
        entry_ms: Option<i64>,
    ) -> Result<Bar, Refusal> {
        let calendar = self.calendars[symbol.index()];
        let Span { start: ts, end } = self.timeframes[timeframe.index()].span(record.ts, calendar);
        if let Some(entry_ms) = entry_ms
            && record.ts > entry_ms.saturating_add(self.max_future_ms)
        {
            return Err(Refusal::Future);
        }
        let newest = self.newest[symbol.index()];
        if ts < newest.end {
            return Err(if ts == newest.ts { Refusal::Duplicate } else { Refusal::Late });
        }
        // Only in this case can a bar that holds the record be past its deadline.
        if self.event_ts >= ts.saturating_add(self.allowed_lateness_ms)
            && self.is_closed(symbol, timeframe, newest.ts, ts)
        {
            return Err(Refusal::Late);
        }
        self.newest[symbol.index()] = Newest { ts, end };
        self.event_ts = self.event_ts.max(end);
        // A record far behind its time opens bars whose deadlines are past already.
        self.next_clock_check = self.next_clock_check.min(end.saturating_add(self.allowed_lateness_ms));
        self.seq += 1;
        Ok(Bar {
            ts,
            open: record.open,
            high: record.high,
            low: record.low,
            close: record.close,
            volume: record.volume,
            vwap: record.vwap_or_typical(),
            trades: record.trades,
            symbol,
            seq_delta: 0,
            timeframe,
        })
    }

    /// Whether event time has closed a bar that holds both the newest record and this one.
    #[cold]
    fn is_closed(&self, symbol: SymbolId, base: TimeframeId, newest_ts: i64, ts: i64) -> bool {
        if newest_ts == i64::MIN {
            return false;
        }
        let candidates = self.enabled[symbol.index()] & self.fed_by[base.index()];
        let calendar = self.calendars[symbol.index()];
        self.timeframes.iter().enumerate().any(|(index, timeframe)| {
            let span = timeframe.span(ts, calendar);
            candidates & 1 << index != 0
                && span == timeframe.span(newest_ts, calendar)
                && self.event_ts >= span.end + self.allowed_lateness_ms
        })
    }

    /// Takes a clock event that was recorded earlier, or that [`Admission::clock_due`] has returned.
    pub fn admit_clock(&mut self, event_ts: i64) {
        self.event_ts = self.event_ts.max(event_ts);
        self.seq += 1;
    }

    /// Event time of the clock event that is due at wall-clock time `wall_ms`: some open bar ended more than the
    /// allowed lateness ago, and no record has shown that yet. `None` if none is due.
    ///
    /// Checks the symbols only if a boundary has passed since the last call.
    pub fn clock_due(&mut self, wall_ms: i64) -> Option<i64> {
        if wall_ms < self.next_clock_check {
            return None;
        }
        let now = wall_ms.saturating_sub(self.allowed_lateness_ms);
        let mut next = i64::MAX;
        let mut due = None;
        for (index, timeframe) in self.timeframes.iter().enumerate() {
            let Span { start: boundary, end } = timeframe.span(now, Calendar::Utc);
            next = next.min(end + self.allowed_lateness_ms);
            let deadline = boundary + self.allowed_lateness_ms;
            if self.event_ts < deadline && self.has_open_bar_ending_by(index, boundary) {
                due = due.max(Some(deadline));
            }
        }
        self.next_clock_check = next;
        due
    }

    fn has_open_bar_ending_by(&self, index: usize, boundary: i64) -> bool {
        let timeframe = self.timeframes[index];
        self.newest.iter().zip(&self.enabled).zip(&self.calendars).any(|((newest, enabled), calendar)| {
            if newest.ts == i64::MIN || enabled & 1 << index == 0 {
                return false;
            }
            let end = timeframe.span(newest.ts, *calendar).end;
            newest.end < end && end <= boundary && self.event_ts < end + self.allowed_lateness_ms
        })
    }

    /// Appends the state, with the name of each symbol.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    pub fn save<'a>(&self, name: impl Fn(SymbolId) -> &'a str, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &(self.seq, self.event_ts, self.newest.len() as u64))?;
        for (index, newest) in self.newest.iter().enumerate() {
            put(out, &NewestOf { symbol: name(SymbolId(index as u16)), newest: *newest })?;
        }
        Ok(())
    }

    /// Goes on from a state; symbols that it does not know are as they were.
    pub fn restore(&mut self, state: &AdmissionState) {
        (self.seq, self.event_ts) = (state.seq, state.event_ts);
        for (own, newest) in self.newest.iter_mut().zip(&state.newest) {
            *own = newest.unwrap_or(*own);
        }
        // The rules may be others now: look at the symbols at the first chance.
        self.next_clock_check = i64::MIN;
    }

    /// Memory held, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.newest.capacity() * size_of::<Newest>() + self.enabled.capacity() * size_of::<u32>()
    }
}
