//! What the strategies read of the indicators, by name.

use super::values::values;

values! {
    /// What the strategies read at one bar; NaN where not ready.
    Reading {
        /// MACD: fast less slow average.
        line = "macd_line",
        /// MACD: average of the line.
        signal = "macd_signal",
        /// RSI that confirms crossings of the MACD.
        rsi = "rsi",
        /// RSI whose pullbacks count in a trend.
        trend_rsi = "trend_rsi",
        /// RSI that tells the trend.
        trend_rsi_slow = "trend_rsi_slow",
        /// The faster of the averages whose crossings count.
        ma_fast = "ma_fast",
        /// The slower one.
        ma_slow = "ma_slow",
        /// Bollinger bands.
        upper = "bb_upper",
        /// The middle one.
        middle = "bb_middle",
        /// The lower one.
        lower = "bb_lower",
        /// Average volume.
        volume = "volume_average",
    }
}
