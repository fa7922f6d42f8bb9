//! What all cells of one timeframe share.

use super::list::StrategyParams;
use crate::{indicators::IndicatorLayout, lanes::Isa};

/// What all cells of one timeframe share.
#[derive(Debug, Clone)]
pub struct CellLayout {
    /// Parameters of the strategies.
    pub params: StrategyParams,
    /// Which indicators there are.
    pub indicators: IndicatorLayout,
    /// The conditions of the strategies that run.
    pub(super) enabled: u64,
    /// Whether a history of conditions is looked at further back than a word of it is long.
    pub(super) long: bool,
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
        let indicators = IndicatorLayout::new(&params.needs(), publish);
        let back = params.look_back();
        let long = back.conditions > 64;
        let settled = if long { u64::MAX } else { indicators.ready().max(back.first_bar as u64) };
        let enabled = params.enabled_conditions();
        let isa = Isa::best();
        // Eight cells in the sixteen half as wide registers of the oldest x86 take longer than one by one.
        let side_by_side = isa != Isa::Portable || cfg!(not(target_arch = "x86_64"));
        Self { params, indicators, enabled, long, settled, isa, side_by_side }
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
        self.params.look_back_bars().max(self.indicators.longest_window()) + 1
    }
}
