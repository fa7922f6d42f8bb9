//! What all cells of one timeframe share.

use super::{custom::Program, list::StrategyParams};
use crate::{config::Plan, indicators::IndicatorLayout, lanes::Isa, model::Readiness};

/// What all cells of one timeframe share.
#[derive(Debug, Clone)]
pub struct CellLayout {
    /// Parameters of the strategies.
    pub params: StrategyParams,
    /// Which indicators there are.
    pub indicators: IndicatorLayout,
    /// The conditions of the strategies that run.
    pub(super) enabled: u64,
    /// Whether some strategy looks back further than one word of a history.
    pub(super) long: bool,
    /// The first bar that can be computed side by side.
    pub(super) settled: u64,
    pub(super) isa: Isa,
    /// Whether cells are computed side by side if they can be.
    pub(super) side_by_side: bool,
    /// Bars after which the custom strategies are defined, and settled.
    custom: [u64; 2],
    /// Bars after which a cell is defined, and settled.
    horizons: [u32; 2],
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
        // On the oldest x86, with sixteen registers of half the width, eight cells take longer side by side.
        let side_by_side = isa != Isa::Portable || cfg!(not(target_arch = "x86_64"));
        let (custom, horizons) = ([0; 2], [0; 2]);
        Self { params, indicators, enabled, long, settled, isa, side_by_side, custom, horizons }.with_horizons()
    }

    /// The layouts of a plan: first those of the timeframes, then those of cells with parameters of their own.
    #[must_use]
    pub fn of_plan(plan: &Plan, publish: bool) -> Vec<Self> {
        let far = |program: &Program| [program.defined_after(), program.settling_bars()];
        let all = plan.programs.iter().filter(|program| !program.is_empty()).map(|program| far(program));
        let farthest = all.fold([0; 2], |far: [u64; 2], of| [far[0].max(of[0]), far[1].max(of[1])]);
        let layout = |(index, params): (usize, &StrategyParams)| {
            // Parameters that cells have for themselves may be of several timeframes.
            let custom = plan.programs.get(index).map_or(farthest, |p| if p.is_empty() { [0; 2] } else { far(p) });
            Self { custom, ..Self::new(params.clone(), publish) }.with_horizons()
        };
        plan.params.iter().enumerate().map(layout).collect()
    }

    fn with_horizons(mut self) -> Self {
        let horizons = [self.indicators.defined_after().max(self.custom[0]), self.settling_bars()];
        self.horizons = horizons.map(|bars| u32::try_from(bars).unwrap_or(u32::MAX));
        self
    }

    /// How far a cell has come that has had so many bars; `misses_some` says whether something is missing from its history
    /// that still matters.
    #[inline]
    #[must_use]
    pub fn readiness(&self, bars: u64, misses_some: bool) -> Readiness {
        let [defined_after, settled_after] = self.horizons;
        Readiness { bars: u32::try_from(bars).unwrap_or(u32::MAX), defined_after, settled_after, misses_some }
    }

    /// The same layout with other instructions than the best, and cells always side by side: for tests and benches.
    /// Without effect if the processor does not have the instructions.
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
        self.indicators.settling_bars().max(self.min_history() as u64).max(self.custom[1])
    }

    /// Bars a cell must keep for everything that looks back.
    #[must_use]
    pub fn min_history(&self) -> usize {
        self.params.look_back_bars().max(self.indicators.longest_window()) + 1
    }
}
