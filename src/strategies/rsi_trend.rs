//! `rsi_trend`: pullbacks within a trend that a slower RSI tells; swing divergences of price and RSI.

use super::{BarView, Fired, better, clamp};
use crate::{
    config::RsiTrendParams,
    indicators::{BadImage, ImageReader, ImageWriter},
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone, Default)]
pub(super) struct RsiTrend {
    /// Bit k of each: the index at bar `i − k` was above (below) the midline.
    above: u128,
    below: u128,
    trend_above: u128,
    trend_below: u128,
    pullback: bool,
    rally: bool,
}

impl RsiTrend {
    /// Which conditions hold at the bar that has just closed; `divergences` are those of the RSI.
    #[inline(always)]
    pub(super) fn fires(&mut self, params: &RsiTrendParams, view: &BarView<'_>, divergences: Fired) -> Fired {
        let (rsi, previous, trend) = (view.now.trend_rsi, view.before.trend_rsi, view.now.trend_rsi_slow);
        self.above = self.above << 1 | u128::from(rsi > params.midline);
        self.below = self.below << 1 | u128::from(rsi < params.midline);
        self.trend_above = self.trend_above << 1 | u128::from(trend > params.midline);
        self.trend_below = self.trend_below << 1 | u128::from(trend < params.midline);

        // The slower index is ready from its period on, and all bars that are looked at must be.
        let ready = view.i >= (params.trend_rsi_period + params.trend_bars) as u64;
        let newest = newest(params);
        let enough = |bits: u128| (bits & newest).count_ones() as usize >= params.trend_min_bars;
        let pullback = ready
            & enough(self.trend_above)
            & (rsi >= params.pullback_low)
            & (rsi <= params.pullback_high)
            & (rsi > previous);
        let rally = ready
            & enough(self.trend_below)
            & (rsi >= params.rally_low)
            & (rsi <= params.rally_high)
            & (rsi < previous);
        let fired = Fired::BUY.when(pullback & !self.pullback) | Fired::SELL.when(rally & !self.rally);
        (self.pullback, self.rally) = (pullback, rally);
        if params.divergences { fired | divergences } else { fired }
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        [self.above, self.below, self.trend_above, self.trend_below].into_iter().for_each(|bits| out.long(bits));
        out.words(&[self.pullback, self.rally].map(u64::from));
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        Ok(Self {
            above: image.long()?,
            below: image.long()?,
            trend_above: image.long()?,
            trend_below: image.long()?,
            pullback: image.flag()?,
            rally: image.flag()?,
        })
    }

    /// The best candidate of the conditions that hold.
    pub(super) fn candidate(&self, params: &RsiTrendParams, view: &BarView<'_>, fired: Fired) -> Option<Candidate> {
        let mut best = None;
        for side in fired.sides() {
            best = better(best, self.trend_signal(params, view, side), params.min_confidence);
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

    fn trend_signal(&self, params: &RsiTrendParams, view: &BarView<'_>, side: Side) -> Candidate {
        let bars = params.trend_bars + 1;
        let rsi = view.now.trend_rsi;
        let (kind, position, on_side) = match side {
            Side::Buy => (
                SignalKind::RsiUptrendPullback,
                clamp(1.0 - (rsi - params.pullback_low) / (params.pullback_high - params.pullback_low)),
                self.above,
            ),
            Side::Sell => (
                SignalKind::RsiDowntrendRally,
                clamp((rsi - params.rally_low) / (params.rally_high - params.rally_low)),
                self.below,
            ),
        };
        let strength = f64::from((on_side & newest(params)).count_ones()) / bars as f64;
        let price_momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
        let change = rsi - view.before.trend_rsi;
        let rsi_momentum = clamp(side.dir() * change / params.rsi_momentum_range + 0.5);
        let confidence = (position + strength + price_momentum + rsi_momentum) / 4.0;
        Candidate { kind, side, confidence, factors: [position, strength, price_momentum, rsi_momentum, 0.0] }
    }
}

/// The bits of the bars over which the trend is judged.
#[inline(always)]
fn newest(params: &RsiTrendParams) -> u128 {
    (1u128 << (params.trend_bars + 1)) - 1
}
