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
    /// Volume-weighted average price, NaN where the source has none.
    pub vwap: f64,
    /// Number of trades, 0 where the source does not say.
    pub trades: u32,
    /// When the record was made, Unix ns, 0 where the source does not say.
    pub ingest_ns: u64,
}
