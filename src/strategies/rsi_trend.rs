//! `rsi_trend`: pullbacks within a trend that a slower RSI tells; swing divergences of price and RSI.

use super::{
    BarView, Findings, Fired,
    found::{Found, better, clamp},
    kinds::kinds,
    look_back::LookBack,
    memory::memory,
    params::{
        Contradictions, INDEX, MOMENTUM_BARS, NOT_NEGATIVE, POSITIVE, SHARE, SOME_BARS, Switch, bars, params, period,
    },
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{indicators::Needs, lanes::Vector, model::Side};

kinds! {
    /// What `rsi_trend` finds.
    Kind {
        /// A pullback in an uptrend.
        UptrendPullback = "rsi_uptrend_pullback", ["rsi_position", "trend_strength", "price_momentum", "rsi_momentum"];
        /// A rally in a downtrend.
        DowntrendRally = "rsi_downtrend_rally", ["rsi_position", "trend_strength", "price_momentum", "rsi_momentum"];
        /// A lower low of the price, and a higher one of the RSI.
        BullishDivergence = "rsi_bullish_divergence", [];
        /// A higher high of the price, and a lower one of the RSI.
        BearishDivergence = "rsi_bearish_divergence", [];
    }
}

params! {
    /// Parameters of `rsi_trend`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = true, Switch;
        /// Bars of the RSI whose pullbacks count.
        rsi_period: usize = 14, period(2), old "rsi_main_period";
        /// Bars of the RSI that tells the trend.
        trend_rsi_period: usize = 21, period(2), old "rsi_trend_period";
        /// Bars before the present one over which the trend is judged.
        trend_bars: usize = 10, bars(1);
        /// Bars of these (with the present one) that must be on the trend's side.
        trend_min_bars: usize = 7, SOME_BARS;
        /// RSI that parts an uptrend from a downtrend.
        midline: f64 = 50.0, INDEX;
        /// Lowest RSI of a pullback in an uptrend.
        pullback_low: f64 = 40.0, INDEX;
        /// Highest RSI of a pullback in an uptrend.
        pullback_high: f64 = 50.0, INDEX;
        /// Lowest RSI of a rally in a downtrend.
        rally_low: f64 = 50.0, INDEX;
        /// Highest RSI of a rally in a downtrend.
        rally_high: f64 = 60.0, INDEX;
        /// Bars of the price momentum.
        momentum_bars: usize = 5, MOMENTUM_BARS;
        /// Gain of the price momentum.
        momentum_gain: f64 = 20.0, NOT_NEGATIVE;
        /// Change of the RSI in one bar that moves its momentum by a whole.
        rsi_momentum_range: f64 = 10.0, POSITIVE;
        /// Whether swing divergences are looked for.
        divergences: bool = true, Switch;
        /// Confidence of a divergence.
        divergence_confidence: f64 = 0.7, SHARE;
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.5, SHARE;
    }
}

memory! {
    /// On which side of the midline the indices were.
    Memory {
        above: history,
        below: history,
        trend_above: history,
        trend_below: history,
    }
}

const PULLBACK: Fired = Fired::condition(0);
const RALLY: Fired = Fired::condition(1);
const DIVERGENCE_BUY: Fired = Fired::condition(2);
const DIVERGENCE_SELL: Fired = Fired::condition(3);

impl Params {
    fn check(&self, found: &mut Contradictions) {
        let most = self.trend_bars + 1;
        found.check(self.trend_min_bars <= most, "trend_min_bars", || {
            format!("found {}; allowed: at most trend_bars + 1, so {most}", self.trend_min_bars)
        });
        found.less("pullback_low", self.pullback_low, "pullback_high", self.pullback_high);
        found.less("rally_low", self.rally_low, "rally_high", self.rally_high);
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = Memory<V>;

    const CONDITIONS: u32 = 4;
    const EDGES: Fired = PULLBACK.or(RALLY);

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, needs: &mut Needs) {
        needs.trend_rsi = self.rsi_period as u64;
        needs.trend_rsi_slow = self.trend_rsi_period as u64;
    }

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack {
            bars: self.trend_bars.max(self.momentum_bars) + 1,
            conditions: self.trend_bars + 1,
            // The slower index is ready from its period on, and all bars that are looked at must be.
            first_bar: self.trend_rsi_period + self.trend_bars,
        }
    }

    #[inline(always)]
    fn fires<V: Vector, C: PivotRows<V>>(
        &self,
        row: &Row<V>,
        memory: &mut Memory<V>,
        _: &mut C,
        found: &mut Findings<V>,
    ) {
        let now = &row.change.now;
        let (rsi, previous, trend) = (now.trend_rsi, row.change.before.trend_rsi, now.trend_rsi_slow);
        let midline = V::splat(self.midline);
        memory.above.push(V::gt(rsi, midline));
        memory.below.push(V::lt(rsi, midline));
        memory.trend_above.push(V::gt(trend, midline));
        memory.trend_below.push(V::lt(trend, midline));

        let (enough, ripe) = (self.trend_min_bars as u64, row.ripe(self.look_back()));
        let up = V::at_least(memory.trend_above.count(self.trend_bars + 1), enough);
        let down = V::at_least(memory.trend_below.count(self.trend_bars + 1), enough);
        let (low, high) = (V::splat(self.pullback_low), V::splat(self.pullback_high));
        let pulls = V::and(V::and(V::ge(rsi, low), V::le(rsi, high)), V::gt(rsi, previous));
        let (low, high) = (V::splat(self.rally_low), V::splat(self.rally_high));
        let rallies = V::and(V::and(V::ge(rsi, low), V::le(rsi, high)), V::lt(rsi, previous));
        found.add(PULLBACK, V::and(ripe, V::and(up, pulls)));
        found.add(RALLY, V::and(ripe, V::and(down, rallies)));
        found.add_sides([DIVERGENCE_BUY, DIVERGENCE_SELL], row.divergences.trend_rsi, self.divergences);
    }

    fn candidate(&self, view: &BarView<'_>, fired: Fired, past: Past<'_>) -> Option<Found<Kind>> {
        let mut best = None;
        for side in fired.sides(PULLBACK, RALLY) {
            best = better(best, self.trend_signal(view, side, past), self.min_confidence);
        }
        for side in fired.sides(DIVERGENCE_BUY, DIVERGENCE_SELL) {
            let kind = side.pick(Kind::BullishDivergence, Kind::BearishDivergence);
            let divergence = Found { kind, side, confidence: self.divergence_confidence, factors: [0.0; 5] };
            best = better(best, divergence, self.min_confidence);
        }
        best
    }
}

impl Params {
    fn trend_signal(&self, view: &BarView<'_>, side: Side, past: Past<'_>) -> Found<Kind> {
        let bars = self.trend_bars + 1;
        let rsi = view.now.trend_rsi;
        let (kind, position, on_side) = match side {
            Side::Buy => (
                Kind::UptrendPullback,
                clamp(1.0 - (rsi - self.pullback_low) / (self.pullback_high - self.pullback_low)),
                past.history(At::above as usize),
            ),
            Side::Sell => (
                Kind::DowntrendRally,
                clamp((rsi - self.rally_low) / (self.rally_high - self.rally_low)),
                past.history(At::below as usize),
            ),
        };
        let newest = (1u128 << bars) - 1;
        let strength = f64::from((on_side & newest).count_ones()) / bars as f64;
        let price_momentum = view.momentum(self.momentum_bars, self.momentum_gain, side);
        let change = rsi - view.before.trend_rsi;
        let rsi_momentum = clamp(side.dir() * change / self.rsi_momentum_range + 0.5);
        let confidence = (position + strength + price_momentum + rsi_momentum) / 4.0;
        Found { kind, side, confidence, factors: [position, strength, price_momentum, rsi_momentum, 0.0] }
    }
}
