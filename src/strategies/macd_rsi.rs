//! `macd_rsi`: crossings of the MACD and its signal, confirmed by the RSI; swing divergences of price, MACD and RSI.

use super::{BarView, Findings, Fired, better, clamp, row::Row};
use crate::{
    config::MacdRsiParams,
    lanes::Vector,
    model::{Candidate, Side, SignalKind, Strategy},
};

/// Which conditions hold at the bars that have just closed; `divergences` are those of MACD and RSI.
#[inline(always)]
pub(super) fn fires<V: Vector>(
    params: &MacdRsiParams,
    row: &Row<V>,
    [bullish, bearish]: [V::M; 2],
    findings: &mut Findings<V>,
) {
    let (now, before) = (&row.change.now, &row.change.before);
    let (oversold, overbought) = (V::splat(params.rsi_oversold), V::splat(params.rsi_overbought));
    let midline = V::splat(params.rsi_midline);
    let above = V::and(V::le(before.line, before.signal), V::gt(now.line, now.signal));
    let below = V::and(V::ge(before.line, before.signal), V::lt(now.line, now.signal));
    let recovers = V::and(V::le(before.rsi, oversold), V::gt(now.rsi, oversold));
    let fades = V::and(V::ge(before.rsi, overbought), V::lt(now.rsi, overbought));
    let strong = V::or(recovers, V::gt(now.rsi, midline));
    let weak = V::or(fades, V::lt(now.rsi, midline));
    findings.add(Strategy::MacdRsi, Fired::BUY, V::and(above, strong));
    findings.add(Strategy::MacdRsi, Fired::SELL, V::and(below, weak));
    let wanted = V::always(params.divergences);
    findings.add(Strategy::MacdRsi, Fired::DIVERGENCE_BUY, V::and(bullish, wanted));
    findings.add(Strategy::MacdRsi, Fired::DIVERGENCE_SELL, V::and(bearish, wanted));
}

/// The best candidate of the conditions that hold.
pub(super) fn candidate(params: &MacdRsiParams, view: &BarView<'_>, fired: Fired) -> Option<Candidate> {
    let mut best = None;
    for side in fired.sides() {
        best = better(best, crossing(params, view, side), params.min_confidence);
    }
    for side in fired.divergences() {
        best = better(best, divergence(params, view, side), params.min_confidence);
    }
    best
}

fn crossing(params: &MacdRsiParams, view: &BarView<'_>, side: Side) -> Candidate {
    let (price, scale) = (view.price(), view.scale);
    let (histogram, before) = (view.now.line - view.now.signal, view.before.line - view.before.signal);
    let velocity = clamp((histogram - before).abs() / price * params.velocity_gain / scale);
    let position = (view.now.rsi - params.rsi_oversold) / (params.rsi_overbought - params.rsi_oversold);
    let position = match side {
        Side::Buy => clamp(1.0 - position),
        Side::Sell => clamp(position),
    };
    let strength = clamp(histogram.abs() / price * params.velocity_gain / scale);
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    let momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
    let kind = match side {
        Side::Buy => SignalKind::MacdRsiBullish,
        Side::Sell => SignalKind::MacdRsiBearish,
    };
    let confidence = params.weight_cross_velocity * velocity
        + params.weight_rsi_position * position
        + params.weight_histogram * strength
        + params.weight_volume * volume
        + params.weight_momentum * momentum;
    Candidate { kind, side, confidence, factors: [velocity, position, strength, volume, momentum] }
}

fn divergence(params: &MacdRsiParams, view: &BarView<'_>, side: Side) -> Candidate {
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    let kind = match side {
        Side::Buy => SignalKind::MacdRsiBullishDivergence,
        Side::Sell => SignalKind::MacdRsiBearishDivergence,
    };
    let confidence = params.divergence_confidence * volume;
    Candidate { kind, side, confidence, factors: [volume, 0.0, 0.0, 0.0, 0.0] }
}
