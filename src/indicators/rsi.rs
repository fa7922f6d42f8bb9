//! Relative strength index, RSI(n), by Wilder's smoothing.
//!
//! The first averages are plain means of the first n gains and losses, then `avg = (avg·(n−1) + x)/n`. The value is
//! `100·gain/(gain + loss)`, and 50 where the price has never moved (TA-Lib says 0, but a price that stands still is not
//! oversold). A price equal to the one before leaves the value as it is, to the bit: rounding must not look like a rise.
//! An average decays to [`LEAST`] at most. Ready at bar n. O(1) a bar.

use super::{BadImage, ImageReader, ImageWriter, LEAST};

/// State and last value of an RSI.
#[derive(Debug, Clone, Copy)]
pub struct Rsi {
    pub(super) gain: f64,
    pub(super) loss: f64,
    value: f64,
}

impl Default for Rsi {
    fn default() -> Self {
        Self { gain: 0.0, loss: 0.0, value: f64::NAN }
    }
}

/// Where the averages of an RSI of this period stop to decay; an average over one bar has no memory that decays.
pub(super) fn least(period: u64) -> f64 {
    if period > 1 { LEAST } else { 0.0 }
}

/// The average with the next value in it.
#[inline]
fn smoothed(average: f64, next: f64, period: u64) -> f64 {
    let n = period as f64;
    ((average * (n - 1.0) + next) / n).max(average.min(least(period)))
}

impl Rsi {
    /// Takes the change of price from bar `i − 1` to bar `i`; nothing happens at bar 0.
    #[inline]
    pub fn on_change(&mut self, period: u64, i: u64, change: f64) -> f64 {
        if i == 0 {
            return self.value;
        }
        let gain = if change > 0.0 { change } else { 0.0 };
        let loss = if change < 0.0 { -change } else { 0.0 };
        let n = period as f64;
        if i > period {
            self.gain = smoothed(self.gain, gain, period);
            self.loss = smoothed(self.loss, loss, period);
            if change == 0.0 {
                return self.value;
            }
        } else {
            self.gain += gain;
            self.loss += loss;
            if i < period {
                return self.value;
            }
            self.gain /= n;
            self.loss /= n;
        }
        let sum = self.gain + self.loss;
        self.value = if sum > 0.0 { 100.0 * self.gain / sum } else { 50.0 };
        self.value
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.reals(&[self.gain, self.loss, self.value]);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        Ok(Self { gain: image.real()?, loss: image.real()?, value: image.real()? })
    }

    /// The index at the last bar, in [0, 100]; NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(prices: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let (mut rsi, mut last) = (Rsi::default(), f64::NAN);
        let values = prices.into_iter().enumerate().map(|(i, price)| {
            let value = rsi.on_change(14, i as u64, price - last);
            last = price;
            value
        });
        values.collect()
    }

    #[test]
    fn a_price_that_never_moves_is_exactly_in_the_middle() {
        let values = run(std::iter::repeat_n(0.1 + 0.2, 100));
        assert!(values[..14].iter().all(|value| value.is_nan()));
        assert!(values[14..].iter().all(|&value| value == 50.0), "{values:?}");
    }

    #[test]
    fn a_price_that_stands_still_leaves_the_value_as_it_is() {
        let moving = (0..50).map(|i| 100.0 + f64::from(i * i % 17) * 0.37);
        let mut values = run(moving.chain(std::iter::repeat_n(101.0, 20_000)));
        let still = values.split_off(51);
        assert!(still.iter().all(|value| value.to_bits() == values[50].to_bits()));
    }

    #[test]
    fn no_average_becomes_subnormal() {
        let (mut rsi, mut up) = (Rsi::default(), Rsi::default());
        for i in 0..30_000 {
            rsi.on_change(14, i, if i < 20 { [1.0, -1.0][(i % 2) as usize] } else { 0.0 });
            up.on_change(14, i, 1.0);
        }
        // Ups first, then ups and stillness only: losses decay while gains go on.
        let mut ups = rsi;
        for i in 30_000..60_000 {
            ups.on_change(14, i, f64::from(u8::from(i % 9 == 0)));
        }
        for average in [rsi.gain, rsi.loss, ups.gain, ups.loss] {
            assert!(average.is_normal(), "{average:e}");
        }
        assert_eq!((up.loss, up.value()), (0.0, 100.0));
    }
}
