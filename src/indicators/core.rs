//! The indicators that the strategies read, packed: the step of cells whose windows are all full.
//!
//! The same formulas as in the file of each indicator, in the same order of operations, over one cell or over eight side
//! by side. Nothing here asks whether something is ready; [`IndicatorSet`](super::IndicatorSet) sees a cell through its
//! first bars. Fused multiplication is used nowhere, so that every instruction set gives the same bits.

use super::{
    BadImage, ImageReader, ImageWriter, LEAST, StrategySlots,
    layout::{Lanes, Places},
    prefetch,
    scalar::Scalar,
};
use crate::lanes::{LANES, Line, Vector, WINDOW, sum_of_squares};

/// RSIs that are computed side by side.
pub(super) const RSI_LANES: usize = 2;

/// What the strategies read at one bar; NaN where not ready.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the indicators' own names, and the slots of their strategies
pub struct Reading<F = f64> {
    pub line: F,
    pub signal: F,
    pub rsi: F,
    pub trend_rsi: F,
    pub trend_rsi_slow: F,
    pub ma_fast: F,
    pub ma_slow: F,
    pub upper: F,
    pub middle: F,
    pub lower: F,
    pub volume: F,
}

/// A window of prices.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prices<'a> {
    Packed(&'a [f64; WINDOW]),
    /// A lane of rows.
    Lane(&'a [Line], usize),
}

/// The newest prices of a cell, as they lie in its window.
#[derive(Debug, Clone, Copy)]
pub struct RecentPrices<'a> {
    pub(super) window: Prices<'a>,
    pub(super) length: usize,
    /// The place of the newest.
    pub(super) at: usize,
}

impl RecentPrices<'_> {
    /// The price `back` bars before the newest, where the window is so long.
    #[inline]
    #[must_use]
    pub fn get(&self, back: usize) -> Option<f64> {
        let wrapped = if back > self.at { self.at + self.length } else { self.at };
        if back >= self.length {
            return None;
        }
        match self.window {
            Prices::Packed(prices) => prices.get(wrapped - back).copied(),
            Prices::Lane(rows, k) => rows.get(wrapped - back).map(|row| row.0[k]),
        }
    }
}

/// What a bar has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<F> {
    /// Values at the bar.
    pub(crate) now: Reading<F>,
    /// Those at the bar before; bands and volume are not kept.
    pub(crate) before: Reading<F>,
    /// Prices of the bar, of the one before and of the one before that.
    pub(crate) prices: [F; 3],
    /// Distance of the bands, relative to the middle one, at the same bars.
    pub(crate) widths: [F; 3],
}

/// What a bar brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<F> {
    pub(crate) price: F,
    pub(crate) volume: F,
    /// What leaves the windows of the bands and of the volume average.
    pub(crate) leaving: [F; 2],
}

/// The state of cells that take a bar side by side, wherever it lies, as rows: a value of each.
pub(crate) trait CoreRows<V: Vector> {
    /// Bit k: lane k has a bar. What is done in the others leaves nothing behind.
    fn present(&self) -> u8;
    /// Puts the values of the newest bars into the windows; what they push out.
    fn admit(&mut self, places: &Places, price: &[f64; LANES], volume: &[f64; LANES]) -> [V::F; 2];
    /// The words of a line of the core.
    fn line(&self, line: usize) -> [V::F; 8];
    fn put_line(&mut self, line: usize, rows: [V::F; 8]);
    /// The sum of the squared distances of each window of `n` prices from its mean.
    fn squares(&self, n: usize, mean: V::F) -> V::F;
}

/// State of a cell. The lines hold, word by word:
/// 0. fast and slow average of the MACD, the first two others; average gain of the first two RSIs, then average loss;
/// 1. sums of the prices and volumes of a window, the rounding errors of these, how many of the newest prices and
///    volumes are equal to the last; MACD signal; last price;
/// 2. last volume, price before the last, first two RSIs, last two widths of the bands.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Core {
    pub(super) lines: [Line; 3],
    /// The windows; the value of bar i has place i modulo their length.
    pub(super) prices: [f64; WINDOW],
    pub(super) volumes: [f64; WINDOW],
}

/// The values of an RSI by its slot; the third is computed elsewhere.
#[inline(always)]
fn rsi(slot: usize, rsis: [f64; 3]) -> f64 {
    match slot {
        0 => rsis[0],
        1 => rsis[1],
        _ => rsis[2],
    }
}

/// The same of rows, which are in registers: there is nothing to point at.
#[inline(always)]
fn either<V: Vector>(slot: usize, rsis: [V::F; 3]) -> V::F {
    let first = V::pick(V::always(slot == 0), rsis[0], rsis[1]);
    V::pick(V::always(slot > 1), rsis[2], first)
}

/// What the strategies read; no closure, which would be compiled for every processor.
#[inline(always)]
fn reading<V: Vector>(
    slots: &StrategySlots,
    emas: [V::F; 4],
    line: V::F,
    signal: V::F,
    rsis: [V::F; 3],
    [upper, middle, lower, volume]: [V::F; 4],
) -> Reading<V::F> {
    Reading {
        line,
        signal,
        rsi: either::<V>(slots.macd_rsi_rsi, rsis),
        trend_rsi: either::<V>(slots.trend_rsi, rsis),
        trend_rsi_slow: either::<V>(slots.trend_rsi_slow, rsis),
        ma_fast: V::pick(V::always(slots.ma_fast == 0), emas[2], emas[3]),
        ma_slow: V::pick(V::always(slots.ma_slow == 0), emas[2], emas[3]),
        upper,
        middle,
        lower,
        volume,
    }
}

/// Adds `x` to a sum whose rounding errors are kept apart.
#[inline(always)]
fn two_sum<V: Vector>(sum: V::F, error: V::F, x: V::F) -> (V::F, V::F) {
    let total = V::add(sum, x);
    let back = V::sub(total, sum);
    (total, V::add(error, V::add(V::sub(sum, V::sub(total, back)), V::sub(x, back))))
}

/// As [`exact_multiple`](super::mean::exact_multiple).
#[inline(always)]
fn exact_multiple<V: Vector>(x: V::F, n: V::F) -> (V::F, V::F) {
    let high = V::from_bits(V::masked(V::to_bits(x), !0x07ff_ffff));
    let (a, b) = (V::mul(high, n), V::mul(V::sub(x, high), n));
    let sum = V::add(a, b);
    (sum, V::sub(b, V::sub(sum, a)))
}

/// A distance, or 0 where it is less than [`LEAST`].
#[inline(always)]
fn unless_least<V: Vector>(distance: V::F) -> V::F {
    let size = V::from_bits(V::masked(V::to_bits(distance), !(1 << 63)));
    V::pick(V::lt(size, V::splat(LEAST)), V::splat(0.0), distance)
}

/// A mean whose sum carries its rounding errors along.
#[derive(Debug, Clone, Copy)]
struct Mean<V: Vector> {
    sum: V::F,
    error: V::F,
    run: V::B,
}

impl<V: Vector> Mean<V> {
    /// Takes the next value; returns the mean, and where the whole window is one value.
    #[inline(always)]
    fn step(&mut self, n: usize, x: V::F, last: V::F, leaving: V::F) -> (V::F, V::M) {
        let length = V::splat(n as f64);
        self.run = V::one_more_or_one(self.run, V::eq(x, last));
        let (sum, error) = two_sum::<V>(self.sum, self.error, x);
        (self.sum, self.error) = two_sum::<V>(sum, error, V::mul(leaving, V::splat(-1.0)));
        let flat = V::at_least(self.run, n as u64);
        let mut mean = V::div(V::add(self.sum, self.error), length);
        if V::some(flat) {
            let (sum, error) = exact_multiple::<V>(x, length);
            self.sum = V::pick(flat, sum, self.sum);
            self.error = V::pick(flat, error, self.error);
            mean = V::pick(flat, x, mean);
        }
        (mean, flat)
    }
}

impl Core {
    /// Nothing is ready.
    pub(super) const NONE: Self = {
        let (nan, zero) = (f64::NAN, 0.0);
        let second = Line([zero, zero, zero, zero, zero, zero, nan, nan]);
        let lines = [Line([nan, nan, nan, nan, zero, zero, zero, zero]), second, Line::NAN];
        Self { lines, prices: [nan; WINDOW], volumes: [nan; WINDOW] }
    };

    /// The newest prices, up to that of bar `i`.
    #[inline(always)]
    pub(super) fn recent_prices(&self, lanes: &Lanes, i: u64) -> RecentPrices<'_> {
        let place = &lanes.places[0];
        RecentPrices { window: Prices::Packed(&self.prices), length: place.length(), at: place.of(i) }
    }

    /// Takes the state over from the indicators one by one.
    pub(super) fn load(&mut self, scalar: &Scalar, last: [f64; 2], price_before: f64) {
        let macd = &scalar.macds[0];
        let ema = |slot: usize| scalar.emas.get(slot).or(scalar.emas.first()).map_or(f64::NAN, |ema| ema.value());
        let [averages, sums, rest] = &mut self.lines;
        averages.0[..4].copy_from_slice(&[macd.fast.value(), macd.slow.value(), ema(0), ema(1)]);
        for k in 0..RSI_LANES {
            if let Some(rsi) = scalar.rsis.get(k).or(scalar.rsis.first()) {
                (averages.0[4 + k], averages.0[4 + k + RSI_LANES]) = (rsi.gain, rsi.loss);
                rest.0[2 + k] = rsi.value();
            }
        }
        for (k, mean) in [&scalar.bands[0].mean, &scalar.volumes[0]].into_iter().enumerate() {
            (sums.0[k], sums.0[2 + k], sums.0[4 + k]) = (mean.sum, mean.error, f64::from_bits(mean.run));
        }
        (sums.0[6], sums.0[7]) = (macd.signal, last[0]);
        (rest.0[0], rest.0[1]) = (last[1], price_before);
    }

    /// Takes the newest bar of cells whose windows are full and hold it.
    #[inline(always)]
    pub(super) fn step<V: Vector>(
        lanes: &Lanes,
        slots: &StrategySlots,
        cells: &mut impl CoreRows<V>,
        arrival: &Arrival<V::F>,
        third_rsi: [V::F; 2],
    ) -> Change<V::F> {
        let (price, volume) = (arrival.price, arrival.volume);
        let (first, second, last) = (cells.line(0), cells.line(1), cells.line(2));
        let (before, zero) = (second[7], V::splat(0.0));

        // What takes longest comes first: each of its steps waits for the one before, and the rest is done meanwhile.
        let [bars, volume_bars] = lanes.windows;
        let mut prices = Mean::<V> { sum: second[0], error: second[2], run: V::to_bits(second[4]) };
        let (middle, flat) = prices.step(bars, price, before, arrival.leaving[0]);
        let squares = cells.squares(bars, middle);
        let deviation = V::sqrt(V::div(squares, V::splat(bars as f64)));
        let reach = V::mul(V::splat(lanes.std_dev), V::pick(flat, zero, deviation));
        let (upper, lower) = (V::add(middle, reach), V::sub(middle, reach));
        let width = V::div(V::sub(upper, lower), middle);

        let mut volumes = Mean::<V> { sum: second[1], error: second[3], run: V::to_bits(second[5]) };
        let (mean_volume, _) = volumes.step(volume_bars, volume, last[0], arrival.leaving[1]);
        let mut emas = [first[0], first[1], first[2], first[3]];
        for (value, &alpha) in emas.iter_mut().zip(&lanes.ema_alphas) {
            *value = V::add(*value, V::mul(V::splat(alpha), V::sub(price, *value)));
        }
        let line = V::sub(emas[0], emas[1]);
        let signal =
            V::add(second[6], V::mul(V::splat(lanes.signal_alpha), unless_least::<V>(V::sub(line, second[6]))));

        let change = V::sub(price, before);
        let gain = V::pick(V::lt(zero, change), change, zero);
        let loss = V::pick(V::lt(change, zero), V::mul(change, V::splat(-1.0)), zero);
        let still = V::eq(change, zero);
        let mut moves = [zero; 4];
        let mut rsis = [zero; RSI_LANES];
        for k in 0..RSI_LANES {
            let (period, kept) = (V::splat(lanes.rsi_periods[k]), V::splat(lanes.rsi_kept[k]));
            let least = V::splat(lanes.rsi_least[k]);
            for (side, next) in [(k, gain), (k + 2, loss)] {
                let average = first[4 + side];
                let smoothed = V::div(V::add(V::mul(average, kept), next), period);
                moves[side] = V::max(smoothed, V::min(average, least));
            }
            let sum = V::add(moves[k], moves[k + 2]);
            let value = V::div(V::mul(V::splat(100.0), moves[k]), sum);
            rsis[k] = V::pick(still, last[2 + k], value);
        }

        let [e0, e1, e2, e3] = emas;
        let [g0, g1, l0, l1] = moves;
        cells.put_line(0, [e0, e1, e2, e3, g0, g1, l0, l1]);
        let runs = [V::from_bits(prices.run), V::from_bits(volumes.run)];
        let sums = [prices.sum, volumes.sum, prices.error, volumes.error, runs[0], runs[1], signal, price];
        cells.put_line(1, sums);
        let rest = [volume, before, rsis[0], rsis[1], width, last[4], last[6], last[7]];
        cells.put_line(2, rest);

        let was = [first[0], first[1], first[2], first[3]];
        let line_before = V::sub(first[0], first[1]);
        let unknown = [V::splat(f64::NAN); 4];
        Change {
            now: reading::<V>(
                slots,
                emas,
                line,
                signal,
                [rsis[0], rsis[1], third_rsi[1]],
                [upper, middle, lower, mean_volume],
            ),
            before: reading::<V>(slots, was, line_before, second[6], [last[2], last[3], third_rsi[0]], unknown),
            prices: [price, before, last[1]],
            widths: [width, last[4], last[5]],
        }
    }

    /// The widths of the bands at the newest bar, which is given, and at the two before, in a cell's first bars.
    pub(super) fn widths(&mut self, width: f64) -> [f64; 3] {
        let [one, two] = [self.lines[2].0[4], self.lines[2].0[5]];
        (self.lines[2].0[4], self.lines[2].0[5]) = (width, one);
        [width, one, two]
    }

    /// Asks for the lines that every bar needs.
    #[inline(always)]
    pub(super) fn prefetch(&self, lanes: &Lanes) {
        self.lines.iter().for_each(|line| prefetch(Some(line)));
        self.prices.iter().step_by(8).take(lanes.windows[0].div_ceil(8)).for_each(|place| prefetch(Some(place)));
    }

    /// Asks for the place of bar `i` in the window of volumes.
    #[inline(always)]
    pub(super) fn prefetch_place(&self, lanes: &Lanes, i: u64) {
        prefetch(self.volumes.get(lanes.places[1].of(i)));
    }

    /// The values at the newest bar, computed once more from the state.
    pub(super) fn reading(&self, lanes: &Lanes, slots: &StrategySlots, third_rsi: f64) -> Reading {
        let [averages, sums, rest] = &self.lines;
        let [bars, volume_bars] = lanes.windows;
        let mean = |k: usize, n: usize, last: f64| {
            let flat = sums.0[4 + k].to_bits() >= n as u64;
            (if flat { last } else { (sums.0[k] + sums.0[2 + k]) / n as f64 }, flat)
        };
        let ((middle, flat), (volume, _)) = (mean(0, bars, sums.0[7]), mean(1, volume_bars, rest.0[0]));
        let squares = sum_of_squares(&self.prices[..bars.min(WINDOW)], middle);
        let deviation = if flat { 0.0 } else { (squares / bars as f64).sqrt() };
        let rsis = [rest.0[2], rest.0[3], third_rsi];
        Reading {
            line: averages.0[0] - averages.0[1],
            signal: sums.0[6],
            rsi: rsi(slots.macd_rsi_rsi, rsis),
            trend_rsi: rsi(slots.trend_rsi, rsis),
            trend_rsi_slow: rsi(slots.trend_rsi_slow, rsis),
            ma_fast: averages.0[2 + slots.ma_fast],
            ma_slow: averages.0[2 + slots.ma_slow],
            upper: middle + lanes.std_dev * deviation,
            middle,
            lower: middle - lanes.std_dev * deviation,
            volume,
        }
    }

    /// Appends the state after `bars` bars.
    pub(super) fn write_state(&self, lanes: &Lanes, bars: u64, out: &mut ImageWriter<'_>) {
        self.lines.iter().for_each(|line| out.reals(&line.0));
        for (window, (place, n)) in
            [&self.prices, &self.volumes].into_iter().zip(lanes.places.iter().zip(lanes.windows))
        {
            // Oldest first; before the window is full it begins with what is not there yet.
            (0..n.min(WINDOW) as u64).for_each(|k| out.reals(&[window[place.of(bars + k)]]));
        }
    }

    pub(super) fn read_state(lanes: &Lanes, bars: u64, image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut core = Self::NONE;
        for line in &mut core.lines {
            line.0 = image.reals()?;
        }
        let windows = [&mut core.prices, &mut core.volumes];
        for (window, (place, n)) in windows.into_iter().zip(lanes.places.iter().zip(lanes.windows)) {
            for k in 0..n.min(WINDOW) as u64 {
                window[place.of(bars + k)] = image.real()?;
            }
        }
        Ok(core)
    }
}
