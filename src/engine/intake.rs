//! The way of a record into the pipeline: its symbol becomes an id, its order and time are checked, and it is accepted or
//! refused, counted and reported.

mod external;
mod intervals;
mod outside;
mod places;
mod turn;
mod wiring;

pub use wiring::{IntakeWiring, Origin};

use super::{
    BarOutlet, Of, Restored, Saver,
    letter_quota::LetterQuota,
    notes::{Letter, LetterBytes, Mark, Note, RawFields},
    place_marks::PlaceMarks,
    refusals::RefusalLog,
};
use crate::{
    config::{Plan, Prices, StreamClock, StreamRule, Unknown},
    feed::{Admission, Admitted, Arrival, Aside, Closing, Heartbeat, Record, Refusal, streams::Gap},
    model::{Bar, Control, Directory, Head, SourceId, SymbolId, Timeframe, TimeframeId, Turn},
    runtime::Outlet,
    state::{InputPosition, ReaderState, StateError, put},
    telemetry::ReaderCounters,
};
use crossbeam_utils::CachePadded;
use intervals::Intervals;
use outside::Outside;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Admits records to the pipeline. Allocates for a new symbol and for a refused record, never for an accepted record of a
/// known symbol. Never blocks.
#[derive(Debug)]
pub struct Intake {
    plan: Arc<Plan>,
    symbols: FxHashMap<Box<[u8]>, SymbolId>,
    admission: Admission,
    bars: BarOutlet,
    /// Which intervals of the correlation across assets are over.
    intervals: Intervals,
    notes: Option<Outlet<Note>>,
    places: PlaceMarks,
    letters: LetterBytes,
    directory: Arc<Directory>,
    counters: Arc<CachePadded<ReaderCounters>>,
    refusals: Arc<RefusalLog>,
    quota: LetterQuota,
    /// The interval and timeframe of the last record: nearly always those of the next.
    last_interval: Option<(Timeframe, TimeframeId)>,
    /// Time of arrival of the last entry, ns; 0 for one that only rebuilds state.
    arrival_ns: u64,
    /// By input: the last entry taken. Empty unless snapshots are made.
    positions: Vec<InputPosition>,
    /// Clock events up to this moment, Unix ms, were published before the engine was started.
    published_moment: i64,
    /// Whether the moment of the entry at hand has to be journalled.
    behind: bool,
    /// By input: whether records of unknown symbols are but counted.
    counts_unknown: Vec<bool>,
    /// Symbols that the heartbeat at hand says nothing of.
    excepted: Vec<SymbolId>,
    /// By input: how much later than the ends of their bars its records are expected, ms; `None` where its ids are no times.
    delays: Vec<Option<i64>>,
    /// The same of what the clock closes: the longest of them.
    longest_delay: Option<i64>,
    /// The strategies outside, by their names.
    outside: Outside,
}

impl Intake {
    /// An intake for the plan's symbols; enters their names in the directory.
    #[must_use]
    pub fn new(wiring: IntakeWiring) -> Self {
        let plan = wiring.plan;
        let mut symbols = FxHashMap::default();
        symbols.reserve(plan.assets.len());
        for (index, asset) in plan.assets.iter().enumerate() {
            let id = SymbolId(index as u16);
            wiring.directory.name_symbol(id, &asset.symbol);
            symbols.insert(asset.symbol.as_bytes().into(), id);
        }
        let mut intake = Self {
            admission: Admission::new(&plan),
            symbols,
            bars: BarOutlet::new(wiring.bars),
            intervals: Intervals::new(plan.cross_asset),
            notes: wiring.notes,
            places: PlaceMarks::default(),
            letters: wiring.letters,
            directory: wiring.directory,
            counters: wiring.counters,
            refusals: wiring.refusals,
            quota: LetterQuota::new(plan.letter_quota),
            last_interval: None,
            arrival_ns: 0,
            positions: Vec::new(),
            published_moment: i64::MIN,
            behind: false,
            counts_unknown: Vec::new(),
            excepted: Vec::new(),
            delays: Vec::new(),
            longest_delay: None,
            outside: Outside::new(&plan),
            plan,
        };
        if !intake.outside.is_empty() {
            intake.admission.follow_bars();
        }
        intake
    }

    /// Flushes what waits; returns whether a new entry may be taken.
    #[inline]
    pub fn flush(&mut self) -> bool {
        let notes = self.notes.as_mut().is_none_or(Outlet::flush);
        self.bars.ring.flush() && notes && self.letters.has_room()
    }

    /// Whether a new entry may be taken.
    #[inline]
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.bars.ring.is_clear() && self.notes.as_ref().is_none_or(Outlet::is_clear) && self.letters.has_room()
    }

    /// How long after its bar's end the last record of an input stream came, ms; 0 where its ids are no times.
    #[must_use]
    pub fn delay_ms(&self, input: usize) -> i64 {
        self.admission.delay(u8::try_from(input).unwrap_or(u8::MAX))
    }

    /// The reader's counters.
    #[must_use]
    pub fn counters(&self) -> &ReaderCounters {
        &self.counters
    }

    /// Time of arrival of the last entry, ns; 0 for one that only rebuilds state.
    #[inline]
    #[must_use]
    pub fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.admission.bytes() + self.symbols.capacity() * (size_of::<(Box<[u8]>, SymbolId)>() + 16)
    }

    /// Says how the input streams are read, whether the clock closes bars of them, and up to which moment, Unix ms,
    /// its events have been published.
    pub fn set_streams(&mut self, rules: &[StreamRule], closes: bool, published_moment: i64) {
        self.admission.set_streams(rules, closes);
        self.counts_unknown = rules.iter().map(|rule| rule.unknown_symbols == Unknown::Count).collect();
        self.published_moment = published_moment;
        let expected = self.plan.expected_delays.iter().copied().chain(std::iter::repeat(0));
        let delay = |(rule, delay): (&StreamRule, i64)| (rule.clock != StreamClock::Records).then_some(delay);
        self.delays = rules.iter().zip(expected).map(delay).collect();
        self.longest_delay = self.delays.iter().copied().flatten().max();
    }

    /// Up to when the ends of bars are expected to have come at a moment, where records come so late, ms.
    #[inline]
    fn as_of(moment: i64, delay_ms: Option<i64>) -> i64 {
        delay_ms.map_or(i64::MIN, |delay_ms| moment.saturating_sub(delay_ms))
    }

    /// Begins an entry of a stream.
    #[inline]
    pub fn begin(&mut self, origin: &Origin) {
        if let Some(wall_ms) = origin.wall_ms {
            self.behind = self.admission.begin(origin.source.stream(), wall_ms);
        }
    }

    /// Takes a decoded record, or the reason why it could not be decoded. `raw` gives its original fields if it is refused.
    #[inline]
    pub fn record(&mut self, decoded: Result<Record<'_>, Refusal>, origin: &Origin, raw: impl FnOnce() -> RawFields) {
        self.counters.records_in.bump();
        if let Err(reason) = decoded.and_then(|record| self.accept(&record, origin)) {
            if self.is_only_counted(reason, origin) {
                self.counters.refused[reason.index()].bump();
            } else {
                self.refuse(reason, origin, raw());
            }
        }
    }

    /// The latest moment at which a bar of an input stream may begin, Unix ms; `i64::MAX` where its ids are no times.
    #[must_use]
    pub fn latest_begin(&self, input: u32) -> i64 {
        self.admission.latest_begin(u8::try_from(input).unwrap_or(u8::MAX))
    }

    /// When the interval of a record begins, Unix ms; `None` for a symbol or a time that is not known.
    #[cold]
    pub fn begin_of(&self, record: &Record<'_>) -> Option<i64> {
        let symbol = *self.symbols.get(record.symbol)?;
        self.admission.begin_of(symbol, self.plan.timeframe_id(record.interval)?, record)
    }

    #[inline]
    fn accept(&mut self, record: &Record<'_>, origin: &Origin) -> Result<(), Refusal> {
        let symbol = match self.symbols.get(record.symbol) {
            Some(&id) => id,
            None => self.add_symbol(record.symbol)?,
        };
        let timeframe = match self.last_interval {
            Some((interval, id)) if interval == record.interval => id,
            _ => self.timeframe(record.interval)?,
        };
        let arrival = if origin.wall_ms.is_some() { Arrival::Stream(origin.source.stream()) } else { Arrival::File };
        if record.low <= 0.0 && self.plan.asset(symbol).prices == Prices::Positive {
            return Err(Refusal::PriceNotPositive);
        }
        let admitted = self.admission.admit(symbol, timeframe, record, arrival)?;
        if let Some(beside) = self.admission.beside() {
            self.beside(&beside, origin, admitted != Admitted::Held);
        }
        let Admitted::Bar(bar) = admitted else { return Ok(()) };
        self.counters.accepted.bump();
        let head = Head { seq: self.admission.seq(), arrival_ns: origin.arrival_ns, source: origin.source };
        self.intervals.pass(&mut self.bars, head.seq, self.admission.moment());
        if arrival == Arrival::File && self.admission.is_due() {
            self.bar_among_due(&head, bar);
        } else {
            self.bars.bar(&head, bar);
        }
        Ok(())
    }

    /// Takes what a record has brought about beside itself. Whether it was accepted, and has a sequence, says `accepted`.
    #[cold]
    fn beside(&mut self, beside: &Aside, origin: &Origin, accepted: bool) {
        self.counters.replaced.add(u64::from(beside.replaced));
        self.counters.young.add(u64::from(beside.young));
        if let Some((symbol, base, timeframes)) = beside.feeds {
            self.bars.control(Control::Feeds { symbol, base, timeframes });
        }
        if let Some(released) = beside.released {
            let seq = self.admission.seq() - u64::from(accepted);
            let head = Head { seq, arrival_ns: origin.arrival_ns, source: origin.source };
            self.released(released, &head, self.admission.moment());
        }
    }

    /// Takes a record that was held until now.
    #[cold]
    fn released(&mut self, released: Result<Bar, Refusal>, head: &Head, wall: i64) {
        match released {
            Ok(bar) => {
                self.counters.accepted.bump();
                self.intervals.pass(&mut self.bars, head.seq, wall);
                self.bars.bar(head, bar);
            }
            Err(reason) => self.counters.refused[reason.index()].bump(),
        }
    }

    /// Sends a bar of a file, with what closes by the clock in the sequence of its record: in the order of publication.
    #[cold]
    fn bar_among_due(&mut self, head: &Head, bar: Bar) {
        let end = self.plan.timeframes[bar.timeframe.index()].end(bar.ts, &self.plan.asset(bar.symbol).calendar);
        let closings = self.admission.close_due(bar.symbol);
        let (before, after) = closings.split_at(closings.partition_point(|c| (c.end, c.symbol) < (end, bar.symbol)));
        self.bars.head(head);
        send_closings(&mut self.bars, before, Turn::Before);
        send_closings(&mut self.bars, after, Turn::BehindBar);
        self.bars.bar(head, bar);
    }

    /// Takes what the writer of a stream says of its records. `raw` gives the fields of the entry if it is refused.
    #[cold]
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat<'_>, origin: &Origin, raw: impl FnOnce() -> RawFields) {
        self.excepted.clear();
        self.excepted.extend(heartbeat.except().filter_map(|name| self.symbols.get(name)));
        let (excepted, seq, wall) = (&self.excepted, self.admission.seq() + 1, self.admission.moment());
        let closings =
            self.admission.heartbeat(origin.source.stream(), heartbeat.end, |symbol| excepted.contains(&symbol));
        match closings {
            Ok([]) => {}
            Ok(closings) => {
                self.intervals.pass(&mut self.bars, seq, wall);
                self.bars.head(&Head { seq, arrival_ns: origin.arrival_ns, source: origin.source });
                send_event(&mut self.bars, closings);
                self.counters.clock_events.bump();
            }
            Err(reason) => {
                self.counters.records_in.bump();
                self.refuse(reason, origin, raw());
            }
        }
    }

    #[cold]
    fn timeframe(&mut self, interval: Timeframe) -> Result<TimeframeId, Refusal> {
        let id = self.plan.timeframe_id(interval).ok_or(Refusal::WrongTimeframe)?;
        self.last_interval = Some((interval, id));
        Ok(id)
    }

    /// Adds a symbol that is seen for the first time, if the watchlist is open and there is room.
    #[cold]
    fn add_symbol(&mut self, name: &[u8]) -> Result<SymbolId, Refusal> {
        let index = self.symbols.len();
        let excluded = || self.plan.excluded.iter().any(|excluded| excluded.as_bytes() == name);
        if !self.plan.open_watchlist || excluded() || index >= self.directory.capacity().min(self.plan.max_symbols) {
            return Err(Refusal::UnknownSymbol);
        }
        let text = std::str::from_utf8(name).map_err(|_| Refusal::BadText)?;
        let id = SymbolId(u16::try_from(index).map_err(|_| Refusal::UnknownSymbol)?);
        self.directory.name_symbol(id, text);
        self.admission.add_symbol(&self.plan.default_asset);
        self.symbols.insert(name.into(), id);
        Ok(id)
    }

    /// Whether a refused record is nobody's concern: nothing is kept of it.
    #[inline]
    fn is_only_counted(&self, reason: Refusal, origin: &Origin) -> bool {
        let unknown = reason == Refusal::UnknownSymbol && origin.wall_ms.is_some();
        reason.is_asked_for()
            || unknown && self.counts_unknown.get(origin.source.index()).is_some_and(|&counted| counted)
    }

    #[cold]
    fn refuse(&mut self, reason: Refusal, origin: &Origin, fields: RawFields) {
        self.counters.refused[reason.index()].bump();
        self.refusals.note(reason, origin.source, &fields);
        if !self.quota.takes(reason, if origin.wall_ms.is_some() { self.admission.moment() } else { i64::MIN }) {
            self.counters.letters_left_out.bump();
            return;
        }
        if let Some(notes) = self.notes.as_mut().filter(|_| !origin.replayed) {
            let seq = self.admission.seq();
            let letter = Letter { seq, source: origin.source, reason, fields };
            self.letters.sent(letter.bytes());
            notes.send(Note::DeadLetter(Box::new(letter)));
        }
    }

    /// Notes that an entry has been taken with all its records.
    #[inline]
    pub fn entry_done(&mut self, origin: &Origin) {
        self.counters.entries.bump();
        self.arrival_ns = origin.arrival_ns;
        if let Some(position) = self.positions.get_mut(origin.source.index()) {
            (position.id, position.number) = (origin.source.id, origin.number);
            position.offset_ms = origin.offset.0;
        }
        if let Some(notes) = &mut self.notes {
            let seq = self.admission.seq();
            let Origin { source, number, journaled, replayed, .. } = *origin;
            let (moment, behind, offset) = (self.admission.moment(), self.behind, origin.offset);
            let as_of = Self::as_of(moment, self.delays.get(source.index()).copied().flatten());
            let mark = Mark { seq, source, number, moment, behind, offset, journaled, replayed, as_of };
            if let Some(mark) = self.places.entry(mark) {
                notes.send(Note::Mark(mark));
            }
        }
    }

    /// Notes that entries were removed before they were read.
    #[cold]
    pub fn gap(&mut self, gap: &Gap) {
        if let Some(notes) = &mut self.notes {
            notes.send(Note::Gap { seq: self.admission.seq(), gap: Box::new(*gap) });
        }
    }

    /// Takes the next clock event up to the moment `until`, Unix ms, if there is one; everything written before that moment
    /// has been taken.
    #[inline]
    pub fn close_next(&mut self, until: i64, arrival_ns: u64) -> bool {
        match self.admission.next_moment(until) {
            Some(moment) => {
                self.close(moment, arrival_ns);
                true
            }
            None => false,
        }
    }

    /// A time before which the clock closes nothing, Unix ms; `None` where there is nothing to be closed.
    #[inline]
    #[must_use]
    pub fn next_look(&self) -> Option<i64> {
        self.admission.next_look()
    }

    /// Takes the clock event of a moment.
    #[cold]
    fn close(&mut self, moment: i64, arrival_ns: u64) {
        let replayed = moment <= self.published_moment;
        let arrival_ns = if replayed { 0 } else { arrival_ns };
        self.arrival_ns = arrival_ns;
        let source = SourceId::clock(moment);
        self.admission.ripen(moment);
        while let Some(taken) = self.admission.take_ripe(moment) {
            if let Some((symbol, base, timeframes)) = self.admission.beside().and_then(|beside| beside.feeds) {
                self.bars.control(Control::Feeds { symbol, base, timeframes });
            }
            self.released(taken, &Head { seq: self.admission.seq(), arrival_ns, source }, moment);
        }
        let seq = self.admission.seq() + 1;
        let closings = self.admission.close(moment);
        if !closings.is_empty() {
            self.intervals.pass(&mut self.bars, seq, moment);
            self.bars.head(&Head { seq, arrival_ns, source });
            send_event(&mut self.bars, closings);
        }
        self.counters.clock_events.bump();
        let seq = self.admission.seq();
        if let Some(notes) = &mut self.notes {
            let (number, behind, offset, journaled) = (0, false, (0, false), true);
            let as_of = Self::as_of(moment, self.longest_delay);
            notes.send(Note::Mark(Mark { seq, source, number, moment, behind, offset, journaled, replayed, as_of }));
        }
    }

    /// Keeps the positions of the inputs from now on, for snapshots, starting at these.
    pub fn keep_positions(&mut self, positions: Vec<InputPosition>) {
        self.positions = positions;
    }

    /// Notes that bars of an interval are missing before those that follow; returns how many cells are made of them.
    #[cold]
    pub fn incomplete(&mut self, interval: Timeframe) -> usize {
        let Some(base) = self.plan.timeframe_id(interval) else { return 0 };
        self.bars.control(Control::Incomplete { base, seq: self.admission.seq() });
        let fed = self.plan.fed_by()[base.index()];
        self.plan.assets.iter().map(|asset| (asset.enabled() & fed).count_ones() as usize).sum()
    }

    /// Puts the barrier of a snapshot behind everything taken so far, and saves the reader's own state.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    #[cold]
    pub fn snapshot(&mut self, number: u32, saver: &mut Saver) -> Result<(), StateError> {
        self.part();
        saver.begin(number);
        saver.record(Of::Reader, |keys, out| {
            put(out, &ReaderState { inputs: self.positions.clone() })?;
            self.admission.save(|symbol| keys.symbol(symbol), out)?;
            put(out, &self.quota.save())?;
            self.save_outside(|symbol| keys.symbol(symbol), out)
        })?;
        saver.end();
        self.bars.control(Control::Snapshot { number });
        if let Some(notes) = &mut self.notes {
            notes.send(Note::Snapshot { seq: self.admission.seq(), number });
        }
        Ok(())
    }

    /// Takes its part of the state that the engine goes on from.
    pub fn restore(&mut self, restored: &Restored) {
        self.quota.restore(&restored.letters);
        self.intervals.restore(restored.closes.as_ref().map_or(i64::MIN, |closes| closes.due));
        self.admission.restore(&restored.admission, |symbol, timeframe| restored.open_bars.end(symbol, timeframe));
        self.restore_outside(&restored.newest_bars);
    }

    /// Ends the input.
    pub fn end(&mut self) {
        self.part();
        self.bars.control(Control::End);
    }
}

/// Sends what the clock closes, under the head sent before, with a bar that follows.
fn send_closings(bars: &mut BarOutlet, closings: &[Closing], turn: Turn) {
    for &Closing { symbol, timeframes, .. } in closings {
        bars.control(Control::Close { symbol, timeframes, turn });
    }
}

/// Sends a clock event, under the head sent before.
fn send_event(bars: &mut BarOutlet, closings: &[Closing]) {
    if let Some((&Closing { symbol, timeframes, .. }, before)) = closings.split_last() {
        send_closings(bars, before, Turn::Before);
        bars.control(Control::Close { symbol, timeframes, turn: Turn::Last });
    }
}
