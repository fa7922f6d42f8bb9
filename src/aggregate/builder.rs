//! One bar in the making.

use crate::model::{Bar, SymbolId, TimeframeId};
use bincode::{Decode, Encode};

/// The open bar of one cell, or none.
#[derive(Debug, Clone, Copy, Encode, Decode)]
pub struct BarBuilder {
    /// Start of the open bar, Unix ms; meaningless when none is open.
    start: i64,
    /// End of the open bar, Unix ms; `i64::MIN` when none is open.
    end: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    /// Sum of volume times vwap.
    turnover: f64,
    trades: u32,
}

impl Default for BarBuilder {
    fn default() -> Self {
        Self {
            start: 0,
            end: i64::MIN,
            open: 0.0,
            high: 0.0,
            low: 0.0,
            close: 0.0,
            volume: 0.0,
            turnover: 0.0,
            trades: 0,
        }
    }
}

impl BarBuilder {
    /// Whether a bar is open.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.end != i64::MIN
    }

    /// End of the open bar, Unix ms; `i64::MIN` when none is open.
    #[inline]
    #[must_use]
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Opens a bar with its first base bar; `start` is the start of its interval.
    #[inline]
    pub fn start(&mut self, start: i64, interval_ms: i64, base: &Bar) {
        *self = Self {
            start,
            end: start + interval_ms,
            open: base.open,
            high: base.high,
            low: base.low,
            close: base.close,
            volume: base.volume,
            turnover: base.volume * base.vwap,
            trades: base.trades,
        };
    }

    /// Adds the next base bar of the open bar.
    #[inline]
    pub fn add(&mut self, base: &Bar) {
        self.high = self.high.max(base.high);
        self.low = self.low.min(base.low);
        self.close = base.close;
        self.volume += base.volume;
        self.turnover += base.volume * base.vwap;
        self.trades = self.trades.saturating_add(base.trades);
    }

    /// Closes the open bar.
    #[inline]
    pub fn close(&mut self, symbol: SymbolId, timeframe: TimeframeId) -> Bar {
        self.end = i64::MIN;
        let vwap =
            if self.volume > 0.0 { self.turnover / self.volume } else { (self.high + self.low + self.close) / 3.0 };
        Bar {
            ts: self.start,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            vwap,
            trades: self.trades,
            symbol,
            seq_delta: Bar::BUILT,
            timeframe,
        }
    }
}
