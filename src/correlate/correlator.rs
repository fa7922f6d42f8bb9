//! Groups of signals in, composites out.

use super::{
    filter::Cooldowns,
    table::{ActiveSignals, EntryState, Peers},
};
use crate::{
    config::{Asset, Plan, StyleRules},
    model::{Composite, HeldBack, Peer, Signal, Strategy, SymbolId, Timeframe, TimeframeId, Weighed},
    state::{SavedTable, StateError, is_sound_time, put, take},
};

/// What becomes of a signal.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It is published.
    Publish(Weighed<'a>),
    /// It is held back.
    Hold(Weighed<'a>, HeldBack),
}

#[derive(Debug, Clone)]
struct SymbolState {
    active: ActiveSignals,
    cooldowns: Cooldowns,
    asset: Asset,
    /// Timeframes enabled for the symbol.
    enabled: u32,
}

/// By strategy: the newest signal, and the bars of the last published ones by side.
type SignalsRow = [(Option<EntryState>, [u64; 2]); Strategy::COUNT];

/// What a [`Correlator`] remembers of one symbol, by the timeframes of a plan.
#[derive(Debug, Clone, Default)]
pub struct SymbolSignals {
    /// By timeframe; `None` for one that is not among those saved.
    rows: Vec<Option<SignalsRow>>,
}

impl SymbolSignals {
    /// Takes off the front what [`Correlator::save`] wrote of a symbol.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read(bytes: &mut &[u8], table: &SavedTable) -> Result<Self, StateError> {
        let (active, last): (Vec<Option<EntryState>>, Vec<[u64; 2]>) = take(bytes)?;
        let sound = active.iter().flatten().all(|entry| is_sound_time(entry.bar_ts))
            && last.iter().flatten().all(|&bar| bar < 1 << 60);
        if !sound || active.len() != table.len() || last.len() != table.len() {
            return Err(StateError::Shape("a symbol's signals"));
        }
        let row = |column: usize| -> SignalsRow {
            let place = |strategy: usize| table.place(column, strategy);
            std::array::from_fn(|strategy| place(strategy).map_or((None, [0; 2]), |place| (active[place], last[place])))
        };
        Ok(Self { rows: table.columns().map(|column| column.map(row)).collect() })
    }

    /// Whether a timeframe was among those saved.
    #[must_use]
    pub fn knows(&self, timeframe: usize) -> bool {
        self.rows.get(timeframe).is_some_and(Option::is_some)
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: &Self) {
        self.rows.resize(self.rows.len().max(other.rows.len()), None);
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            *own = own.or(*other);
        }
    }
}

/// Computes the composite confidence of every signal from the active signals of its symbol's other timeframes.
#[derive(Debug, Clone)]
pub struct Correlator {
    timeframes: Vec<Timeframe>,
    styles: [StyleRules; 3],
    active_bars: i64,
    symbols: Vec<SymbolState>,
    peers: Peers,
    supporting: Vec<Peer>,
    opposing: Vec<Peer>,
}

impl Correlator {
    /// A correlator for the plan's symbols, without any signal yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut correlator = Self {
            timeframes: plan.timeframes.clone(),
            styles: plan.styles,
            active_bars: plan.active_bars,
            symbols: Vec::with_capacity(plan.assets.len()),
            peers: Peers::new(),
            supporting: Vec::with_capacity(super::table::MAX_PEERS),
            opposing: Vec::with_capacity(super::table::MAX_PEERS),
        };
        for asset in &plan.assets {
            correlator.add_symbol(asset);
        }
        correlator
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        let enabled = asset.cells.iter().filter(|cell| cell.enabled).count() as u32;
        self.symbols.push(SymbolState {
            active: ActiveSignals::new(self.timeframes.len()),
            cooldowns: Cooldowns::new(self.timeframes.len()),
            asset: asset.clone(),
            enabled,
        });
    }

    /// Symbols there are.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Appends the state of a symbol. Allocates nothing but room in `out`.
    ///
    /// # Errors
    /// The encoder fails; writing to memory never does.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let state = &self.symbols[symbol.index()];
        put(out, &(state.active.state().len() as u64))?;
        for entry in state.active.state() {
            put(out, &entry)?;
        }
        put(out, &state.cooldowns.state())
    }

    /// Goes on from the state of a symbol; timeframes that it does not know are as they were.
    pub fn restore(&mut self, symbol: SymbolId, saved: &SymbolSignals) {
        let state = &mut self.symbols[symbol.index()];
        for (index, row) in saved.rows.iter().enumerate() {
            let Some(row) = row else { continue };
            let (timeframe, calendar) = (self.timeframes[index], state.asset.calendar);
            for (strategy, &(active, last)) in Strategy::ALL.into_iter().zip(row) {
                let end = |entry: &EntryState| timeframe.end(entry.bar_ts, calendar);
                let expires = |entry: EntryState| timeframe.later(end(&entry), self.active_bars, calendar);
                let newest = active.map(|entry| (entry, expires(entry)));
                state.active.restore(TimeframeId::new(index), strategy, newest);
                state.cooldowns.restore(index, strategy, last);
            }
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.symbols.iter().map(|s| size_of::<SymbolState>() + s.active.bytes() + s.cooldowns.bytes()).sum()
    }

    /// Takes one group, the signals of one symbol whose bars have the same end, sorts it into the order of publication
    /// (longest timeframe first, then the strategies' order) and gives each signal its verdict.
    ///
    /// Allocates nothing.
    pub fn on_group(&mut self, group: &mut [Signal], mut on_verdict: impl FnMut(Verdict<'_>)) {
        group.sort_unstable_by_key(|s| (std::cmp::Reverse(s.timeframe), s.strategy));
        let Some(symbol) = group.first().map(|s| s.symbol.index()) else { return };
        let state = &mut self.symbols[symbol];
        for signal in group.iter().filter(|signal| signal.strategy != Strategy::Probe) {
            let timeframe = self.timeframes[signal.timeframe.index()];
            state.active.enter(signal, timeframe.later(signal.event_ts, self.active_bars, state.asset.calendar));
        }
        for signal in group.iter() {
            let weight = |timeframe: TimeframeId| state.asset.cells[timeframe.index()].weight;
            state.active.peers(signal, weight, &mut self.peers);
            let support: f64 = self.peers.supporting.iter().map(|p| p.0).sum();
            let opposition: f64 = self.peers.opposing.iter().map(|p| p.0).sum();
            let composite_confidence = (signal.candidate.confidence + support) / (1.0 + support + opposition);

            self.supporting.clear();
            self.supporting.extend(self.peers.supporting.iter().map(|p| p.1));
            self.opposing.clear();
            self.opposing.extend(self.peers.opposing.iter().map(|p| p.1));
            let agreeing = self.supporting.iter().fold(0u32, |bits, p| bits | 1 << p.timeframe.index());
            let others = state.enabled.saturating_sub(1);
            let style = state.asset.cells[signal.timeframe.index()].style;
            let composite = Composite {
                signal: *signal,
                style,
                composite_confidence,
                correlation_strength: if others == 0 {
                    0.0
                } else {
                    f64::from(agreeing.count_ones()) / f64::from(others)
                },
                priority: composite_confidence * state.asset.priority,
            };
            let weighed = Weighed { composite: &composite, supporting: &self.supporting, opposing: &self.opposing };
            match state.cooldowns.admit(signal, &self.styles[style.index()], composite_confidence) {
                Ok(()) => on_verdict(Verdict::Publish(weighed)),
                Err(reason) => on_verdict(Verdict::Hold(weighed, reason)),
            }
        }
    }
}
