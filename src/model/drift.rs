//! Where a symbol and the market have drifted to, and what the calibrated confidence is told of a bar.

use super::{SymbolId, TimeframeId};
use wincode::{SchemaRead, SchemaWrite};

/// Running sums of returns of base bars, as of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
pub struct Drift {
    /// Of the symbol.
    pub own: f64,
    /// Of all symbols of the market together.
    pub market: f64,
    /// Symbols of the market other than this one that have been seen.
    pub others: u32,
}

/// The return from one price to another, with the sign of the change, also of prices below zero; 0 from no price (NaN) and
/// from a price of 0.
#[inline]
#[must_use]
pub fn change(from: f64, to: f64) -> f64 {
    if from.is_nan() || from == 0.0 { 0.0 } else { from.signum() * (to / from - 1.0) }
}

/// Values that [`Surroundings`] has.
pub const SURROUNDINGS: usize = 7;

/// What the calibrated confidence is told of a bar on which something has fired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surroundings {
    /// Sequence of the record that closed the bar.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Its symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// How short volatility is to long, then the moves of the symbol and of the market over 1, 5 and 20 bars, in units of
    /// short volatility and as if to buy.
    pub values: [f64; SURROUNDINGS],
}
