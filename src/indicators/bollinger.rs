//! Bollinger bands (n, k): the mean of the last n prices, and k population standard deviations above and below.
//!
//! The deviation is computed from the window itself in two passes, O(n) a bar, so that nothing cancels at large prices
//! and nothing drifts; n equal prices give a deviation of exactly 0. The squares are added in four interleaved chains,
//! by the place of each price, which is the number of its bar modulo n.

use super::{BadImage, History, ImageReader, ImageWriter, RollingMean};

/// State and last values of the bands.
#[derive(Debug, Clone, Copy)]
pub struct Bollinger {
    pub(super) mean: RollingMean,
    /// Middle plus k deviations, NaN before the bands are ready.
    pub upper: f64,
    /// Mean of the window, NaN before the bands are ready.
    pub middle: f64,
    /// Middle minus k deviations, NaN before the bands are ready.
    pub lower: f64,
}

/// What the bands are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BollingerSpec {
    /// Length n of the window, bars.
    pub period: usize,
    /// Width k, population standard deviations.
    pub std_dev: f64,
}

impl Default for Bollinger {
    fn default() -> Self {
        Self { mean: RollingMean::default(), upper: f64::NAN, middle: f64::NAN, lower: f64::NAN }
    }
}

impl Bollinger {
    /// Takes bar `i`, the newest of `history`; `leaving` is the price of bar `i − period`, where there is one.
    #[inline]
    pub fn on_bar(&mut self, spec: &BollingerSpec, i: u64, history: &History, leaving: f64) {
        let n = spec.period as u64;
        let middle = self.mean.on_value(n, i, history.price(0), leaving);
        if i + 1 < n {
            return;
        }
        let deviation =
            if self.mean.is_flat(n) { 0.0 } else { (sum_of_squares(history, i, n, middle) / n as f64).sqrt() };
        self.middle = middle;
        self.upper = middle + spec.std_dev * deviation;
        self.lower = middle - spec.std_dev * deviation;
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        self.mean.write_state(out);
        out.reals(&[self.upper, self.middle, self.lower]);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mean = RollingMean::read_state(image)?;
        let [upper, middle, lower] = image.reals()?;
        Ok(Self { mean, upper, middle, lower })
    }
}

/// Sum of the squared distances of the prices of the last `n` bars up to `i` from `mean`.
fn sum_of_squares(history: &History, i: u64, n: u64, mean: f64) -> f64 {
    let mut lanes = [0.0; 4];
    for place in 0..n {
        let back = (i % n + n - place) % n;
        let x = history.price(back as usize);
        lanes[place as usize % 4] += (x - mean) * (x - mean);
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}
