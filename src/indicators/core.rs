//! The indicators that the strategies read, of one cell, packed: the step of a cell whose windows are all full.
//!
//! The same formulas as in the file of each indicator, in the same order of operations, but side by side: four averages
//! are one vector, the gains and losses of two RSIs another, and the means of price and volume a third. Nothing here
//! asks whether something is ready; [`IndicatorSet`](super::IndicatorSet) sees a cell through its first bars. Fused
//! multiplication is used nowhere, so that every instruction set gives the same bits.

use super::{
    BadImage, History, ImageReader, ImageWriter, bollinger::sum_of_squares, layout::Lanes, mean::exact_multiple,
    scalar::Scalar,
};

/// RSIs that are computed side by side, and those that the strategies can read.
pub(super) const RSI_LANES: usize = 2;
pub(super) const RSI_READ: usize = 3;

/// State and last values.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Core {
    /// Fast and slow average of the MACD, then the first two others.
    pub(super) emas: [f64; 4],
    /// Average gain of the first two RSIs, then their average loss.
    moves: [f64; 4],
    /// Sums of the prices and volumes of a window, and the rounding errors of these.
    sums: [f64; 2],
    errors: [f64; 2],
    /// How many of the newest prices and volumes are equal to the last.
    runs: [u64; 2],
    /// MACD line and signal.
    pub(super) line: f64,
    pub(super) signal: f64,
    pub(super) rsis: [f64; RSI_READ],
    pub(super) volume: f64,
    pub(super) upper: f64,
    pub(super) middle: f64,
    pub(super) lower: f64,
}

impl Core {
    /// Nothing is ready.
    pub(super) const NONE: Self = Self {
        emas: [f64::NAN; 4],
        moves: [0.0; 4],
        sums: [0.0; 2],
        errors: [0.0; 2],
        runs: [0; 2],
        line: f64::NAN,
        signal: f64::NAN,
        rsis: [f64::NAN; RSI_READ],
        volume: f64::NAN,
        upper: f64::NAN,
        middle: f64::NAN,
        lower: f64::NAN,
    };

    /// Takes the state over from the indicators one by one.
    pub(super) fn load(&mut self, scalar: &Scalar) {
        let macd = &scalar.macds[0];
        let ema = |slot: usize| scalar.emas.get(slot).or(scalar.emas.first()).map_or(f64::NAN, |ema| ema.value());
        self.emas = [macd.fast.value(), macd.slow.value(), ema(0), ema(1)];
        for k in 0..RSI_LANES {
            if let Some(rsi) = scalar.rsis.get(k).or(scalar.rsis.first()) {
                (self.moves[k], self.moves[k + RSI_LANES]) = (rsi.gain, rsi.loss);
            }
        }
        for (value, rsi) in self.rsis.iter_mut().zip(&scalar.rsis) {
            *value = rsi.value();
        }
        let (bands, volume) = (&scalar.bands[0], &scalar.volumes[0]);
        for (k, mean) in [&bands.mean, volume].into_iter().enumerate() {
            (self.sums[k], self.errors[k], self.runs[k]) = (mean.sum, mean.error, mean.run);
        }
        (self.line, self.signal) = (macd.line, macd.signal);
        (self.upper, self.middle, self.lower) = (bands.upper, bands.middle, bands.lower);
        self.volume = volume.value();
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.reals(&self.emas);
        out.reals(&self.moves);
        out.reals(&self.sums);
        out.reals(&self.errors);
        out.words(&self.runs);
        out.reals(&self.rsis);
        out.reals(&[self.line, self.signal, self.volume, self.upper, self.middle, self.lower]);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let (emas, moves) = (image.reals()?, image.reals()?);
        let (sums, errors, runs) = (image.reals()?, image.reals()?, [image.word()?, image.word()?]);
        let rsis = image.reals()?;
        let [line, signal, volume, upper, middle, lower] = image.reals()?;
        Ok(Self { emas, moves, sums, errors, runs, line, signal, rsis, volume, upper, middle, lower })
    }

    /// Takes the newest bar of `history`, all of whose windows are full.
    #[inline(always)]
    pub(super) fn step(&mut self, lanes: &Lanes, history: &History) {
        // The window of the bands with the price that leaves it in front.
        let prices = history.newest_prices(lanes.windows[0] + 1);
        let [leaving_price, window @ ..] = prices else { return };
        let [.., before, price] = *prices else { return };
        for (ema, alpha) in self.emas.iter_mut().zip(lanes.ema_alphas) {
            *ema += alpha * (price - *ema);
        }
        self.line = self.emas[0] - self.emas[1];
        self.signal += lanes.signal_alpha * (self.line - self.signal);

        let change = price - before;
        let gain = if change > 0.0 { change } else { 0.0 };
        let loss = if change < 0.0 { -change } else { 0.0 };
        let now = [gain, gain, loss, loss];
        let periods = lanes.rsi_kept.iter().zip(&lanes.rsi_periods);
        for ((average, now), (kept, period)) in self.moves.iter_mut().zip(now).zip(periods) {
            *average = (*average * kept + now) / period;
        }
        for k in 0..RSI_LANES {
            let sum = self.moves[k] + self.moves[k + RSI_LANES];
            let value = 100.0 * self.moves[k] / sum;
            self.rsis[k] = if sum > 0.0 { value } else { 50.0 };
        }

        let newest = [price, history.volume(0)];
        let last = [before, history.volume(1)];
        let leaving = [*leaving_price, history.volume(lanes.windows[1])];
        let mut means = [0.0; 2];
        for k in 0..2 {
            self.runs[k] = if newest[k] == last[k] { self.runs[k] + 1 } else { 1 };
            let (sum, error) = two_sum(self.sums[k], self.errors[k], newest[k]);
            let (sum, error) = two_sum(sum, error, -leaving[k]);
            (self.sums[k], self.errors[k]) = (sum, error);
            means[k] = (sum + error) / lanes.lengths[k];
        }
        let flat = [self.runs[0] >= lanes.windows[0] as u64, self.runs[1] >= lanes.windows[1] as u64];
        if flat[0] | flat[1] {
            for k in (0..2).filter(|&k| flat[k]) {
                (self.sums[k], self.errors[k]) = exact_multiple(newest[k], lanes.windows[k] as u64);
                means[k] = newest[k];
            }
        }
        self.volume = means[1];
        let squares = sum_of_squares(window, means[0]);
        let deviation = if flat[0] { 0.0 } else { (squares / lanes.lengths[0]).sqrt() };
        self.middle = means[0];
        self.upper = means[0] + lanes.std_dev * deviation;
        self.lower = means[0] - lanes.std_dev * deviation;
    }
}

/// Adds `x` to a sum whose rounding errors are kept apart.
#[inline(always)]
fn two_sum(sum: f64, error: f64, x: f64) -> (f64, f64) {
    let total = sum + x;
    let back = total - sum;
    (total, error + ((sum - (total - back)) + (x - back)))
}
