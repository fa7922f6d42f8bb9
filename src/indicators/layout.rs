//! Which indicators a timeframe needs: each once, however many strategies read it.

use super::{bollinger::BollingerSpec, ema::EmaSpec, macd::MacdSpec};
use crate::config::StrategyParams;

/// Most distinct averages, indices, MACDs, bands and means of one timeframe: two of what the strategies can be told
/// differently, and the published ones.
pub(super) const MAX_EMAS: usize = 6;
pub(super) const MAX_RSIS: usize = 5;
pub(super) const MAX_MACDS: usize = 2;
pub(super) const MAX_BANDS: usize = 2;
pub(super) const MAX_MEANS: usize = 2;

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

/// Which of the indicators are the published ones.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)] // the names of the published set
pub struct PublishedSlots {
    pub macd: usize,
    pub rsi_14: usize,
    pub rsi_21: usize,
    pub ema_12: usize,
    pub ema_26: usize,
    pub ema_50: usize,
    pub ema_200: usize,
    pub bands: usize,
    pub volume: usize,
    pub sma_50: usize,
    pub sma_200: usize,
}

/// The indicators of the cells of one timeframe.
#[derive(Debug, Clone)]
pub struct IndicatorLayout {
    pub(super) emas: Vec<EmaSpec>,
    pub(super) rsis: Vec<u64>,
    pub(super) macds: Vec<MacdSpec>,
    pub(super) bands: Vec<BollingerSpec>,
    pub(super) volumes: Vec<usize>,
    pub(super) price_means: Vec<usize>,
    /// What the strategies read.
    pub strategies: StrategySlots,
    /// What is published; `None` where nobody asked.
    pub published: Option<PublishedSlots>,
}

/// Index of `item` in `list`, which gets it if it has not got it.
fn slot<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|x| *x == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

impl IndicatorLayout {
    /// What these parameters need and, with `publish`, what is published by name.
    #[must_use]
    pub fn new(params: &StrategyParams, publish: bool) -> Self {
        let mut layout = Self {
            emas: Vec::new(),
            rsis: Vec::new(),
            macds: Vec::new(),
            bands: Vec::new(),
            volumes: Vec::new(),
            price_means: Vec::new(),
            strategies: StrategySlots::default(),
            published: None,
        };
        let (m, c, r, b) = (&params.macd_rsi, &params.ma_crossover, &params.rsi_trend, &params.bollinger_breakout);
        layout.strategies = StrategySlots {
            macd_rsi_macd: slot(&mut layout.macds, MacdSpec::new(m.macd_fast, m.macd_slow, m.macd_signal)),
            macd_rsi_rsi: slot(&mut layout.rsis, m.rsi_period as u64),
            ma_fast: slot(&mut layout.emas, EmaSpec::new(0, c.fast_period)),
            ma_slow: slot(&mut layout.emas, EmaSpec::new(0, c.slow_period)),
            trend_rsi: slot(&mut layout.rsis, r.rsi_period as u64),
            trend_rsi_slow: slot(&mut layout.rsis, r.trend_rsi_period as u64),
            bands: slot(&mut layout.bands, BollingerSpec { period: b.period, std_dev: b.std_dev }),
            volume: slot(&mut layout.volumes, params.common.volume_period),
        };
        if publish {
            layout.published = Some(PublishedSlots {
                macd: slot(&mut layout.macds, MacdSpec::new(12, 26, 9)),
                rsi_14: slot(&mut layout.rsis, 14),
                rsi_21: slot(&mut layout.rsis, 21),
                ema_12: slot(&mut layout.emas, EmaSpec::new(0, 12)),
                ema_26: slot(&mut layout.emas, EmaSpec::new(0, 26)),
                ema_50: slot(&mut layout.emas, EmaSpec::new(0, 50)),
                ema_200: slot(&mut layout.emas, EmaSpec::new(0, 200)),
                bands: slot(&mut layout.bands, BollingerSpec { period: 20, std_dev: 2.0 }),
                volume: slot(&mut layout.volumes, 20),
                sma_50: slot(&mut layout.price_means, 50),
                sma_200: slot(&mut layout.price_means, 200),
            });
        }
        layout
    }

    /// Bars before the newest that some window still needs.
    #[must_use]
    pub fn longest_window(&self) -> usize {
        let bands = self.bands.iter().map(|b| b.period);
        bands.chain(self.volumes.iter().copied()).chain(self.price_means.iter().copied()).max().unwrap_or(1)
    }
}
