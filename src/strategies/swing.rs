//! Swing points of the price and the divergences of other series from them.

use super::{BarView, Fired};
use crate::{
    config::CommonParams,
    indicators::{BadImage, ImageReader, ImageWriter},
};

/// The newest swing point of one direction, with the series that divergences are looked for in.
#[derive(Debug, Clone, Copy)]
struct Point {
    bar: u64,
    price: f64,
    line: f64,
    rsi: f64,
    trend_rsi: f64,
}

/// The newest swing low and swing high.
///
/// A divergence is measured from the newest swing point before the one at hand: one of each direction is all that must
/// be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct SwingPoints {
    low: Point,
    high: Point,
}

impl Default for SwingPoints {
    fn default() -> Self {
        let nan = f64::NAN;
        let none = Point { bar: 0, price: nan, line: nan, rsi: nan, trend_rsi: nan };
        Self { low: none, high: none }
    }
}

/// Divergences that end at the bar before the newest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Divergences {
    /// Of the price from MACD line and RSI.
    pub(super) macd_rsi: Fired,
    /// Of the price from the RSI of the trend strategy.
    pub(super) trend_rsi: Fired,
}

impl SwingPoints {
    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        for point in [&self.low, &self.high] {
            out.word(point.bar);
            out.reals(&[point.price, point.line, point.rsi, point.trend_rsi]);
        }
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut point = || {
            let bar = image.word()?;
            let [price, line, rsi, trend_rsi] = image.reals()?;
            Ok(Point { bar, price, line, rsi, trend_rsi })
        };
        Ok(Self { low: point()?, high: point()? })
    }

    /// Takes the newest bar: decides whether the one before is a swing point, and what diverges there from the newest
    /// earlier one.
    ///
    /// Lows and highs come in no order that a processor could learn: nothing here branches.
    #[inline(always)]
    pub(super) fn on_bar(&mut self, view: &BarView<'_>, common: &CommonParams) -> Divergences {
        let (earlier, middle, after) = (view.prices[2], view.prices[1], view.prices[0]);
        let is_low = (middle < earlier) & (middle < after);
        let is_high = (middle > earlier) & (middle > after);
        let before = &view.before;
        let ripe = view.i >= common.swing_min_index as u64;
        let lookback = common.swing_lookback as u64;

        let low = &mut self.low;
        let lower = is_low & ripe & (view.i.wrapping_sub(low.bar) <= lookback) & (middle < low.price);
        let buy_trend = lower & (before.trend_rsi > low.trend_rsi);
        let buy_macd = lower & (before.line > low.line) & (before.rsi > low.rsi);
        low.replace_if(is_low, view);

        let high = &mut self.high;
        let higher = is_high & ripe & (view.i.wrapping_sub(high.bar) <= lookback) & (middle > high.price);
        let sell_trend = higher & (before.trend_rsi < high.trend_rsi);
        let sell_macd = higher & (before.line < high.line) & (before.rsi < high.rsi);
        high.replace_if(is_high, view);

        Divergences {
            macd_rsi: Fired::DIVERGENCE_BUY.when(buy_macd) | Fired::DIVERGENCE_SELL.when(sell_macd),
            trend_rsi: Fired::DIVERGENCE_BUY.when(buy_trend) | Fired::DIVERGENCE_SELL.when(sell_trend),
        }
    }
}

impl Point {
    /// Becomes the bar before the newest.
    #[inline(always)]
    fn replace_if(&mut self, condition: bool, view: &BarView<'_>) {
        let pick = |new: f64, old: f64| std::hint::select_unpredictable(condition, new, old);
        let before = &view.before;
        self.bar = std::hint::select_unpredictable(condition, view.i.wrapping_sub(1), self.bar);
        self.price = pick(view.price_before(), self.price);
        self.line = pick(before.line, self.line);
        self.rsi = pick(before.rsi, self.rsi);
        self.trend_rsi = pick(before.trend_rsi, self.trend_rsi);
    }
}
