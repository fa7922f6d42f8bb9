//! The open bar of a cell.

use crate::{
    model::{Bar, Span, SymbolId, TimeframeId},
    state::is_sound_time,
};
use wincode::{SchemaRead, SchemaWrite};

/// The open bar of one cell, or none.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
pub struct BarBuilder {
    /// Time of the open bar as it is published, Unix ms; meaningless when none is open.
    label: i64,
    /// End of the open bar, Unix ms; `i64::MIN` when none is open.
    end: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    /// The first base bar's vwap: the sum below is of distances from it, so that prices that are all equal have exactly
    /// that vwap.
    first_vwap: f64,
    /// Sum of volume times the distance of the vwap from the first.
    turnover: f64,
    trades: u32,
}

impl Default for BarBuilder {
    fn default() -> Self {
        Self {
            label: 0,
            end: i64::MIN,
            open: 0.0,
            high: 0.0,
            low: 0.0,
            close: 0.0,
            volume: 0.0,
            first_vwap: 0.0,
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

    /// Whether its times are far enough from the limits that arithmetic cannot overflow.
    pub(super) fn is_sound(&self) -> bool {
        is_sound_time(self.label) && is_sound_time(self.end) && (!self.is_open() || self.label < self.end)
    }

    /// Opens the bar of this span with its first base bar.
    #[inline]
    pub fn start(&mut self, span: Span, base: &Bar) {
        *self = Self {
            label: span.label,
            end: span.end,
            open: base.open,
            high: base.high,
            low: base.low,
            close: base.close,
            volume: base.volume,
            first_vwap: base.vwap,
            turnover: 0.0,
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
        self.turnover += base.volume * (base.vwap - self.first_vwap);
        self.trades = self.trades.saturating_add(base.trades);
    }

    /// Closes the open bar.
    #[inline]
    pub fn close(&mut self, symbol: SymbolId, timeframe: TimeframeId) -> Bar {
        let bar = self.so_far(symbol, timeframe);
        self.end = i64::MIN;
        bar
    }

    /// The open bar as far as it has come.
    #[inline]
    pub fn so_far(&self, symbol: SymbolId, timeframe: TimeframeId) -> Bar {
        let vwap = if self.volume > 0.0 {
            self.first_vwap + self.turnover / self.volume
        } else {
            (self.high + self.low + self.close) / 3.0
        };
        Bar {
            ts: self.label,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            vwap: vwap.min(self.high).max(self.low),
            trades: self.trades,
            symbol,
            seq_delta: Bar::BUILT,
            timeframe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vwap of bars of one price, whatever their volumes.
    fn vwap(price: f64, volumes: &[f64]) -> f64 {
        let base = |&volume: &f64| Bar {
            ts: 0,
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            vwap: price,
            trades: 1,
            symbol: SymbolId(0),
            seq_delta: 0,
            timeframe: TimeframeId::new(0),
        };
        let mut builder = BarBuilder::default();
        let mut parts = volumes.iter().map(base);
        builder.start(Span { label: 0, start: 0, end: 60_000 }, &parts.next().unwrap());
        parts.for_each(|part| builder.add(&part));
        builder.close(SymbolId(0), TimeframeId::new(1)).vwap
    }

    #[test]
    fn a_bar_that_traded_at_one_price_has_exactly_that_vwap() {
        for price in [0.1, 1.0 / 3.0, 13741.169198270349, 7.7e-9] {
            for volumes in [&[0.3, 0.7, 1e9][..], &[0.0, 0.1], &[1e-9; 50], &[0.0; 3]] {
                let got = vwap(price, volumes);
                assert_eq!(got.to_bits(), price.to_bits(), "{price} {volumes:?}: {got}");
            }
        }
    }
}
