//! Parameters of the five strategies; the defaults are the definition's.

use serde::{Deserialize, Serialize};

/// Everything the strategies of one timeframe are told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StrategyParams {
    /// Terms that several strategies share.
    pub common: CommonParams,
    /// MACD with RSI.
    pub macd_rsi: MacdRsiParams,
    /// Crossings of moving averages.
    pub ma_crossover: MaCrossoverParams,
    /// Trend of the RSI.
    pub rsi_trend: RsiTrendParams,
    /// Bollinger bands.
    pub bollinger_breakout: BollingerParams,
    /// Support and resistance.
    pub sr_breakout: SrParams,
}

/// Looks at parameters one by one: how the configuration reads and checks them without naming each twice.
pub(super) trait ParamVisitor {
    /// A number of bars or touches.
    fn count(&mut self, name: &'static str, value: &mut usize);
    /// Any other number.
    fn real(&mut self, name: &'static str, value: &mut f64);
    /// A switch.
    fn flag(&mut self, name: &'static str, value: &mut bool);
}

/// The parameters of one strategy, as a table of names.
pub(super) trait ParamTable {
    /// Shows every parameter to the visitor, in the order of the fields.
    fn visit(&mut self, visitor: &mut dyn ParamVisitor);
}

/// Type of a parameter.
trait Param {
    fn offer(&mut self, name: &'static str, visitor: &mut dyn ParamVisitor);
}

impl Param for usize {
    fn offer(&mut self, name: &'static str, visitor: &mut dyn ParamVisitor) {
        visitor.count(name, self);
    }
}

impl Param for f64 {
    fn offer(&mut self, name: &'static str, visitor: &mut dyn ParamVisitor) {
        visitor.real(name, self);
    }
}

impl Param for bool {
    fn offer(&mut self, name: &'static str, visitor: &mut dyn ParamVisitor) {
        visitor.flag(name, self);
    }
}

macro_rules! params {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident : $ty:ty = $default:expr),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default),* } }
        }
        impl ParamTable for $name {
            fn visit(&mut self, visitor: &mut dyn ParamVisitor) {
                $(self.$field.offer(stringify!($field), visitor);)*
            }
        }
    };
}

params! {
    /// Terms that several strategies share.
    CommonParams {
        /// Bars of the volume average.
        volume_period: usize = 20,
        /// First bar index at which a swing divergence may fire.
        swing_min_index: usize = 20,
        /// How many bars before the newest swing point the earlier one may lie, counted from the bar itself.
        swing_lookback: usize = 9,
    }
}
params! {
    /// Parameters of `macd_rsi`.
    MacdRsiParams {
        /// Whether the strategy runs.
        enabled: bool = true,
        /// Bars of the fast EMA.
        macd_fast: usize = 12,
        /// Bars of the slow EMA.
        macd_slow: usize = 26,
        /// Bars of the signal EMA.
        macd_signal: usize = 9,
        /// Bars of the RSI.
        rsi_period: usize = 14,
        /// RSI at or below which the market is oversold.
        rsi_oversold: f64 = 30.0,
        /// RSI at or above which the market is overbought.
        rsi_overbought: f64 = 70.0,
        /// RSI that parts strength from weakness.
        rsi_midline: f64 = 50.0,
        /// Whether volume counts; if not, its factor is 1.
        volume_confirmation: bool = true,
        /// Ratio to the average volume at which the volume factor is full.
        volume_threshold: f64 = 1.2,
        /// Gain of the cross velocity and the histogram, per unit of price.
        velocity_gain: f64 = 1000.0,
        /// Bars of the momentum.
        momentum_bars: usize = 5,
        /// Gain of the momentum.
        momentum_gain: f64 = 10.0,
        /// Weight of the cross velocity in the confidence.
        weight_cross_velocity: f64 = 0.25,
        /// Weight of the RSI's position.
        weight_rsi_position: f64 = 0.25,
        /// Weight of the histogram.
        weight_histogram: f64 = 0.20,
        /// Weight of the volume.
        weight_volume: f64 = 0.15,
        /// Weight of the momentum.
        weight_momentum: f64 = 0.15,
        /// Whether swing divergences are looked for.
        divergences: bool = true,
        /// Confidence of a divergence at full volume.
        divergence_confidence: f64 = 0.7,
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6,
    }
}
params! {
    /// Parameters of `ma_crossover`.
    MaCrossoverParams {
        /// Whether the strategy runs.
        enabled: bool = true,
        /// Bars of the fast EMA.
        fast_period: usize = 50,
        /// Bars of the slow EMA.
        slow_period: usize = 200,
        /// Whether volume counts; if not, its factor is 1.
        volume_confirmation: bool = true,
        /// Ratio to the average volume at which the volume factor is full.
        volume_threshold: f64 = 1.2,
        /// Gain of the cross velocity.
        velocity_gain: f64 = 1000.0,
        /// Bar-to-bar moves that the trend strength looks at.
        trend_bars: usize = 10,
        /// Weight of the cross velocity in the confidence.
        weight_cross_velocity: f64 = 0.4,
        /// Weight of the volume.
        weight_volume: f64 = 0.3,
        /// Weight of the trend strength.
        weight_trend_strength: f64 = 0.3,
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6,
    }
}
params! {
    /// Parameters of `rsi_trend`.
    RsiTrendParams {
        /// Whether the strategy runs.
        enabled: bool = true,
        /// Bars of the RSI whose pullbacks count.
        rsi_period: usize = 14,
        /// Bars of the RSI that tells the trend.
        trend_rsi_period: usize = 21,
        /// Bars before the present one over which the trend is judged.
        trend_bars: usize = 10,
        /// Bars of these (with the present one) that must be on the trend's side.
        trend_min_bars: usize = 7,
        /// RSI that parts an uptrend from a downtrend.
        midline: f64 = 50.0,
        /// Lowest RSI of a pullback in an uptrend.
        pullback_low: f64 = 40.0,
        /// Highest RSI of a pullback in an uptrend.
        pullback_high: f64 = 50.0,
        /// Lowest RSI of a rally in a downtrend.
        rally_low: f64 = 50.0,
        /// Highest RSI of a rally in a downtrend.
        rally_high: f64 = 60.0,
        /// Bars of the price momentum.
        momentum_bars: usize = 5,
        /// Gain of the price momentum.
        momentum_gain: f64 = 20.0,
        /// Change of the RSI in one bar that moves its momentum by a whole.
        rsi_momentum_range: f64 = 10.0,
        /// Whether swing divergences are looked for.
        divergences: bool = true,
        /// Confidence of a divergence.
        divergence_confidence: f64 = 0.7,
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.5,
    }
}
params! {
    /// Parameters of `bollinger_breakout`.
    BollingerParams {
        /// Whether the strategy runs.
        enabled: bool = true,
        /// Bars of the bands.
        period: usize = 20,
        /// Width of the bands, population standard deviations.
        std_dev: f64 = 2.0,
        /// Bars of the consolidation before a breakout.
        consolidation_bars: usize = 10,
        /// Bars of these that must have closed within their bands.
        consolidation_min_bars: usize = 7,
        /// Whether volume counts; if not, its factor is 1 and its gate is open.
        volume_confirmation: bool = true,
        /// Ratio to the average volume that a breakout needs.
        volume_threshold: f64 = 1.5,
        /// Relative width of the bands, on daily bars, at which they are squeezed.
        squeeze_threshold: f64 = 0.1,
        /// Gain of the breakout's strength.
        breakout_gain: f64 = 100.0,
        /// Gain of the width of the bands.
        band_width_gain: f64 = 5.0,
        /// Bars of the momentum.
        momentum_bars: usize = 3,
        /// Gain of the momentum.
        momentum_gain: f64 = 20.0,
        /// Weight of the breakout's strength in the confidence.
        weight_breakout_strength: f64 = 0.3,
        /// Weight of the width of the bands.
        weight_band_width: f64 = 0.2,
        /// Weight of the volume.
        weight_volume: f64 = 0.3,
        /// Weight of the momentum.
        weight_momentum: f64 = 0.2,
        /// Confidence of a squeeze.
        squeeze_confidence: f64 = 0.7,
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6,
    }
}
params! {
    /// Parameters of `sr_breakout`.
    SrParams {
        /// Whether the strategy runs.
        enabled: bool = true,
        /// Bars in which pivots are looked for.
        lookback: usize = 50,
        /// Pivots that make a level.
        min_touches: usize = 2,
        /// Relative distance, on daily bars, within which pivots are one level and closes are near it.
        tolerance: f64 = 0.02,
        /// Bars of the consolidation before a breakout.
        consolidation_bars: usize = 10,
        /// Closes of these that must be near the level.
        consolidation_min_bars: usize = 3,
        /// Bars after a touch at which the level must have held.
        hold_bars: usize = 3,
        /// Whether volume counts; if not, its factor is 1 and its gate is open.
        volume_confirmation: bool = true,
        /// Ratio to the average volume that a breakout needs.
        volume_threshold: f64 = 1.5,
        /// Touches at which their part of the level's strength is full.
        strength_touches: f64 = 10.0,
        /// Bars between the first and the last touch at which their part of the level's strength is full.
        strength_span: f64 = 50.0,
        /// Weight of the touches in the level's strength.
        strength_weight_touches: f64 = 0.4,
        /// Weight of the span in the level's strength.
        strength_weight_span: f64 = 0.3,
        /// Weight of the holding in the level's strength.
        strength_weight_hold: f64 = 0.3,
        /// Gain of the breakout's strength.
        breakout_gain: f64 = 50.0,
        /// Touches at which their factor is full.
        full_touches: f64 = 5.0,
        /// Weight of the level's strength in the confidence.
        weight_level_strength: f64 = 0.3,
        /// Weight of the breakout's strength.
        weight_breakout_strength: f64 = 0.4,
        /// Weight of the volume.
        weight_volume: f64 = 0.2,
        /// Weight of the touches.
        weight_touch_count: f64 = 0.1,
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.7,
    }
}

/// Longest window of any indicator, bars.
pub const MAX_PERIOD: usize = 4_096;
/// Longest look back over conditions and pivots, bars: they are kept as bits of one word.
pub const MAX_LOOKBACK: usize = 120;
/// Longest look back over swing points, bars.
pub const MAX_SWING_LOOKBACK: usize = 30;
