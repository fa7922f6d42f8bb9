//! Relative strength index, RSI(n), by Wilder's smoothing.
//!
//! The first averages are plain means of the first n gains and losses, then `avg = (avg·(n−1) + x)/n`; the value is
//! `100·gain/(gain + loss)`, and 50 where there is neither (TA-Lib says 0, but a price that stands still is not
//! oversold). Ready at bar n. O(1) a bar.

use super::{BadImage, ImageReader, ImageWriter};

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
            self.gain = (self.gain * (n - 1.0) + gain) / n;
            self.loss = (self.loss * (n - 1.0) + loss) / n;
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
