//! The indicators that the strategies read, packed: the step of cells whose windows are all full.
//!
//! The same formulas as in the file of each indicator, in the same order of operations, over one cell or over eight side
//! by side. Nothing here asks whether something is ready; [`IndicatorSet`](super::IndicatorSet) sees a cell through its
//! first bars. Fused multiplication is used nowhere, so that every instruction set gives the same bits.

use super::{BadImage, ImageReader, ImageWriter, StrategySlots, layout::Lanes, prefetch, scalar::Scalar};
use crate::lanes::{Line, Vector, WINDOW, sum_of_squares};

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

/// The newest prices of a cell, as they lie in its window.
#[derive(Debug, Clone, Copy)]
pub struct RecentPrices<'a> {
    window: &'a [f64],
    /// The place of the newest.
    at: usize,
}

impl RecentPrices<'_> {
    /// The price `back` bars before the newest, where the window is so long.
    #[inline]
    #[must_use]
    pub fn get(&self, back: usize) -> Option<f64> {
        let wrapped = if back > self.at { self.at + self.window.len() } else { self.at };
        if back < self.window.len() { self.window.get(wrapped - back).copied() } else { None }
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
fn rsi<F: Copy>(slot: usize, rsis: [F; 3]) -> F {
    match slot {
        0 => rsis[0],
        1 => rsis[1],
        _ => rsis[2],
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
        RecentPrices { window: &self.prices[..place.length()], at: place.of(i) }
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
    pub(super) fn step<V: Vector, C>(
        lanes: &Lanes,
        slots: &StrategySlots,
        cells: &mut [&mut C],
        core: impl Fn(&C) -> &Core + Copy,
        core_mut: impl Fn(&mut C) -> &mut Core + Copy,
        arrival: &Arrival<V::F>,
        third_rsi: [V::F; 2],
    ) -> Change<V::F> {
        let (price, volume) = (arrival.price, arrival.volume);
        let first = V::rows(cells, |c| &core(c).lines[0]);
        let second = V::rows(cells, |c| &core(c).lines[1]);
        let last = V::rows(cells, |c| &core(c).lines[2]);
        let mut emas = [first[0], first[1], first[2], first[3]];
        for (value, &alpha) in emas.iter_mut().zip(&lanes.ema_alphas) {
            *value = V::add(*value, V::mul(V::splat(alpha), V::sub(price, *value)));
        }
        let line = V::sub(emas[0], emas[1]);
        let signal = V::add(second[6], V::mul(V::splat(lanes.signal_alpha), V::sub(line, second[6])));

        let before = second[7];
        let change = V::sub(price, before);
        let zero = V::splat(0.0);
        let gain = V::pick(V::lt(zero, change), change, zero);
        let loss = V::pick(V::lt(change, zero), V::mul(change, V::splat(-1.0)), zero);
        let mut moves = [zero; 4];
        let mut rsis = [zero; RSI_LANES];
        for k in 0..RSI_LANES {
            let (period, kept) = (V::splat(lanes.rsi_periods[k]), V::splat(lanes.rsi_kept[k]));
            moves[k] = V::div(V::add(V::mul(first[4 + k], kept), gain), period);
            moves[k + 2] = V::div(V::add(V::mul(first[6 + k], kept), loss), period);
            let sum = V::add(moves[k], moves[k + 2]);
            let value = V::div(V::mul(V::splat(100.0), moves[k]), sum);
            rsis[k] = V::pick(V::lt(zero, sum), value, V::splat(50.0));
        }

        let [bars, volume_bars] = lanes.windows;
        let mut prices = Mean::<V> { sum: second[0], error: second[2], run: V::to_bits(second[4]) };
        let mut volumes = Mean::<V> { sum: second[1], error: second[3], run: V::to_bits(second[5]) };
        let (mean_volume, _) = volumes.step(volume_bars, volume, last[0], arrival.leaving[1]);
        let (middle, flat) = prices.step(bars, price, before, arrival.leaving[0]);
        let squares = V::squares(cells, |c| &core(c).prices, bars, middle);
        let deviation = V::sqrt(V::div(squares, V::splat(bars as f64)));
        let reach = V::mul(V::splat(lanes.std_dev), V::pick(flat, zero, deviation));
        let (upper, lower) = (V::add(middle, reach), V::sub(middle, reach));
        let width = V::div(V::sub(upper, lower), middle);

        let [e0, e1, e2, e3] = emas;
        let [g0, g1, l0, l1] = moves;
        V::put_rows(cells, [e0, e1, e2, e3, g0, g1, l0, l1], |c| &mut core_mut(c).lines[0]);
        let runs = [V::from_bits(prices.run), V::from_bits(volumes.run)];
        let sums = [prices.sum, volumes.sum, prices.error, volumes.error, runs[0], runs[1], signal, price];
        V::put_rows(cells, sums, |c| &mut core_mut(c).lines[1]);
        let rest = [volume, before, rsis[0], rsis[1], width, last[4], last[6], last[7]];
        V::put_rows(cells, rest, |c| &mut core_mut(c).lines[2]);

        let reading = |emas: [V::F; 4], line, signal, rsis: [V::F; 3], bands: [V::F; 4]| Reading {
            line,
            signal,
            rsi: rsi(slots.macd_rsi_rsi, rsis),
            trend_rsi: rsi(slots.trend_rsi, rsis),
            trend_rsi_slow: rsi(slots.trend_rsi_slow, rsis),
            ma_fast: if slots.ma_fast == 0 { emas[2] } else { emas[3] },
            ma_slow: if slots.ma_slow == 0 { emas[2] } else { emas[3] },
            upper: bands[0],
            middle: bands[1],
            lower: bands[2],
            volume: bands[3],
        };
        let was = [first[0], first[1], first[2], first[3]];
        let line_before = V::sub(first[0], first[1]);
        let unknown = [V::splat(f64::NAN); 4];
        Change {
            now: reading(emas, line, signal, [rsis[0], rsis[1], third_rsi[1]], [upper, middle, lower, mean_volume]),
            before: reading(was, line_before, second[6], [last[2], last[3], third_rsi[0]], unknown),
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
