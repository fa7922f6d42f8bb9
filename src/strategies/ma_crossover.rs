//! `ma_crossover`: golden and death crosses of two exponential moving averages.

use super::{BarView, better, clamp};
use crate::{
    config::MaCrossoverParams,
    indicators::StrategySlots,
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct MaCrossover {
    distance: f64,
    /// Bit k: the move into bar `i − k` was up (down).
    ups: u128,
    downs: u128,
}

impl Default for MaCrossover {
    fn default() -> Self {
        Self { distance: f64::NAN, ups: 0, downs: 0 }
    }
}

impl MaCrossover {
    /// Looks at the bar that has just closed.
    #[inline]
    pub(super) fn on_bar(
        &mut self,
        params: &MaCrossoverParams,
        slots: &StrategySlots,
        view: &BarView<'_>,
    ) -> Option<Candidate> {
        let (price, before) = (view.price(), view.history.price(1));
        self.ups = self.ups << 1 | u128::from(view.i > 0 && price > before);
        self.downs = self.downs << 1 | u128::from(view.i > 0 && price < before);
        let slow = view.indicators.ema(slots.ma_slow);
        let distance = (view.indicators.ema(slots.ma_fast) - slow) / slow;
        let previous = std::mem::replace(&mut self.distance, distance);
        let side = if previous <= 0.0 && distance > 0.0 {
            Side::Buy
        } else if previous >= 0.0 && distance < 0.0 {
            Side::Sell
        } else {
            return None;
        };
        better(None, self.cross(params, view, (distance - previous).abs(), side), params.min_confidence)
    }

    fn cross(&self, params: &MaCrossoverParams, view: &BarView<'_>, step: f64, side: Side) -> Candidate {
        let (kind, moves) = match side {
            Side::Buy => (SignalKind::GoldenCross, self.ups),
            Side::Sell => (SignalKind::DeathCross, self.downs),
        };
        let velocity = clamp(step * params.velocity_gain / view.scale);
        let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
        let newest = (1u128 << params.trend_bars) - 1;
        let trend = f64::from((moves & newest).count_ones()) / params.trend_bars as f64;
        let confidence = params.weight_cross_velocity * velocity
            + params.weight_volume * volume
            + params.weight_trend_strength * trend;
        Candidate { kind, side, confidence, factors: [velocity, volume, trend, 0.0, 0.0] }
    }
}
