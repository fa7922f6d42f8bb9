//! Swing points of the price and the divergences of other series from them.

use super::row::Row;
use crate::lanes::Vector;

/// The newest swing low and swing high, and where the earlier ones were.
///
/// A divergence is measured from the newest swing point before the one at hand: one of each direction is all that must
/// be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct SwingPoints<V: Vector> {
    /// Price, MACD line, RSI and the RSI of the trend strategy at the newest swing low, then at the newest swing high.
    pub(super) points: [V::F; 8],
    /// Bit k: the bar k + 1 before the newest was a swing low (high).
    pub(super) lows: V::B,
    pub(super) highs: V::B,
}

/// Divergences that end at the bar before the newest: bullish, and bearish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Divergences<V: Vector> {
    /// Of the price from MACD line and RSI.
    pub(super) macd_rsi: [V::M; 2],
    /// Of the price from the RSI of the trend strategy.
    pub(super) trend_rsi: [V::M; 2],
}

impl<V: Vector> SwingPoints<V> {
    /// Takes the newest bar: decides whether the one before is a swing point, and what diverges there from the newest
    /// earlier one, of those that `reach` shows.
    ///
    /// Lows and highs come in no order that a processor could learn: nothing here branches.
    #[inline(always)]
    pub(super) fn on_bar(&mut self, row: &Row<V>, reach: u64) -> Divergences<V> {
        let [after, middle, earlier] = row.change.prices;
        let before = &row.change.before;
        let now = [middle, before.line, before.rsi, before.trend_rsi];
        let [low, line_low, rsi_low, trend_low, high, line_high, rsi_high, trend_high] = self.points;

        let is_low = V::and(V::lt(middle, earlier), V::lt(middle, after));
        let lower = V::and(V::and(is_low, V::lt(middle, low)), V::and(row.ripe.swings, V::any(self.lows, reach)));
        let buy_trend = V::and(lower, V::gt(now[3], trend_low));
        let buy_macd = V::and(lower, V::and(V::gt(now[1], line_low), V::gt(now[2], rsi_low)));

        let is_high = V::and(V::gt(middle, earlier), V::gt(middle, after));
        let higher = V::and(V::and(is_high, V::gt(middle, high)), V::and(row.ripe.swings, V::any(self.highs, reach)));
        let sell_trend = V::and(higher, V::lt(now[3], trend_high));
        let sell_macd = V::and(higher, V::and(V::lt(now[1], line_high), V::lt(now[2], rsi_high)));

        for (k, now) in now.into_iter().enumerate() {
            self.points[k] = V::pick(is_low, now, self.points[k]);
            self.points[k + 4] = V::pick(is_high, now, self.points[k + 4]);
        }
        self.lows = V::push(self.lows, is_low);
        self.highs = V::push(self.highs, is_high);
        Divergences { macd_rsi: [buy_macd, sell_macd], trend_rsi: [buy_trend, sell_trend] }
    }
}
