//! What a snapshot says to an engine of one plan: decoded once, tried before anything depends on it, and taken over by the
//! agents. What it does not have is cold, and can be filled from another that was made of the streams' history.

use super::{Keys, Of};
use crate::{
    aggregate::OpenBars,
    config::StrategyParams,
    correlate::SymbolSignals,
    feed::{
        AdmissionState,
        streams::{Order, Place},
    },
    model::{SymbolId, TimeframeId},
    publish::SavedLatest,
    state::{InputPosition, Part, ReaderState, Snapshot, StateError, take},
    strategies::{Cell, CellLayout},
};
use rustc_hash::FxHashMap;
use std::fmt;

/// The state of a cell.
#[derive(Debug)]
pub struct CellState {
    /// Bars until what is missing from its history no longer matters.
    pub unsettled: u32,
    /// The cell.
    pub cell: Cell,
}

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
    /// What the reader knew.
    pub admission: AdmissionState,
    /// Sequence of the last record that the aggregator had taken.
    pub seq: u64,
    /// The open bars.
    pub open_bars: OpenBars,
    /// By symbol and timeframe; `None` for a cell that is cold, or not calculated.
    pub cells: Vec<Option<CellState>>,
    /// By symbol: active signals and latest values.
    pub symbols: Vec<(SymbolSignals, SavedLatest)>,
    /// Where the publisher stood.
    pub publisher: PublisherState,
    /// The cells that are cold, in the order of symbols and timeframes.
    pub cold: Vec<Cold>,
    /// Timeframes of the plan.
    columns: usize,
}

impl Restored {
    /// Takes from a snapshot what belongs to the cells of a plan.
    ///
    /// # Errors
    /// Bytes that no engine of this version has written.
    pub fn of(keys: &Keys, snapshot: &Snapshot) -> Result<Self, StateError> {
        let decoder = Decoder::new(keys, snapshot);
        let (inputs, admission) = decoder.reader()?;
        let (seq, open_bars) = decoder.aggregator()?;
        let mut restored = Self {
            inputs,
            admission,
            seq,
            open_bars,
            cells: Vec::new(),
            symbols: Vec::new(),
            publisher: decoder.publisher()?,
            cold: Vec::new(),
            columns: keys.plan().timeframes.len(),
        };
        for (index, asset) in keys.plan().assets.iter().enumerate() {
            let symbol = SymbolId(index as u16);
            restored.symbols.push(decoder.symbol(symbol)?);
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
        Ok(restored)
    }

    /// Takes what is cold from a snapshot that was made of the streams' history up to the same place. Returns how many of
    /// the cold cells still miss some of their history.
    ///
    /// # Errors
    /// As for [`of`](Self::of).
    pub fn fill(&mut self, keys: &Keys, history: &Snapshot) -> Result<usize, StateError> {
        let decoder = Decoder::new(keys, history);
        self.admission.fill(&decoder.reader()?.1);
        self.open_bars.fill(&decoder.aggregator()?.1);
        let (mut incomplete, mut filled) = (0, None);
        for cold in std::mem::take(&mut self.cold) {
            let symbol = cold.symbol.index();
            if filled != Some(symbol) {
                filled = Some(symbol);
                let (signals, latest) = decoder.symbol(cold.symbol)?;
                self.symbols[symbol].0.fill(&signals);
                self.symbols[symbol].1.fill(&latest);
            }
            let own = &mut self.cells[symbol * self.columns + cold.timeframe.index()];
            if own.is_none() {
                *own = decoder.cell(cold.symbol, cold.timeframe)?.ok();
            }
            incomplete += usize::from(own.as_ref().is_none_or(|cell| cell.unsettled > 0));
            if own.is_none() {
                self.cold.push(cold);
            }
        }
        Ok(incomplete)
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
        let layout = |params: &StrategyParams| CellLayout::new(params.clone(), keys.publish());
        Self {
            keys,
            snapshot,
            names: plan.assets.iter().enumerate().map(|(index, asset)| (asset.symbol.as_str(), index)).collect(),
            layouts: plan.params.iter().map(layout).collect(),
        }
    }

    fn reader(&self) -> Result<(Vec<InputPosition>, AdmissionState), StateError> {
        let mut bytes = self.snapshot.whole(Part::Reader)?;
        let ReaderState { inputs } = take(&mut bytes)?;
        let find = |name: &str| self.names.get(name).copied();
        let admission = AdmissionState::read(&mut bytes, self.keys.plan().assets.len(), find)?;
        ends(bytes, "the reader")?;
        Ok((inputs, admission))
    }

    fn aggregator(&self) -> Result<(u64, OpenBars), StateError> {
        let mut bytes = self.snapshot.whole(Part::Aggregator)?;
        let seq = take(&mut bytes)?;
        let find = |name: &str| self.names.get(name).copied();
        let open_bars = OpenBars::read(&mut bytes, self.keys.bar_columns(), self.keys.plan(), find)?;
        ends(bytes, "the aggregator")?;
        Ok((seq, open_bars))
    }

    fn publisher(&self) -> Result<PublisherState, StateError> {
        let mut bytes = self.snapshot.whole(Part::Publisher)?;
        let seq = take(&mut bytes)?;
        let order = if bytes.is_empty() { Order::default() } else { take(&mut bytes)? };
        ends(bytes, "the publisher")?;
        Ok(PublisherState { seq, order })
    }

    /// The active signals and latest values of a symbol; of none where the snapshot has none that this version can read.
    fn symbol(&self, symbol: SymbolId) -> Result<(SymbolSignals, SavedLatest), StateError> {
        let (part, _) = self.keys.part(Of::Symbol(symbol));
        let Some(record) = self.snapshot.record(part).filter(|record| record.version == part.version()) else {
            return Ok(Default::default());
        };
        let mut bytes = record.bytes;
        let table = self.keys.read_table(symbol, &mut bytes)?;
        let signals = SymbolSignals::read(&mut bytes, &table)?;
        let latest = SavedLatest::read(&mut bytes, &table)?;
        ends(bytes, "a symbol")?;
        Ok((signals, latest))
    }

    /// The state of a cell, or why it is not taken over.
    fn cell(&self, symbol: SymbolId, timeframe: TimeframeId) -> Result<Result<CellState, Why>, StateError> {
        let (part, hash) = self.keys.part(Of::Cell(symbol, timeframe));
        let Some(record) = self.snapshot.record(part) else { return Ok(Err(Why::New)) };
        if record.version != part.version() {
            return Ok(Err(Why::Version));
        }
        if record.hash != hash {
            return Ok(Err(Why::Changed));
        }
        let spec = &self.keys.plan().asset(symbol).cells[timeframe.index()];
        let layout = &self.layouts[timeframe.index()];
        let mut bytes = record.bytes;
        let unsettled = take(&mut bytes)?;
        let mut cell = Cell::new(layout, spec.method, spec.price_scale, spec.buffer_size);
        cell.read_state(layout, bytes)?;
        Ok(Ok(CellState { unsettled, cell }))
    }
}

fn ends(bytes: &[u8], what: &'static str) -> Result<(), StateError> {
    if bytes.is_empty() { Ok(()) } else { Err(StateError::Shape(what)) }
}
