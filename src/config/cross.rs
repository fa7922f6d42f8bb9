//! `[cross_asset]`: the correlation across assets.

use super::{
    rules::{Flag, TimeframeText, int},
    section::{Optional, section},
};
use crate::model::Timeframe;

section! {
    /// How much the symbols move together.
    CrossAssetConfig {
        /// Whether that is followed at all.
        enabled: bool = Flag,
        /// Intervals of the returns.
        timeframe: Option<Timeframe> = Optional(&TimeframeText),
        /// Symbols that there is room for.
        max_symbols: usize = int(2, 10_000),
    }
}

/// What of the correlation across assets the stages need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossRules {
    /// Intervals of the returns.
    pub timeframe: Timeframe,
    /// Symbols that there is room for: the first so many, by their ids.
    pub max_symbols: usize,
}

impl CrossAssetConfig {
    /// What the stages need of it; `None` where it is off.
    pub(super) fn rules(&self) -> Option<CrossRules> {
        let Self { enabled, timeframe, max_symbols } = *self;
        timeframe.filter(|_| enabled).map(|timeframe| CrossRules { timeframe, max_symbols })
    }
}
