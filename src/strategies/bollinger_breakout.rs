//! `bollinger_breakout`: breakouts from the bands after a consolidation within them, and squeezes that begin to widen.

use super::{
    BarView, Findings, Fired, better, clamp,
    row::Row,
    traces::{Reach, flag},
};
use crate::{
    config::BollingerParams,
    lanes::Vector,
    model::{Candidate, Side, SignalKind, Strategy},
};

/// Which conditions hold at the bars that have just closed. Bit k of `within`: bar `i − k` closed within its own bands.
/// Of `flags` it reads those of the bar before; returns what holds now: the breakouts, and the squeeze.
#[inline(always)]
pub(super) fn fires<V: Vector>(
    params: &BollingerParams,
    reach: Reach,
    row: &Row<V>,
    within: &mut V::B,
    flags: V::B,
    findings: &mut Findings<V>,
) -> [V::M; 3] {
    let now = &row.change.now;
    let (upper, middle, lower) = (now.upper, now.middle, now.lower);
    let [price, before, _] = row.change.prices;
    let [width, width_1, width_2] = row.change.widths;

    let count = reach.count::<V>(*within, row.far.within);
    let consolidated = V::and(row.ripe.bands, V::at_least(count, params.consolidation_min_bars as u64));
    let armed = V::and(consolidated, row.volume_gate(params.volume_confirmation, params.volume_threshold));
    let climbs = V::and(V::ge(row.high, upper), V::and(V::gt(price, middle), V::gt(price, before)));
    let falls = V::and(V::le(row.low, lower), V::and(V::lt(price, middle), V::lt(price, before)));
    let bullish = V::and(armed, V::or(V::gt(price, upper), climbs));
    let bearish = V::and(armed, V::or(V::lt(price, lower), falls));
    let widening = V::and(V::gt(width, width_1), V::gt(width_1, width_2));
    let narrow = V::le(width, V::mul(V::splat(params.squeeze_threshold), row.scale));
    let squeezed = V::and(narrow, widening);

    findings.add_fresh(Strategy::BollingerBreakout, Fired::BUY, bullish, flags, flag::BULLISH);
    findings.add_fresh(Strategy::BollingerBreakout, Fired::SELL, bearish, flags, flag::BEARISH);
    findings.add_fresh(Strategy::BollingerBreakout, Fired::SQUEEZE, squeezed, flags, flag::SQUEEZED);
    *within = V::push(*within, V::and(V::le(lower, price), V::le(price, upper)));
    [bullish, bearish, squeezed]
}

/// The best candidate of the conditions that hold.
pub(super) fn candidate(params: &BollingerParams, view: &BarView<'_>, fired: Fired) -> Option<Candidate> {
    let mut best = None;
    for side in fired.sides() {
        best = better(best, breakout(params, view, side), params.min_confidence);
    }
    if fired.has(Fired::SQUEEZE) {
        let (kind, side) = if view.price() > view.now.middle {
            (SignalKind::BollingerBullishSqueeze, Side::Buy)
        } else {
            (SignalKind::BollingerBearishSqueeze, Side::Sell)
        };
        let factors = [view.width, 0.0, 0.0, 0.0, 0.0];
        let candidate = Candidate { kind, side, confidence: params.squeeze_confidence, factors };
        best = better(best, candidate, params.min_confidence);
    }
    best
}

fn breakout(params: &BollingerParams, view: &BarView<'_>, side: Side) -> Candidate {
    let (kind, band) = match side {
        Side::Buy => (SignalKind::BollingerBullishBreakout, view.now.upper),
        Side::Sell => (SignalKind::BollingerBearishBreakout, view.now.lower),
    };
    let strength = clamp(side.dir() * (view.price() - band) / band * params.breakout_gain / view.scale);
    let narrow = clamp(1.0 - view.width * params.band_width_gain / view.scale);
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    let momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
    let confidence = params.weight_breakout_strength * strength
        + params.weight_band_width * narrow
        + params.weight_volume * volume
        + params.weight_momentum * momentum;
    Candidate { kind, side, confidence, factors: [strength, narrow, volume, momentum, 0.0] }
}
