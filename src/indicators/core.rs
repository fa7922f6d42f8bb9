//! The indicators that the strategies read, packed: the step of cells whose windows are all full.
//!
//! The same formulas as in the file of each indicator, in the same order of operations, over one cell or over eight side
//! by side. Nothing here asks whether something is ready; [`IndicatorSet`](super::IndicatorSet) sees a cell through its
//! first bars. Fused multiplication is used nowhere, so that every instruction set gives the same bits.

use super::{
    BadImage, ImageReader, ImageWriter, LEAST, StrategySlots,
    layout::{Lanes, Places},
    prefetch,
    reading::Reading,
    scalar::Scalar,
    values::stored,
    words::{LINES, RSI_LANES, Words},
};
use crate::lanes::{LANES, Line, One, Vector, WINDOW, sum_of_squares};

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
    /// The price `back` bars before the newest, if the window is that long.
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

impl<F: Copy> Change<F> {
    /// The values of each cell, in memory.
    #[inline(always)]
    pub(crate) fn stored<V: Vector<F = F>>(&self) -> Change<[f64; LANES]> {
        let ([price, one, two], [width, first, second]) = (self.prices, self.widths);
        Change {
            now: self.now.stored::<V>(),
            before: self.before.stored::<V>(),
            prices: [stored::<V>(price), stored::<V>(one), stored::<V>(two)],
            widths: [stored::<V>(width), stored::<V>(first), stored::<V>(second)],
        }
    }
}

/// The values of a new bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<F> {
    pub(crate) price: F,
    pub(crate) volume: F,
    /// What leaves the windows of the bands and of the volume average.
    pub(crate) leaving: [F; 2],
}

/// The state of cells that take a bar side by side, as rows: one value of each cell.
pub(crate) trait CoreRows<V: Vector> {
    /// Bit k: lane k has a bar. The state of the others does not change.
    fn present(&self) -> u8;
    /// Puts the values of the newest bars into the windows; returns the values that leave.
    fn admit(&mut self, places: &Places, price: &[f64; LANES], volume: &[f64; LANES]) -> [V::F; 2];
    /// The words of a line of the core.
    fn line(&self, line: usize) -> [V::F; 8];
    fn put_line(&mut self, line: usize, rows: [V::F; 8]);
    /// The sum of the squared distances of each window of `n` prices from its mean.
    fn squares(&self, n: usize, mean: V::F) -> V::F;
}

/// State of a cell.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Core {
    /// The [words](Words).
    pub(super) lines: [Line; LINES],
    /// The windows; the value of bar i has place i modulo their length.
    pub(super) prices: [f64; WINDOW],
    pub(super) volumes: [f64; WINDOW],
}

/// The value of an RSI by its slot; the third is computed elsewhere. Rows are in registers: there is nothing to point
/// at.
#[inline(always)]
fn either<V: Vector>(slot: usize, rsis: [V::F; 3]) -> V::F {
    let first = V::pick(V::always(slot == 0), rsis[0], rsis[1]);
    V::pick(V::always(slot > 1), rsis[2], first)
}

/// What the strategies read; no closure, which would be compiled for every processor.
#[inline(always)]
fn reading<V: Vector>(
    slots: &StrategySlots,
    emas: [V::F; 2],
    [line, signal]: [V::F; 2],
    rsis: [V::F; 3],
    [upper, middle, lower, volume]: [V::F; 4],
) -> Reading<V::F> {
    Reading {
        line,
        signal,
        rsi: either::<V>(slots.macd_rsi_rsi, rsis),
        trend_rsi: either::<V>(slots.trend_rsi, rsis),
        trend_rsi_slow: either::<V>(slots.trend_rsi_slow, rsis),
        ma_fast: V::pick(V::always(slots.ma_fast == 0), emas[0], emas[1]),
        ma_slow: V::pick(V::always(slots.ma_slow == 0), emas[0], emas[1]),
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

/// The same as [`exact_multiple`](super::mean::exact_multiple), for vectors.
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

/// An average of an RSI with the next value in it; the terms are its period, the period less one, and where it stops to
/// decay.
#[inline(always)]
fn smoothed<V: Vector>(average: V::F, next: V::F, [period, kept, least]: [V::F; 3]) -> V::F {
    let smoothed = V::div(V::add(V::mul(average, kept), next), period);
    V::max(smoothed, V::min(average, least))
}

/// A mean whose sum carries its rounding errors along.
#[derive(Debug, Clone, Copy)]
struct Mean<V: Vector> {
    sum: V::F,
    error: V::F,
    run: V::B,
}

impl<V: Vector> Mean<V> {
    /// That of the prices, or of the volumes.
    #[inline(always)]
    fn of(words: &Words<V::F>, which: usize) -> Self {
        Self { sum: words.sums[which], error: words.errors[which], run: V::to_bits(words.runs[which]) }
    }

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
        let (nan, zero) = (f64::NAN, [0.0; 2]);
        let words = Words {
            macd: [nan; 2],
            emas: [nan; 2],
            gains: zero,
            losses: zero,
            sums: zero,
            errors: zero,
            runs: zero,
            signal: nan,
            price: nan,
            volume: nan,
            price_before: nan,
            rsis: [nan; 2],
            widths: [nan; 2],
            unused: [nan; 2],
        };
        let [first, second, third] = words.lines();
        let lines = [Line(first), Line(second), Line(third)];
        Self { lines, prices: [nan; WINDOW], volumes: [nan; WINDOW] }
    };

    /// The words of the lines.
    #[inline(always)]
    pub(super) fn words(&self) -> Words<f64> {
        let [first, second, third] = &self.lines;
        Words::of([first.0, second.0, third.0])
    }

    fn put_words(&mut self, words: Words<f64>) {
        self.lines = words.lines().map(Line);
    }

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
        let mut words = self.words();
        (words.macd, words.emas) = ([macd.fast.value(), macd.slow.value()], [ema(0), ema(1)]);
        for k in 0..RSI_LANES {
            if let Some(rsi) = scalar.rsis.get(k).or(scalar.rsis.first()) {
                (words.gains[k], words.losses[k], words.rsis[k]) = (rsi.gain, rsi.loss, rsi.value());
            }
        }
        for (k, mean) in [&scalar.bands[0].mean, &scalar.volumes[0]].into_iter().enumerate() {
            (words.sums[k], words.errors[k], words.runs[k]) = (mean.sum, mean.error, f64::from_bits(mean.run));
        }
        (words.signal, words.price_before) = (macd.signal, price_before);
        [words.price, words.volume] = last;
        self.put_words(words);
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
        let was = Words::of([cells.line(0), cells.line(1), cells.line(2)]);
        let (before, zero) = (was.price, V::splat(0.0));

        // The longest chain of dependent steps comes first; the rest is computed meanwhile.
        let [bars, volume_bars] = lanes.windows;
        let mut prices = Mean::<V>::of(&was, 0);
        let (middle, flat) = prices.step(bars, price, before, arrival.leaving[0]);
        let squares = cells.squares(bars, middle);
        let deviation = V::sqrt(V::div(squares, V::splat(bars as f64)));
        let reach = V::mul(V::splat(lanes.std_dev), V::pick(flat, zero, deviation));
        let (upper, lower) = (V::add(middle, reach), V::sub(middle, reach));
        // Relative to the size of the middle one, which may be below zero.
        let width = V::div(V::sub(upper, lower), V::max(middle, V::sub(zero, middle)));

        let mut volumes = Mean::<V>::of(&was, 1);
        let (mean_volume, _) = volumes.step(volume_bars, volume, was.volume, arrival.leaving[1]);
        let mut averages = [was.macd[0], was.macd[1], was.emas[0], was.emas[1]];
        for (value, &alpha) in averages.iter_mut().zip(&lanes.ema_alphas) {
            *value = V::add(*value, V::mul(V::splat(alpha), V::sub(price, *value)));
        }
        let [fast, slow, ema, other_ema] = averages;
        let line = V::sub(fast, slow);
        let distance = unless_least::<V>(V::sub(line, was.signal));
        let signal = V::add(was.signal, V::mul(V::splat(lanes.signal_alpha), distance));

        let change = V::sub(price, before);
        let gain = V::pick(V::lt(zero, change), change, zero);
        let loss = V::pick(V::lt(change, zero), V::mul(change, V::splat(-1.0)), zero);
        let still = V::eq(change, zero);
        let (mut gains, mut losses, mut rsis) = ([zero; RSI_LANES], [zero; RSI_LANES], [zero; RSI_LANES]);
        for k in 0..RSI_LANES {
            let terms = [lanes.rsi_periods[k], lanes.rsi_kept[k], lanes.rsi_least[k]].map(V::splat);
            gains[k] = smoothed::<V>(was.gains[k], gain, terms);
            losses[k] = smoothed::<V>(was.losses[k], loss, terms);
            let value = V::div(V::mul(V::splat(100.0), gains[k]), V::add(gains[k], losses[k]));
            rsis[k] = V::pick(still, was.rsis[k], value);
        }

        let is = Words {
            macd: [fast, slow],
            emas: [ema, other_ema],
            gains,
            losses,
            sums: [prices.sum, volumes.sum],
            errors: [prices.error, volumes.error],
            runs: [V::from_bits(prices.run), V::from_bits(volumes.run)],
            signal,
            price,
            volume,
            price_before: before,
            rsis,
            widths: [width, was.widths[0]],
            unused: was.unused,
        };
        let [first, second, third] = is.lines();
        cells.put_line(0, first);
        cells.put_line(1, second);
        cells.put_line(2, third);

        let (macd, macd_before) = ([line, signal], [V::sub(was.macd[0], was.macd[1]), was.signal]);
        let (now, ago) = ([rsis[0], rsis[1], third_rsi[1]], [was.rsis[0], was.rsis[1], third_rsi[0]]);
        let unknown = [V::splat(f64::NAN); 4];
        Change {
            now: reading::<V>(slots, is.emas, macd, now, [upper, middle, lower, mean_volume]),
            before: reading::<V>(slots, was.emas, macd_before, ago, unknown),
            prices: [price, before, was.price_before],
            widths: [width, was.widths[0], was.widths[1]],
        }
    }

    /// The widths of the bands at the newest bar, which is given, and at the two before, in a cell's first bars.
    pub(super) fn widths(&mut self, width: f64) -> [f64; 3] {
        let mut words = self.words();
        let [one, two] = words.widths;
        words.widths = [width, one];
        self.put_words(words);
        [width, one, two]
    }

    /// Prefetches the lines that every bar needs.
    #[inline(always)]
    pub(super) fn prefetch(&self, lanes: &Lanes) {
        self.lines.iter().for_each(|line| prefetch(Some(line)));
        self.prices.iter().step_by(8).take(lanes.windows[0].div_ceil(8)).for_each(|place| prefetch(Some(place)));
    }

    /// Prefetches the place of bar `i` in the window of volumes.
    #[inline(always)]
    pub(super) fn prefetch_place(&self, lanes: &Lanes, i: u64) {
        prefetch(self.volumes.get(lanes.places[1].of(i)));
    }

    /// The values at the newest bar, computed once more from the state.
    pub(super) fn reading(&self, lanes: &Lanes, slots: &StrategySlots, third_rsi: f64) -> Reading {
        let words = self.words();
        let [bars, volume_bars] = lanes.windows;
        let mean = |k: usize, n: usize, last: f64| {
            let flat = words.runs[k].to_bits() >= n as u64;
            (if flat { last } else { (words.sums[k] + words.errors[k]) / n as f64 }, flat)
        };
        let ((middle, flat), (volume, _)) = (mean(0, bars, words.price), mean(1, volume_bars, words.volume));
        let squares = sum_of_squares(&self.prices[..bars.min(WINDOW)], middle);
        let deviation = if flat { 0.0 } else { (squares / bars as f64).sqrt() };
        let bands = [middle + lanes.std_dev * deviation, middle, middle - lanes.std_dev * deviation];
        let ([fast, slow], [rsi, other_rsi], [upper, middle, lower]) = (words.macd, words.rsis, bands);
        let (macd, rsis) = ([fast - slow, words.signal], [rsi, other_rsi, third_rsi]);
        reading::<One>(slots, words.emas, macd, rsis, [upper, middle, lower, volume])
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
