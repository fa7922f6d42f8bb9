//! What a snapshot says to an engine of one plan: decoded once, tried before anything depends on it, and taken over by the
//! agents. What it does not have is cold, and can be filled from another that was made of the streams' history.

mod cross;

use super::{super::letter_quota::SavedQuota, Keys, Of};
use crate::{
    aggregate::{OpenBars, SavedCloses, SavedDrifts},
    correlate::{RateState, SymbolSignals},
    cross::SavedCross,
    feed::{
        AdmissionState, SavedNewestBar,
        streams::{Order, Place},
    },
    indicators::Recent,
    judge::{BookKeys, CalibrationQuality, Liquidity, Pulse, SavedAccounts, SavedJudge, Trail},
    model::{Readiness, SymbolId, TimeframeId},
    publish::SavedLatest,
    state::{InputPosition, ReaderState, RecordOf, Snapshot, StateError, take},
    strategies::{Cell, CellLayout, custom::CustomState},
};
use rustc_hash::FxHashMap;
use std::{cell::RefCell, fmt};

/// The state of a cell.
#[derive(Debug)]
pub struct CellState {
    /// Bars until what is missing from its history no longer matters.
    pub unsettled: u32,
    /// The cell.
    pub cell: Cell,
    /// What its custom strategies remember, where some run on its timeframe.
    pub custom: Option<CustomState>,
    /// The bars behind its signals; none where they were not followed.
    pub trail: Trail,
    /// Its volatility and moves, where they were followed.
    pub pulse: Option<Pulse>,
    /// Whether its bars came, where that was looked at.
    pub liquidity: Option<Liquidity>,
    /// Its last bars, where they were kept for the statistics of windows.
    pub recent: Option<Recent>,
}

/// What was followed of a cell.
type SavedFollowed = (Trail, Option<Pulse>, Option<Liquidity>);

/// Where the publisher stood.
#[derive(Debug, Clone, Copy)]
pub struct PublisherState {
    /// Sequence up to which everything had been published.
    pub seq: u64,
    /// Its place in the order of the input; of the beginning where nobody kept one.
    pub order: Order,
}

/// Why a cell is cold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The snapshot does not have it.
    New,
    /// What its numbers depend on has changed.
    Changed,
    /// Its record is of another version.
    Version,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Changed => "other parameters",
            Self::Version => "of another version",
        })
    }
}

/// A cell that a snapshot says nothing of, or not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cold {
    /// Its symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Why.
    pub why: Why,
}

/// The state that an engine goes on from.
#[derive(Debug)]
pub struct Restored {
    /// Where the inputs had been read to.
    pub inputs: Vec<InputPosition>,
    /// Symbols that it knew and the plan does not, in the order in which they came.
    pub others: Vec<String>,
    /// The newest bars, where strategies outside were heard.
    pub newest_bars: Vec<SavedNewestBar>,
    /// How many dead letters it had written.
    pub letters: SavedQuota,
    /// What the reader knew.
    pub admission: AdmissionState,
    /// Sequence of the last record that the aggregator had taken.
    pub seq: u64,
    /// The open bars.
    pub open_bars: OpenBars,
    /// The running sums of returns, where there were any.
    pub drifts: Option<SavedDrifts>,
    /// By symbol and timeframe; `None` for a cell that is cold, or not calculated.
    pub cells: Vec<Option<CellState>>,
    /// By symbol: active signals and latest values.
    pub symbols: Vec<(SymbolSignals, SavedLatest)>,
    /// By symbol: what its signals are worth.
    pub worths: Vec<SavedJudge>,
    /// By key: what the signals of a timeframe and a strategy or kind are worth.
    pub accounts: Vec<(usize, SavedAccounts)>,
    /// How good the calibrated confidence was of late.
    pub quality: CalibrationQuality,
    /// What had been used of the limits of a second, where there were any.
    pub rate: Option<RateState>,
    /// The closes that the correlation across assets waits for, where there is one.
    pub closes: Option<SavedCloses>,
    /// The correlation across assets, where there is one.
    pub cross: Option<SavedCross>,
    /// Where the publisher stood.
    pub publisher: PublisherState,
    /// The cells that are cold, in the order of symbols and timeframes.
    pub cold: Vec<Cold>,
    /// Timeframes of the plan.
    columns: usize,
    /// Whether it is of history alone.
    pub is_history: bool,
    /// By symbol and timeframe: how far the cells have come; filled in by the workers, which take them.
    pub readiness: Vec<Readiness>,
}

impl Restored {
    /// Takes from a snapshot what belongs to the cells of a plan.
    ///
    /// # Errors
    /// Bytes that no engine of this version has written.
    pub fn of(keys: &Keys, snapshot: &Snapshot) -> Result<Self, StateError> {
        let decoder = Decoder::new(keys, snapshot);
        let ReaderRecord { inputs, mut admission, letters, newest_bars, others } = decoder.reader()?;
        admission.settle_added(keys.plan());
        let (seq, open_bars) = decoder.aggregator()?;
        let mut restored = Self {
            inputs,
            others,
            letters,
            newest_bars,
            admission,
            seq,
            open_bars,
            drifts: decoder.drifts()?,
            cells: Vec::new(),
            symbols: Vec::new(),
            worths: Vec::new(),
            accounts: decoder.accounts()?,
            quality: decoder.quality()?,
            rate: decoder.rate()?,
            closes: decoder.closes()?,
            cross: decoder.cross()?,
            publisher: decoder.publisher()?,
            cold: Vec::new(),
            columns: keys.plan().timeframes.len(),
            is_history: false,
            readiness: Vec::new(),
        };
        for (index, asset) in keys.plan().assets.iter().enumerate() {
            let symbol = SymbolId(index as u16);
            restored.symbols.push(decoder.symbol(symbol)?);
            restored.worths.push(decoder.worth(symbol)?);
            for (timeframe, spec) in asset.cells.iter().enumerate() {
                if !spec.enabled {
                    restored.cells.push(None);
                    continue;
                }
                let id = TimeframeId::new(timeframe);
                let cell = decoder.cell(symbol, id)?;
                if cell.is_err() || !restored.knows_rest(index, timeframe) {
                    let why = cell.as_ref().err().copied().unwrap_or(Why::New);
                    restored.cold.push(Cold { symbol, timeframe: id, why });
                }
                restored.cells.push(cell.ok());
            }
        }
        if restored.drifts.is_none() && keys.plan().calibration.enabled {
            // Sums of returns begin where it goes on.
            let pulses = restored.cells.iter_mut().flatten().filter_map(|cell| cell.pulse.as_mut());
            pulses.for_each(Pulse::measure_from_here);
        }
        restored.readiness = vec![Readiness::default(); restored.cells.len()];
        Ok(restored)
    }

    /// Makes it the beginning of another input: what it was made of is history.
    #[must_use]
    pub fn of_history(mut self) -> Self {
        self.is_history = true;
        self.inputs.clear();
        self.admission.end_history();
        self.publisher.order = Order::default();
        self.rate = None;
        self
    }

    /// Takes what is cold from a snapshot that was made of the streams' history up to the same place. Returns how many of
    /// the cold cells still miss some of their history.
    ///
    /// # Errors
    /// As for [`of`](Self::of).
    pub fn fill(&mut self, keys: &Keys, history: &Snapshot) -> Result<usize, StateError> {
        let decoder = Decoder::new(keys, history);
        self.admission.fill(&decoder.reader()?.admission);
        self.open_bars.fill(&decoder.aggregator()?.1);
        let drifts = decoder.drifts()?;
        let (mut incomplete, mut filled) = (0, None);
        for cold in std::mem::take(&mut self.cold) {
            let symbol = cold.symbol.index();
            if filled != Some(symbol) {
                filled = Some(symbol);
                let (signals, latest) = decoder.symbol(cold.symbol)?;
                self.symbols[symbol].0.fill(&signals);
                self.symbols[symbol].1.fill(&latest);
                self.worths[symbol].fill(decoder.worth(cold.symbol)?);
            }
            let own = &mut self.cells[symbol * self.columns + cold.timeframe.index()];
            if own.is_none() {
                *own = decoder.cell(cold.symbol, cold.timeframe)?.ok();
                if let Some(pulse) = own.as_mut().and_then(|cell| cell.pulse.as_mut()) {
                    // Sums of returns that were made of history begin elsewhere.
                    let (symbol, timeframe) = (keys.symbol(cold.symbol), keys.timeframe(cold.timeframe));
                    match (&mut self.drifts, &drifts) {
                        (Some(own), Some(drifts)) => pulse.measure_by(own.fill(drifts, symbol, timeframe)),
                        _ if keys.plan().calibration.enabled => pulse.measure_from_here(),
                        _ => {}
                    }
                }
            }
            incomplete += usize::from(own.as_ref().is_none_or(|cell| cell.unsettled > 0));
            if own.is_none() {
                self.cold.push(cold);
            }
        }
        Ok(incomplete)
    }

    /// How many cells miss some of the history that they were made of.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.cells.iter().flatten().filter(|cell| cell.unsettled > 0).count()
    }

    /// Makes all cells of symbols cold of which there was no record: history may have some.
    pub fn chill(&mut self) {
        for symbol in 0..self.symbols.len() {
            if self.admission.has_record(symbol) {
                continue;
            }
            let row = symbol * self.columns;
            for (index, cell) in self.cells[row..row + self.columns].iter_mut().enumerate() {
                if cell.take().is_some() {
                    let (symbol, timeframe) = (SymbolId(symbol as u16), TimeframeId::new(index));
                    self.cold.push(Cold { symbol, timeframe, why: Why::New });
                }
            }
            self.admission.forget(symbol);
            self.open_bars.forget(row..row + self.columns);
            self.symbols[symbol] = Default::default();
        }
        self.cold.sort_by_key(|cold| (cold.symbol, cold.timeframe));
        self.cold.dedup();
    }

    /// Whether everything of a cell but the cell itself is there.
    fn knows_rest(&self, symbol: usize, timeframe: usize) -> bool {
        let (signals, latest) = &self.symbols[symbol];
        self.admission.knows(symbol)
            && self.open_bars.knows(symbol * self.columns + timeframe)
            && signals.knows(timeframe)
            && latest.knows(timeframe)
    }

    /// The place in the order of the input at which it was taken.
    #[must_use]
    pub fn place(&self) -> Place {
        self.publisher.order.newest()
    }

    /// Cells that are calculated.
    #[must_use]
    pub fn count(&self) -> usize {
        let cold = |cold: &&Cold| self.cells[cold.symbol.index() * self.columns + cold.timeframe.index()].is_none();
        self.cells.iter().flatten().count() + self.cold.iter().filter(cold).count()
    }
}

/// What the reader has saved.
struct ReaderRecord {
    inputs: Vec<InputPosition>,
    admission: AdmissionState,
    letters: SavedQuota,
    newest_bars: Vec<SavedNewestBar>,
    others: Vec<String>,
}

/// Reads the records of a snapshot for one plan.
struct Decoder<'a> {
    keys: &'a Keys,
    snapshot: &'a Snapshot,
    names: FxHashMap<&'a str, usize>,
    layouts: Vec<CellLayout>,
}

impl<'a> Decoder<'a> {
    fn new(keys: &'a Keys, snapshot: &'a Snapshot) -> Self {
        let plan = keys.plan();
        Self {
            keys,
            snapshot,
            names: plan.assets.iter().enumerate().map(|(index, asset)| (asset.symbol.as_str(), index)).collect(),
            layouts: CellLayout::of_plan(plan, keys.publish()),
        }
    }

    fn reader(&self) -> Result<ReaderRecord, StateError> {
        let record = self.snapshot.whole(RecordOf::Reader)?;
        let (version, mut bytes) = (record.version, record.bytes);
        let ReaderState { inputs } = ReaderState::read(version, &mut bytes)?;
        let others = RefCell::new(Vec::<String>::new());
        let find = |name: &str| {
            let own = self.names.get(name).copied();
            // The tracks of a symbol follow each other.
            if own.is_none() && others.borrow().last().is_none_or(|last| last != name) {
                others.borrow_mut().push(name.to_owned());
            }
            own
        };
        let admission = AdmissionState::read(version, &mut bytes, self.keys.plan(), find)?;
        let letters = if bytes.is_empty() { SavedQuota::default() } else { take(&mut bytes)? };
        let newest_bars = if bytes.is_empty() { Vec::new() } else { take(&mut bytes)? };
        ends(bytes, "the reader")?;
        Ok(ReaderRecord { inputs, admission, letters, newest_bars, others: others.into_inner() })
    }

    fn aggregator(&self) -> Result<(u64, OpenBars), StateError> {
        let record = self.snapshot.whole(RecordOf::Aggregator)?;
        let (version, mut bytes) = (record.version, record.bytes);
        let seq = take(&mut bytes)?;
        let find = |name: &str| self.names.get(name).copied();
        let open_bars = OpenBars::read(version, &mut bytes, self.keys.bar_columns(), self.keys.plan(), find)?;
        ends(bytes, "the aggregator")?;
        Ok((seq, open_bars))
    }

    fn publisher(&self) -> Result<PublisherState, StateError> {
        let mut bytes = self.snapshot.whole(RecordOf::Publisher)?.bytes;
        let seq = take(&mut bytes)?;
        let order = if bytes.is_empty() { Order::default() } else { take(&mut bytes)? };
        ends(bytes, "the publisher")?;
        Ok(PublisherState { seq, order })
    }

    /// The active signals and latest values of a symbol; of none where the snapshot has none that this version can read.
    fn symbol(&self, symbol: SymbolId) -> Result<(SymbolSignals, SavedLatest), StateError> {
        let (part, _) = self.keys.part(Of::Symbol(symbol));
        let Some(record) = self.snapshot.record(part).filter(|record| record.is_readable(part)) else {
            return Ok(Default::default());
        };
        let mut bytes = record.bytes;
        let (table, roster) = (self.keys.read_table(symbol, &mut bytes)?, &self.keys.plan().roster);
        let signals = SymbolSignals::read(record.version, &mut bytes, &table, roster)?;
        let latest = SavedLatest::read(record.version, &mut bytes, &table, roster)?;
        ends(bytes, "a symbol")?;
        Ok((signals, latest))
    }

    /// The state of a cell, or why it is not taken over.
    fn cell(&self, symbol: SymbolId, timeframe: TimeframeId) -> Result<Result<CellState, Why>, StateError> {
        let (part, hash) = self.keys.part(Of::Cell(symbol, timeframe));
        let Some(record) = self.snapshot.record(part) else { return Ok(Err(Why::New)) };
        if !record.is_readable(part) {
            return Ok(Err(Why::Version));
        }
        if record.hash != hash {
            return Ok(Err(Why::Changed));
        }
        let spec = &self.keys.plan().asset(symbol).cells[timeframe.index()];
        let layout = &self.layouts[spec.params];
        let mut bytes = record.bytes;
        let unsettled = take(&mut bytes)?;
        let program = &self.keys.plan().programs[timeframe.index()];
        let custom = (!program.is_empty()).then(|| CustomState::read(program, &mut bytes)).transpose()?;
        let mut cell = Cell::new(layout, spec.method, spec.price_scale, spec.buffer_size);
        cell.read_state(layout, bytes)?;
        let (trail, pulse, liquidity) = self.trail(symbol, timeframe)?;
        let recent = self.recent(symbol, timeframe)?;
        Ok(Ok(CellState { unsettled, cell, custom, trail, pulse, liquidity, recent }))
    }

    /// The bars behind the signals of a cell; none where the snapshot has none of such a cell.
    fn trail(&self, symbol: SymbolId, timeframe: TimeframeId) -> Result<SavedFollowed, StateError> {
        let (part, hash) = self.keys.part(Of::Trail(symbol, timeframe));
        let record = self.snapshot.record(part).filter(|record| record.is_readable(part) && record.hash == hash);
        let Some((version, mut bytes)) = record.map(|record| (record.version, record.bytes)) else {
            return Ok((Trail::EMPTY, None, None));
        };
        let trail = Trail::read(&mut bytes, &self.keys.plan().roster)?;
        // In version 1 there is nothing behind it, in version 2 there may be a pulse.
        let (pulse, liquidity) = if version < 3 { (!bytes.is_empty(), false) } else { take(&mut bytes)? };
        let pulse = pulse.then(|| Pulse::read(&mut bytes)).transpose()?;
        let liquidity = liquidity.then(|| Liquidity::read(&mut bytes)).transpose()?;
        ends(bytes, "a trail")?;
        Ok((trail, pulse, liquidity))
    }

    /// The last bars of a cell; none where the snapshot has none of such a cell.
    fn recent(&self, symbol: SymbolId, timeframe: TimeframeId) -> Result<Option<Recent>, StateError> {
        let (part, hash) = self.keys.part(Of::Recent(symbol, timeframe));
        let record = self.snapshot.record(part).filter(|record| record.is_readable(part) && record.hash == hash);
        let Some(mut bytes) = record.map(|record| record.bytes) else { return Ok(None) };
        let recent = Recent::read(&mut bytes)?;
        ends(bytes, "the last bars of a cell")?;
        Ok(Some(recent))
    }

    /// The running sums of returns; none where the snapshot has none.
    fn drifts(&self) -> Result<Option<SavedDrifts>, StateError> {
        let part = RecordOf::Drifts;
        let record = self.snapshot.record(part).filter(|record| record.is_readable(part));
        let Some(mut bytes) = record.map(|record| record.bytes) else { return Ok(None) };
        let drifts = SavedDrifts::read(&mut bytes)?;
        ends(bytes, "the running sums of returns")?;
        Ok(Some(drifts))
    }

    /// What the signals of a symbol are worth; nothing is known where the snapshot does not say.
    fn worth(&self, symbol: SymbolId) -> Result<SavedJudge, StateError> {
        let (part, _) = self.keys.part(Of::Worth(symbol));
        let Some(record) = self.snapshot.record(part).filter(|record| record.is_readable(part)) else {
            return Ok(SavedJudge::default());
        };
        let mut bytes = record.bytes;
        let table = self.keys.read_table(symbol, &mut bytes)?;
        let worth = SavedJudge::read(record.version, &mut bytes, &table, &self.keys.plan().roster)?;
        ends(bytes, "what a symbol's signals are worth")?;
        Ok(worth)
    }

    /// How good the calibrated confidence was of late; nothing where the snapshot does not say.
    fn quality(&self) -> Result<CalibrationQuality, StateError> {
        let part = RecordOf::Quality;
        let record = self.snapshot.record(part).filter(|record| record.is_readable(part));
        let Some(mut bytes) = record.map(|record| record.bytes) else { return Ok(CalibrationQuality::default()) };
        let quality = CalibrationQuality::read(&mut bytes)?;
        ends(bytes, "the quality of the calibrated confidence")?;
        Ok(quality)
    }

    /// What the signals of timeframes with strategies and kinds are worth.
    fn accounts(&self) -> Result<Vec<(usize, SavedAccounts)>, StateError> {
        let mut accounts = Vec::new();
        let book = BookKeys::new(&self.keys.plan().roster);
        for (part, record) in self.snapshot.records() {
            let RecordOf::Account(timeframe, name) = part else { continue };
            let frames = (0..self.layouts.len()).map(TimeframeId::new);
            let timeframe = frames.into_iter().find(|&id| self.keys.timeframe(id) == timeframe);
            let key = timeframe.and_then(|timeframe| book.key(timeframe, name));
            let Some(key) = key.filter(|_| record.is_readable(part)) else { continue };
            let mut bytes = record.bytes;
            accounts.push((key, SavedAccounts::read(&mut bytes)?));
            ends(bytes, "an account")?;
        }
        Ok(accounts)
    }
}

fn ends(bytes: &[u8], what: &'static str) -> Result<(), StateError> {
    if bytes.is_empty() { Ok(()) } else { Err(StateError::Shape(what)) }
}
