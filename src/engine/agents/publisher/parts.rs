//! What a group consists of, sorted by what it is. Allocates when made.

use crate::{
    config::Plan,
    model::{
        Crossing, HORIZONS, IndicatorRow, LiquiditySwitch, Settling, Signal, SignalOutcome, Surroundings, SymbolId,
        WindowStatistics,
    },
    publish::Item,
};
use std::cmp::Reverse;

/// The parts of the group in hand.
#[derive(Debug)]
pub(super) struct Parts {
    pub rows: Vec<IndicatorRow>,
    /// Of bars that are still forming.
    pub forming: Vec<IndicatorRow>,
    pub statistics: Vec<WindowStatistics>,
    pub signals: Vec<Signal>,
    pub settling: Vec<Settling>,
    pub outcomes: Vec<SignalOutcome>,
    pub around: Vec<Surroundings>,
    pub liquidity: Vec<LiquiditySwitch>,
    pub crossings: Vec<Crossing>,
}

impl Parts {
    /// None, with room for those of a group of this plan.
    pub fn new(plan: &Plan) -> Self {
        let timeframes = plan.timeframes.len();
        let signals = timeframes * plan.roster.count() * 2;
        Self {
            rows: Vec::with_capacity(timeframes * 2),
            forming: Vec::with_capacity(if plan.refreshes() { timeframes } else { 0 }),
            statistics: Vec::with_capacity(timeframes * 2 * plan.windows.len()),
            signals: Vec::with_capacity(signals),
            settling: Vec::with_capacity(timeframes),
            around: Vec::with_capacity(timeframes * 2),
            liquidity: Vec::with_capacity(timeframes),
            crossings: Vec::with_capacity(plan.cross_asset.map_or(0, |_| 2 * plan.assets.len() + 8)),
            outcomes: Vec::with_capacity(if plan.performance.enabled { signals * HORIZONS.len() } else { 0 }),
        }
    }

    /// Forgets the group before.
    #[inline]
    pub fn clear(&mut self) {
        self.rows.clear();
        self.forming.clear();
        self.statistics.clear();
        self.signals.clear();
        self.settling.clear();
        self.outcomes.clear();
        self.around.clear();
        self.liquidity.clear();
        self.crossings.clear();
    }

    /// Takes one.
    #[inline]
    pub fn take(&mut self, item: Item) {
        match item {
            Item::Row(row) => self.rows.push(row),
            Item::Forming(row) => self.forming.push(row),
            Item::Statistics(of) => self.statistics.push(of),
            Item::Signal(signal) => self.signals.push(signal),
            Item::Settling(cell) => self.settling.push(cell),
            Item::Outcome(outcome) => self.outcomes.push(outcome),
            Item::Surroundings(around) => self.around.push(around),
            Item::Liquidity(switch) => self.liquidity.push(switch),
            Item::Crossing(crossing) => self.crossings.push(crossing),
        }
    }

    /// Puts rows and statistics into the order of publication: long timeframes first.
    #[inline]
    pub fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| (Reverse(row.bar.timeframe), row.bar.ts));
        self.statistics.sort_unstable_by_key(|of| (Reverse(of.timeframe), of.ts, of.bars));
    }

    /// Whose group it is, and the end of its bars; `None` where it says only how reliable cells are.
    #[inline]
    pub fn head(&self) -> Option<(SymbolId, i64)> {
        let row = self.rows.first().map(|row| (row.bar.symbol, row.event_ts));
        let signal = self.signals.first().map(|signal| (signal.symbol, signal.event_ts));
        let outcome = self.outcomes.first().map(|outcome| (outcome.symbol, outcome.event_ts));
        let liquidity = self.liquidity.first().map(|switch| (switch.symbol, switch.event_ts));
        let forming = self.forming.first().map(|row| (row.bar.symbol, row.event_ts));
        let statistics = self.statistics.first().map(|of| (of.symbol, of.event_ts));
        row.or(signal).or(outcome).or(liquidity).or(forming).or(statistics)
    }

    /// Whether there is anything that is published.
    #[inline]
    pub fn is_published(&self) -> bool {
        !self.rows.is_empty() || !self.signals.is_empty() || !self.statistics.is_empty()
    }
}
