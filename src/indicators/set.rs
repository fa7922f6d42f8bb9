//! All indicators of one cell, updated together.

use super::{
    Bollinger, Ema, History, IndicatorLayout, Macd, RollingMean, Rsi,
    layout::{MAX_BANDS, MAX_EMAS, MAX_MACDS, MAX_MEANS, MAX_RSIS},
};
use crate::model::Indicators;

/// State and last values of a cell's indicators; which of them mean what, the [`IndicatorLayout`] says.
#[derive(Debug, Clone, Default)]
pub struct IndicatorSet {
    emas: [Ema; MAX_EMAS],
    rsis: [Rsi; MAX_RSIS],
    macds: [Macd; MAX_MACDS],
    bands: [Bollinger; MAX_BANDS],
    volumes: [RollingMean; MAX_MEANS],
    price_means: [RollingMean; MAX_MEANS],
}

impl IndicatorSet {
    /// Takes bar `i`, the newest of `history`. Each indicator is computed once. Allocates nothing.
    #[inline]
    pub fn on_bar(&mut self, layout: &IndicatorLayout, i: u64, history: &History) {
        let price = history.price(0);
        let change = price - history.price(1);
        for (ema, spec) in self.emas.iter_mut().zip(&layout.emas) {
            ema.on_value(spec, i, price);
        }
        for (macd, spec) in self.macds.iter_mut().zip(&layout.macds) {
            macd.on_price(spec, i, price);
        }
        for (rsi, &period) in self.rsis.iter_mut().zip(&layout.rsis) {
            rsi.on_change(period, i, change);
        }
        for (bands, spec) in self.bands.iter_mut().zip(&layout.bands) {
            bands.on_bar(spec, i, history, history.price(spec.period));
        }
        for (mean, &period) in self.volumes.iter_mut().zip(&layout.volumes) {
            mean.on_value(period as u64, i, history.volume(0), history.volume(period));
        }
        for (mean, &period) in self.price_means.iter_mut().zip(&layout.price_means) {
            mean.on_value(period as u64, i, price, history.price(period));
        }
    }

    /// The average in a slot, NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn ema(&self, slot: usize) -> f64 {
        self.emas[slot].value()
    }

    /// The RSI in a slot, NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn rsi(&self, slot: usize) -> f64 {
        self.rsis[slot].value()
    }

    /// The MACD in a slot.
    #[inline]
    #[must_use]
    pub fn macd(&self, slot: usize) -> &Macd {
        &self.macds[slot]
    }

    /// The Bollinger bands in a slot.
    #[inline]
    #[must_use]
    pub fn bands(&self, slot: usize) -> &Bollinger {
        &self.bands[slot]
    }

    /// The volume average in a slot, NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn volume(&self, slot: usize) -> f64 {
        self.volumes[slot].value()
    }

    /// The published indicators; all NaN where the layout does not publish.
    #[must_use]
    pub fn published(&self, layout: &IndicatorLayout) -> Indicators {
        let Some(slots) = &layout.published else {
            return Indicators::NONE;
        };
        let (macd, bands) = (self.macd(slots.macd), self.bands(slots.bands));
        Indicators {
            macd_line: macd.line,
            macd_signal: macd.signal,
            macd_hist: macd.histogram,
            rsi_14: self.rsi(slots.rsi_14),
            rsi_21: self.rsi(slots.rsi_21),
            ema_50: self.ema(slots.ema_50),
            ema_200: self.ema(slots.ema_200),
            bb_upper: bands.upper,
            bb_middle: bands.middle,
            bb_lower: bands.lower,
            volume_sma_20: self.volume(slots.volume),
            sma_50: self.price_means[slots.sma_50].value(),
            sma_200: self.price_means[slots.sma_200].value(),
            ema_12: self.ema(slots.ema_12),
            ema_26: self.ema(slots.ema_26),
        }
    }
}
