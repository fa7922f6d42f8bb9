//! All indicators of one cell, one by one: its first bars, and for good those that no strategy reads.

use super::{
    BadImage, Bollinger, Ema, History, ImageReader, ImageWriter, IndicatorLayout, Macd, Reading, RollingMean, Rsi,
    StrategySlots,
};

/// State and last values; the [`IndicatorLayout`] says which is which.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) emas: Box<[Ema]>,
    pub(super) rsis: Box<[Rsi]>,
    pub(super) macds: Box<[Macd]>,
    pub(super) bands: Box<[Bollinger]>,
    pub(super) volumes: Box<[RollingMean]>,
    pub(super) price_means: Box<[RollingMean]>,
}

impl Clone for Scalar {
    fn clone(&self) -> Self {
        let Self { emas, rsis, macds, bands, volumes, price_means } = self;
        Self {
            emas: emas.clone(),
            rsis: rsis.clone(),
            macds: macds.clone(),
            bands: bands.clone(),
            volumes: volumes.clone(),
            price_means: price_means.clone(),
        }
    }

    /// Allocates nothing where the other is of the same layout.
    fn clone_from(&mut self, other: &Self) {
        self.emas.clone_from(&other.emas);
        self.rsis.clone_from(&other.rsis);
        self.macds.clone_from(&other.macds);
        self.bands.clone_from(&other.bands);
        self.volumes.clone_from(&other.volumes);
        self.price_means.clone_from(&other.price_means);
    }
}

/// As many as there are specifications.
fn each<T: Clone + Default>(count: usize) -> Box<[T]> {
    vec![T::default(); count].into_boxed_slice()
}

fn list_out<T>(out: &mut ImageWriter<'_>, list: &[T], write: fn(&T, &mut ImageWriter<'_>)) {
    out.word(list.len() as u64);
    list.iter().for_each(|item| write(item, out));
}

fn list_in<T>(
    image: &mut ImageReader<'_>,
    what: &'static str,
    list: &mut [T],
    read: fn(&mut ImageReader<'_>) -> Result<T, BadImage>,
) -> Result<(), BadImage> {
    image.expect(what, list.len() as u64)?;
    for item in list {
        *item = read(image)?;
    }
    Ok(())
}

/// From which indicator of each kind on they are to be updated.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// All.
    All,
    /// Those that are not in [`Core`](super::core::Core).
    Rest,
}

impl Scalar {
    /// Indicators before the first bar. Allocates.
    pub(super) fn new(layout: &IndicatorLayout) -> Self {
        Self {
            emas: each(layout.lists.emas.len()),
            rsis: each(layout.lists.rsis.len()),
            macds: each(layout.lists.macds.len()),
            bands: each(layout.lists.bands.len()),
            volumes: each(layout.lists.volumes.len()),
            price_means: each(layout.lists.price_means.len()),
        }
    }

    /// Takes bar `i`, the newest of `history`. Each indicator is computed once. Allocates nothing.
    pub(super) fn on_bar(&mut self, layout: &IndicatorLayout, i: u64, history: &History, part: Part) {
        let (two, one) = match part {
            Part::All => (0, 0),
            Part::Rest => (2, 1),
        };
        let price = history.price(0);
        let change = price - history.price(1);
        for (ema, spec) in self.emas.iter_mut().zip(&layout.lists.emas).skip(two) {
            ema.on_value(spec, i, price);
        }
        for (rsi, &period) in self.rsis.iter_mut().zip(&layout.lists.rsis).skip(two) {
            rsi.on_change(period, i, change);
        }
        for (macd, spec) in self.macds.iter_mut().zip(&layout.lists.macds).skip(one) {
            macd.on_price(spec, i, price);
        }
        for (bands, spec) in self.bands.iter_mut().zip(&layout.lists.bands).skip(one) {
            bands.on_bar(spec, i, history, history.price(spec.period));
        }
        for (mean, &period) in self.volumes.iter_mut().zip(&layout.lists.volumes).skip(one) {
            mean.on_value(period as u64, i, history.volume(0), history.volume(period));
        }
        for (mean, &period) in self.price_means.iter_mut().zip(&layout.lists.price_means) {
            mean.on_value(period as u64, i, price, history.price(period));
        }
    }

    /// What the strategies read.
    pub(super) fn reading(&self, slots: &StrategySlots) -> Reading {
        let (macd, bands) = (&self.macds[slots.macd_rsi_macd], &self.bands[slots.bands]);
        Reading {
            line: macd.line,
            signal: macd.signal,
            rsi: self.rsis[slots.macd_rsi_rsi].value(),
            trend_rsi: self.rsis[slots.trend_rsi].value(),
            trend_rsi_slow: self.rsis[slots.trend_rsi_slow].value(),
            ma_fast: self.emas[slots.ma_fast].value(),
            ma_slow: self.emas[slots.ma_slow].value(),
            upper: bands.upper,
            middle: bands.middle,
            lower: bands.lower,
            volume: self.volumes[slots.volume].value(),
        }
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        list_out(out, &self.emas, Ema::write_state);
        list_out(out, &self.rsis, Rsi::write_state);
        list_out(out, &self.macds, Macd::write_state);
        list_out(out, &self.bands, Bollinger::write_state);
        list_out(out, &self.volumes, RollingMean::write_state);
        list_out(out, &self.price_means, RollingMean::write_state);
    }

    pub(super) fn read_state(&mut self, image: &mut ImageReader<'_>) -> Result<(), BadImage> {
        list_in(image, "averages", &mut self.emas, Ema::read_state)?;
        list_in(image, "RSIs", &mut self.rsis, Rsi::read_state)?;
        list_in(image, "MACDs", &mut self.macds, Macd::read_state)?;
        list_in(image, "bands", &mut self.bands, Bollinger::read_state)?;
        list_in(image, "volume means", &mut self.volumes, RollingMean::read_state)?;
        list_in(image, "price means", &mut self.price_means, RollingMean::read_state)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.emas)
            + size_of_val(&*self.rsis)
            + size_of_val(&*self.macds)
            + size_of_val(&*self.bands)
            + size_of_val(&*self.volumes)
            + size_of_val(&*self.price_means)
    }
}
