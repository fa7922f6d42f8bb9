//! A cell: one symbol on one timeframe, with its indicators and its five strategies.
//!
//! One bar is one function, compiled twice: for every processor of the architecture and for those with AVX2 and the bit
//! instructions of its time. Both do the same operations in the same order, and so give the same bits.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{
    BarView, Fired, bollinger_breakout, bollinger_breakout::BollingerBreakout, ma_crossover, macd_rsi,
    rsi_trend::RsiTrend, sr_breakout::SrBreakout, swing::SwingPoints,
};
use crate::{
    config::{PriceMethod, StrategyParams},
    indicators::{BadImage, History, ImageReader, ImageWriter, IndicatorLayout, IndicatorSet, prefetch_all},
    model::{Bar, Candidate, Indicators, Strategy},
};

/// What all cells of one timeframe share.
#[derive(Debug, Clone)]
pub struct CellLayout {
    /// Parameters of the strategies.
    pub params: StrategyParams,
    /// Which indicators there are.
    pub indicators: IndicatorLayout,
    /// Whether the processor has the instructions of a recent one.
    wide: bool,
}

/// Whether the processor has what `Cell::step_wide` is made of.
fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let vectors = is_x86_feature_detected!("avx2");
        let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
        let counts = is_x86_feature_detected!("lzcnt") && is_x86_feature_detected!("popcnt");
        vectors && bits && counts
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl CellLayout {
    /// The layout for these parameters; with `publish`, the published indicators are computed as well.
    #[must_use]
    pub fn new(params: StrategyParams, publish: bool) -> Self {
        let indicators = IndicatorLayout::new(&params, publish);
        Self { params, indicators, wide: is_wide() }
    }

    /// The same layout for every processor of the architecture: what a test compares with.
    #[must_use]
    pub fn portable(mut self) -> Self {
        self.wide = false;
        self
    }

    /// Bars after which a cell has forgotten what came before them.
    #[must_use]
    pub fn settling_bars(&self) -> u64 {
        self.indicators.settling_bars().max(self.min_history() as u64)
    }

    /// Bars a cell must keep for everything that looks back.
    #[must_use]
    pub fn min_history(&self) -> usize {
        let p = &self.params;
        let strategies = [
            p.common.swing_lookback + 1,
            p.macd_rsi.momentum_bars,
            p.ma_crossover.trend_bars,
            p.rsi_trend.momentum_bars,
            p.bollinger_breakout.momentum_bars,
            p.sr_breakout.lookback.max(p.sr_breakout.consolidation_bars),
            5,
        ];
        strategies.into_iter().max().unwrap_or(0).max(self.indicators.longest_window()) + 1
    }
}

/// One symbol on one timeframe: its state in a few cache lines, besides its history.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub struct Cell {
    indicators: IndicatorSet,
    history: History,
    /// Bars closed so far.
    bars: u64,
    price_scale: f64,
    swings: SwingPoints,
    bollinger_breakout: BollingerBreakout,
    rsi_trend: RsiTrend,
    sr_breakout: SrBreakout,
    method: PriceMethod,
}

impl Cell {
    /// A cell before its first bar, which keeps at least `buffer_size` bars and as many as its layout needs. Allocates.
    #[must_use]
    pub fn new(layout: &CellLayout, method: PriceMethod, price_scale: f64, buffer_size: usize) -> Self {
        Self {
            bars: 0,
            price_scale,
            method,
            history: History::new(buffer_size.max(layout.min_history()), layout.indicators.prices_in_a_row()),
            indicators: IndicatorSet::new(&layout.indicators),
            swings: SwingPoints::default(),
            rsi_trend: RsiTrend::default(),
            bollinger_breakout: BollingerBreakout::default(),
            sr_breakout: SrBreakout::default(),
        }
    }

    /// Takes the next closed bar and hands each signal it causes to `on_signal`, in the order of the strategies.
    ///
    /// Allocates nothing.
    #[inline]
    pub fn on_bar(&mut self, layout: &CellLayout, bar: &Bar, mut on_signal: impl FnMut(Strategy, Candidate)) {
        #[cfg(target_arch = "x86_64")]
        if layout.wide {
            // SAFETY: `wide` says that the processor has these instructions.
            return unsafe { self.step_wide(layout, bar, &mut on_signal) };
        }
        self.step_plain(layout, bar, &mut on_signal);
    }

    /// Asks for the memory of the cell, but not for that of its history: worth it where a bar for it will come soon.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_all(self);
    }

    /// Asks for the part of the history that the next bar needs; the cell's own memory should be there by now.
    #[inline]
    pub fn prefetch_history(&self, layout: &CellLayout) {
        self.history.prefetch(layout.indicators.volume_window());
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn step_wide(&mut self, layout: &CellLayout, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
        self.step(layout, bar, on_signal);
    }

    #[inline(never)]
    fn step_plain(&mut self, layout: &CellLayout, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
        self.step(layout, bar, on_signal);
    }

    /// One bar through indicators and strategies.
    #[inline(always)]
    fn step(&mut self, layout: &CellLayout, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
        let price = match self.method {
            PriceMethod::Ohlc => bar.close,
            PriceMethod::Vwap => bar.vwap,
            PriceMethod::Typical => bar.typical(),
        };
        let i = self.bars;
        self.bars += 1;
        let (params, slots) = (&layout.params, &layout.indicators.strategies);
        let before = self.indicators.reading(slots);
        self.history.push(price, bar.high, bar.low, bar.volume);
        self.indicators.on_bar(&layout.indicators, i, &self.history);
        let now = self.indicators.reading(slots);
        let view = BarView {
            i,
            scale: self.price_scale,
            history: &self.history,
            high: bar.high,
            low: bar.low,
            prices: [price, self.history.price(1), self.history.price(2)],
            now,
            before,
            volume_ratio: bar.volume / now.volume,
            width: (now.upper - now.lower) / now.middle,
        };
        let divergences = self.swings.on_bar(&view, &params.common);
        let only = |enabled: bool, fired: Fired| if enabled { fired } else { Fired::NONE };
        let fired = [
            only(params.macd_rsi.enabled, macd_rsi::fires(&params.macd_rsi, &view, divergences.macd_rsi)),
            only(params.ma_crossover.enabled, ma_crossover::fires(&view)),
            only(params.rsi_trend.enabled, self.rsi_trend.fires(&params.rsi_trend, &view, divergences.trend_rsi)),
            only(params.bollinger_breakout.enabled, self.bollinger_breakout.fires(&params.bollinger_breakout, &view)),
            only(params.sr_breakout.enabled, self.sr_breakout.fires(&params.sr_breakout, &view)),
        ];
        if fired.iter().fold(Fired::NONE, |all, &fired| all | fired).any() {
            // Copies, so that on the other bars none of it need lie in memory.
            let (view, fired) = (BarView { ..view }, { fired });
            self.weigh(layout, &view, &fired, on_signal);
        }
    }

    /// Makes the candidates of the conditions that hold.
    #[cold]
    #[inline(never)]
    fn weigh(
        &self,
        layout: &CellLayout,
        view: &BarView<'_>,
        fired: &[Fired; Strategy::COUNT],
        on_signal: &mut impl FnMut(Strategy, Candidate),
    ) {
        let p = &layout.params;
        for (strategy, &fired) in Strategy::ALL.into_iter().zip(fired) {
            if !fired.any() {
                continue;
            }
            let candidate = match strategy {
                Strategy::MacdRsi => macd_rsi::candidate(&p.macd_rsi, view, fired),
                Strategy::MaCrossover => ma_crossover::candidate(&p.ma_crossover, view, fired),
                Strategy::RsiTrend => self.rsi_trend.candidate(&p.rsi_trend, view, fired),
                Strategy::BollingerBreakout => bollinger_breakout::candidate(&p.bollinger_breakout, view, fired),
                Strategy::SrBreakout => self.sr_breakout.candidate(&p.sr_breakout, view, fired),
                // Weighs nothing: whoever wants it adds it to what a cell finds.
                Strategy::Probe => None,
            };
            if let Some(candidate) = candidate {
                on_signal(strategy, candidate);
            }
        }
    }

    /// Appends the whole state that bars have made, as bytes that say nothing of how it lies in memory.
    pub fn write_state(&self, out: &mut Vec<u8>) {
        let out = &mut ImageWriter(out);
        out.word(self.bars);
        self.history.write_state(out, self.bars);
        self.indicators.write_state(out);
        self.swings.write_state(out);
        self.rsi_trend.write_state(out);
        self.bollinger_breakout.write_state(out);
        self.sr_breakout.write_state(out);
    }

    /// Becomes the cell whose state [`write_state`](Self::write_state) wrote: from its next bar on it does what that one
    /// would have done. The layout must have the same parameters; the history may be of another length. Allocates.
    ///
    /// # Errors
    /// Bytes that are not the state of a cell of this layout; this one then stays as it was.
    pub fn read_state(&mut self, layout: &CellLayout, image: &[u8]) -> Result<(), BadImage> {
        let image = &mut ImageReader(image);
        let bars = image.word()?;
        let capacity = self.history.capacity();
        let mut history = History::new(capacity, layout.indicators.prices_in_a_row());
        history.read_state(image, bars, layout.min_history())?;
        let restored = Self {
            bars,
            price_scale: self.price_scale,
            method: self.method,
            history,
            indicators: IndicatorSet::read_state(&layout.indicators, image)?,
            swings: SwingPoints::read_state(image)?,
            rsi_trend: RsiTrend::read_state(image)?,
            bollinger_breakout: BollingerBreakout::read_state(image)?,
            sr_breakout: SrBreakout::read_state(image)?,
        };
        image.end()?;
        *self = restored;
        Ok(())
    }

    /// Bars closed so far.
    #[inline]
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.bars
    }

    /// The price series at the newest bar.
    #[inline]
    #[must_use]
    pub fn price(&self) -> f64 {
        self.history.price(0)
    }

    /// The price series one bar before the newest, NaN where there is none.
    #[inline]
    #[must_use]
    pub fn previous_price(&self) -> f64 {
        if self.bars > 1 { self.history.price(1) } else { f64::NAN }
    }

    /// The published indicators at the newest bar.
    #[must_use]
    pub fn published(&self, layout: &CellLayout) -> Indicators {
        self.indicators.published(&layout.indicators)
    }

    /// Bytes the cell occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.history.bytes() + self.indicators.bytes()
    }
}
