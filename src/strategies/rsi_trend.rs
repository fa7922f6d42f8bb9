//! `rsi_trend`: pullbacks within a trend that a slower RSI tells; swing divergences of price and RSI.

use super::{
    BarView, better, clamp,
    swing::{SwingPoints, Track},
};
use crate::{
    config::{CommonParams, RsiTrendParams},
    indicators::StrategySlots,
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct RsiTrend {
    rsi: f64,
    rsis: Track,
    /// Bit k of each: the index at bar `i − k` was above (below) the midline.
    above: u128,
    below: u128,
    trend_above: u128,
    trend_below: u128,
    pullback: bool,
    rally: bool,
}

impl Default for RsiTrend {
    fn default() -> Self {
        Self {
            rsi: f64::NAN,
            rsis: Track::default(),
            above: 0,
            below: 0,
            trend_above: 0,
            trend_below: 0,
            pullback: false,
            rally: false,
        }
    }
}

impl RsiTrend {
    /// Looks at the bar that has just closed.
    #[inline]
    pub(super) fn on_bar(
        &mut self,
        params: &RsiTrendParams,
        common: &CommonParams,
        slots: &StrategySlots,
        swings: &SwingPoints,
        view: &BarView<'_>,
    ) -> Option<Candidate> {
        let rsi = view.indicators.rsi(slots.trend_rsi);
        let trend = view.indicators.rsi(slots.trend_rsi_slow);
        let previous = std::mem::replace(&mut self.rsi, rsi);
        self.rsis.push(view.i, rsi);
        self.above = self.above << 1 | u128::from(rsi > params.midline);
        self.below = self.below << 1 | u128::from(rsi < params.midline);
        self.trend_above = self.trend_above << 1 | u128::from(trend > params.midline);
        self.trend_below = self.trend_below << 1 | u128::from(trend < params.midline);

        // The slower index is ready from its period on, and all bars that are looked at must be.
        let ready = view.i >= (params.trend_rsi_period + params.trend_bars) as u64;
        let newest = (1u128 << (params.trend_bars + 1)) - 1;
        let enough = |bits: u128| (bits & newest).count_ones() as usize >= params.trend_min_bars;
        let pullback = ready
            && enough(self.trend_above)
            && rsi >= params.pullback_low
            && rsi <= params.pullback_high
            && rsi > previous;
        let rally =
            ready && enough(self.trend_below) && rsi >= params.rally_low && rsi <= params.rally_high && rsi < previous;

        let mut best = None;
        if pullback && !self.pullback {
            best = better(best, self.trend_signal(params, view, rsi - previous, Side::Buy), params.min_confidence);
        }
        if rally && !self.rally {
            best = better(best, self.trend_signal(params, view, rsi - previous, Side::Sell), params.min_confidence);
        }
        (self.pullback, self.rally) = (pullback, rally);
        if params.divergences {
            for side in [Side::Buy, Side::Sell] {
                if let Some(pair) = swings.pair(view.i, view.history, side, common)
                    && pair.diverges(&self.rsis, side)
                {
                    let kind = match side {
                        Side::Buy => SignalKind::RsiBullishDivergence,
                        Side::Sell => SignalKind::RsiBearishDivergence,
                    };
                    let candidate =
                        Candidate { kind, side, confidence: params.divergence_confidence, factors: [0.0; 5] };
                    best = better(best, candidate, params.min_confidence);
                }
            }
        }
        best
    }

    fn trend_signal(&self, params: &RsiTrendParams, view: &BarView<'_>, change: f64, side: Side) -> Candidate {
        let bars = params.trend_bars + 1;
        let newest = (1u128 << bars) - 1;
        let (kind, position, on_side) = match side {
            Side::Buy => (
                SignalKind::RsiUptrendPullback,
                clamp(1.0 - (self.rsi - params.pullback_low) / (params.pullback_high - params.pullback_low)),
                self.above,
            ),
            Side::Sell => (
                SignalKind::RsiDowntrendRally,
                clamp((self.rsi - params.rally_low) / (params.rally_high - params.rally_low)),
                self.below,
            ),
        };
        let strength = f64::from((on_side & newest).count_ones()) / bars as f64;
        let price_momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
        let rsi_momentum = clamp(side.dir() * change / params.rsi_momentum_range + 0.5);
        let confidence = (position + strength + price_momentum + rsi_momentum) / 4.0;
        Candidate { kind, side, confidence, factors: [position, strength, price_momentum, rsi_momentum, 0.0] }
    }
}
