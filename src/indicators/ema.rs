//! Exponential moving average, EMA(n): seeded with the mean of its first n values, then `e += 2/(n+1) · (x − e)`, but
//! where the distance `x − e` is less than [`LEAST`].
//!
//! O(1) a bar, 2 words of state.

use super::{BadImage, ImageReader, ImageWriter, LEAST};

/// An exponential moving average that may start late.
#[derive(Debug, Clone, Copy)]
pub struct Ema {
    value: f64,
    seed_sum: f64,
}

/// Parameters of an [`Ema`]: where its series starts, and its length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmaSpec {
    /// Index of the first bar that counts.
    pub from: u64,
    /// Length n, bars.
    pub period: u64,
    pub(super) alpha: f64,
}

impl EmaSpec {
    /// The average of `period` bars from bar `from` on; ready at `from + period - 1`.
    #[must_use]
    pub fn new(from: usize, period: usize) -> Self {
        Self { from: from as u64, period: period as u64, alpha: 2.0 / (period as f64 + 1.0) }
    }
}

impl Default for Ema {
    fn default() -> Self {
        Self { value: f64::NAN, seed_sum: 0.0 }
    }
}

impl Ema {
    /// Takes the value of bar `i` and gives the average, NaN before it is ready.
    #[inline]
    pub fn on_value(&mut self, spec: &EmaSpec, i: u64, x: f64) -> f64 {
        let ready = spec.from + spec.period - 1;
        if i > ready {
            let distance = x - self.value;
            self.value += spec.alpha * if distance.abs() < LEAST { 0.0 } else { distance };
        } else if i >= spec.from {
            self.seed_sum += x;
            if i == ready {
                self.value = self.seed_sum / spec.period as f64;
            }
        }
        self.value
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.reals(&[self.value, self.seed_sum]);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        Ok(Self { value: image.real()?, seed_sum: image.real()? })
    }

    /// The average at the last bar, NaN before it is ready.
    #[inline]
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}
