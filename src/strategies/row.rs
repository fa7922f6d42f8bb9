//! The newest bars of a row of cells, for the conditions of the strategies.

use super::look_back::LookBack;
use crate::{indicators::Change, lanes::Vector};

/// Divergences that end at the bar before the newest: bullish, and bearish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Divergences<V: Vector> {
    /// Of the price from MACD line and RSI.
    pub(crate) macd_rsi: [V::M; 2],
    /// Of the price from the RSI of the trend strategy.
    pub(crate) trend_rsi: [V::M; 2],
}

impl<V: Vector> Divergences<V> {
    /// None.
    #[inline(always)]
    pub(super) fn none() -> Self {
        let none = [V::always(false); 2];
        Self { macd_rsi: none, trend_rsi: none }
    }
}

/// One bar of each cell, with what it has changed.
pub(crate) struct Row<V: Vector> {
    /// Prices and indicators.
    pub(crate) change: Change<V::F>,
    /// Highest price of the bar.
    pub(crate) high: V::F,
    /// Lowest price of the bar.
    pub(crate) low: V::F,
    /// Price scale of the cell.
    pub(crate) scale: V::F,
    /// Volume over its average; meaningless if the average is not above zero.
    pub(crate) volume_ratio: V::F,
    /// Swing divergences that end at the bar before.
    pub(crate) divergences: Divergences<V>,
    /// The number of the bar, unless all cells are settled.
    pub(super) i: Option<u64>,
}

impl<V: Vector> Row<V> {
    /// Whether the cells are old enough for what looks back so far.
    #[inline(always)]
    pub(crate) fn ripe(&self, look_back: LookBack) -> V::M {
        V::always(self.i.is_none_or(|i| i >= look_back.first_bar as u64))
    }

    /// Whether the volume is high enough for a signal; true if volume does not count or its average is not above zero.
    #[inline(always)]
    pub(crate) fn volume_gate(&self, confirmation: bool, threshold: f64) -> V::M {
        let average = self.change.now.volume;
        let says = V::and(V::always(confirmation), V::gt(average, V::splat(0.0)));
        V::or(V::not(says), V::ge(self.volume_ratio, V::splat(threshold)))
    }
}
