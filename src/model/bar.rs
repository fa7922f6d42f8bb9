//! The bar: one cache line.

use super::{SymbolId, TimeframeId};

/// One bar of one symbol on one timeframe, in exactly one 64-byte cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Bar {
    /// Start of the interval, Unix milliseconds, UTC.
    pub ts: i64,
    /// First price of the interval.
    pub open: f64,
    /// Highest price of the interval.
    pub high: f64,
    /// Lowest price of the interval.
    pub low: f64,
    /// Last price of the interval.
    pub close: f64,
    /// Traded volume, in units of the asset.
    pub volume: f64,
    /// Volume-weighted average price; `(high + low + close) / 3` where nothing better is known.
    pub vwap: f64,
    /// Number of trades, saturating; 0 where the source does not say.
    pub trades: u32,
    /// Whose bar it is.
    pub symbol: SymbolId,
    /// Distance of the bar's sequence from that of the last [`Head`](super::Head) sent before it.
    pub seq_delta: u8,
    /// Timeframe of the bar.
    pub timeframe: TimeframeId,
}

const _: () = assert!(size_of::<Bar>() == 64);

impl Bar {
    /// Typical price, `(high + low + close) / 3`.
    #[inline]
    #[must_use]
    pub fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }
}
