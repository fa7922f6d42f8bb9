//! The selection of timeframes: which lanes are on. Hot.

use super::account::decay;
use crate::{
    config::{SelectionEffect, SelectionRules},
    model::{
        HORIZONS, HeldBack, Judged, LONGEST_HORIZON, LiquiditySwitch, Roster, SelectionSwitch, SignalOutcome, Strategy,
        SymbolId, TimeframeId,
    },
    state::{SavedTable, StateError, put, take},
};
use wincode::{SchemaRead, SchemaWrite};

/// A return counts up to so many times the volatility of its window.
const MOST: f64 = 5.0;
/// Mean below which a lane goes off, and above which it comes on again.
const OFF_BELOW: f64 = 0.0;
const ON_ABOVE: f64 = 0.02;

/// One lane: symbol, timeframe and strategy.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct SelectionLane {
    /// Exponentially weighted: returns over volatility, and how many.
    pub sum: f64,
    /// How many, weighted alike.
    pub weight: f64,
    /// Outcomes.
    pub k: u32,
    /// Whether it is on.
    pub on: bool,
}

impl SelectionLane {
    const NEW: Self = Self { sum: 0.0, weight: 0.0, k: 0, on: true };
}

/// A cell as it was saved: whether it is liquid, and its lanes by strategy.
type SavedCell = (bool, Vec<Option<SelectionLane>>);

/// A symbol's cells as they were saved, by the timeframes of a plan.
#[derive(Debug, Default)]
pub(super) struct SavedSelection(Vec<Option<SavedCell>>);

impl SavedSelection {
    /// Takes off the front what [`Selection::save`] wrote.
    ///
    /// # Errors
    /// The bytes do not decode to lanes.
    pub fn read(bytes: &mut &[u8], table: &SavedTable, roster: &Roster) -> Result<Self, StateError> {
        let mut saved = Vec::new();
        for _ in 0..table.width() {
            let liquid: bool = take(bytes)?;
            let lanes: Vec<SelectionLane> = take(bytes)?;
            if lanes.len() != table.depth() {
                return Err(StateError::Shape("the lanes of a symbol"));
            }
            saved.push((liquid, lanes));
        }
        let column = |column: usize| {
            let (liquid, lanes) = saved.get(column)?;
            let lane = |strategy: usize| table.strategy(strategy).and_then(|place| lanes.get(place).copied());
            Some((*liquid, (0..roster.count()).map(lane).collect()))
        };
        Ok(Self(table.columns().map(|place| place.and_then(column)).collect()))
    }

    /// Takes from another what it does not know itself.
    pub fn fill(&mut self, other: Self) {
        self.0.resize_with(self.0.len().max(other.0.len()), || None);
        for (own, other) in self.0.iter_mut().zip(other.0) {
            if own.is_none() {
                *own = other;
            }
        }
    }
}

/// The lanes of all symbols, and which of their cells are liquid.
#[derive(Debug)]
pub(super) struct Selection {
    rules: SelectionRules,
    timeframes: usize,
    /// Number of strategies.
    strategies: usize,
    lanes: Vec<SelectionLane>,
    /// By symbol and timeframe.
    liquid: Vec<bool>,
    decay: f64,
}

impl Selection {
    /// Of no symbol yet.
    pub fn new(rules: SelectionRules, timeframes: usize, roster: &Roster) -> Self {
        let strategies = roster.count();
        Self { rules, timeframes, strategies, lanes: Vec::new(), liquid: Vec::new(), decay: decay() }
    }

    /// Adds the next symbol. Allocates.
    pub fn add_symbol(&mut self) {
        self.liquid.resize(self.liquid.len() + self.timeframes, true);
        self.lanes.resize(self.liquid.len() * self.strategies, SelectionLane::NEW);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lanes.capacity() * size_of::<SelectionLane>() + self.liquid.capacity()
    }

    fn cell(&self, symbol: SymbolId, timeframe: TimeframeId) -> usize {
        symbol.index() * self.timeframes + timeframe.index()
    }

    /// A lane.
    pub fn lane(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy) -> &SelectionLane {
        &self.lanes[self.cell(symbol, timeframe) * self.strategies + strategy.index()]
    }

    /// Takes that a cell has become liquid, or has ceased to be.
    pub fn switch_cell(&mut self, switch: &LiquiditySwitch) {
        let cell = self.cell(switch.symbol, switch.timeframe);
        self.liquid[cell] = switch.liquid;
    }

    /// Takes an outcome; gives the switch of its lane, if it makes one.
    #[inline]
    pub fn learn(&mut self, outcome: &SignalOutcome) -> Option<SelectionSwitch> {
        // Of a signal from before the selection was on, nobody knows the volatility.
        let counts = usize::from(outcome.horizon) == LONGEST_HORIZON && !outcome.sigma.is_nan();
        let gain = outcome.gain.filter(|_| counts)?;
        let SignalOutcome { symbol, timeframe, strategy, event_ts, .. } = *outcome;
        let place = self.cell(symbol, timeframe) * self.strategies + strategy.index();
        let lane = &mut self.lanes[place];
        let moved = gain.ret / (outcome.sigma * (HORIZONS[LONGEST_HORIZON] as f64).sqrt());
        lane.sum = self.decay * lane.sum + moved.clamp(-MOST, MOST);
        lane.weight = self.decay * lane.weight + 1.0;
        lane.k = lane.k.saturating_add(1);
        if lane.k < self.rules.min_outcomes {
            return None;
        }
        let mean = lane.sum / lane.weight;
        let on = if lane.on { mean >= OFF_BELOW } else { mean > ON_ABOVE };
        let was = std::mem::replace(&mut lane.on, on);
        (was != on).then_some(SelectionSwitch { event_ts, symbol, timeframe, strategy, on, mean, outcomes: lane.k })
    }

    /// Says of a signal whether its lane is on and its cell liquid, and whether it is held back for that.
    #[inline]
    pub fn judge(&self, symbol: SymbolId, timeframe: TimeframeId, strategy: Strategy, judged: &mut Judged) {
        let (selected, liquid) = (self.lane(symbol, timeframe, strategy).on, self.liquid[self.cell(symbol, timeframe)]);
        judged.selected = Some((selected, liquid));
        if self.rules.effect == SelectionEffect::Hold {
            judged.hold = match (selected, liquid) {
                (false, _) => Some(HeldBack::Unselected),
                (true, false) => Some(HeldBack::Illiquid),
                (true, true) => None,
            };
        }
    }

    /// Appends the lanes of a symbol.
    ///
    /// # Errors
    /// None in practice: the encoder can fail, but writing to memory cannot.
    pub fn save(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        let first = symbol.index() * self.timeframes;
        for cell in first..first + self.timeframes {
            put(out, &self.liquid[cell])?;
            put(out, &&self.lanes[cell * self.strategies..][..self.strategies])?;
        }
        Ok(())
    }

    /// Goes on from the saved lanes of a symbol.
    pub fn restore(&mut self, symbol: SymbolId, saved: &SavedSelection) {
        let first = symbol.index() * self.timeframes;
        for (index, column) in saved.0.iter().enumerate().take(self.timeframes) {
            let Some((liquid, lanes)) = column else { continue };
            self.liquid[first + index] = *liquid;
            for (strategy, lane) in lanes.iter().enumerate() {
                if let Some(lane) = lane {
                    self.lanes[(first + index) * self.strategies + strategy] = *lane;
                }
            }
        }
    }
}
