//! A record as an input gives it, before its symbol, order and time are checked.

use crate::model::Timeframe;

/// One bar from a stream entry, a frame or a line of a file; borrows the bytes that it was read from.
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
    /// Volume-weighted average price; NaN or 0 if the source has none.
    pub vwap: f64,
    /// Number of trades; 0 if the source does not give it.
    pub trades: u32,
    /// When the record was made, Unix ns; 0 if the source does not say.
    pub ingest_ns: u64,
}

impl Record<'_> {
    /// The volume-weighted average price, or `(high + low + close) / 3` if the source has none; held within low and
    /// high.
    #[inline]
    #[must_use]
    pub fn vwap_or_typical(&self) -> f64 {
        let given = !self.vwap.is_nan() && self.vwap != 0.0;
        let vwap = if given { self.vwap } else { (self.high + self.low + self.close) / 3.0 };
        // Not `clamp`, which panics if the bounds are out of order: reporting that is the task of `validate`.
        vwap.min(self.high).max(self.low)
    }
}
