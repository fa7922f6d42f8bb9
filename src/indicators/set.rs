//! All indicators of one cell, updated together.

use super::{
    Arrival, BadImage, Change, Ema, History, ImageReader, ImageWriter, IndicatorLayout, Macd, Reading, RecentPrices,
    RollingMean, Rsi,
    core::{Core, CoreRows},
    layout::Places,
    published::Values,
    scalar::{Part, Scalar},
    words::RSI_LANES,
};
use crate::{
    lanes::{LANES, One, Vector},
    model::Indicators,
};
use std::array::from_fn;

/// State and last values of a cell's indicators; the [`IndicatorLayout`] says which is which.
#[derive(Debug)]
#[repr(C)]
pub struct IndicatorSet {
    pub(super) core: Core,
    /// The indicators one by one: until all of the core are ready, and afterwards where there are more than these.
    scalar: Option<Box<Scalar>>,
}

impl Clone for IndicatorSet {
    fn clone(&self) -> Self {
        Self { core: self.core, scalar: self.scalar.clone() }
    }

    /// Allocates nothing where both are of one layout and have come equally far.
    fn clone_from(&mut self, other: &Self) {
        self.core = other.core;
        self.scalar.clone_from(&other.scalar);
    }
}

/// Holds the indicators of a cell, which are updated side by side with those of others.
pub(crate) trait HasIndicators {
    fn indicators(&self) -> &IndicatorSet;
    fn indicators_mut(&mut self) -> &mut IndicatorSet;
}

impl HasIndicators for IndicatorSet {
    #[inline(always)]
    fn indicators(&self) -> &IndicatorSet {
        self
    }
    #[inline(always)]
    fn indicators_mut(&mut self) -> &mut IndicatorSet {
        self
    }
}

impl IndicatorSet {
    /// Indicators before the first bar. Allocates.
    #[must_use]
    pub fn new(layout: &IndicatorLayout) -> Self {
        Self { core: Core::NONE, scalar: Some(Box::new(Scalar::new(layout))) }
    }

    /// Takes bar `i`, the newest of `history`. Each indicator is computed once. Allocates nothing.
    #[inline(always)]
    pub fn on_bar(&mut self, layout: &IndicatorLayout, i: u64, history: &History) {
        self.change(layout, i, history);
    }

    /// Takes bar `i`, the newest of `history`, of one cell, whether everything is ready or not.
    #[inline(always)]
    pub(crate) fn change(&mut self, layout: &IndicatorLayout, i: u64, history: &History) -> Change<f64> {
        if i < layout.lanes.ready {
            return self.first_bars(layout, i, history);
        }
        let third_rsi = if layout.lanes.has_rest { self.rest(layout, i, history) } else { [f64::NAN; 2] };
        let (price, volume) = (history.price(0), history.volume(0));
        let leaving = self.admit(layout, i, price, volume);
        Self::step::<One>(layout, &mut [self], &Arrival { price, volume, leaving }, third_rsi)
    }

    /// The values at the [places](IndicatorLayout::places) of the next bar, which it pushes out of the windows.
    #[inline(always)]
    fn leaving(&self, [price, volume]: [usize; 2]) -> [f64; 2] {
        [self.core.prices[price], self.core.volumes[volume]]
    }

    /// Puts the values of a bar into the windows, at its [places](IndicatorLayout::places).
    #[inline(always)]
    fn enter(&mut self, places: [usize; 2], price: f64, volume: f64) {
        (self.core.prices[places[0]], self.core.volumes[places[1]]) = (price, volume);
    }

    /// Puts the values of bar `i` into the windows; returns what they push out.
    #[inline(always)]
    fn admit(&mut self, layout: &IndicatorLayout, i: u64, price: f64, volume: f64) -> [f64; 2] {
        let places = layout.places(i);
        let leaving = self.leaving(places);
        self.enter(places, price, volume);
        leaving
    }

    /// Takes the newest bar of cells side by side, each of which is [ready](IndicatorLayout::ready) and has
    /// [admitted](CoreRows::admit) it; `third_rsi` is what [`rest`](Self::rest) gave.
    #[inline(always)]
    pub(crate) fn step<V: Vector>(
        layout: &IndicatorLayout,
        cells: &mut impl CoreRows<V>,
        arrival: &Arrival<V::F>,
        third_rsi: [V::F; 2],
    ) -> Change<V::F> {
        Core::step::<V>(&layout.lanes, &layout.strategies, cells, arrival, third_rsi)
    }

    /// Updates what is not in the core; returns the third RSI before and after.
    #[inline(never)]
    pub(crate) fn rest(&mut self, layout: &IndicatorLayout, i: u64, history: &History) -> [f64; 2] {
        let before = self.third_rsi();
        if let Some(scalar) = &mut self.scalar {
            scalar.on_bar(layout, i, history, Part::Rest);
        }
        [before, self.third_rsi()]
    }

    fn third_rsi(&self) -> f64 {
        self.scalar.as_ref().and_then(|scalar| scalar.rsis.get(RSI_LANES)).map_or(f64::NAN, Rsi::value)
    }

    #[cold]
    #[inline(never)]
    fn first_bars(&mut self, layout: &IndicatorLayout, i: u64, history: &History) -> Change<f64> {
        let (prices, volume) = ([0, 1, 2].map(|back| history.price(back)), history.volume(0));
        self.admit(layout, i, prices[0], volume);
        let before = self.reading(layout, i);
        if let Some(scalar) = &mut self.scalar {
            scalar.on_bar(layout, i, history, Part::All);
            self.core.load(scalar, [prices[0], volume], prices[1]);
        }
        let now = self.reading(layout, i + 1);
        if i + 1 == layout.lanes.ready && !layout.lanes.has_rest {
            self.scalar = None;
        }
        Change { now, before, prices, widths: self.core.widths((now.upper - now.lower) / now.middle.abs()) }
    }

    /// What the strategies read after `bars` bars.
    #[must_use]
    pub fn reading(&self, layout: &IndicatorLayout, bars: u64) -> Reading {
        match &self.scalar {
            Some(scalar) if bars <= layout.lanes.ready => scalar.reading(&layout.strategies),
            _ => self.core.reading(&layout.lanes, &layout.strategies, self.third_rsi()),
        }
    }

    /// The newest prices, up to that of bar `i`.
    #[inline]
    pub(crate) fn recent_prices(&self, layout: &IndicatorLayout, i: u64) -> RecentPrices<'_> {
        self.core.recent_prices(&layout.lanes, i)
    }

    /// Prefetches the lines that every bar needs.
    #[inline(always)]
    pub(crate) fn prefetch(&self, layout: &IndicatorLayout) {
        self.core.prefetch(&layout.lanes);
    }

    /// Prefetches the place of bar `i` in its windows.
    #[inline(always)]
    pub(crate) fn prefetch_place(&self, layout: &IndicatorLayout, i: u64) {
        self.core.prefetch_place(&layout.lanes, i);
    }

    /// Appends the whole state after `bars` bars.
    pub(crate) fn write_state(&self, layout: &IndicatorLayout, bars: u64, out: &mut ImageWriter<'_>) {
        self.core.write_state(&layout.lanes, bars, out);
        out.word(u64::from(self.scalar.is_some()));
        if let Some(scalar) = &self.scalar {
            scalar.write_state(out);
        }
    }

    /// Takes over the whole state of a set of the same layout.
    pub(crate) fn read_state(
        layout: &IndicatorLayout,
        bars: u64,
        image: &mut ImageReader<'_>,
    ) -> Result<Self, BadImage> {
        let core = Core::read_state(&layout.lanes, bars, image)?;
        let wanted = layout.lanes.has_rest || bars < layout.lanes.ready;
        image.expect("indicators one by one", u64::from(wanted))?;
        let mut scalar = wanted.then(|| Box::new(Scalar::new(layout)));
        if let Some(scalar) = &mut scalar {
            scalar.read_state(image)?;
        }
        Ok(Self { core, scalar })
    }

    /// Bytes held beside its own.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.scalar.as_ref().map_or(0, |scalar| size_of::<Scalar>() + scalar.bytes())
    }

    /// The published indicators after `bars` bars; all NaN where the layout does not publish.
    #[must_use]
    pub fn published(&self, layout: &IndicatorLayout, bars: u64) -> Indicators {
        let (Some(slots), Some(rest)) = (&layout.published, &self.scalar) else {
            return Indicators::NONE;
        };
        let (packed, at) = (bars > layout.lanes.ready, self.reading(layout, bars));
        slots.of(&AllValues { packed, at, core: &self.core, rest })
    }
}

/// Where the values of a cell's indicators are, by list of the layout and place in it.
struct AllValues<'a> {
    /// Whether those of the core are newer than the others of the same place.
    packed: bool,
    /// What the strategies read.
    at: Reading,
    core: &'a Core,
    rest: &'a Scalar,
}

impl Values for AllValues<'_> {
    fn macds(&self, slot: usize) -> [f64; 3] {
        let values = |macd: &Macd| [macd.line, macd.signal, macd.histogram];
        match slot {
            0 if self.packed => [self.at.line, self.at.signal, self.at.line - self.at.signal],
            _ => self.rest.macds.get(slot).map_or([f64::NAN; 3], values),
        }
    }

    fn rsis(&self, slot: usize) -> [f64; 1] {
        match slot {
            0..RSI_LANES if self.packed => [self.core.words().rsis[slot]],
            _ => [self.rest.rsis.get(slot).map_or(f64::NAN, Rsi::value)],
        }
    }

    fn emas(&self, slot: usize) -> [f64; 1] {
        match slot {
            0 | 1 if self.packed => [self.core.words().emas[slot]],
            _ => [self.rest.emas.get(slot).map_or(f64::NAN, Ema::value)],
        }
    }

    fn bands(&self, slot: usize) -> [f64; 3] {
        match slot {
            0 if self.packed => [self.at.upper, self.at.middle, self.at.lower],
            _ => self.rest.bands.get(slot).map_or([f64::NAN; 3], |bands| [bands.upper, bands.middle, bands.lower]),
        }
    }

    fn volumes(&self, slot: usize) -> [f64; 1] {
        match slot {
            0 if self.packed => [self.at.volume],
            _ => [self.rest.volumes.get(slot).map_or(f64::NAN, RollingMean::value)],
        }
    }

    fn price_means(&self, slot: usize) -> [f64; 1] {
        [self.rest.price_means.get(slot).map_or(f64::NAN, RollingMean::value)]
    }
}

/// Cells that hold their own state: it is transposed on the way in and out.
impl<V: Vector, C: HasIndicators, const N: usize> CoreRows<V> for [&mut C; N] {
    #[inline(always)]
    fn present(&self) -> u8 {
        u8::MAX
    }
    #[inline(always)]
    fn admit(&mut self, places: &Places, price: &[f64; LANES], volume: &[f64; LANES]) -> [V::F; 2] {
        // Read everything before writing: loading a vector that has just been stored word by word waits for the stores.
        let leaving = |k: usize| self[k].indicators().leaving(places.of[k]);
        let leaving = [V::load(&from_fn(|k| leaving(k)[0])), V::load(&from_fn(|k| leaving(k)[1]))];
        for (k, cell) in self.iter_mut().enumerate() {
            cell.indicators_mut().enter(places.of[k], price[k], volume[k]);
        }
        leaving
    }
    #[inline(always)]
    fn line(&self, line: usize) -> [V::F; 8] {
        V::rows(self, |cell| &cell.indicators().core.lines[line])
    }
    #[inline(always)]
    fn put_line(&mut self, line: usize, rows: [V::F; 8]) {
        V::put_rows(self, rows, |cell| &mut cell.indicators_mut().core.lines[line]);
    }
    #[inline(always)]
    fn squares(&self, n: usize, mean: V::F) -> V::F {
        V::squares(self, |cell| &cell.indicators().core.prices, n, mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StrategyParams;

    /// A walk with jumps, stretches that stand still, and silence.
    fn bars() -> impl Iterator<Item = (f64, f64)> {
        let (mut state, mut price) = (0x5eed_u64, 100.0);
        (0..6_000).map(move |n| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
            match n % 500 {
                0..60 => {}
                100 => price *= 1e4,
                300 => price *= 1e-4,
                _ => price *= 1.0 + 0.01 * (unit - 0.5),
            }
            (price, if n % 700 < 50 { 0.0 } else { 1e3 * unit })
        })
    }

    #[test]
    fn the_packed_step_gives_the_same_bits_as_the_indicators_one_by_one() {
        let mut params = StrategyParams::default();
        for (periods, publish) in [((14, 14), false), ((14, 14), true), ((9, 14), false), ((7, 21), true)] {
            (params.macd_rsi.rsi_period, params.rsi_trend.rsi_period) = periods;
            let packed = IndicatorLayout::new(&params.needs(), publish);
            let mut single = packed.clone();
            single.lanes.ready = u64::MAX;
            let mut histories = [(); 2].map(|()| History::new(256));
            let mut sets = [IndicatorSet::new(&packed), IndicatorSet::new(&single)];
            for (i, (price, volume)) in bars().enumerate() {
                for ((set, history), layout) in sets.iter_mut().zip(&mut histories).zip([&packed, &single]) {
                    history.push(price, price, price, volume);
                    set.on_bar(layout, i as u64, history);
                }
                let bits = |(set, layout): (&IndicatorSet, &IndicatorLayout)| {
                    let at = set.reading(layout, i as u64 + 1);
                    let averages = [at.line, at.signal, at.ma_fast, at.ma_slow, at.volume];
                    let others = [at.rsi, at.trend_rsi, at.trend_rsi_slow, at.upper, at.middle, at.lower];
                    let published = set.published(layout, i as u64 + 1).values().map(f64::to_bits);
                    (averages.map(f64::to_bits), others.map(f64::to_bits), published)
                };
                assert_eq!(bits((&sets[0], &packed)), bits((&sets[1], &single)), "bar {i}");
            }
        }
    }
}
