//! The published indicators of one closed bar.

use super::{Bar, SourceId};
use bincode::{Decode, Encode};

/// Names of the published indicators, in the order of [`Indicators`]' fields.
pub const INDICATOR_NAMES: [&str; 15] = [
    "macd_line",
    "macd_signal",
    "macd_hist",
    "rsi_14",
    "rsi_21",
    "ema_50",
    "ema_200",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "volume_sma_20",
    "sma_50",
    "sma_200",
    "ema_12",
    "ema_26",
];

/// The indicators that are published by name, with the parameters in their names; NaN where not ready.
///
/// MACD is (12, 26, 9), the Bollinger bands are (20, 2). They are the same whatever the strategies are configured to read.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
#[allow(missing_docs)] // the names say it
#[repr(C)]
pub struct Indicators {
    pub macd_line: f64,
    pub macd_signal: f64,
    pub macd_hist: f64,
    pub rsi_14: f64,
    pub rsi_21: f64,
    pub ema_50: f64,
    pub ema_200: f64,
    pub bb_upper: f64,
    pub bb_middle: f64,
    pub bb_lower: f64,
    pub volume_sma_20: f64,
    pub sma_50: f64,
    pub sma_200: f64,
    pub ema_12: f64,
    pub ema_26: f64,
}

impl Indicators {
    /// Nothing is ready.
    pub const NONE: Self = Self {
        macd_line: f64::NAN,
        macd_signal: f64::NAN,
        macd_hist: f64::NAN,
        rsi_14: f64::NAN,
        rsi_21: f64::NAN,
        ema_50: f64::NAN,
        ema_200: f64::NAN,
        bb_upper: f64::NAN,
        bb_middle: f64::NAN,
        bb_lower: f64::NAN,
        volume_sma_20: f64::NAN,
        sma_50: f64::NAN,
        sma_200: f64::NAN,
        ema_12: f64::NAN,
        ema_26: f64::NAN,
    };

    /// The values in the order of [`INDICATOR_NAMES`].
    #[must_use]
    pub const fn values(&self) -> [f64; 15] {
        [
            self.macd_line,
            self.macd_signal,
            self.macd_hist,
            self.rsi_14,
            self.rsi_21,
            self.ema_50,
            self.ema_200,
            self.bb_upper,
            self.bb_middle,
            self.bb_lower,
            self.volume_sma_20,
            self.sma_50,
            self.sma_200,
            self.ema_12,
            self.ema_26,
        ]
    }
}

/// One closed bar with its published indicators, on its way from a worker to the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct IndicatorRow {
    /// The closed bar.
    pub bar: Bar,
    /// Sequence of the record that closed it.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Where that record came from.
    pub source: SourceId,
    /// The price series at the bar, by the timeframe's aggregation method.
    pub price: f64,
    /// The previous value of the price series, NaN on the first bar.
    pub previous_price: f64,
    /// Published indicators; all NaN where the engine was not asked for them.
    pub indicators: Indicators,
    /// Whether nothing is missing from what they remember; see [`Control::Incomplete`](super::Control).
    pub settled: bool,
}
