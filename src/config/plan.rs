//! The configuration in the form that the stages use: dense tables by symbol and timeframe.

use super::{CalibrationRules, CrossRules, MaxAge, PerformanceRules, Prices, SelectionRules, StrategyParams};
use crate::{
    model::{AssetType, Calendar, MAX_TIMEFRAMES, PriceMethod, Roster, SymbolId, Timeframe, TimeframeId, TradingStyle},
    strategies::custom::Program,
};
use std::sync::Arc;

/// One symbol on one timeframe.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSpec {
    /// Whether the cell is calculated.
    pub enabled: bool,
    /// Trading style: decides the worker and the latency budget.
    pub style: TradingStyle,
    /// Price that the indicators and strategies read.
    pub method: PriceMethod,
    /// Price scale `s` in (0, 1] by which thresholds written for daily bars shrink.
    pub price_scale: f64,
    /// Number of closed bars kept: a power of two that covers every window.
    pub buffer_size: usize,
    /// How often its latest values are refreshed between closes, ms of its bars' time; 0 for never.
    pub refresh_ms: i64,
    /// The same of as many as windows need: what there are beyond may go where memory is short.
    pub needed: usize,
    /// Weight of the timeframe's signals in the composite.
    pub weight: f64,
    /// Which of [`Plan::params`] are its own.
    pub params: usize,
}

/// One symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Name of the symbol, as in the input.
    pub symbol: String,
    /// Factor of the priority of its signals.
    pub priority: f64,
    /// Kind of asset.
    pub asset_type: AssetType,
    /// Data provider; informative.
    pub data_provider: String,
    /// Which prices its records may have.
    pub prices: Prices,
    /// The rule by which moments belong to its spans.
    pub calendar: Calendar,
    /// Its cells by timeframe index.
    pub cells: Vec<CellSpec>,
}

/// Rules of one trading style.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StyleRules {
    /// Signals below this composite confidence are held back.
    pub min_composite_confidence: f64,
    /// Signals below this calibrated confidence are held back, where it can be relied on.
    pub min_calibrated_confidence: f64,
    /// Cooldown, bars: after a published signal, others of the same symbol, timeframe, strategy and side are held back.
    pub cooldown_bars: u64,
    /// Latency budget from arrival to acknowledged write, ms.
    pub budget_ms: u64,
}

/// The resolved configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// All timeframes, shortest first; a [`TimeframeId`] indexes it. Includes the bases of the inputs.
    pub timeframes: Vec<Timeframe>,
    /// Parameters of the strategies: first those of each timeframe, then those of cells that have others.
    pub params: Vec<StrategyParams>,
    /// The strategies, by their places in tables.
    pub roster: Roster,
    /// By timeframe: the custom strategies that run on it.
    pub programs: Vec<Arc<Program>>,
    /// The watchlist, enabled symbols only; a [`SymbolId`] indexes it.
    pub assets: Vec<Asset>,
    /// Settings of a symbol that is not on the watchlist, if [`Plan::open_watchlist`] admits it.
    pub default_asset: Asset,
    /// Whether unknown symbols are added in order of first appearance (a replay, or `symbol = "*"`).
    pub open_watchlist: bool,
    /// Symbols that are not added all the same: they are disabled.
    pub excluded: Vec<String>,
    /// Intervals of the input's bars, without repetition.
    pub bases: Vec<TimeframeId>,
    /// Maximum number of known symbols, on the watchlist or added.
    pub max_symbols: usize,
    /// How long after its end, on its symbol's clock, a bar stays open, ms.
    pub allowed_lateness_ms: i64,
    /// How much longer a bar stays open while its stream is silent, ms.
    pub stall_ms: i64,
    /// How far a record's bar may begin after the time of its entry, ms.
    pub max_future_ms: i64,
    /// Bars of its timeframe for which a signal stays active.
    pub active_bars: i64,
    /// Composite confidence from which on a signal is also an alert.
    pub alert_confidence: f64,
    /// Rules by trading style.
    pub styles: [StyleRules; 3],
    /// By trading style: from which age on a signal is stale.
    pub max_age: [MaxAge; 3],
    /// Whether stale signals are held back.
    pub hold_stale: bool,
    /// By trading style: signals that may be published in a second of the log; 0 for as many as there are.
    pub max_signals_per_s: [u32; 3],
    /// By input stream: how much later than its bars' ends its records are expected, ms. Empty where signals have no age:
    /// in a replay of files.
    pub expected_delays: Vec<i64>,
    /// What the signals are worth.
    pub performance: PerformanceRules,
    /// Dead letters of one reason in an hour while there are others.
    pub letter_quota: u64,
    /// How likely a signal is to win.
    pub calibration: CalibrationRules,
    /// The selection of timeframes.
    pub selection: SelectionRules,
    /// Bars of each window that statistics are made of.
    pub windows: Vec<u32>,
    /// How much the symbols move together; `None` where nobody asks.
    pub cross_asset: Option<CrossRules>,
    /// Whether the probe fires, on every closed bar of each symbol's shortest timeframe.
    pub probe: bool,
}

impl Asset {
    /// Which timeframes are enabled, as a bit set.
    #[must_use]
    pub fn enabled(&self) -> u32 {
        self.cells.iter().enumerate().fold(0, |bits, (index, cell)| bits | u32::from(cell.enabled) << index)
    }
}

impl Plan {
    /// Whether latest values of some cell are refreshed between closes.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        let all = self.assets.iter().chain([&self.default_asset]).flat_map(|asset| &asset.cells);
        all.clone().any(|cell| cell.enabled && cell.refresh_ms > 0)
    }

    /// How often histories can be halved until all of them are what windows need.
    #[must_use]
    pub fn halvings(&self) -> u32 {
        let assets = self.assets.iter().chain([&self.default_asset]);
        let cells = assets.flat_map(|asset| &asset.cells).filter(|cell| cell.enabled && cell.needed > 0);
        cells.map(|cell| (cell.buffer_size / cell.needed).max(1).ilog2()).max().unwrap_or(0)
    }

    /// By base timeframe: the timeframes whose bars can be made from its bars, as a bit set.
    #[must_use]
    pub fn fed_by(&self) -> [u32; MAX_TIMEFRAMES] {
        let mut fed_by = [0; MAX_TIMEFRAMES];
        for (set, base) in fed_by.iter_mut().zip(&self.timeframes) {
            for (index, timeframe) in self.timeframes.iter().enumerate() {
                *set |= u32::from(timeframe.is_multiple_of(*base)) << index;
            }
        }
        fed_by
    }

    /// Whether some style may publish only so many signals a second: then they are decided on together, by priority.
    #[must_use]
    pub fn has_signal_limits(&self) -> bool {
        self.max_signals_per_s.iter().any(|&max| max > 0)
    }

    /// Symbols that there may be at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        if self.open_watchlist { self.max_symbols.max(self.assets.len()) } else { self.assets.len() }
    }

    /// The same with more symbols, which it knows from before: they come behind those of the watchlist.
    #[must_use]
    pub fn with_symbols(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let room = self.capacity() - self.assets.len();
        let more = names.into_iter().take(room).map(|symbol| Asset { symbol, ..self.default_asset.clone() });
        self.assets.extend(more);
        self
    }

    /// Id of a timeframe; `None` if the engine does not have it.
    #[must_use]
    pub fn timeframe_id(&self, timeframe: Timeframe) -> Option<TimeframeId> {
        self.timeframes.iter().position(|&t| t == timeframe).map(TimeframeId::new)
    }

    /// The settings of a symbol: its own, or the default for one that is not on the watchlist.
    #[must_use]
    pub fn asset(&self, symbol: SymbolId) -> &Asset {
        self.assets.get(symbol.index()).unwrap_or(&self.default_asset)
    }
}
