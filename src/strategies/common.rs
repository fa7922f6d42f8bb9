//! What several strategies share: their terms, and the swing points of the price with the divergences of other series.

use super::{
    look_back::LookBack,
    memory::{memory, newest},
    params::{Contradictions, MAX_PERIOD, MAX_SWING_LOOKBACK, Whole, params, period},
    row::{Divergences, Row},
};
use crate::{indicators::Needs, lanes::Vector};

params! {
    /// Terms that several strategies share.
    Params {
        /// Bars of the volume average.
        volume_period: usize = 20, period(1);
        /// First bar index at which a swing divergence may fire.
        swing_min_index: usize = 20, Whole { min: 3, max: MAX_PERIOD };
        /// How many bars before the newest swing point the earlier one may lie, counted from the bar itself.
        swing_lookback: usize = 9, Whole { min: 2, max: MAX_SWING_LOOKBACK };
    }
}

impl Params {
    fn check(&self, found: &mut Contradictions) {
        let least = self.swing_lookback + 1;
        found.check(self.swing_min_index >= least, "swing_min_index", || {
            format!("found {}; allowed: more than swing_lookback, so {least} or more", self.swing_min_index)
        });
    }

    /// The volume average.
    pub(super) fn needs(&self, needs: &mut Needs) {
        needs.volume = self.volume_period;
    }

    /// How far the divergences look back.
    #[inline(always)]
    pub(super) fn look_back(&self) -> LookBack {
        let bars = self.swing_lookback + 2;
        LookBack { bars, conditions: self.swing_lookback, first_bar: self.swing_min_index }
    }
}

memory! {
    /// The newest swing low and swing high, and where the earlier ones were.
    ///
    /// A divergence is measured from the newest swing point before the one at hand: one of each direction is all that
    /// must be kept.
    Memory {
        /// At the newest swing low.
        low_price: number,
        low_line: number,
        low_rsi: number,
        low_trend_rsi: number,
        /// At the newest swing high.
        high_price: number,
        high_line: number,
        high_rsi: number,
        high_trend_rsi: number,
        /// Bit k: the bar k + 1 before the newest was a swing low; bit 32 + k: a swing high.
        swings: bits,
    }
}

/// The half of a word that is kept of the swing lows.
const LOWS: u64 = u32::MAX as u64;

impl<V: Vector> Memory<V> {
    /// Takes the newest bar: decides whether the one before is a swing point, and what diverges there from the newest
    /// earlier one.
    ///
    /// The order of lows and highs cannot be predicted, so nothing here branches.
    #[inline(always)]
    pub(super) fn on_bar(&mut self, params: &Params, row: &Row<V>) -> Divergences<V> {
        let [after, price, earlier] = row.change.prices;
        let before = &row.change.before;
        let (line, rsi, trend_rsi) = (before.line, before.rsi, before.trend_rsi);
        let reach = newest(params.swing_lookback.saturating_sub(1));
        let ripe = row.ripe(params.look_back());

        let is_low = V::and(V::lt(price, earlier), V::lt(price, after));
        let lower = V::and(V::and(is_low, V::lt(price, self.low_price)), V::and(ripe, V::any(self.swings, reach)));
        let buy_trend = V::and(lower, V::gt(trend_rsi, self.low_trend_rsi));
        let buy_macd = V::and(lower, V::and(V::gt(line, self.low_line), V::gt(rsi, self.low_rsi)));

        let is_high = V::and(V::gt(price, earlier), V::gt(price, after));
        let higher =
            V::and(V::and(is_high, V::gt(price, self.high_price)), V::and(ripe, V::any(self.swings, reach << 32)));
        let sell_trend = V::and(higher, V::lt(trend_rsi, self.high_trend_rsi));
        let sell_macd = V::and(higher, V::and(V::lt(line, self.high_line), V::lt(rsi, self.high_rsi)));

        self.low_price = V::pick(is_low, price, self.low_price);
        self.low_line = V::pick(is_low, line, self.low_line);
        self.low_rsi = V::pick(is_low, rsi, self.low_rsi);
        self.low_trend_rsi = V::pick(is_low, trend_rsi, self.low_trend_rsi);
        self.high_price = V::pick(is_high, price, self.high_price);
        self.high_line = V::pick(is_high, line, self.high_line);
        self.high_rsi = V::pick(is_high, rsi, self.high_rsi);
        self.high_trend_rsi = V::pick(is_high, trend_rsi, self.high_trend_rsi);
        let shifted = V::masked(V::shift(self.swings), !(LOWS + 1));
        self.swings = V::or_if(V::or_if(shifted, is_low, 1), is_high, LOWS + 1);
        Divergences { macd_rsi: [buy_macd, sell_macd], trend_rsi: [buy_trend, sell_trend] }
    }
}
