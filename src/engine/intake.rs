//! The way of a record into the pipeline: its symbol becomes an id, its order and time are checked, and it is accepted or
//! refused, counted and reported.

use super::{
    BarOutlet, Of, Restored, Saver,
    notes::{DeadLetter, LetterBytes, Mark, Note, RawFields},
    refusals::RefusalLog,
};
use crate::{
    config::Plan,
    feed::{Admission, Record, Refusal, streams::Gap},
    model::{Control, Directory, Head, SourceId, SymbolId, Timeframe, TimeframeId},
    runtime::Outlet,
    state::{InputPosition, ReaderState, StateError, put},
    telemetry::ReaderCounters,
};
use crossbeam_utils::CachePadded;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Where and when a record came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The entry.
    pub source: SourceId,
    /// Its number among all entries ever added to its stream; 0 if unknown.
    pub number: u64,
    /// Whether the journal already holds its place.
    pub journaled: bool,
    /// Time in the entry's id, Unix ms, if it has one.
    pub entry_ms: Option<i64>,
    /// Monotonic time of arrival, ns.
    pub arrival_ns: u64,
    /// Whether the entry's effects were published before the engine was started.
    pub replayed: bool,
}

/// What an intake is wired to.
#[derive(Debug)]
pub struct IntakeWiring {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// To the aggregator.
    pub bars: Outlet<crate::model::BarMessage>,
    /// To the publisher, if it keeps a position.
    pub notes: Option<Outlet<Note>>,
    /// Bytes of the refused records on that ring.
    pub letters: LetterBytes,
    /// Names of the symbols.
    pub directory: Arc<Directory>,
    /// The reader's counters.
    pub counters: Arc<CachePadded<ReaderCounters>>,
    /// Samples of what was refused.
    pub refusals: Arc<RefusalLog>,
}

/// Admits records to the pipeline. Allocates for a new symbol and for a refused record, never for an accepted record of a
/// known symbol. Never blocks.
#[derive(Debug)]
pub struct Intake {
    plan: Arc<Plan>,
    symbols: FxHashMap<Box<[u8]>, SymbolId>,
    admission: Admission,
    bars: BarOutlet,
    notes: Option<Outlet<Note>>,
    letters: LetterBytes,
    directory: Arc<Directory>,
    counters: Arc<CachePadded<ReaderCounters>>,
    refusals: Arc<RefusalLog>,
    /// The interval and timeframe of the last record: nearly always those of the next.
    last_interval: Option<(Timeframe, TimeframeId)>,
    /// Time of arrival of the last entry, ns; 0 for one that only rebuilds state.
    arrival_ns: u64,
    /// By input: the last entry taken. Empty unless snapshots are made.
    positions: Vec<InputPosition>,
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
        Self {
            admission: Admission::new(&plan),
            symbols,
            bars: BarOutlet::new(wiring.bars),
            notes: wiring.notes,
            letters: wiring.letters,
            directory: wiring.directory,
            counters: wiring.counters,
            refusals: wiring.refusals,
            last_interval: None,
            arrival_ns: 0,
            positions: Vec::new(),
            plan,
        }
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

    /// Takes a decoded record, or the reason why it could not be decoded. `raw` gives its original fields if it is refused.
    #[inline]
    pub fn record(&mut self, decoded: Result<Record<'_>, Refusal>, origin: &Origin, raw: impl FnOnce() -> RawFields) {
        self.counters.records_in.bump();
        if let Err(reason) = decoded.and_then(|record| self.accept(&record, origin)) {
            self.refuse(reason, origin, raw());
        }
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
        let bar = self.admission.admit(symbol, timeframe, record, origin.entry_ms)?;
        self.counters.accepted.bump();
        let head = Head { seq: self.admission.seq(), arrival_ns: origin.arrival_ns, source: origin.source };
        self.bars.bar(&head, bar);
        Ok(())
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
        if !self.plan.open_watchlist || index >= self.directory.capacity().min(self.plan.max_symbols) {
            return Err(Refusal::UnknownSymbol);
        }
        let text = std::str::from_utf8(name).map_err(|_| Refusal::BadText)?;
        let id = SymbolId(u16::try_from(index).map_err(|_| Refusal::UnknownSymbol)?);
        self.directory.name_symbol(id, text);
        self.admission.add_symbol(&self.plan.default_asset);
        self.symbols.insert(name.into(), id);
        Ok(id)
    }

    #[cold]
    fn refuse(&mut self, reason: Refusal, origin: &Origin, fields: RawFields) {
        self.counters.refused[reason.index()].bump();
        self.refusals.note(reason, origin.source, &fields);
        if let Some(notes) = self.notes.as_mut().filter(|_| !origin.replayed) {
            let seq = self.admission.seq();
            let letter = DeadLetter { seq, source: origin.source, reason, fields };
            self.letters.sent(letter.bytes());
            notes.send(Note::DeadLetter(Box::new(letter)));
        }
    }

    /// Notes that an entry has been taken with all its records.
    #[inline]
    pub fn entry_done(&mut self, origin: &Origin) {
        self.counters.entries.bump();
        self.arrival_ns = origin.arrival_ns;
        if let Some(position) = self.positions.get_mut(usize::from(origin.source.input)) {
            (position.id, position.number) = (origin.source.id, origin.number);
        }
        if let Some(notes) = &mut self.notes {
            let seq = self.admission.seq();
            let Origin { source, number, journaled, replayed, .. } = *origin;
            notes.send(Note::Mark(Mark { seq, source, number, journaled, replayed }));
        }
    }

    /// Notes that entries were removed before they were read.
    #[cold]
    pub fn gap(&mut self, gap: &Gap) {
        if let Some(notes) = &mut self.notes {
            notes.send(Note::Gap { seq: self.admission.seq(), gap: Box::new(*gap) });
        }
    }

    /// Makes a clock event if one is due: if the end of an open bar lies further back than the allowed lateness.
    pub fn clock(&mut self, wall_ms: i64, arrival_ns: u64) -> bool {
        let Some(event_ts) = self.admission.clock_due(wall_ms) else { return false };
        self.arrival_ns = arrival_ns;
        self.clock_event(event_ts, arrival_ns, false, false);
        true
    }

    /// Takes a clock event, made now or read from the journal.
    pub fn clock_event(&mut self, event_ts: i64, arrival_ns: u64, replayed: bool, journaled: bool) {
        self.admission.admit_clock(event_ts);
        self.counters.clock_events.bump();
        let source = SourceId::clock(event_ts);
        let seq = self.admission.seq();
        self.bars.head(&Head { seq, arrival_ns, source });
        self.bars.control(Control::Clock { event_ts });
        if let Some(notes) = &mut self.notes {
            notes.send(Note::Mark(Mark { seq, source, number: 0, journaled, replayed }));
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
        self.bars.control(Control::Incomplete { base });
        let fed = self.plan.fed_by()[base.index()];
        self.plan.assets.iter().map(|asset| (asset.enabled() & fed).count_ones() as usize).sum()
    }

    /// Puts the barrier of a snapshot behind everything taken so far, and saves the reader's own state.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    #[cold]
    pub fn snapshot(&mut self, number: u32, saver: &mut Saver) -> Result<(), StateError> {
        saver.begin(number);
        saver.record(Of::Reader, |keys, out| {
            put(out, &ReaderState { inputs: self.positions.clone() })?;
            self.admission.save(|symbol| keys.symbol(symbol), out)
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
        self.admission.restore(&restored.admission);
    }

    /// Ends the input.
    pub fn end(&mut self) {
        self.bars.control(Control::End);
    }
}
