//! `macd_rsi`: crossings of the MACD and its signal, confirmed by the RSI; swing divergences of price, MACD and RSI.

use super::{BarView, Fired, better, clamp};
use crate::{
    config::MacdRsiParams,
    model::{Candidate, Side, SignalKind},
};

/// Which conditions hold at the bar that has just closed; `divergences` are those of MACD and RSI.
#[inline(always)]
pub(super) fn fires(params: &MacdRsiParams, view: &BarView<'_>, divergences: Fired) -> Fired {
    let (now, before) = (&view.now, &view.before);
    let above = (before.line <= before.signal) & (now.line > now.signal);
    let below = (before.line >= before.signal) & (now.line < now.signal);
    let strong =
        ((before.rsi <= params.rsi_oversold) & (now.rsi > params.rsi_oversold)) | (now.rsi > params.rsi_midline);
    let weak =
        ((before.rsi >= params.rsi_overbought) & (now.rsi < params.rsi_overbought)) | (now.rsi < params.rsi_midline);
    let fired = Fired::BUY.when(above & strong) | Fired::SELL.when(below & weak);
    if params.divergences { fired | divergences } else { fired }
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
