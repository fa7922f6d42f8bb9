//! Switches of the selection of timeframes.

use super::{Strategy, SymbolId, TimeframeId};

/// A lane goes off, or comes on again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelectionSwitch {
    /// End of the bars of the group that made it known, Unix ms.
    pub event_ts: i64,
    /// Symbol of the lane.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Its strategy.
    pub strategy: Strategy,
    /// Whether it is on now.
    pub on: bool,
    /// Its mean return over volatility.
    pub mean: f64,
    /// Outcomes so far.
    pub outcomes: u32,
}

/// A cell becomes liquid, or ceases to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiquiditySwitch {
    /// Sequence of the record that closed the bar.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Symbol of the cell.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Whether it is liquid now.
    pub liquid: bool,
    /// The share of its bars that came, weighted.
    pub share: f64,
}
