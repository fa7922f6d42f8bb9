//! Simple moving average, SMA(n), without drift.
//!
//! O(1) a bar. The running sum carries the rounding error of each addition along (Knuth's two-sum), about 106 bits in
//! all, so that a value that has left the window leaves nothing behind; a window of equal values gives exactly that
//! value. Used for the volume average too, where an average of exactly zero means something.

use super::{BadImage, ImageReader, ImageWriter};

/// A rolling mean; the values that leave its window are handed in by the caller, who keeps them anyway.
#[derive(Debug, Clone, Copy)]
pub struct RollingMean {
    pub(super) sum: f64,
    pub(super) error: f64,
    last: f64,
    /// How many of the newest values are equal to the last.
    pub(super) run: u64,
    value: f64,
}

impl Default for RollingMean {
    fn default() -> Self {
        Self { sum: 0.0, error: 0.0, last: f64::NAN, run: 0, value: f64::NAN }
    }
}

/// `x · n` as a rounded product and its rounding error, exact for n below 2²⁶ (Veltkamp's split, Knuth's two-sum).
#[inline]
pub(super) fn exact_multiple(x: f64, n: u64) -> (f64, f64) {
    let high = f64::from_bits(x.to_bits() & !0x07ff_ffff);
    let (a, b) = (high * n as f64, (x - high) * n as f64);
    let sum = a + b;
    (sum, b - (sum - a))
}

impl RollingMean {
    #[inline]
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        let back = sum - self.sum;
        self.error += (self.sum - (sum - back)) + (x - back);
        self.sum = sum;
    }

    /// Takes the value of bar `i` and, from bar `period` on, the value of bar `i − period` that leaves the window.
    #[inline]
    pub fn on_value(&mut self, period: u64, i: u64, x: f64, leaving: f64) -> f64 {
        self.run = if x == self.last { self.run.saturating_add(1) } else { 1 };
        self.last = x;
        self.add(x);
        if i >= period {
            self.add(-leaving);
        }
        if self.run >= period {
            // The whole window is one value: start the sum afresh.
            (self.sum, self.error) = exact_multiple(x, period);
            self.value = x;
        } else if i + 1 >= period {
            self.value = (self.sum + self.error) / period as f64;
        }
        self.value
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.reals(&[self.sum, self.error, self.last, self.value]);
        out.word(self.run);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let [sum, error, last, value] = image.reals()?;
        Ok(Self { sum, error, last, run: image.word()?, value })
    }

    /// The mean at the last bar, NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether the whole window is one value.
    #[inline]
    #[must_use]
    pub fn is_flat(&self, period: u64) -> bool {
        self.run >= period
    }
}
