//! Which indicators a timeframe needs: each once, however many strategies read it.

use super::{
    bollinger::BollingerSpec,
    ema::EmaSpec,
    lists::{Lists, slot},
    macd::MacdSpec,
    published::PublishedSlots,
    rsi::least,
};
use crate::lanes::{LANES, WINDOW};

/// What the strategies of a timeframe read: the indicators with their periods, named as in
/// [`Reading`](super::Reading). One that no strategy needs has the periods of the definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs {
    /// Line and signal.
    pub macd: MacdSpec,
    /// Bars of the RSIs.
    pub rsi: u64,
    /// Bars of the RSI whose pullbacks count in a trend.
    pub trend_rsi: u64,
    /// Bars of the RSI that tells the trend.
    pub trend_rsi_slow: u64,
    /// The averages whose crossings count.
    pub ma_fast: EmaSpec,
    /// The slower of them.
    pub ma_slow: EmaSpec,
    /// Upper, middle and lower band.
    pub bands: BollingerSpec,
    /// Bars of the volume average.
    pub volume: usize,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            macd: MacdSpec::new(12, 26, 9),
            rsi: 14,
            trend_rsi: 14,
            trend_rsi_slow: 21,
            ma_fast: EmaSpec::new(0, 50),
            ma_slow: EmaSpec::new(0, 200),
            bands: BollingerSpec { period: 20, std_dev: 2.0 },
            volume: 20,
        }
    }
}

impl Needs {
    /// The longest window of them, bars.
    #[must_use]
    pub fn longest_window(&self) -> usize {
        let macd = self.macd.slow.period + self.macd.signal.period;
        let rsis = [self.rsi, self.trend_rsi, self.trend_rsi_slow].map(|bars| bars + 1);
        let recursive = [macd, self.ma_fast.period, self.ma_slow.period].into_iter().chain(rsis).max().unwrap_or(0);
        (recursive as usize).max(self.bands.period).max(self.volume)
    }
}

/// Which of the indicators the strategies read.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)] // strategy_indicator
pub struct StrategySlots {
    pub macd_rsi_macd: usize,
    pub macd_rsi_rsi: usize,
    pub ma_fast: usize,
    pub ma_slow: usize,
    pub trend_rsi: usize,
    pub trend_rsi_slow: usize,
    pub bands: usize,
    pub volume: usize,
}

/// A length of a window, and how to divide by it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    length: u64,
    inverse: u64,
}

impl Place {
    fn new(length: usize) -> Self {
        let length = length.clamp(1, WINDOW) as u64;
        Self { length, inverse: (u64::MAX / length).wrapping_add(1) }
    }

    /// The length, at most [`WINDOW`].
    #[inline(always)]
    pub(super) fn length(&self) -> usize {
        self.length as usize
    }

    /// `i` modulo the length: two multiplications instead of a division (Lemire's).
    #[inline(always)]
    pub(super) fn of(&self, i: u64) -> usize {
        let fraction = self.inverse.wrapping_mul(i & u64::from(u32::MAX));
        ((u128::from(fraction) * u128::from(self.length)) >> 64) as usize % WINDOW
    }
}

/// Where the values of bars have their places in the windows of prices and of volumes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// By lane.
    pub(super) of: [[usize; 2]; LANES],
    /// Whether they are the same in all lanes.
    pub(super) same: bool,
}

/// The numbers of the indicators that are computed side by side.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes {
    /// Fast and slow average of the first MACD, first and second EMA.
    pub(super) ema_alphas: [f64; 4],
    pub(super) signal_alpha: f64,
    /// Periods of the first two RSIs; the same less one; where their averages stop to decay.
    pub(super) rsi_periods: [f64; 2],
    pub(super) rsi_kept: [f64; 2],
    pub(super) rsi_least: [f64; 2],
    /// Bars of the bands and of the volume average.
    pub(super) windows: [usize; 2],
    /// Where a bar's values have their places in these windows.
    pub(super) places: [Place; 2],
    pub(super) std_dev: f64,
    /// The first bar at which all of them continue from a value that was ready before; never, if a window is too long
    /// for a cell.
    pub(super) ready: u64,
    /// Whether there are indicators besides these.
    pub(super) has_rest: bool,
}

impl Lanes {
    fn new(layout: &IndicatorLayout) -> Self {
        let (macd, bands, volume) = (&layout.lists.macds[0], &layout.lists.bands[0], layout.lists.volumes[0]);
        // If there is only one, its lane is computed twice.
        let ema = |slot: usize| layout.lists.emas[slot.min(layout.lists.emas.len() - 1)];
        let rsi = |slot: usize| layout.lists.rsis[slot.min(layout.lists.rsis.len() - 1)];
        let emas = [macd.fast, macd.slow, ema(0), ema(1)];
        let rsis = [rsi(0), rsi(1)];
        let windows = [bands.period, volume];
        let ready = emas.iter().map(|ema| ema.from + ema.period).chain(rsis.iter().map(|n| n + 1));
        let ready = ready.chain(windows.iter().map(|&n| n as u64)).chain([macd.ready + 1]).max();
        let more = [
            layout.lists.emas.len() > 2,
            layout.lists.rsis.len() > 2,
            layout.lists.macds.len() > 1,
            layout.lists.bands.len() > 1,
        ];
        Self {
            ema_alphas: emas.map(|ema| ema.alpha),
            signal_alpha: macd.signal.alpha,
            rsi_periods: rsis.map(|n| n as f64),
            rsi_kept: rsis.map(|n| n as f64 - 1.0),
            rsi_least: rsis.map(least),
            windows,
            places: windows.map(Place::new),
            std_dev: bands.std_dev,
            ready: ready.filter(|_| windows.iter().all(|&n| n <= WINDOW)).unwrap_or(u64::MAX),
            has_rest: more.contains(&true) || layout.lists.volumes.len() > 1 || !layout.lists.price_means.is_empty(),
        }
    }
}

/// The indicators of the cells of one timeframe.
#[derive(Debug, Clone)]
pub struct IndicatorLayout {
    pub(super) lists: Lists,
    pub(super) lanes: Lanes,
    /// What the strategies read.
    pub strategies: StrategySlots,
    /// What is published; `None` if nothing is.
    pub published: Option<PublishedSlots>,
}

impl IndicatorLayout {
    /// What is needed and, with `publish`, what is published by name.
    #[must_use]
    pub fn new(needs: &Needs, publish: bool) -> Self {
        let mut layout = Self {
            lists: Lists::default(),
            lanes: Lanes::default(),
            strategies: StrategySlots::default(),
            published: None,
        };
        layout.strategies = StrategySlots {
            macd_rsi_macd: slot(&mut layout.lists.macds, needs.macd),
            macd_rsi_rsi: slot(&mut layout.lists.rsis, needs.rsi),
            ma_fast: slot(&mut layout.lists.emas, needs.ma_fast),
            ma_slow: slot(&mut layout.lists.emas, needs.ma_slow),
            trend_rsi: slot(&mut layout.lists.rsis, needs.trend_rsi),
            trend_rsi_slow: slot(&mut layout.lists.rsis, needs.trend_rsi_slow),
            bands: slot(&mut layout.lists.bands, needs.bands),
            volume: slot(&mut layout.lists.volumes, needs.volume),
        };
        if publish {
            layout.published = Some(PublishedSlots::new(&mut layout.lists));
        }
        layout.lanes = Lanes::new(&layout);
        layout
    }

    /// The places of the bars of eight cells.
    #[inline(always)]
    pub(crate) fn places_of(&self, i: &[u64; LANES]) -> Places {
        // Cells that got their bars together are at the same place.
        if i.iter().fold(0, |off, &other| off | (other ^ i[0])) == 0 {
            return Places { of: [self.places(i[0]); LANES], same: true };
        }
        Places { of: i.map(|i| self.places(i)), same: false }
    }

    /// The places of a cell's bar `i` in the windows of prices and of volumes.
    #[inline(always)]
    pub(crate) fn places(&self, i: u64) -> [usize; 2] {
        self.lanes.places.map(|place| place.of(i))
    }

    /// Whether there are indicators that cells never take side by side.
    #[must_use]
    pub(crate) fn has_rest(&self) -> bool {
        self.lanes.has_rest
    }

    /// The first bar that cells may take side by side: all that the strategies read goes on from a value that was ready
    /// before. Never, where a window is longer than a cell has room for.
    #[must_use]
    pub fn ready(&self) -> u64 {
        self.lanes.ready
    }

    /// Bars before the newest that some window still needs.
    #[must_use]
    pub fn longest_window(&self) -> usize {
        let bands = self.lists.bands.iter().map(|b| b.period);
        bands.chain(self.lists.volumes.iter().copied()).chain(self.lists.price_means.iter().copied()).max().unwrap_or(1)
    }

    /// The longest window of the published indicators, bars.
    #[must_use]
    pub fn published_window() -> usize {
        Self::new(&Needs::default(), true).longest_window()
    }

    /// Bars after which every indicator has a value.
    #[must_use]
    pub fn defined_after(&self) -> u64 {
        let lists = &self.lists;
        let emas = lists.emas.iter().map(|ema| ema.from + ema.period);
        let rsis = lists.rsis.iter().map(|n| n + 1);
        let macds = lists.macds.iter().map(|macd| macd.ready + 1);
        emas.chain(rsis).chain(macds).max().unwrap_or(1).max(self.longest_window() as u64)
    }

    /// Bars after which nothing from before them weighs more than a thousandth in any indicator: an average over n bars
    /// has forgotten them after n, an exponential one after n·ln(1000)/2, Wilder's after n·ln(1000).
    #[must_use]
    pub fn settling_bars(&self) -> u64 {
        let forgets = 1_000f64.ln();
        let macds = self.lists.macds.iter().flat_map(|macd| [macd.slow.period + macd.signal.period]);
        let emas = self.lists.emas.iter().map(|ema| ema.period).chain(macds).map(|n| n as f64 * forgets / 2.0);
        let rsis = self.lists.rsis.iter().map(|&n| n as f64 * forgets);
        let recursive = emas.chain(rsis).fold(0.0, f64::max).ceil() as u64;
        recursive.max(self.longest_window() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_remainder() {
        for length in 1..=WINDOW {
            let place = Place::new(length);
            let some = (0..1_000).chain((0..1_000).map(|k| u64::from(u32::MAX) - k));
            assert!(some.into_iter().all(|i| place.of(i) == (i % length as u64) as usize), "{length}");
        }
    }
}
