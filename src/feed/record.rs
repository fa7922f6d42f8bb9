//! A record as a source has it, before anybody has checked its symbol, order or time.

use crate::model::Timeframe;

/// One bar out of a stream entry, a frame or a line of a file; borrowed from the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// Name of the symbol, as written.
    pub symbol: &'a [u8],
    /// Start of the bar as written, Unix ms; not yet floored to the interval.
    pub ts: i64,
    /// Interval of the bar.
    pub interval: Timeframe,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume.
    pub volume: f64,
    /// Volume-weighted average price; NaN or 0 where the source has none.
    pub vwap: f64,
    /// Number of trades, 0 where the source does not say.
    pub trades: u32,
    /// When the record was made, Unix ns, 0 where the source does not say.
    pub ingest_ns: u64,
}

impl Record<'_> {
    /// The volume-weighted average price, or `(high + low + close) / 3` where the source has none; within low and high.
    #[inline]
    #[must_use]
    pub fn vwap_or_typical(&self) -> f64 {
        let vwap = if self.vwap > 0.0 { self.vwap } else { (self.high + self.low + self.close) / 3.0 };
        // Not `clamp`, which panics where the bounds are not in order: that is for `validate` to say.
        vwap.min(self.high).max(self.low)
    }
}
