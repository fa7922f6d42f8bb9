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

/// One symbol on one timeframe: its state in a few cache lines, and its history.
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
    /// A cell before its first bar. It keeps at least `buffer_size` bars, and as many as its layout needs. Allocates.
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

    /// A filler: a cell of no symbol that fills a lane.
    pub(super) fn filler() -> Self {
        Self::new(&CellLayout::new(StrategyParams::default(), false), PriceMethod::Ohlc, 1.0, 0)
    }

    /// Whether its next bar may be computed side by side with those of other cells of the layout.
    #[inline(always)]
    #[must_use]
    pub fn is_settled(&self, layout: &CellLayout) -> bool {
        self.bars >= layout.settled
    }

    /// The price that the indicators read.
    #[inline(always)]
    pub(super) fn price_of(&self, bar: &Bar) -> f64 {
        self.method.of(bar)
    }

    /// Prefetches what a cell holds even if its state lies in rows.
    #[inline]
    pub(super) fn prefetch_first(&self) {
        prefetch(Some(&self.bars));
    }

    /// Prefetches the cell, except for what its number of bars locates.
    #[inline]
    pub(super) fn prefetch(&self, layout: &CellLayout) {
        self.prefetch_first();
        self.traces.lines.iter().for_each(|line| prefetch(Some(line)));
        self.indicators.prefetch(&layout.indicators);
        self.pivots.prefetch();
    }

    /// Prefetches the place of the next bar in the history.
    #[inline]
    pub(super) fn prefetch_history(&self) {
        self.history.prefetch();
    }

    /// Prefetches its place in the windows.
    #[inline]
    pub(super) fn prefetch_place(&self, layout: &CellLayout) {
        self.indicators.prefetch_place(&layout.indicators, self.bars);
    }

    /// The past that its candidates look back at.
    #[inline(always)]
    pub(super) fn past(&self) -> Source<'_> {
        Source::Cell { lines: &self.traces.lines, upper: self.traces.upper(), pivots: &self.pivots.sides }
    }

    /// Appends the whole state, in a form that does not depend on its layout in memory.
    pub fn write_state(&self, layout: &CellLayout, out: &mut Vec<u8>) {
        let out = &mut ImageWriter(out);
        out.word(self.bars);
        self.history.write_state(out, self.bars);
        self.indicators.write_state(&layout.indicators, self.bars, out);
        self.traces.write_state(out);
        let past = Past { source: self.past(), first: first_word(Strategy::SrBreakout) };
        self.pivots.write_state(&self.history, layout.params.sr_breakout.known_pivots(past), out);
    }

    /// Restores the state that [`write_state`](Self::write_state) wrote: from the next bar on the cell does what the
    /// saved one would have done. The layout must have the same parameters; the history may have another length.
    /// Allocates.
    ///
    /// # Errors
    /// The bytes are not the state of a cell of this layout; the cell then stays as it was.
    pub fn read_state(&mut self, layout: &CellLayout, image: &[u8]) -> Result<(), BadImage> {
        let image = &mut ImageReader(image);
        let bars = image.word()?;
        // At one bar a second that takes 136 years; places in the windows are not defined beyond.
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

    /// Its last bars.
    #[inline]
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The price series at the newest bar.
    #[inline]
    #[must_use]
    pub fn price(&self) -> f64 {
        self.history.price(0)
    }

    /// The price series one bar before the newest, NaN if there is none.
    #[inline]
    #[must_use]
    pub fn previous_price(&self) -> f64 {
        if self.bars > 1 { self.history.price(1) } else { f64::NAN }
    }

    /// The price and the published indicators as they would be if this bar closed.
    pub(super) fn forming(&mut self, layout: &CellLayout, bar: &Bar, scratch: &mut IndicatorSet) -> (f64, Indicators) {
        let price = self.price_of(bar);
        let displaced = self.history.push_for_now(price, bar.high, bar.low, bar.volume);
        scratch.clone_from(&self.indicators);
        scratch.on_bar(&layout.indicators, self.bars, &self.history);
        self.history.take_back(displaced);
        (price, scratch.published(&layout.indicators, self.bars + 1))
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
