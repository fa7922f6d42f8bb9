//! `ma_crossover`: golden and death crosses of two exponential moving averages.

use super::{BarView, Findings, Fired, better, clamp, row::Row};
use crate::{
    config::MaCrossoverParams,
    indicators::Reading,
    lanes::Vector,
    model::{Candidate, Side, SignalKind, Strategy},
};

/// Which conditions hold at the bars that have just closed.
///
/// The averages' relative distance has the sign of their difference, the slow one being above zero: it need not be
/// divided out on every bar.
#[inline(always)]
pub(super) fn fires<V: Vector>(row: &Row<V>, findings: &mut Findings<V>) {
    let (now, before) = (&row.change.now, &row.change.before);
    let golden = V::and(V::le(before.ma_fast, before.ma_slow), V::gt(now.ma_fast, now.ma_slow));
    let death = V::and(V::ge(before.ma_fast, before.ma_slow), V::lt(now.ma_fast, now.ma_slow));
    findings.add(Strategy::MaCrossover, Fired::BUY, golden);
    findings.add(Strategy::MaCrossover, Fired::SELL, death);
}

/// The candidate of the condition that holds.
pub(super) fn candidate(params: &MaCrossoverParams, view: &BarView<'_>, fired: Fired) -> Option<Candidate> {
    let side = fired.sides().next()?;
    better(None, cross(params, view, side), params.min_confidence)
}

fn cross(params: &MaCrossoverParams, view: &BarView<'_>, side: Side) -> Candidate {
    let distance = |at: &Reading| (at.ma_fast - at.ma_slow) / at.ma_slow;
    let step = (distance(&view.now) - distance(&view.before)).abs();
    let velocity = clamp(step * params.velocity_gain / view.scale);
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    // A move before the first bar is none: its price is NaN.
    let moves = (0..params.trend_bars).filter(|&back| {
        let (price, before) = (view.price_back(back), view.price_back(back + 1));
        match side {
            Side::Buy => price > before,
            Side::Sell => price < before,
        }
    });
    let trend = moves.count() as f64 / params.trend_bars as f64;
    let confidence =
        params.weight_cross_velocity * velocity + params.weight_volume * volume + params.weight_trend_strength * trend;
    let kind = match side {
        Side::Buy => SignalKind::GoldenCross,
        Side::Sell => SignalKind::DeathCross,
    };
    Candidate { kind, side, confidence, factors: [velocity, volume, trend, 0.0, 0.0] }
}
