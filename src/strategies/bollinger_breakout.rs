//! `bollinger_breakout`: breakouts from the bands after a consolidation within them, and squeezes that begin to widen.

use super::{
    BarView, Findings, Fired,
    found::{Found, better, clamp, relative},
    kinds::kinds,
    look_back::LookBack,
    memory::memory,
    params::{
        Contradictions, MOMENTUM_BARS, NOT_NEGATIVE, Number, POSITIVE, SHARE, SOME_BARS, Switch, bars, params, period,
    },
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{
    indicators::{BollingerSpec, Needs},
    lanes::Vector,
    model::Side,
};

kinds! {
    /// What `bollinger_breakout` finds.
    Kind {
        /// The price leaves the bands upwards.
        BullishBreakout = "bollinger_bullish_breakout", ["breakout_strength", "band_width", "volume", "momentum"];
        /// The price leaves the bands downwards.
        BearishBreakout = "bollinger_bearish_breakout", ["breakout_strength", "band_width", "volume", "momentum"];
        /// Squeezed bands widen while the price is above the middle one.
        BullishSqueeze = "bollinger_bullish_squeeze", ["band_width"];
        /// Squeezed bands widen while it is not.
        BearishSqueeze = "bollinger_bearish_squeeze", ["band_width"];
    }
}

params! {
    /// Parameters of `bollinger_breakout`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = true, Switch;
        /// Bars of the bands.
        period: usize = 20, period(2), old "bb_period";
        /// Width of the bands, population standard deviations.
        std_dev: f64 = 2.0, Number { min: 0.0, max: 100.0, above: true }, old "bb_std_dev" "bb_std";
        /// Bars of the consolidation before a breakout.
        consolidation_bars: usize = 10, bars(1), old "consolidation_period" "consolidation_periods";
        /// Bars of these that must have closed within their bands.
        consolidation_min_bars: usize = 7, SOME_BARS;
        /// Whether volume counts; if not, its factor is 1 and its gate is open.
        volume_confirmation: bool = true, Switch;
        /// Ratio to the average volume that a breakout needs.
        volume_threshold: f64 = 1.5, POSITIVE;
        /// Relative width of the bands, on daily bars, at which they are squeezed.
        squeeze_threshold: f64 = 0.1, NOT_NEGATIVE;
        /// Gain of the breakout's strength.
        breakout_gain: f64 = 100.0, NOT_NEGATIVE;
        /// Gain of the width of the bands.
        band_width_gain: f64 = 5.0, NOT_NEGATIVE;
        /// Bars of the momentum.
        momentum_bars: usize = 3, MOMENTUM_BARS;
        /// Gain of the momentum.
        momentum_gain: f64 = 20.0, NOT_NEGATIVE;
        /// Weight of the breakout's strength in the confidence.
        weight_breakout_strength: f64 = 0.3, NOT_NEGATIVE;
        /// Weight of the width of the bands.
        weight_band_width: f64 = 0.2, NOT_NEGATIVE;
        /// Weight of the volume.
        weight_volume: f64 = 0.3, NOT_NEGATIVE;
        /// Weight of the momentum.
        weight_momentum: f64 = 0.2, NOT_NEGATIVE;
        /// Confidence of a squeeze.
        squeeze_confidence: f64 = 0.7, SHARE;
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6, SHARE;
    }
}

memory! {
    /// Which bars closed within their own bands.
    Memory {
        within: history,
    }
}

const BULLISH: Fired = Fired::condition(0);
const BEARISH: Fired = Fired::condition(1);
const SQUEEZED: Fired = Fired::condition(2);

impl Params {
    fn check(&self, found: &mut Contradictions) {
        let (some, all) = (self.consolidation_min_bars, self.consolidation_bars);
        found.at_most("consolidation_min_bars", some, "consolidation_bars", all);
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = Memory<V>;

    const CONDITIONS: u32 = 3;
    const EDGES: Fired = BULLISH.or(BEARISH).or(SQUEEZED);

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, needs: &mut Needs) {
        needs.bands = BollingerSpec { period: self.period, std_dev: self.std_dev };
    }

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack {
            bars: self.consolidation_bars.max(self.momentum_bars) + 1,
            conditions: self.consolidation_bars,
            // The bands of the whole consolidation must be ready.
            first_bar: self.period + self.consolidation_bars - 1,
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
        let (upper, middle, lower) = (now.upper, now.middle, now.lower);
        let [price, before, _] = row.change.prices;
        let [width, width_1, width_2] = row.change.widths;

        // The consolidation ends at the bar before.
        let enough = V::at_least(memory.within.count(self.consolidation_bars), self.consolidation_min_bars as u64);
        let consolidated = V::and(row.ripe(self.look_back()), enough);
        let armed = V::and(consolidated, row.volume_gate(self.volume_confirmation, self.volume_threshold));
        let climbs = V::and(V::ge(row.high, upper), V::and(V::gt(price, middle), V::gt(price, before)));
        let falls = V::and(V::le(row.low, lower), V::and(V::lt(price, middle), V::lt(price, before)));
        let widening = V::and(V::gt(width, width_1), V::gt(width_1, width_2));
        let narrow = V::le(width, V::mul(V::splat(self.squeeze_threshold), row.scale));
        found.add(BULLISH, V::and(armed, V::or(V::gt(price, upper), climbs)));
        found.add(BEARISH, V::and(armed, V::or(V::lt(price, lower), falls)));
        found.add(SQUEEZED, V::and(narrow, widening));
        memory.within.push(V::and(V::le(lower, price), V::le(price, upper)));
    }

    fn candidate(&self, view: &BarView<'_>, fired: Fired, _: Past<'_>) -> Option<Found<Kind>> {
        let mut best = None;
        for side in fired.sides(BULLISH, BEARISH) {
            best = better(best, self.breakout(view, side), self.min_confidence);
        }
        if fired.has(SQUEEZED) {
            let (kind, side) = if view.price() > view.now.middle {
                (Kind::BullishSqueeze, Side::Buy)
            } else {
                (Kind::BearishSqueeze, Side::Sell)
            };
            let factors = [view.width, 0.0, 0.0, 0.0, 0.0];
            let squeeze = Found { kind, side, confidence: self.squeeze_confidence, factors };
            best = better(best, squeeze, self.min_confidence);
        }
        best
    }
}

impl Params {
    fn breakout(&self, view: &BarView<'_>, side: Side) -> Found<Kind> {
        let kind = side.pick(Kind::BullishBreakout, Kind::BearishBreakout);
        let band = side.pick(view.now.upper, view.now.lower);
        let strength = clamp(relative(side.dir() * (view.price() - band), band) * self.breakout_gain / view.scale);
        let narrow = clamp(1.0 - view.width * self.band_width_gain / view.scale);
        let volume = view.volume_factor(self.volume_confirmation, self.volume_threshold);
        let momentum = view.momentum(self.momentum_bars, self.momentum_gain, side);
        let confidence = self.weight_breakout_strength * strength
            + self.weight_band_width * narrow
            + self.weight_volume * volume
            + self.weight_momentum * momentum;
        Found { kind, side, confidence, factors: [strength, narrow, volume, momentum, 0.0] }
    }
}
