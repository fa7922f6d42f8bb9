//! All indicators of one cell, updated together.

use super::{
    BadImage, Ema, History, ImageReader, ImageWriter, IndicatorLayout, Macd, RollingMean, Rsi, StrategySlots,
    core::{Core, RSI_LANES},
    scalar::{Part, Scalar},
};
use crate::model::Indicators;

/// What the strategies read at one bar; NaN where not ready.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the indicators' own names, and the slots of their strategies
pub struct Reading {
    pub line: f64,
    pub signal: f64,
    pub rsi: f64,
    pub trend_rsi: f64,
    pub trend_rsi_slow: f64,
    pub ma_fast: f64,
    pub ma_slow: f64,
    pub upper: f64,
    pub middle: f64,
    pub lower: f64,
    pub volume: f64,
}

/// State and last values of a cell's indicators; which of them mean what, the [`IndicatorLayout`] says.
#[derive(Debug, Clone)]
pub struct IndicatorSet {
    core: Core,
    /// The indicators one by one: until all of the core are ready, and afterwards where there are more than these.
    scalar: Option<Box<Scalar>>,
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
        if i >= layout.lanes.ready {
            self.core.step(&layout.lanes, history);
            if layout.lanes.has_rest {
                self.rest(layout, i, history);
            }
        } else {
            self.first_bars(layout, i, history);
        }
    }

    #[inline(never)]
    fn rest(&mut self, layout: &IndicatorLayout, i: u64, history: &History) {
        if let Some(scalar) = &mut self.scalar {
            scalar.on_bar(layout, i, history, Part::Rest);
            for (value, rsi) in self.core.rsis.iter_mut().zip(&scalar.rsis).skip(RSI_LANES) {
                *value = rsi.value();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn first_bars(&mut self, layout: &IndicatorLayout, i: u64, history: &History) {
        if let Some(scalar) = &mut self.scalar {
            scalar.on_bar(layout, i, history, Part::All);
            self.core.load(scalar);
        }
        if i + 1 == layout.lanes.ready && !layout.lanes.has_rest {
            self.scalar = None;
        }
    }

    /// What the strategies read.
    #[inline(always)]
    #[must_use]
    pub fn reading(&self, slots: &StrategySlots) -> Reading {
        let core = &self.core;
        Reading {
            line: core.line,
            signal: core.signal,
            rsi: core.rsis[slots.macd_rsi_rsi],
            trend_rsi: core.rsis[slots.trend_rsi],
            trend_rsi_slow: core.rsis[slots.trend_rsi_slow],
            ma_fast: core.emas[2 + slots.ma_fast],
            ma_slow: core.emas[2 + slots.ma_slow],
            upper: core.upper,
            middle: core.middle,
            lower: core.lower,
            volume: core.volume,
        }
    }

    /// Appends the whole state.
    pub(crate) fn write_state(&self, out: &mut ImageWriter<'_>) {
        self.core.write_state(out);
        out.word(u64::from(self.scalar.is_some()));
        if let Some(scalar) = &self.scalar {
            scalar.write_state(out);
        }
    }

    /// Takes over the whole state of a set of the same layout.
    pub(crate) fn read_state(layout: &IndicatorLayout, image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let core = Core::read_state(image)?;
        let mut scalar = image.flag()?.then(|| Box::new(Scalar::new(layout)));
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

    fn ema(&self, slot: usize) -> f64 {
        match slot {
            0 | 1 => self.core.emas[2 + slot],
            _ => self.scalar.as_ref().and_then(|s| s.emas.get(slot)).map_or(f64::NAN, Ema::value),
        }
    }

    fn rsi(&self, slot: usize) -> f64 {
        match slot {
            0..RSI_LANES => self.core.rsis[slot],
            _ => self.scalar.as_ref().and_then(|s| s.rsis.get(slot)).map_or(f64::NAN, Rsi::value),
        }
    }

    fn macd(&self, slot: usize) -> [f64; 3] {
        let values = |macd: &Macd| [macd.line, macd.signal, macd.histogram];
        match slot {
            0 => [self.core.line, self.core.signal, self.core.line - self.core.signal],
            _ => self.scalar.as_ref().and_then(|s| s.macds.get(slot)).map_or([f64::NAN; 3], values),
        }
    }

    fn bands(&self, slot: usize) -> [f64; 3] {
        match slot {
            0 => [self.core.upper, self.core.middle, self.core.lower],
            _ => {
                let bands = self.scalar.as_ref().and_then(|s| s.bands.get(slot));
                bands.map_or([f64::NAN; 3], |bands| [bands.upper, bands.middle, bands.lower])
            }
        }
    }

    fn volume(&self, slot: usize) -> f64 {
        match slot {
            0 => self.core.volume,
            _ => self.scalar.as_ref().and_then(|s| s.volumes.get(slot)).map_or(f64::NAN, RollingMean::value),
        }
    }

    /// The published indicators; all NaN where the layout does not publish.
    #[must_use]
    pub fn published(&self, layout: &IndicatorLayout) -> Indicators {
        let Some(slots) = &layout.published else {
            return Indicators::NONE;
        };
        let sma = |slot: usize| {
            self.scalar.as_ref().and_then(|s| s.price_means.get(slot)).map_or(f64::NAN, RollingMean::value)
        };
        let ([macd_line, macd_signal, macd_hist], [bb_upper, bb_middle, bb_lower]) =
            (self.macd(slots.macd), self.bands(slots.bands));
        Indicators {
            macd_line,
            macd_signal,
            macd_hist,
            rsi_14: self.rsi(slots.rsi_14),
            rsi_21: self.rsi(slots.rsi_21),
            ema_50: self.ema(slots.ema_50),
            ema_200: self.ema(slots.ema_200),
            bb_upper,
            bb_middle,
            bb_lower,
            volume_sma_20: self.volume(slots.volume),
            sma_50: sma(slots.sma_50),
            sma_200: sma(slots.sma_200),
            ema_12: self.ema(slots.ema_12),
            ema_26: self.ema(slots.ema_26),
        }
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
            let packed = IndicatorLayout::new(&params, publish);
            let mut single = packed.clone();
            single.lanes.ready = u64::MAX;
            let mut histories = [&packed, &single].map(|layout| History::new(256, layout.prices_in_a_row()));
            let mut sets = [IndicatorSet::new(&packed), IndicatorSet::new(&single)];
            for (i, (price, volume)) in bars().enumerate() {
                for ((set, history), layout) in sets.iter_mut().zip(&mut histories).zip([&packed, &single]) {
                    history.push(price, price, price, volume);
                    set.on_bar(layout, i as u64, history);
                }
                let bits = |set: &IndicatorSet| {
                    let at = set.reading(&packed.strategies);
                    let averages = [at.line, at.signal, at.ma_fast, at.ma_slow, at.volume];
                    let others = [at.rsi, at.trend_rsi, at.trend_rsi_slow, at.upper, at.middle, at.lower];
                    let published = set.published(&packed).values().map(f64::to_bits);
                    (averages.map(f64::to_bits), others.map(f64::to_bits), published)
                };
                assert_eq!(bits(&sets[0]), bits(&sets[1]), "bar {i}");
            }
        }
    }
}
