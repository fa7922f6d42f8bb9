//! `rsi_trend`: pullbacks within a trend that a slower RSI tells; swing divergences of price and RSI.

use super::{
    BarView, Findings, Fired, better, clamp,
    row::Row,
    traces::{Reach, flag},
};
use crate::{
    config::RsiTrendParams,
    lanes::Vector,
    model::{Candidate, Side, SignalKind, Strategy},
};

/// Bit k of each: the index at bar `i − k` was above (below) the midline.
#[derive(Debug, Clone, Copy)]
pub(super) struct RsiTrend<V: Vector> {
    pub(super) above: V::B,
    pub(super) below: V::B,
    pub(super) trend_above: V::B,
    pub(super) trend_below: V::B,
}

impl<V: Vector> RsiTrend<V> {
    /// Which conditions hold at the bars that have just closed; `divergences` are those of the RSI. Of `flags` it reads
    /// those of the bar before; returns what holds now, pullback and rally.
    #[inline(always)]
    pub(super) fn fires(
        &mut self,
        params: &RsiTrendParams,
        reach: Reach,
        row: &Row<V>,
        flags: V::B,
        [bullish, bearish]: [V::M; 2],
        findings: &mut Findings<V>,
    ) -> [V::M; 2] {
        let now = &row.change.now;
        let (rsi, previous, trend) = (now.trend_rsi, row.change.before.trend_rsi, now.trend_rsi_slow);
        let midline = V::splat(params.midline);
        self.above = V::push(self.above, V::gt(rsi, midline));
        self.below = V::push(self.below, V::lt(rsi, midline));
        self.trend_above = V::push(self.trend_above, V::gt(trend, midline));
        self.trend_below = V::push(self.trend_below, V::lt(trend, midline));

        let enough = params.trend_min_bars as u64;
        let up = V::at_least(reach.count::<V>(self.trend_above, row.far.trend_above), enough);
        let down = V::at_least(reach.count::<V>(self.trend_below, row.far.trend_below), enough);
        let (low, high) = (V::splat(params.pullback_low), V::splat(params.pullback_high));
        let pulls = V::and(V::and(V::ge(rsi, low), V::le(rsi, high)), V::gt(rsi, previous));
        let (low, high) = (V::splat(params.rally_low), V::splat(params.rally_high));
        let rallies = V::and(V::and(V::ge(rsi, low), V::le(rsi, high)), V::lt(rsi, previous));
        let (pullback, rally) =
            (V::and(row.ripe.trend, V::and(up, pulls)), V::and(row.ripe.trend, V::and(down, rallies)));
        findings.add_fresh(Strategy::RsiTrend, Fired::BUY, pullback, flags, flag::PULLBACK);
        findings.add_fresh(Strategy::RsiTrend, Fired::SELL, rally, flags, flag::RALLY);
        let wanted = V::always(params.divergences);
        findings.add(Strategy::RsiTrend, Fired::DIVERGENCE_BUY, V::and(bullish, wanted));
        findings.add(Strategy::RsiTrend, Fired::DIVERGENCE_SELL, V::and(bearish, wanted));
        [pullback, rally]
    }
}

/// The best candidate of the conditions that hold; `sides` are the histories of the index above and below the midline.
pub(super) fn candidate(
    params: &RsiTrendParams,
    view: &BarView<'_>,
    fired: Fired,
    sides: [u128; 2],
) -> Option<Candidate> {
    let mut best = None;
    for side in fired.sides() {
        best = better(best, trend_signal(params, view, side, sides), params.min_confidence);
    }
    for side in fired.divergences() {
        let kind = match side {
            Side::Buy => SignalKind::RsiBullishDivergence,
            Side::Sell => SignalKind::RsiBearishDivergence,
        };
        let candidate = Candidate { kind, side, confidence: params.divergence_confidence, factors: [0.0; 5] };
        best = better(best, candidate, params.min_confidence);
    }
    best
}

fn trend_signal(params: &RsiTrendParams, view: &BarView<'_>, side: Side, [above, below]: [u128; 2]) -> Candidate {
    let bars = params.trend_bars + 1;
    let rsi = view.now.trend_rsi;
    let (kind, position, on_side) = match side {
        Side::Buy => (
            SignalKind::RsiUptrendPullback,
            clamp(1.0 - (rsi - params.pullback_low) / (params.pullback_high - params.pullback_low)),
            above,
        ),
        Side::Sell => (
            SignalKind::RsiDowntrendRally,
            clamp((rsi - params.rally_low) / (params.rally_high - params.rally_low)),
            below,
        ),
    };
    let newest = (1u128 << bars) - 1;
    let strength = f64::from((on_side & newest).count_ones()) / bars as f64;
    let price_momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
    let change = rsi - view.before.trend_rsi;
    let rsi_momentum = clamp(side.dir() * change / params.rsi_momentum_range + 0.5);
    let confidence = (position + strength + price_momentum + rsi_momentum) / 4.0;
    Candidate { kind, side, confidence, factors: [position, strength, price_momentum, rsi_momentum, 0.0] }
}
