//! `macd_rsi`: crossings of the MACD and its signal, confirmed by the RSI; swing divergences of price, MACD and RSI.

use super::{
    BarView, better, clamp,
    swing::{SwingPair, SwingPoints, Track},
};
use crate::{
    config::{CommonParams, MacdRsiParams},
    indicators::StrategySlots,
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct MacdRsi {
    line: f64,
    signal: f64,
    histogram: f64,
    rsi: f64,
    lines: Track,
    rsis: Track,
}

impl Default for MacdRsi {
    fn default() -> Self {
        let nan = f64::NAN;
        Self { line: nan, signal: nan, histogram: nan, rsi: nan, lines: Track::default(), rsis: Track::default() }
    }
}

impl MacdRsi {
    /// Looks at the bar that has just closed.
    #[inline]
    pub(super) fn on_bar(
        &mut self,
        params: &MacdRsiParams,
        common: &CommonParams,
        slots: &StrategySlots,
        swings: &SwingPoints,
        view: &BarView<'_>,
    ) -> Option<Candidate> {
        let macd = view.indicators.macd(slots.macd_rsi_macd);
        let (line, signal, histogram) = (macd.line, macd.signal, macd.histogram);
        let rsi = view.indicators.rsi(slots.macd_rsi_rsi);
        self.lines.push(view.i, line);
        self.rsis.push(view.i, rsi);

        let mut best = None;
        if self.line <= self.signal && line > signal {
            let confirmed = (self.rsi <= params.rsi_oversold && rsi > params.rsi_oversold) || rsi > params.rsi_midline;
            if confirmed {
                best = better(best, self.crossing(params, view, histogram, rsi, Side::Buy), params.min_confidence);
            }
        } else if self.line >= self.signal && line < signal {
            let confirmed =
                (self.rsi >= params.rsi_overbought && rsi < params.rsi_overbought) || rsi < params.rsi_midline;
            if confirmed {
                best = better(best, self.crossing(params, view, histogram, rsi, Side::Sell), params.min_confidence);
            }
        }
        if params.divergences {
            for side in [Side::Buy, Side::Sell] {
                if let Some(pair) = swings.pair(view.i, view.history, side, common)
                    && self.diverges(pair, side)
                {
                    best = better(best, divergence(params, view, side), params.min_confidence);
                }
            }
        }
        (self.line, self.signal, self.histogram, self.rsi) = (line, signal, histogram, rsi);
        best
    }

    #[inline]
    fn diverges(&self, pair: SwingPair, side: Side) -> bool {
        pair.diverges(&self.lines, side) && pair.diverges(&self.rsis, side)
    }

    fn crossing(&self, params: &MacdRsiParams, view: &BarView<'_>, histogram: f64, rsi: f64, side: Side) -> Candidate {
        let (price, scale) = (view.price(), view.scale);
        let velocity = clamp((histogram - self.histogram).abs() / price * params.velocity_gain / scale);
        let position = (rsi - params.rsi_oversold) / (params.rsi_overbought - params.rsi_oversold);
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
