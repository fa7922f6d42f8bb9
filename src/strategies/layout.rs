//! What all cells of one timeframe share.

use super::{Fired, traces::Reaches};
use crate::{config::StrategyParams, indicators::IndicatorLayout, lanes::Isa, model::Strategy};

/// What all cells of one timeframe share.
#[derive(Debug, Clone)]
pub struct CellLayout {
    /// Parameters of the strategies.
    pub params: StrategyParams,
    /// Which indicators there are.
    pub indicators: IndicatorLayout,
    pub(super) reaches: Reaches,
    /// The conditions of the strategies that run.
    pub(super) enabled: u64,
    /// The first bar that cells may take side by side.
    pub(super) settled: u64,
    pub(super) isa: Isa,
    /// Whether cells are taken side by side where they may be.
    pub(super) side_by_side: bool,
}

impl CellLayout {
    /// The layout for these parameters; with `publish`, the published indicators are computed as well.
    #[must_use]
    pub fn new(params: StrategyParams, publish: bool) -> Self {
        let indicators = IndicatorLayout::new(&params, publish);
        let reaches = Reaches::new(&params);
        let (p, bands, trend) = (&params, &params.bollinger_breakout, &params.rsi_trend);
        let ripe = [
            p.common.swing_min_index,
            trend.trend_rsi_period + trend.trend_bars,
            bands.period + bands.consolidation_bars,
            p.sr_breakout.consolidation_bars.max(1),
        ];
        let ripe = ripe.into_iter().max().unwrap_or(0) as u64;
        let settled = if reaches.long { u64::MAX } else { indicators.ready().max(ripe) };
        let runs = [
            p.macd_rsi.enabled,
            p.ma_crossover.enabled,
            p.rsi_trend.enabled,
            p.bollinger_breakout.enabled,
            p.sr_breakout.enabled,
        ];
        let enabled = Strategy::ALL.into_iter().zip(runs).filter(|(_, runs)| *runs);
        let enabled = enabled.fold(0, |all, (strategy, _)| all | Fired::ANY.within_all(strategy));
        let isa = Isa::best();
        // Eight cells in the sixteen half as wide registers of the oldest x86 take longer than one by one.
        let side_by_side = isa != Isa::Portable || cfg!(not(target_arch = "x86_64"));
        Self { params, indicators, reaches, enabled, settled, isa, side_by_side }
    }

    /// The same layout with other instructions than the best, and cells side by side whether it pays or not, for tests and
    /// benches; the processor must have the instructions, else it stays with what it has.
    #[must_use]
    pub fn with(mut self, isa: Isa) -> Self {
        if isa.is_here() {
            (self.isa, self.side_by_side) = (isa, true);
        }
        self
    }

    /// Bars after which a cell has forgotten what came before them.
    #[must_use]
    pub fn settling_bars(&self) -> u64 {
        self.indicators.settling_bars().max(self.min_history() as u64)
    }

    /// Bars a cell must keep for everything that looks back.
    #[must_use]
    pub fn min_history(&self) -> usize {
        let p = &self.params;
        let strategies = [
            p.common.swing_lookback + 1,
            p.macd_rsi.momentum_bars,
            p.ma_crossover.trend_bars,
            p.rsi_trend.momentum_bars,
            p.bollinger_breakout.momentum_bars,
            p.sr_breakout.lookback.max(p.sr_breakout.consolidation_bars),
            5,
        ];
        strategies.into_iter().max().unwrap_or(0).max(self.indicators.longest_window()) + 1
    }
}
