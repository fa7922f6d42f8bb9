//! `ma_crossover`: golden and death crosses of two exponential moving averages.

use super::{
    BarView, Findings, Fired,
    found::{Found, better, clamp, relative},
    kinds::kinds,
    look_back::LookBack,
    params::{Contradictions, NOT_NEGATIVE, POSITIVE, SHARE, Switch, bars, params, period},
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{
    indicators::{EmaSpec, Needs, Reading},
    lanes::Vector,
    model::Side,
};

kinds! {
    /// What `ma_crossover` finds.
    Kind {
        /// The fast average has crossed above the slow one.
        GoldenCross = "golden_cross", ["cross_velocity", "volume", "trend_strength"];
        /// The fast average has crossed below the slow one.
        DeathCross = "death_cross", ["cross_velocity", "volume", "trend_strength"];
    }
}

params! {
    /// Parameters of `ma_crossover`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = true, Switch;
        /// Bars of the fast EMA.
        fast_period: usize = 50, period(1), old "short_period" "fast_ma_period";
        /// Bars of the slow EMA.
        slow_period: usize = 200, period(2), old "long_period" "slow_ma_period";
        /// Whether volume counts; if not, its factor is 1.
        volume_confirmation: bool = true, Switch;
        /// Ratio to the average volume at which the volume factor is full.
        volume_threshold: f64 = 1.2, POSITIVE;
        /// Gain of the cross velocity.
        velocity_gain: f64 = 1000.0, NOT_NEGATIVE;
        /// Bar-to-bar moves that the trend strength looks at.
        trend_bars: usize = 10, bars(1);
        /// Weight of the cross velocity in the confidence.
        weight_cross_velocity: f64 = 0.4, NOT_NEGATIVE;
        /// Weight of the volume.
        weight_volume: f64 = 0.3, NOT_NEGATIVE;
        /// Weight of the trend strength.
        weight_trend_strength: f64 = 0.3, NOT_NEGATIVE;
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.6, SHARE;
    }
}

const GOLDEN: Fired = Fired::condition(0);
const DEATH: Fired = Fired::condition(1);

impl Params {
    fn check(&self, found: &mut Contradictions) {
        found.less("fast_period", self.fast_period, "slow_period", self.slow_period);
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = ();

    const CONDITIONS: u32 = 2;

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, needs: &mut Needs) {
        needs.ma_fast = EmaSpec::new(0, self.fast_period);
        needs.ma_slow = EmaSpec::new(0, self.slow_period);
    }

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack { bars: self.trend_bars + 1, ..LookBack::default() }
    }

    /// The averages' relative distance has the sign of their difference, being relative to the size of the slow one: it need
    /// not be divided out on every bar.
    #[inline(always)]
    fn fires<V: Vector, C: PivotRows<V>>(&self, row: &Row<V>, (): &mut (), _: &mut C, found: &mut Findings<V>) {
        let (now, before) = (&row.change.now, &row.change.before);
        let golden = V::and(V::le(before.ma_fast, before.ma_slow), V::gt(now.ma_fast, now.ma_slow));
        let death = V::and(V::ge(before.ma_fast, before.ma_slow), V::lt(now.ma_fast, now.ma_slow));
        found.add(GOLDEN, golden);
        found.add(DEATH, death);
    }

    fn candidate(&self, view: &BarView<'_>, fired: Fired, _: Past<'_>) -> Option<Found<Kind>> {
        let side = fired.sides(GOLDEN, DEATH).next()?;
        better(None, self.cross(view, side), self.min_confidence)
    }
}

impl Params {
    fn cross(&self, view: &BarView<'_>, side: Side) -> Found<Kind> {
        let distance = |at: &Reading| relative(at.ma_fast - at.ma_slow, at.ma_slow);
        let step = (distance(&view.now) - distance(&view.before)).abs();
        let velocity = clamp(step * self.velocity_gain / view.scale);
        let volume = view.volume_factor(self.volume_confirmation, self.volume_threshold);
        // A move before the first bar does not count: its price is NaN.
        let moves = (0..self.trend_bars).filter(|&back| {
            let (price, before) = (view.price_back(back), view.price_back(back + 1));
            match side {
                Side::Buy => price > before,
                Side::Sell => price < before,
            }
        });
        let trend = moves.count() as f64 / self.trend_bars as f64;
        let confidence =
            self.weight_cross_velocity * velocity + self.weight_volume * volume + self.weight_trend_strength * trend;
        let kind = side.pick(Kind::GoldenCross, Kind::DeathCross);
        Found { kind, side, confidence, factors: [velocity, volume, trend, 0.0, 0.0] }
    }
}
