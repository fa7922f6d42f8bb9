//! `macd_rsi`: crossings of the MACD and its signal, confirmed by the RSI; swing divergences of price, MACD and RSI.

use super::{
    BarView, Findings, Fired,
    found::{Found, better, clamp, relative},
    kinds::kinds,
    look_back::LookBack,
    params::{Contradictions, INDEX, MOMENTUM_BARS, NOT_NEGATIVE, POSITIVE, SHARE, Switch, params, period},
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{
    indicators::{MacdSpec, Needs},
    lanes::Vector,
    model::Side,
};

kinds! {
    /// What `macd_rsi` finds.
    Kind {
        /// The line has crossed above the signal, and the RSI is strong.
        Bullish = "macd_rsi_bullish", ["cross_velocity", "rsi_position", "histogram", "volume", "momentum"];
        /// The line has crossed below the signal, and the RSI is weak.
        Bearish = "macd_rsi_bearish", ["cross_velocity", "rsi_position", "histogram", "volume", "momentum"];
        /// A lower low of the price, and higher ones of line and RSI.
        BullishDivergence = "macd_rsi_bullish_divergence", ["volume"];
        /// A higher high of the price, and lower ones of line and RSI.
        BearishDivergence = "macd_rsi_bearish_divergence", ["volume"];
    }
}

params! {
    /// Parameters of `macd_rsi`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = true, Switch;
        /// Bars of the fast EMA.
        macd_fast: usize = 12, period(2), old "fast" "fast_period";
        /// Bars of the slow EMA.
        macd_slow: usize = 26, period(2), old "slow" "slow_period";
        /// Bars of the signal EMA.
        macd_signal: usize = 9, period(1), old "signal" "signal_period";
        /// Bars of the RSI.
        rsi_period: usize = 14, period(2);
        /// RSI at or below which the market is oversold.
        rsi_oversold: f64 = 30.0, INDEX;
        /// RSI at or above which the market is overbought.
        rsi_overbought: f64 = 70.0, INDEX;
        /// RSI that parts strength from weakness.
        rsi_midline: f64 = 50.0, INDEX;
        /// Whether volume counts; if not, its factor is 1.
        volume_confirmation: bool = true, Switch;
        /// Ratio to the average volume at which the volume factor is full.
        volume_threshold: f64 = 1.2, POSITIVE;
        /// Gain of the cross velocity and the histogram, per unit of price.
        velocity_gain: f64 = 1000.0, NOT_NEGATIVE;
        /// Bars of the momentum.
        momentum_bars: usize = 5, MOMENTUM_BARS;
        /// Gain of the momentum.
        momentum_gain: f64 = 10.0, NOT_NEGATIVE;
        /// Weight of the cross velocity in the confidence.
        weight_cross_velocity: f64 = 0.25, NOT_NEGATIVE;
        /// Weight of the RSI's position.
        weight_rsi_position: f64 = 0.25, NOT_NEGATIVE;
        /// Weight of the histogram.
        weight_histogram: f64 = 0.20, NOT_NEGATIVE;
        /// Weight of the volume.
        weight_volume: f64 = 0.15, NOT_NEGATIVE;
        /// Weight of the momentum.
        weight_momentum: f64 = 0.15, NOT_NEGATIVE;
        /// Whether swing divergences are looked for.
        divergences: bool = true, Switch;
        /// Confidence of a divergence at full volume.
        divergence_confidence: f64 = 0.7, SHARE;
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6, SHARE;
    }
}

const BUY: Fired = Fired::condition(0);
const SELL: Fired = Fired::condition(1);
const DIVERGENCE_BUY: Fired = Fired::condition(2);
const DIVERGENCE_SELL: Fired = Fired::condition(3);

impl Params {
    fn check(&self, found: &mut Contradictions) {
        found.less("macd_fast", self.macd_fast, "macd_slow", self.macd_slow);
        found.less("rsi_oversold", self.rsi_oversold, "rsi_overbought", self.rsi_overbought);
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = ();

    const CONDITIONS: u32 = 4;

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, needs: &mut Needs) {
        needs.macd = MacdSpec::new(self.macd_fast, self.macd_slow, self.macd_signal);
        needs.rsi = self.rsi_period as u64;
    }

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack { bars: self.momentum_bars + 1, ..LookBack::default() }
    }

    #[inline(always)]
    fn fires<V: Vector, C: PivotRows<V>>(&self, row: &Row<V>, (): &mut (), _: &mut C, found: &mut Findings<V>) {
        let (now, before) = (&row.change.now, &row.change.before);
        let (oversold, overbought) = (V::splat(self.rsi_oversold), V::splat(self.rsi_overbought));
        let midline = V::splat(self.rsi_midline);
        let above = V::and(V::le(before.line, before.signal), V::gt(now.line, now.signal));
        let below = V::and(V::ge(before.line, before.signal), V::lt(now.line, now.signal));
        let recovers = V::and(V::le(before.rsi, oversold), V::gt(now.rsi, oversold));
        let fades = V::and(V::ge(before.rsi, overbought), V::lt(now.rsi, overbought));
        let strong = V::or(recovers, V::gt(now.rsi, midline));
        let weak = V::or(fades, V::lt(now.rsi, midline));
        found.add(BUY, V::and(above, strong));
        found.add(SELL, V::and(below, weak));
        found.add_sides([DIVERGENCE_BUY, DIVERGENCE_SELL], row.divergences.macd_rsi, self.divergences);
    }

    fn candidate(&self, view: &BarView<'_>, fired: Fired, _: Past<'_>) -> Option<Found<Kind>> {
        let mut best = None;
        for side in fired.sides(BUY, SELL) {
            best = better(best, self.crossing(view, side), self.min_confidence);
        }
        for side in fired.sides(DIVERGENCE_BUY, DIVERGENCE_SELL) {
            best = better(best, self.divergence(view, side), self.min_confidence);
        }
        best
    }
}

impl Params {
    fn crossing(&self, view: &BarView<'_>, side: Side) -> Found<Kind> {
        let (price, scale) = (view.price(), view.scale);
        let (histogram, before) = (view.now.line - view.now.signal, view.before.line - view.before.signal);
        let velocity = clamp(relative((histogram - before).abs(), price) * self.velocity_gain / scale);
        let position = (view.now.rsi - self.rsi_oversold) / (self.rsi_overbought - self.rsi_oversold);
        let position = clamp(side.pick(1.0 - position, position));
        let strength = clamp(relative(histogram.abs(), price) * self.velocity_gain / scale);
        let volume = view.volume_factor(self.volume_confirmation, self.volume_threshold);
        let momentum = view.momentum(self.momentum_bars, self.momentum_gain, side);
        let kind = side.pick(Kind::Bullish, Kind::Bearish);
        let confidence = self.weight_cross_velocity * velocity
            + self.weight_rsi_position * position
            + self.weight_histogram * strength
            + self.weight_volume * volume
            + self.weight_momentum * momentum;
        Found { kind, side, confidence, factors: [velocity, position, strength, volume, momentum] }
    }

    fn divergence(&self, view: &BarView<'_>, side: Side) -> Found<Kind> {
        let volume = view.volume_factor(self.volume_confirmation, self.volume_threshold);
        let kind = side.pick(Kind::BullishDivergence, Kind::BearishDivergence);
        let confidence = self.divergence_confidence * volume;
        Found { kind, side, confidence, factors: [volume, 0.0, 0.0, 0.0, 0.0] }
    }
}
