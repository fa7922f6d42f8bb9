//! What comes to the worker of a cell beside closed bars: what a strategy outside has said, and a bar that is still forming.

use super::{Side, Strategy, SymbolId, TimeframeId};

/// A signal of a strategy outside, of the newest bar of its cell; what its confidence is made of comes before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct External {
    /// The bar's label, Unix ms.
    pub bar_ts: i64,
    /// How sure the strategy is, in [0, 1].
    pub confidence: f64,
    /// The cell's symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Who says so.
    pub strategy: Strategy,
    /// Which way it points.
    pub side: Side,
}

/// A bar that is still forming; its prices and volume come before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forming {
    /// Its label, Unix ms.
    pub bar_ts: i64,
    /// End of the newest base bar that is part of it, Unix ms.
    pub until: i64,
    /// Its volume-weighted average price so far.
    pub vwap: f64,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
}
