//! The bar: one cache line.

use super::{SymbolId, TimeframeId};
use wincode::{SchemaRead, SchemaWrite};

/// One bar of one symbol on one timeframe, in exactly one 64-byte cache line.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
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
    /// Low 7 bits: distance of the bar's sequence from that of the last [`Head`](super::Head) sent before it. Top bit:
    /// whether the bar was made of others here; see [`Bar::is_built`].
    pub seq_delta: u8,
    /// Timeframe of the bar.
    pub timeframe: TimeframeId,
}

const _: () = assert!(size_of::<Bar>() == 64);

impl Bar {
    /// Bit of [`Bar::seq_delta`] of a bar that was made of others.
    pub const BUILT: u8 = 0x80;

    /// Distance of the bar's sequence from that of the last head.
    #[inline]
    #[must_use]
    pub fn seq_offset(&self) -> u64 {
        u64::from(self.seq_delta & !Self::BUILT)
    }

    /// Whether the bar was made here of shorter ones; one that came in as it is was not.
    #[inline]
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.seq_delta & Self::BUILT != 0
    }

    /// Typical price, `(high + low + close) / 3`.
    #[inline]
    #[must_use]
    pub fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }
}
