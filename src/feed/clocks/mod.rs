//! The clocks of the symbols, and which open bars they close at which moment.
//!
//! Time is in the input. A symbol's clock runs behind the wall (the time in the ids of the entries; in a replay of files
//! the newest close time of any symbol) by its *lag*: what its records show. An open bar is *due* at its *deadline*, its
//! end plus the allowed lateness plus the lag; it closes at the first moment from there on at which its stream speaks, at
//! the latest a stall after the deadline. So what one symbol does closes nothing of another.
//!
//! A symbol that has records of two intervals has a clock for each: a *track*. A record whose bar is still forming is held,
//! and taken at a moment too; until then nothing closes that its bar is part of.
//!
//! Deadlines move with every record. Per track a time is kept that no closing of it comes before; only when it is reached
//! is the moment computed, and the time moved on. A record in the middle of its bars costs a comparison.
//!
//! Allocates only when a symbol or an input is added; never blocks.

mod deadlines;
mod ended;
mod holding;
mod holds;
mod saved;
mod voice;

pub use saved::{SavedClock, SavedWall};
pub use voice::Voice;

use super::newest_bars::NewestBars;
use crate::{
    config::StreamClock,
    model::{MAX_TIMEFRAMES, SymbolId},
};
use deadlines::{Deadlines, NEVER};
use holds::Holds;

/// The input of records that came from no stream.
const FILES: u8 = u8::MAX;

/// The wall is never further from the epoch, ms: sums of such times do not overflow.
const WALL_MAX: i64 = 1 << 58;

/// The rules of time.
#[derive(Debug, Clone, Copy)]
pub struct TimeRules {
    /// How long after its end, on its symbol's clock, a bar stays open, ms.
    pub lateness_ms: i64,
    /// How much longer it stays open while its stream is silent, ms; and how far a lag is above what the last record showed.
    pub stall_ms: i64,
}

/// An open bar, or some of one symbol that end together, to be closed by the clock. Ordered as they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closing {
    /// End of the bars, Unix ms.
    pub end: i64,
    /// Their symbol.
    pub symbol: SymbolId,
    /// Their timeframes, as a bit set.
    pub timeframes: u32,
}

/// The clock of one track.
#[derive(Debug, Clone, Copy)]
struct SymbolClock {
    /// Wall minus close time of its records, ms.
    lag: i64,
    /// Whether it has had a record.
    running: bool,
    /// The input of its newest record.
    input: u8,
    /// Timeframes that have an open bar, as a bit set, and the earliest of their ends.
    open: u32,
    earliest: i64,
    /// The clock has closed bars up to this end.
    closed_until: i64,
    /// No closing by the clock comes earlier.
    armed: i64,
}

const NEW: SymbolClock = SymbolClock {
    lag: 0,
    running: false,
    input: FILES,
    open: 0,
    earliest: NEVER,
    closed_until: i64::MIN,
    armed: NEVER,
};

/// The clocks of all symbols.
#[derive(Debug, Clone)]
pub struct Clocks {
    rules: TimeRules,
    /// Number of timeframes.
    columns: usize,
    /// Tracks of a symbol.
    bases: usize,
    /// By track: symbol by symbol.
    tracks: Vec<SymbolClock>,
    /// By track and timeframe: end of the open bar.
    ends: Vec<i64>,
    deadlines: Deadlines,
    holds: Holds,
    /// Whether some input holds records.
    holding: bool,
    /// By input stream.
    streams: Vec<(StreamClock, Voice)>,
    /// By input stream: how long after its bar's end the last record came, ms.
    delays: Vec<i64>,
    /// Whether the clock closes bars of streams at all.
    closes: bool,
    /// The wall, Unix ms: the moment of what has been taken last.
    now: i64,
    /// Moment of the last closing by the clock.
    closed: i64,
    /// What closes in the event at hand; room for every open bar.
    due: Vec<Closing>,
    /// What the record at hand has left behind.
    left: [i64; MAX_TIMEFRAMES],
    left_bits: u32,
    /// By symbol and timeframe: the newest bar that has closed. Empty where nobody asks for it.
    newest_bars: NewestBars,
    follows: bool,
}

/// The bits of a set, lowest first.
#[inline]
fn each(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(index)
    })
}

impl Clocks {
    /// Clocks for so many timeframes, and intervals of records, of no symbol yet.
    #[must_use]
    pub fn new(rules: TimeRules, columns: usize, bases: usize) -> Self {
        Self {
            rules,
            columns,
            bases: bases.max(1),
            tracks: Vec::new(),
            ends: Vec::new(),
            deadlines: Deadlines::new(0),
            holds: Holds::new(),
            holding: false,
            streams: Vec::new(),
            delays: Vec::new(),
            closes: true,
            now: i64::MIN,
            closed: i64::MIN,
            due: Vec::new(),
            left: [0; MAX_TIMEFRAMES],
            left_bits: 0,
            newest_bars: NewestBars::default(),
            follows: false,
        }
    }

    /// Says how time passes on the input streams, whether bars of streams close by the clock at all, and whether records are
    /// held. Allocates.
    pub fn set_streams(&mut self, streams: impl Iterator<Item = StreamClock>, closes: bool, holding: bool) {
        self.streams = streams.map(|time| (time, Voice::default())).collect();
        self.delays = vec![0; self.streams.len()];
        self.closes = closes;
        self.holding = holding;
        if holding {
            self.holds.grow(self.tracks.len());
        }
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.tracks.resize(self.tracks.len() + self.bases, NEW);
        self.ends.resize(self.tracks.len() * self.columns, i64::MIN);
        self.deadlines.grow(self.tracks.len());
        if self.holding {
            self.holds.grow(self.tracks.len());
        }
        if self.follows {
            self.newest_bars.grow(self.tracks.len() / self.bases * self.columns);
        }
        self.due.clear();
        self.due.reserve(self.ends.len());
    }

    /// The wall, Unix ms; `i64::MIN` before anything was taken.
    #[inline]
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The clock has closed the bars of a track that end up to here.
    #[inline]
    pub(super) fn closed_until(&self, track: usize) -> i64 {
        self.tracks[track].closed_until
    }

    /// Whether a track has had no record but those of history.
    pub(super) fn is_history(&self, track: usize) -> bool {
        let clock = &self.tracks[track];
        !clock.running && clock.input == FILES
    }

    /// How long after its bar's end the last record of an input came, ms; 0 where its ids are no times.
    pub(super) fn delay(&self, input: u8) -> i64 {
        let delay = self.delays.get(usize::from(input)).copied().unwrap_or(0);
        if self.time(input) == StreamClock::Records { 0 } else { delay }
    }

    /// How time passes on an input.
    #[inline]
    pub(super) fn time(&self, input: u8) -> StreamClock {
        self.streams.get(usize::from(input)).map_or(StreamClock::Ids, |stream| stream.0)
    }

    /// Takes an entry of a stream, whose wall this is, Unix ms. Returns the moment at which it is taken: never before that
    /// of anything taken earlier; and whether only a closing by the clock, which a second reading would make later, says so.
    #[inline]
    pub fn entry(&mut self, input: u8, wall: i64) -> (i64, bool) {
        if self.time(input) == StreamClock::Records {
            return (self.now, false);
        }
        let wall = wall.clamp(-WALL_MAX, WALL_MAX);
        let behind = wall < self.closed;
        let moment = wall.max(self.now);
        self.now = moment;
        if let Some((time, voice)) = self.streams.get_mut(usize::from(input))
            && *time == StreamClock::Ids
            && voice.hears(moment, self.rules.lateness_ms)
            && self.next_look().is_some()
        {
            self.wake(input);
        }
        (moment, behind)
    }

    /// A stream has ended its silence: what waited for that may close earlier than it seemed.
    #[cold]
    fn wake(&mut self, input: u8) {
        for track in 0..self.tracks.len() {
            if self.tracks[track].input == input {
                self.arm_first(track);
            }
        }
        if self.closes {
            self.holds.wake(input, self.now.saturating_add(1));
        }
    }

    /// Takes an accepted record of a file, whose bar ends at `end`: the wall moves with it.
    #[inline]
    pub(super) fn file_record(&mut self, end: i64) {
        self.now = self.now.max(end);
    }

    /// Takes the close time of an accepted record, `end`, whose bar is part of the timeframes `fed`; `span_end` gives the end
    /// of the bar of a timeframe that it is part of, and where that is its own end the bar is complete.
    #[inline]
    pub(super) fn record(
        &mut self,
        track: usize,
        (start, end): (i64, i64),
        fed: u32,
        input: Option<u8>,
        span_end: impl Fn(usize) -> Option<i64>,
    ) {
        // Where no input has a time, nobody is behind it.
        let shown = if self.now == i64::MIN { 0 } else { self.now.saturating_sub(end) };
        let stall_ms = self.rules.stall_ms;
        if let Some(delay) = input.and_then(|input| self.delays.get_mut(usize::from(input))) {
            *delay = shown;
        }
        let clock = &mut self.tracks[track];
        clock.input = input.unwrap_or(FILES);
        clock.lag = if !clock.running || shown >= clock.lag {
            shown
        } else {
            (clock.lag - (clock.lag - shown) / 8).min(shown.saturating_add(stall_ms))
        };
        clock.running = true;
        self.left_bits = 0;
        if clock.open & fed != fed || end >= clock.earliest {
            self.cross(track, (start, end), fed, span_end);
        }
        self.arm_first(track);
    }

    /// Sees to it that the next bar of a track to be closed is looked at in time.
    #[inline]
    fn arm_first(&mut self, track: usize) {
        let clock = &self.tracks[track];
        if clock.earliest != NEVER && self.ticks(clock.input) {
            let first = self.first_moment(clock);
            if first < clock.armed {
                self.arm(track, first);
            }
        }
    }

    /// No bar of a track closes earlier: what has been taken is over.
    #[inline]
    fn first_moment(&self, clock: &SymbolClock) -> i64 {
        let deadline = self.deadline(clock, clock.earliest);
        if clock.input == FILES { deadline } else { deadline.max(self.now.saturating_add(1)) }
    }

    /// Whether bars of an input close by the clock.
    #[inline]
    fn ticks(&self, input: u8) -> bool {
        input == FILES || (self.closes && self.time(input) == StreamClock::Ids)
    }

    /// A record completes bars, leaves bars behind, or opens some.
    fn cross(&mut self, track: usize, (start, end): (i64, i64), fed: u32, span_end: impl Fn(usize) -> Option<i64>) {
        let row = &mut self.ends[track * self.columns..][..self.columns];
        let clock = &mut self.tracks[track];
        let cells = track / self.bases * self.columns;
        for index in each(fed) {
            let bit = 1 << index;
            if clock.open & bit != 0 && row[index] <= start {
                self.left[index] = row[index];
                self.left_bits |= bit;
                clock.open &= !bit;
                self.newest_bars.closed(cells + index, row[index]);
            }
            match span_end(index) {
                Some(bar_end) if bar_end == end => {
                    clock.open &= !bit;
                    self.newest_bars.closed(cells + index, bar_end);
                }
                Some(bar_end) => {
                    row[index] = bar_end;
                    clock.open |= bit;
                }
                // A week that the calendar knows only in part has no bar.
                None => {}
            }
        }
        clock.earliest = each(clock.open).map(|index| row[index]).min().unwrap_or(NEVER);
    }

    #[inline]
    fn arm(&mut self, track: usize, time: i64) {
        self.tracks[track].armed = time;
        self.deadlines.set(track, time);
    }

    /// When the open bar that ends at `end` is due.
    #[inline]
    fn deadline(&self, clock: &SymbolClock, end: i64) -> i64 {
        end.saturating_add(self.rules.lateness_ms).saturating_add(clock.lag)
    }

    /// When a bar that ends at `end` closes, where all entries before `until` have been taken. Where that is after `until`,
    /// it closes no earlier.
    fn moment(&self, track: usize, clock: &SymbolClock, end: i64, until: i64) -> i64 {
        if end == NEVER || !self.ticks(clock.input) || self.holds.get(track).is_some_and(|hold| hold.start < end) {
            return NEVER;
        }
        let deadline = self.deadline(clock, end);
        if clock.input == FILES {
            return deadline;
        }
        spoken((self.now, &self.rules, &self.streams), clock.input, deadline, until)
    }

    /// Whether a closing by the clock may be due at a moment: cheap.
    #[inline]
    #[must_use]
    pub fn may_close(&self, until: i64) -> bool {
        self.deadlines.earliest().min(self.holds.earliest()) <= until
    }

    /// A time before which nothing closes by the clock, and nothing is taken that is held; `None` where there is nothing.
    #[inline]
    #[must_use]
    pub fn next_look(&self) -> Option<i64> {
        Some(self.deadlines.earliest().min(self.holds.earliest())).filter(|&time| time != NEVER)
    }

    /// The moment at which the clock next closes a bar or takes what is held, up to `until`; all entries before that have been
    /// taken.
    pub fn next_moment(&mut self, until: i64) -> Option<i64> {
        let closing = self.next_closing(until);
        let until = closing.unwrap_or(until);
        if self.holds.earliest() > until {
            return closing;
        }
        let Self { now, rules, streams, holds, .. } = self;
        holds.next_moment(until, |hold| spoken((*now, rules, streams), hold.input, hold.due, until)).or(closing)
    }

    fn next_closing(&mut self, until: i64) -> Option<i64> {
        while self.deadlines.earliest() <= until {
            let track = self.deadlines.first();
            let clock = &self.tracks[track];
            let (moment, armed) = (self.moment(track, clock, clock.earliest, until), clock.armed);
            if moment <= armed {
                return Some(armed);
            }
            self.arm(track, moment);
        }
        None
    }

    /// Closes what is due at a moment that [`next_moment`](Self::next_moment) has given, or at the wall of a replay.
    /// Gives it in the order of publication.
    pub fn close(&mut self, moment: i64) -> &[Closing] {
        self.due.clear();
        while self.deadlines.earliest() <= moment {
            let track = self.deadlines.first();
            let mut clock = self.tracks[track];
            let (row, symbol) = (track * self.columns, SymbolId((track / self.bases) as u16));
            for index in each(clock.open) {
                let end = self.ends[row + index];
                if self.moment(track, &clock, end, moment) <= moment {
                    clock.open &= !(1 << index);
                    clock.closed_until = clock.closed_until.max(end);
                    self.newest_bars.closed(symbol.index() * self.columns + index, end);
                    push(&mut self.due, Closing { end, symbol, timeframes: 1 << index });
                }
            }
            clock.earliest = each(clock.open).map(|index| self.ends[row + index]).min().unwrap_or(NEVER);
            self.tracks[track] = clock;
            // Later than this moment: what was due at it is closed.
            let next = self.moment(track, &clock, clock.earliest, moment).max(moment.saturating_add(1));
            self.arm(track, next);
        }
        self.now = self.now.max(moment);
        self.closed = self.closed.max(moment);
        self.due.sort_unstable();
        &self.due
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tracks.capacity() * size_of::<SymbolClock>()
            + self.holds.bytes()
            + self.ends.capacity() * size_of::<i64>()
            + self.due.capacity() * size_of::<Closing>()
            + self.deadlines.bytes()
            + self.newest_bars.bytes()
    }
}

/// The moment at which something is done that is due at a deadline and waits while its stream is silent, where all entries
/// before `until` have been taken. Where that is after `until`, it is done no earlier.
fn spoken(
    (now, rules, streams): (i64, &TimeRules, &[(StreamClock, Voice)]),
    input: u8,
    deadline: i64,
    until: i64,
) -> i64 {
    let floor = now.saturating_add(1);
    let (first, latest) = (deadline.max(floor), deadline.saturating_add(rules.stall_ms).max(floor));
    if first > until {
        return first;
    }
    let voice = streams.get(usize::from(input)).map_or_else(Voice::default, |stream| stream.1);
    voice.speaks_from(first, rules.lateness_ms).map_or(latest, |speaks| speaks.min(latest))
}

/// Adds a bar to be closed; bars of one symbol that end together are one closing.
fn push(due: &mut Vec<Closing>, closing: Closing) {
    match due
        .iter_mut()
        .rev()
        .take(MAX_TIMEFRAMES)
        .find(|last| (last.end, last.symbol) == (closing.end, closing.symbol))
    {
        Some(last) => last.timeframes |= closing.timeframes,
        None => due.push(closing),
    }
}
