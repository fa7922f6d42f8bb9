//! A cell: one symbol on one timeframe, with its indicators and its five strategies.

use super::{
    BarView, bollinger_breakout::BollingerBreakout, ma_crossover::MaCrossover, macd_rsi::MacdRsi, rsi_trend::RsiTrend,
    sr_breakout::SrBreakout, swing::SwingPoints,
};
use crate::{
    config::{PriceMethod, StrategyParams},
    indicators::{History, IndicatorLayout, IndicatorSet},
    model::{Bar, Candidate, Indicators, Strategy},
};

/// What all cells of one timeframe share.
#[derive(Debug, Clone)]
pub struct CellLayout {
    /// Parameters of the strategies.
    pub params: StrategyParams,
    /// Which indicators there are.
    pub indicators: IndicatorLayout,
}

impl CellLayout {
    /// The layout for these parameters; with `publish`, the published indicators are computed as well.
    #[must_use]
    pub fn new(params: StrategyParams, publish: bool) -> Self {
        let indicators = IndicatorLayout::new(&params, publish);
        Self { params, indicators }
    }

    /// Bars a cell must keep for everything that looks back.
    #[must_use]
    pub fn min_history(&self) -> usize {
        let p = &self.params;
        let strategies = [
            p.common.swing_lookback + 1,
            p.macd_rsi.momentum_bars,
            p.rsi_trend.momentum_bars,
            p.bollinger_breakout.momentum_bars,
            p.sr_breakout.lookback.max(p.sr_breakout.consolidation_bars),
            5,
        ];
        strategies.into_iter().max().unwrap_or(0).max(self.indicators.longest_window()) + 1
    }
}

/// One symbol on one timeframe.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Bars closed so far.
    bars: u64,
    price_scale: f64,
    method: PriceMethod,
    history: History,
    indicators: IndicatorSet,
    swings: SwingPoints,
    macd_rsi: MacdRsi,
    ma_crossover: MaCrossover,
    rsi_trend: RsiTrend,
    bollinger_breakout: BollingerBreakout,
    sr_breakout: SrBreakout,
}

impl Cell {
    /// A cell before its first bar, which keeps at least `buffer_size` bars and as many as its layout needs.
    #[must_use]
    pub fn new(layout: &CellLayout, method: PriceMethod, price_scale: f64, buffer_size: usize) -> Self {
        Self {
            bars: 0,
            price_scale,
            method,
            history: History::new(buffer_size.max(layout.min_history())),
            indicators: IndicatorSet::default(),
            swings: SwingPoints::default(),
            macd_rsi: MacdRsi::default(),
            ma_crossover: MaCrossover::default(),
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
        let price = match self.method {
            PriceMethod::Ohlc => bar.close,
            PriceMethod::Vwap => bar.vwap,
            PriceMethod::Typical => bar.typical(),
        };
        let i = self.bars;
        self.bars += 1;
        self.history.push(price, bar.high, bar.low, bar.volume);
        self.indicators.on_bar(&layout.indicators, i, &self.history);
        self.swings.on_bar(i, &self.history);

        let (params, slots) = (&layout.params, &layout.indicators.strategies);
        let view = BarView {
            i,
            scale: self.price_scale,
            history: &self.history,
            indicators: &self.indicators,
            volume_average: self.indicators.volume(slots.volume),
        };
        let mut give = |strategy, candidate: Option<Candidate>| {
            if let Some(candidate) = candidate {
                on_signal(strategy, candidate);
            }
        };
        if params.macd_rsi.enabled {
            let found = self.macd_rsi.on_bar(&params.macd_rsi, &params.common, slots, &self.swings, &view);
            give(Strategy::MacdRsi, found);
        }
        if params.ma_crossover.enabled {
            give(Strategy::MaCrossover, self.ma_crossover.on_bar(&params.ma_crossover, slots, &view));
        }
        if params.rsi_trend.enabled {
            let found = self.rsi_trend.on_bar(&params.rsi_trend, &params.common, slots, &self.swings, &view);
            give(Strategy::RsiTrend, found);
        }
        if params.bollinger_breakout.enabled {
            let found = self.bollinger_breakout.on_bar(&params.bollinger_breakout, slots, &view);
            give(Strategy::BollingerBreakout, found);
        }
        if params.sr_breakout.enabled {
            give(Strategy::SrBreakout, self.sr_breakout.on_bar(&params.sr_breakout, &view));
        }
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
        size_of::<Self>() + self.history.bytes()
    }
}
