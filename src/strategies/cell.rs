//! A cell: one symbol on one timeframe, with its indicators and its strategies.

use super::{
    layout::CellLayout,
    list::{Strategy, StrategyParams, first_word},
    past::{Past, Source},
    pivots::Pivots,
    traces::Traces,
};
use crate::{
    indicators::{BadImage, HasIndicators, History, ImageReader, ImageWriter, IndicatorSet, Reading, prefetch},
    model::{Bar, Indicators, PriceMethod},
};

/// One symbol on one timeframe: its state in a few cache lines, besides its history.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Cell {
    /// Bars closed so far.
    pub(super) bars: u64,
    pub(super) price_scale: f64,
    pub(super) history: History,
    method: PriceMethod,
    pub(super) traces: Traces,
    pub(super) pivots: Pivots,
    pub(super) indicators: IndicatorSet,
}

impl HasIndicators for Cell {
    #[inline(always)]
    fn indicators(&self) -> &IndicatorSet {
        &self.indicators
    }
    #[inline(always)]
    fn indicators_mut(&mut self) -> &mut IndicatorSet {
        &mut self.indicators
    }
}

impl Cell {
    /// A cell before its first bar, which keeps at least `buffer_size` bars and as many as its layout needs. Allocates.
    #[must_use]
    pub fn new(layout: &CellLayout, method: PriceMethod, price_scale: f64, buffer_size: usize) -> Self {
        Self {
            bars: 0,
            price_scale,
            history: History::new(buffer_size.max(layout.min_history())),
            method,
            traces: Traces::new(layout.long),
            pivots: Pivots::NONE,
            indicators: IndicatorSet::new(&layout.indicators),
        }
    }

    /// A cell that only fills a lane.
    pub(super) fn nobodys() -> Self {
        Self::new(&CellLayout::new(StrategyParams::default(), false), PriceMethod::Ohlc, 1.0, 0)
    }

    /// Whether its next bar may be taken side by side with those of other cells of the layout.
    #[inline(always)]
    #[must_use]
    pub fn is_settled(&self, layout: &CellLayout) -> bool {
        self.bars >= layout.settled
    }

    /// The price that the indicators read.
    #[inline(always)]
    pub(super) fn price_of(&self, bar: &Bar) -> f64 {
        match self.method {
            PriceMethod::Ohlc => bar.close,
            PriceMethod::Vwap => bar.vwap,
            PriceMethod::Typical => bar.typical(),
        }
    }

    /// Asks for what a cell keeps by itself wherever its state lies.
    #[inline]
    pub(super) fn prefetch_first(&self) {
        prefetch(Some(&self.bars));
    }

    /// Asks for the memory of the cell, but not for what its number of bars tells the place of.
    #[inline]
    pub(super) fn prefetch(&self, layout: &CellLayout) {
        self.prefetch_first();
        self.traces.lines.iter().for_each(|line| prefetch(Some(line)));
        self.indicators.prefetch(&layout.indicators);
        self.pivots.prefetch();
    }

    /// Asks for the place of the next bar in the history.
    #[inline]
    pub(super) fn prefetch_history(&self) {
        self.history.prefetch();
    }

    /// Asks for its place in the windows.
    #[inline]
    pub(super) fn prefetch_place(&self, layout: &CellLayout) {
        self.indicators.prefetch_place(&layout.indicators, self.bars);
    }

    /// What its candidates look back at.
    #[inline(always)]
    pub(super) fn past(&self) -> Source<'_> {
        Source::Cell { lines: &self.traces.lines, upper: self.traces.upper(), pivots: &self.pivots.sides }
    }

    /// Appends the whole state that bars have made, as bytes that say nothing of how it lies in memory.
    pub fn write_state(&self, layout: &CellLayout, out: &mut Vec<u8>) {
        let out = &mut ImageWriter(out);
        out.word(self.bars);
        self.history.write_state(out, self.bars);
        self.indicators.write_state(&layout.indicators, self.bars, out);
        self.traces.write_state(out);
        let past = Past { source: self.past(), first: first_word(Strategy::SrBreakout) };
        self.pivots.write_state(&self.history, layout.params.sr_breakout.known_pivots(past), out);
    }

    /// Becomes the cell whose state [`write_state`](Self::write_state) wrote: from its next bar on it does what that one
    /// would have done. The layout must have the same parameters; the history may be of another length. Allocates.
    ///
    /// # Errors
    /// Bytes that are not the state of a cell of this layout; this one then stays as it was.
    pub fn read_state(&mut self, layout: &CellLayout, image: &[u8]) -> Result<(), BadImage> {
        let image = &mut ImageReader(image);
        let bars = image.word()?;
        // One a second makes this many in 136 years; the places in the windows are not told beyond.
        if bars >= u64::from(u32::MAX) {
            return Err(BadImage::Other { what: "bars closed", found: bars, wanted: u64::from(u32::MAX) - 1 });
        }
        let mut history = History::new(self.history.capacity());
        history.read_state(image, bars, layout.min_history())?;
        let restored = Self {
            bars,
            price_scale: self.price_scale,
            history,
            method: self.method,
            indicators: IndicatorSet::read_state(&layout.indicators, bars, image)?,
            traces: Traces::read_state(layout.long, image)?,
            pivots: Pivots::read_state(image)?,
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
        self.indicators.published(&layout.indicators, self.bars)
    }

    /// What the strategies read at the newest bar.
    #[must_use]
    pub fn reading(&self, layout: &CellLayout) -> Reading {
        self.indicators.reading(&layout.indicators, self.bars)
    }

    /// Bytes the cell occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.history.bytes() + self.indicators.bytes() + self.traces.bytes()
    }
}
