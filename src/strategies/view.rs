//! What a strategy sees of the bar that has just closed.

use super::found::{clamp, relative};
use crate::{
    indicators::{History, Reading, RecentPrices},
    model::Side,
};

/// One closed bar with its cell's recent past.
#[derive(Debug, Clone, Copy)]
pub struct BarView<'a> {
    /// Number of the bar in its cell, from 0.
    pub i: u64,
    /// Price scale `s` of the timeframe.
    pub scale: f64,
    /// The recent bars, the newest of which is this one.
    pub history: &'a History,
    /// The newest of their prices once more, close together.
    pub recent: RecentPrices<'a>,
    /// Highest price of the bar.
    pub high: f64,
    /// Lowest price of the bar.
    pub low: f64,
    /// The price series at this bar, at the previous one and at the one before that; NaN if there is none.
    pub prices: [f64; 3],
    /// Values of the indicators at this bar.
    pub now: Reading,
    /// Values of the indicators at the bar before.
    pub before: Reading,
    /// Volume over its average; meaningless if the average is not above zero.
    pub volume_ratio: f64,
    /// Distance of the bands, relative to the middle one.
    pub width: f64,
}

impl BarView<'_> {
    /// The price series at this bar.
    #[inline(always)]
    #[must_use]
    pub fn price(&self) -> f64 {
        self.prices[0]
    }

    /// The price series at the bar before, NaN at the first.
    #[inline(always)]
    #[must_use]
    pub fn price_before(&self) -> f64 {
        self.prices[1]
    }

    /// The price series `back` bars before this one.
    #[inline]
    #[must_use]
    pub fn price_back(&self, back: usize) -> f64 {
        self.recent.get(back).unwrap_or_else(|| self.history.price(back))
    }

    /// Share of the volume that a signal needs, in [0, 1]; 1 if volume does not count or its average is not above zero.
    #[inline]
    #[must_use]
    pub fn volume_factor(&self, confirmation: bool, threshold: f64) -> f64 {
        if confirmation && self.now.volume > 0.0 { (self.volume_ratio / threshold).min(1.0) } else { 1.0 }
    }

    /// Whether the volume is high enough for a signal; true if volume does not count or its average is not above zero.
    #[inline(always)]
    #[must_use]
    pub fn volume_gate(&self, confirmation: bool, threshold: f64) -> bool {
        let says = confirmation & (self.now.volume > 0.0);
        !says | (self.volume_ratio >= threshold)
    }

    /// Momentum of the price over the last `bars`, in [0, 1]; 0.5 means none.
    #[inline]
    #[must_use]
    pub fn momentum(&self, bars: usize, gain: f64, side: Side) -> f64 {
        let m = (bars as u64).min(self.i) as usize;
        if m < 2 {
            return 0.5;
        }
        let before = self.price_back(m);
        clamp(relative(side.dir() * gain * (self.price() - before), before) / self.scale + 0.5)
    }
}
