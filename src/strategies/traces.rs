//! What the strategies remember of a cell from bar to bar.

use super::{Cell, CellLayout, block::Rows};
use crate::{
    config::StrategyParams,
    indicators::{BadImage, ImageReader, ImageWriter, RecentPrices},
    lanes::{Line, Vector},
};

/// Histories of conditions: bit k of each says whether it held k bars ago.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bits {
    /// The bar closed within its own bands.
    Within,
    /// The slow RSI was above (below) the midline.
    TrendAbove,
    TrendBelow,
    /// The RSI was above (below) the midline.
    Above,
    Below,
    /// The bar is a pivot, as far as is known.
    Highs,
    Lows,
}

impl Bits {
    /// How many there are; the last word of their line is that of the [`flag`]s.
    const COUNT: usize = 7;
}

/// Single bits of the last word.
pub(super) mod flag {
    /// Bit k of a field of four: at bar `i − k` the condition held. A higher high than both bars before it, a lower high
    /// than the bar before it, than the bar two before it; and the same of lows.
    pub(in super::super) const FIRST_HIGH: u64 = 1;
    pub(in super::super) const LOWER_HIGH: u64 = 1 << 4;
    pub(in super::super) const LOWER_HIGH_BY_TWO: u64 = 1 << 8;
    pub(in super::super) const FIRST_LOW: u64 = 1 << 12;
    pub(in super::super) const HIGHER_LOW: u64 = 1 << 16;
    pub(in super::super) const HIGHER_LOW_BY_TWO: u64 = 1 << 20;
    /// All bits of the fields but the newest.
    pub(in super::super) const OLDER: u64 = 0xee_eeee;
    /// Conditions that held at the bar before.
    pub(in super::super) const BULLISH: u64 = 1 << 24;
    pub(in super::super) const BEARISH: u64 = 1 << 25;
    pub(in super::super) const SQUEEZED: u64 = 1 << 26;
    pub(in super::super) const PULLBACK: u64 = 1 << 27;
    pub(in super::super) const RALLY: u64 = 1 << 28;
}

/// State, by lines:
/// 0. highs of the newest three bars, their lows, histories of swing lows and of swing highs;
/// 1. the newest swing low: price, MACD line, RSI, RSI of the trend strategy; the newest swing high;
/// 2. the histories of [`Bits`], and the [`flag`]s.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Traces {
    pub(super) lines: [Line; 3],
    /// What was shifted out of the histories: only where one is looked at further back than 64 bars.
    upper: [u64; Bits::COUNT],
}

/// How far back the histories are looked at, as bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// The low and the high word of the newest n bits.
    words: [u64; 2],
}

impl Reach {
    pub(super) fn new(bars: usize) -> Self {
        let bits = if bars >= 128 { u128::MAX } else { (1u128 << bars) - 1 };
        Self { words: [bits as u64, (bits >> 64) as u64] }
    }

    /// Of the newest 64 bars.
    #[inline(always)]
    pub(super) fn near(self) -> u64 {
        self.words[0]
    }

    /// Those of the newest bars whose bit is set, `far` of them before the newest 64.
    #[inline(always)]
    pub(super) fn count<V: Vector>(self, bits: V::B, far: u64) -> V::B {
        V::sum(V::count(V::masked(bits, self.words[0])), V::words(far))
    }
}

/// How far back each strategy looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reaches {
    pub(super) consolidation: Reach,
    pub(super) trend: Reach,
    /// Of swing points before the newest.
    pub(super) swing: u64,
    /// Whether any of them is longer than a word.
    pub(super) long: bool,
}

impl Reaches {
    pub(super) fn new(params: &StrategyParams) -> Self {
        let (bands, trend, levels) = (&params.bollinger_breakout, &params.rsi_trend, &params.sr_breakout);
        let bars = [bands.consolidation_bars, trend.trend_bars + 1, levels.lookback + 1];
        let (consolidation, trend) = (Reach::new(bars[0]), Reach::new(bars[1]));
        let swing = Reach::new(params.common.swing_lookback.saturating_sub(1)).near();
        Self { consolidation, trend, swing, long: bars.iter().any(|&n| n > 64) }
    }
}

/// Bits that count beside those in the cells' words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Far {
    pub(super) within: u64,
    pub(super) trend_above: u64,
    pub(super) trend_below: u64,
}

/// What the candidates of a cell look back at, beside its history, wherever it lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Past<'a> {
    Cell(&'a Cell),
    /// A lane of eight cells that lie in rows; nothing of theirs is looked at further back than 64 bars.
    Rows(&'a Rows, usize),
}

impl<'a> Past<'a> {
    /// A history, 128 bars long.
    pub(super) fn bits(self, which: Bits) -> u128 {
        match self {
            Self::Cell(cell) => cell.traces.bits(which),
            Self::Rows(rows, k) => u128::from(rows.bits(k, which)),
        }
    }

    /// The prices of the newest tops, or bottoms.
    pub(super) fn pivots(self, bottoms: bool) -> Line {
        match self {
            Self::Cell(cell) => *cell.pivots.of(bottoms),
            Self::Rows(rows, k) => rows.pivots(k, bottoms),
        }
    }

    /// The newest prices, up to that of bar `i`.
    #[inline(always)]
    pub(super) fn recent_prices(self, layout: &CellLayout, i: u64) -> RecentPrices<'a> {
        match self {
            Self::Cell(cell) => cell.indicators.recent_prices(&layout.indicators, i),
            Self::Rows(rows, k) => rows.recent_prices(layout, k, i),
        }
    }
}

impl Traces {
    /// Before the first bar.
    pub(super) const NONE: Self = Self {
        lines: [Line([f64::NAN, f64::NAN, f64::NAN, f64::NAN, f64::NAN, f64::NAN, 0.0, 0.0]), Line::NAN, Line::ZERO],
        upper: [0; Bits::COUNT],
    };

    /// A history, 128 bars long.
    pub(super) fn bits(&self, which: Bits) -> u128 {
        u128::from(self.lines[2].0[which as usize].to_bits()) | u128::from(self.upper[which as usize]) << 64
    }

    /// Saves the bits that the next bar shifts out of the words; counts what it will look at beyond them.
    #[cold]
    #[inline(never)]
    pub(super) fn carry(&mut self, reaches: &Reaches) -> Far {
        let count = |bits: u64, reach: Reach| u64::from((bits & reach.words[1]).count_ones());
        let within = count(self.upper[Bits::Within as usize], reaches.consolidation);
        for (upper, word) in self.upper.iter_mut().zip(&self.lines[2].0) {
            *upper = *upper << 1 | word.to_bits() >> 63;
        }
        let trend = |which: Bits| count(self.upper[which as usize], reaches.trend);
        Far { within, trend_above: trend(Bits::TrendAbove), trend_below: trend(Bits::TrendBelow) }
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        self.lines.iter().for_each(|line| out.reals(&line.0));
        out.words(&self.upper);
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut traces = Self::NONE;
        for line in &mut traces.lines {
            line.0 = image.reals()?;
        }
        for word in &mut traces.upper {
            *word = image.word()?;
        }
        Ok(traces)
    }
}
