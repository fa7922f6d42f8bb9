//! Swing points of the price and the divergences of other series from them.

use crate::{config::CommonParams, indicators::History, model::Side};

/// Values of a series kept for comparison with an earlier swing point; covers the longest look back.
const TRACK: usize = 32;

/// The recent values of one indicator.
#[derive(Debug, Clone)]
pub(super) struct Track {
    values: [f64; TRACK],
}

impl Default for Track {
    fn default() -> Self {
        Self { values: [f64::NAN; TRACK] }
    }
}

impl Track {
    /// Takes the value of bar `i`.
    #[inline]
    pub(super) fn push(&mut self, i: u64, value: f64) {
        self.values[i as usize % TRACK] = value;
    }

    /// Value of bar `i`, which is at most 31 bars ago.
    #[inline]
    fn at(&self, i: u64) -> f64 {
        self.values[i as usize % TRACK]
    }
}

/// Which of the recent bars are swing points: bit k is bar `i − 1 − k`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SwingPoints {
    lows: u32,
    highs: u32,
}

/// The pair of swing points that a divergence is measured between.
#[derive(Debug, Clone, Copy)]
pub(super) struct SwingPair {
    earlier: u64,
    later: u64,
}

impl SwingPoints {
    /// Takes bar `i`, the newest of `history`: decides whether bar `i − 1` is a swing point.
    #[inline]
    pub(super) fn on_bar(&mut self, i: u64, history: &History) {
        self.lows <<= 1;
        self.highs <<= 1;
        if i >= 2 {
            let (before, middle, after) = (history.price(2), history.price(1), history.price(0));
            self.lows |= u32::from(middle < before && middle < after);
            self.highs |= u32::from(middle > before && middle > after);
        }
    }

    /// The swing points of a divergence at bar `i`: bar `i − 1` and the newest earlier one, if the price makes a lower
    /// low (buy) or a higher high (sell) from one to the other.
    #[inline]
    pub(super) fn pair(&self, i: u64, history: &History, side: Side, params: &CommonParams) -> Option<SwingPair> {
        let points = match side {
            Side::Buy => self.lows,
            Side::Sell => self.highs,
        };
        // Bits 1 … lookback − 1 are bars i − 2 … i − lookback.
        let earlier = points & (((1u64 << params.swing_lookback) - 1) as u32) & !1;
        if points & 1 == 0 || earlier == 0 || i < params.swing_min_index as u64 {
            return None;
        }
        let back = earlier.trailing_zeros() as usize + 1;
        let (then, now) = (history.price(back), history.price(1));
        let extends = match side {
            Side::Buy => now < then,
            Side::Sell => now > then,
        };
        extends.then_some(SwingPair { earlier: i - back as u64, later: i - 1 })
    }
}

impl SwingPair {
    /// Whether the series makes a higher low (buy) or a lower high (sell) between the points; false where a value is
    /// not ready.
    #[inline]
    pub(super) fn diverges(&self, track: &Track, side: Side) -> bool {
        let (then, now) = (track.at(self.earlier), track.at(self.later));
        match side {
            Side::Buy => now > then,
            Side::Sell => now < then,
        }
    }
}
