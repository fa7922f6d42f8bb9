//! Admission of records: which are accepted, with which sequence, and what the clock closes behind which of them.
//!
//! Allocates only when a symbol is added; never blocks. Time comes from the input.

mod external;
mod forming;
mod newest;
mod saved;

pub use forming::Aside;
pub use saved::AdmissionState;

use super::{
    Record, Refusal,
    clocks::{Clocks, Closing, TimeRules},
};
use crate::{
    config::{Asset, Final, Plan, StreamClock, StreamRule},
    model::{Bar, Calendar, MAX_TIMEFRAMES, Span, SymbolId, Timeframe, TimeframeId},
    state::{StateError, put},
};
use newest::{HeldRecord, Newest, Values};
use saved::RowOf;

/// The place of an interval that only history has.
const NOWHERE: u8 = u8::MAX;
/// Set where it is settled what the records of a track make.
const SETTLED: u32 = 1 << 31;
const _: () = assert!(MAX_TIMEFRAMES < 31);
/// Most by which the clock that stamps records may be ahead of the wall, ms; and the share of an interval that it may be.
const SKEW_MS: i64 = 1_000;
const SKEW_PARTS: i64 = 10;

/// Where a record came from, as far as time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// From a file or the mock market: the wall moves with the records.
    File,
    /// In the entry of this stream that was [begun](Admission::begin) last.
    Stream(u8),
}

/// What came of a record that was not refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Admitted {
    /// It was accepted: its bar.
    Bar(Bar),
    /// It is held until its bar is over.
    Held,
}

/// Decides for every record whether it is late, duplicate or too far in the future, and numbers the accepted ones.
///
/// It knows which bars are open without building any, and when the clock closes them: sequences are given here, and a
/// closing by the clock has one.
///
/// A symbol may have records of several intervals, each a *track* with a clock, an order and a lag of its own. Where two could
/// make the bars of a timeframe, those make it that came first.
#[derive(Debug, Clone)]
pub struct Admission {
    timeframes: Vec<Timeframe>,
    /// By base timeframe: the timeframes that its bars feed, as a bit set.
    fed_by: [u32; MAX_TIMEFRAMES],
    max_future_ms: i64,
    lateness_ms: i64,
    /// Intervals of the records, and their number, at least 1.
    bases: Vec<TimeframeId>,
    slots: usize,
    /// By timeframe: its place among the intervals, or [`NOWHERE`].
    slot: [u8; MAX_TIMEFRAMES],
    /// Whether some symbol has records from history, and there are several intervals.
    history: bool,
    /// By timeframe: how long before its end a bar counts as over, ms.
    skew_ms: [i64; MAX_TIMEFRAMES],
    /// By input stream.
    rules: Vec<StreamRule>,
    /// By input stream: whether it holds records.
    holding: Vec<bool>,
    /// By track.
    newest: Vec<Newest>,
    /// By track, where records are held: meaningless where the clocks know of none.
    held: Vec<HeldRecord>,
    /// By track: what its records make, as a bit set of timeframes, and [`SETTLED`].
    feeds: Vec<u32>,
    /// What the record at hand has brought about beside itself.
    beside: Option<Aside>,
    /// By symbol: enabled timeframes, as a bit set.
    enabled: Vec<u32>,
    /// By symbol.
    calendars: Vec<Calendar>,
    /// Timeframes of a day and longer, as a bit set.
    long: u32,
    clocks: Clocks,
    seq: u64,
}

impl Admission {
    /// Admission for the plan's symbols, before the first record.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let rules = TimeRules { lateness_ms: plan.allowed_lateness_ms, stall_ms: plan.stall_ms };
        let mut admission = Self {
            timeframes: plan.timeframes.clone(),
            fed_by: plan.fed_by(),
            max_future_ms: plan.max_future_ms,
            lateness_ms: plan.allowed_lateness_ms,
            bases: plan.bases.clone(),
            slots: plan.bases.len().max(1),
            slot: [NOWHERE; MAX_TIMEFRAMES],
            history: false,
            skew_ms: [0; MAX_TIMEFRAMES],
            rules: Vec::new(),
            holding: Vec::new(),
            newest: Vec::with_capacity(plan.assets.len()),
            held: Vec::new(),
            feeds: Vec::new(),
            beside: None,
            enabled: Vec::with_capacity(plan.assets.len()),
            calendars: Vec::with_capacity(plan.assets.len()),
            long: plan.timeframes.iter().enumerate().fold(0, |bits, (index, t)| bits | u32::from(t.is_long()) << index),
            clocks: Clocks::new(rules, plan.timeframes.len(), plan.bases.len()),
            seq: 0,
        };
        for (slot, base) in plan.bases.iter().enumerate() {
            admission.slot[base.index()] = slot as u8;
        }
        for (skew_ms, timeframe) in admission.skew_ms.iter_mut().zip(&plan.timeframes) {
            *skew_ms = SKEW_MS.min(timeframe.interval_ms() / SKEW_PARTS);
        }
        for asset in &plan.assets {
            admission.add_symbol(asset);
        }
        admission
    }

    /// Says how the input streams are read, and whether the clock closes bars of them at all. Allocates.
    pub fn set_streams(&mut self, rules: &[StreamRule], closes: bool) {
        let holds =
            |rule: &StreamRule| rule.clock == StreamClock::Ids && matches!(rule.finality, Final::Auto | Final::Next);
        self.rules = rules.to_vec();
        self.holding = rules.iter().map(holds).collect();
        let holding = self.holding.contains(&true);
        self.held.resize(if holding { self.newest.len() } else { 0 }, HeldRecord::NONE);
        self.clocks.set_streams(rules.iter().map(|rule| rule.clock), closes, holding);
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.enabled.push(asset.enabled());
        self.calendars.push(asset.calendar.clone());
        self.newest.resize(self.newest.len() + self.slots, Newest::NONE);
        self.feeds.resize(self.newest.len(), 0);
        if self.holding.contains(&true) {
            self.held.resize(self.newest.len(), HeldRecord::NONE);
        }
        self.clocks.add_symbol();
    }

    /// The track of the records of a symbol and interval.
    #[inline]
    fn track(&self, symbol: SymbolId, timeframe: TimeframeId) -> usize {
        let slot = self.slot[timeframe.index()];
        symbol.index() * self.slots + if slot == NOWHERE { 0 } else { usize::from(slot) }
    }

    /// Sequence of the newest accepted record or clock event; 0 before the first.
    #[inline]
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The moment of what has been taken last, Unix ms; `i64::MIN` before anything was.
    #[inline]
    #[must_use]
    pub fn moment(&self) -> i64 {
        self.clocks.now()
    }

    /// How long after its bar's end the last record of an input stream came, ms; 0 where its ids are no times.
    #[must_use]
    pub fn delay(&self, input: u8) -> i64 {
        self.clocks.delay(input)
    }

    /// The latest moment at which a bar of an input stream may begin, Unix ms; `i64::MAX` where its ids are no times.
    #[must_use]
    pub fn latest_begin(&self, input: u8) -> i64 {
        match self.clocks.time(input) {
            StreamClock::Records => i64::MAX,
            StreamClock::Ids | StreamClock::Heartbeat => self.clocks.now().saturating_add(self.max_future_ms),
        }
    }

    /// Begins an entry of a stream, whose wall this is, Unix ms. Whether a closing by the clock came before it that a second
    /// reading would make behind it, so that its moment has to be journalled.
    #[inline]
    pub fn begin(&mut self, input: u8, wall_ms: i64) -> bool {
        self.clocks.entry(input, wall_ms).1
    }

    /// When the interval of a record begins, Unix ms; `None` where it is outside of every session.
    #[cold]
    #[must_use]
    pub fn begin_of(&self, symbol: SymbolId, timeframe: TimeframeId, record: &Record<'_>) -> Option<i64> {
        let timeframe = self.timeframes[timeframe.index()];
        self.calendars[symbol.index()].record(timeframe, record.ts).ok().map(|span| span.start)
    }

    /// Accepts a record of a known symbol: floors it to its interval and numbers it; or holds it until its bar is over.
    /// Otherwise returns the refusal. [`beside`](Self::beside) then tells what else has come of it.
    ///
    /// # Errors
    /// [`Refusal::Duplicate`], [`Refusal::Revision`], [`Refusal::Late`], [`Refusal::Future`], [`Refusal::OutsideSession`],
    /// [`Refusal::NoCalendar`]; the state is unchanged then.
    #[inline]
    pub fn admit(
        &mut self,
        symbol: SymbolId,
        timeframe: TimeframeId,
        record: &Record<'_>,
        arrival: Arrival,
    ) -> Result<Admitted, Refusal> {
        let calendar = &self.calendars[symbol.index()];
        let span = calendar.record(self.timeframes[timeframe.index()], record.ts)?;
        let (track, input) = match arrival {
            Arrival::File => (symbol.index() * self.slots, None),
            Arrival::Stream(input) => {
                let track = self.track(symbol, timeframe);
                if span.start > self.latest_begin(input) {
                    return Err(Refusal::Future);
                }
                let now = self.clocks.now();
                if self.holding.get(usize::from(input)).is_some_and(|&holding| holding) {
                    let early = now < span.end - self.skew_ms[timeframe.index()]
                        || self.rules[usize::from(input)].finality == Final::Next;
                    if early || self.clocks.is_holding(track) {
                        return self.forming((symbol, timeframe), span, record, (input, early));
                    }
                }
                (track, Some(input))
            }
        };
        if self.is_past(track, span.start) {
            return Err(self.refusal(track, span.start, record));
        }
        Ok(Admitted::Bar(self.accept(track, (symbol, timeframe), span, Values::of(record), input)))
    }

    /// Whether a record of a track whose bar begins there comes too late.
    #[inline]
    fn is_past(&self, track: usize, start: i64) -> bool {
        start < self.newest[track].end
            || start < self.clocks.closed_until(track)
            || self.history && self.had(track, start)
    }

    /// Whether a record whose bar begins there is no newer than what another track of its symbol has from history.
    #[cold]
    fn had(&self, track: usize, start: i64) -> bool {
        let first = track - track % self.slots;
        (first..first + self.slots).any(|other| {
            let end = self.newest[other].end.max(self.clocks.closed_until(other));
            self.clocks.is_history(other) && start < end
        })
    }

    /// Accepts what has passed all checks, and numbers it.
    #[inline]
    fn accept(
        &mut self,
        track: usize,
        (symbol, timeframe): (SymbolId, TimeframeId),
        Span { label, start, end }: Span,
        values: Values,
        input: Option<u8>,
    ) -> Bar {
        let (index, base) = (symbol.index(), timeframe.index());
        self.newest[track] = Newest { start, end, values };
        self.clocks.newest_bars().closed(index * self.timeframes.len() + base, end);
        if input.is_none() {
            self.clocks.file_record(end);
        }
        let fed = if self.slots == 1 || input.is_none() || self.slot[base] == NOWHERE {
            self.enabled[index] & self.fed_by[base]
        } else if self.feeds[track] & SETTLED != 0 {
            self.feeds[track]
        } else {
            self.settle(symbol, timeframe)
        };
        let fed = fed & !(SETTLED | 1 << base);
        let calendar = &self.calendars[index];
        // Outside sessions it is no part of a day.
        let fed = if calendar.holds(start) { fed } else { fed & !self.long };
        let timeframes = &self.timeframes;
        let span_end = |index: usize| timeframes[index].span(start, calendar).map(|span| span.end);
        self.clocks.record(track, (start, end), fed, input, span_end);
        self.seq += 1;
        values.bar(label, symbol, timeframe)
    }

    /// Settles what the records of a track make: the timeframes that no other records of the symbol make already.
    #[cold]
    fn settle(&mut self, symbol: SymbolId, timeframe: TimeframeId) -> u32 {
        let track = self.track(symbol, timeframe);
        let first = symbol.index() * self.slots;
        let taken = self.feeds[first..first + self.slots].iter().fold(0, |bits, feeds| bits | feeds);
        let all = self.enabled[symbol.index()] & self.fed_by[timeframe.index()];
        self.feeds[track] = all & !taken | SETTLED;
        if all & taken & !SETTLED != 0 {
            let feeds = Some((symbol, timeframe, all & !taken));
            self.beside = Some(Aside { feeds, ..self.beside.unwrap_or_default() });
        }
        self.feeds[track]
    }

    /// What the record at hand, or the one that was taken after it had been held, has brought about beside itself.
    #[inline]
    pub fn beside(&mut self) -> Option<Aside> {
        // Nearly always nothing, and then nothing is moved.
        self.beside.as_ref()?;
        self.beside.take()
    }

    /// Whether the record of a file that was accepted last has moved the wall past the deadline of an open bar.
    #[inline]
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.clocks.may_close(self.clocks.now())
    }

    /// What closes with the record of a file that was accepted last, of this symbol, in the order of publication: what the
    /// wall has passed, and what the record has left behind. It has no sequence of its own.
    pub fn close_due(&mut self, symbol: SymbolId) -> &[Closing] {
        let now = self.clocks.now();
        self.clocks.close(now);
        self.clocks.with_left(symbol)
    }

    /// The moment of the next closing by the clock, up to the moment `until`, Unix ms; everything written before that has
    /// been taken.
    #[inline]
    pub fn next_moment(&mut self, until: i64) -> Option<i64> {
        if self.clocks.may_close(until) { self.clocks.next_moment(until) } else { None }
    }

    /// A time before which the clock closes nothing, Unix ms; `None` where there is nothing to be closed.
    #[inline]
    #[must_use]
    pub fn next_look(&self) -> Option<i64> {
        self.clocks.next_look()
    }

    /// Takes the clock event of a moment that [`next_moment`](Self::next_moment) has given, behind what was
    /// [held](Self::take_ripe) until then: what closes, in the order of publication, under a sequence of its own if there is
    /// anything.
    pub fn close(&mut self, moment: i64) -> &[Closing] {
        let closings = self.clocks.close(moment);
        self.seq += u64::from(!closings.is_empty());
        closings
    }

    /// Takes a heartbeat of a stream: every record of its symbols that closes up to `end`, Unix ms, has been written, but of
    /// those `except`ed. Gives what closes, in the order of publication, under a sequence of its own if there is anything.
    /// On a stream whose time is another it says nothing.
    ///
    /// # Errors
    /// [`Refusal::Future`], as for a record that closes then.
    pub fn heartbeat(&mut self, input: u8, end: i64, except: impl Fn(SymbolId) -> bool) -> Result<&[Closing], Refusal> {
        if self.clocks.time(input) != StreamClock::Heartbeat {
            return Ok(&[]);
        }
        if end > self.clocks.now().saturating_add(self.max_future_ms) {
            return Err(Refusal::Future);
        }
        let closings = self.clocks.close_ended(input, end, except);
        self.seq += u64::from(!closings.is_empty());
        Ok(closings)
    }

    /// Appends the state, with the name of each symbol.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    pub fn save<'a>(&self, name: impl Fn(SymbolId) -> &'a str, out: &mut Vec<u8>) -> Result<(), StateError> {
        let timeframes: Vec<String> = self.timeframes.iter().map(ToString::to_string).collect();
        put(out, &(self.seq, self.clocks.save_wall(), self.newest.len() as u64))?;
        for (track, newest) in self.newest.iter().enumerate() {
            let settled = Some(self.feeds[track]).filter(|feeds| feeds & SETTLED != 0);
            let names = |feeds: u32| {
                let made = timeframes.iter().enumerate().filter(|(index, _)| feeds & 1 << index != 0);
                made.map(|(_, name)| name.as_str()).collect()
            };
            let base = self.bases.get(track % self.slots).map_or("", |base| &timeframes[base.index()]);
            let row = RowOf {
                symbol: name(SymbolId((track / self.slots) as u16)),
                base,
                newest: *newest,
                clock: self.clocks.save(track),
                held: self.clocks.is_holding(track).then(|| self.held[track]),
                feeds: settled.map(names),
            };
            put(out, &row)?;
        }
        Ok(())
    }

    /// Goes on from a state and the ends of the open bars, which `end` gives by symbol and timeframe, `i64::MIN` where none is
    /// open; symbols that the state does not know are as they were.
    pub fn restore(&mut self, state: &AdmissionState, end: impl Fn(usize, usize) -> i64) {
        self.seq = state.seq;
        self.clocks.restore_wall(&state.wall);
        let columns = self.timeframes.len();
        for (track, row) in state.rows.iter().enumerate() {
            let (Some(row), Some(own)) = (row, self.newest.get_mut(track)) else { continue };
            *own = row.newest;
            let (symbol, mut clock) = (track / self.slots, row.clock);
            self.feeds[track] = row.feeds.map_or(0, |feeds| feeds | SETTLED);
            let own = if self.slots == 1 { u32::MAX } else { self.feeds[track] };
            let has_any = row.newest.start != Newest::NONE.start;
            self.history |= self.slots > 1 && !clock.running && has_any;
            let end = |timeframe: usize| if own & 1 << timeframe != 0 { end(symbol, timeframe) } else { i64::MIN };
            if !clock.running && (self.slots == 1 || !has_any) {
                // Of a record that did not say so: those knew one interval of a symbol. What history has closed is known.
                clock.closed_until = self.closed_before(track, end);
            }
            self.clocks.restore(track, &clock, (0..columns).map(end));
            if let (Some(held), Some(place)) = (row.held, self.held.get_mut(track)) {
                *place = held;
                self.clocks.hold(track, (held.start, held.end), held.due, held.input);
            }
        }
    }

    /// Up to which end the clock has closed bars of a symbol, going by what is open: a bar that holds its newest record, and
    /// is neither complete nor open, has been closed.
    fn closed_before(&self, track: usize, end: impl Fn(usize) -> i64) -> i64 {
        let Newest { start, end: newest, .. } = self.newest[track];
        let symbol = track / self.slots;
        if start == i64::MIN {
            return i64::MIN;
        }
        let (calendar, enabled) = (&self.calendars[symbol], self.enabled[symbol]);
        let long = if calendar.holds(start) { 0 } else { self.long };
        let closed = self.timeframes.iter().enumerate().filter_map(|(index, timeframe)| {
            let whole = timeframe.span(start, calendar).filter(|_| enabled & !long & 1 << index != 0)?;
            (whole.end > newest && end(index) != whole.end).then_some(whole.end)
        });
        closed.max().unwrap_or(i64::MIN)
    }

    /// Memory held, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.newest.capacity() * size_of::<Newest>()
            + self.held.capacity() * size_of::<HeldRecord>()
            + self.enabled.capacity() * size_of::<u32>()
            + self.clocks.bytes()
    }

    /// Why a record is refused that comes too late on its track.
    #[cold]
    fn refusal(&self, track: usize, start: i64, record: &Record<'_>) -> Refusal {
        let newest = &self.newest[track];
        if self.clocks.is_history(track) || self.history && self.had(track, start) {
            Refusal::InHistory
        } else if start != newest.start {
            Refusal::Late
        } else if newest.values.prices[0].is_nan() || Values::of(record) == newest.values {
            Refusal::Duplicate
        } else {
            Refusal::Revision
        }
    }
}
