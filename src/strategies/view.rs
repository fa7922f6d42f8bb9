//! What a strategy sees of the bar that has just closed.

use super::clamp;
use crate::{
    indicators::{History, IndicatorSet},
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
    /// Values of the indicators at this bar.
    pub indicators: &'a IndicatorSet,
    /// Volume average at this bar, NaN before it is ready.
    pub volume_average: f64,
}

impl BarView<'_> {
    /// The price series at this bar.
    #[inline]
    #[must_use]
    pub fn price(&self) -> f64 {
        self.history.price(0)
    }

    /// Volume over its average, or `None` where that says nothing: not ready, or not above zero.
    #[inline]
    fn volume_ratio(&self) -> Option<f64> {
        (self.volume_average > 0.0).then(|| self.history.volume(0) / self.volume_average)
    }

    /// Share of the volume that a signal asks for, in [0, 1]; 1 where volume is not asked or says nothing.
    #[inline]
    #[must_use]
    pub fn volume_factor(&self, confirmation: bool, threshold: f64) -> f64 {
        match self.volume_ratio() {
            Some(ratio) if confirmation => (ratio / threshold).min(1.0),
            _ => 1.0,
        }
    }

    /// Whether the volume is what a signal needs; open where volume is not asked or says nothing.
    #[inline]
    #[must_use]
    pub fn volume_gate(&self, confirmation: bool, threshold: f64) -> bool {
        match self.volume_ratio() {
            Some(ratio) if confirmation => ratio >= threshold,
            _ => true,
        }
    }

    /// Momentum of the price over the last `bars`, in [0, 1]; 0.5 is none.
    #[inline]
    #[must_use]
    pub fn momentum(&self, bars: usize, gain: f64, side: Side) -> f64 {
        let m = (bars as u64).min(self.i) as usize;
        if m < 2 {
            return 0.5;
        }
        let before = self.history.price(m);
        clamp(side.dir() * gain * (self.price() - before) / before / self.scale + 0.5)
    }
}
