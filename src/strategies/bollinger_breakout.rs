//! `bollinger_breakout`: breakouts from the bands after a consolidation within them, and squeezes that begin to widen.

use super::{BarView, better, clamp};
use crate::{
    config::BollingerParams,
    indicators::{Bollinger, StrategySlots},
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct BollingerBreakout {
    width: f64,
    width_before: f64,
    /// Bit k: bar `i − k` closed within its own bands.
    within: u128,
    bullish: bool,
    bearish: bool,
    squeezed: bool,
}

impl Default for BollingerBreakout {
    fn default() -> Self {
        Self { width: f64::NAN, width_before: f64::NAN, within: 0, bullish: false, bearish: false, squeezed: false }
    }
}

impl BollingerBreakout {
    /// Looks at the bar that has just closed.
    #[inline]
    pub(super) fn on_bar(
        &mut self,
        params: &BollingerParams,
        slots: &StrategySlots,
        view: &BarView<'_>,
    ) -> Option<Candidate> {
        let bands = view.indicators.bands(slots.bands);
        let (upper, middle, lower) = (bands.upper, bands.middle, bands.lower);
        let width = (upper - lower) / middle;
        let (price, before) = (view.price(), view.history.price(1));

        let ready = view.i + 1 >= (params.period + params.consolidation_bars) as u64;
        let recent = (1u128 << params.consolidation_bars) - 1;
        let consolidated = ready && (self.within & recent).count_ones() as usize >= params.consolidation_min_bars;
        let armed = consolidated && view.volume_gate(params.volume_confirmation, params.volume_threshold);
        let above = price > upper || (view.history.high(0) >= upper && price > middle && price > before);
        let below = price < lower || (view.history.low(0) <= lower && price < middle && price < before);
        let (bullish, bearish) = (armed && above, armed && below);
        let widening = width > self.width && self.width > self.width_before;
        let squeezed = width <= params.squeeze_threshold * view.scale && widening;

        let mut best = None;
        if bullish && !self.bullish {
            best = better(best, breakout(params, view, bands, width, Side::Buy), params.min_confidence);
        }
        if bearish && !self.bearish {
            best = better(best, breakout(params, view, bands, width, Side::Sell), params.min_confidence);
        }
        if squeezed && !self.squeezed {
            let (kind, side) = if price > middle {
                (SignalKind::BollingerBullishSqueeze, Side::Buy)
            } else {
                (SignalKind::BollingerBearishSqueeze, Side::Sell)
            };
            let factors = [width, 0.0, 0.0, 0.0, 0.0];
            let candidate = Candidate { kind, side, confidence: params.squeeze_confidence, factors };
            best = better(best, candidate, params.min_confidence);
        }

        (self.bullish, self.bearish, self.squeezed) = (bullish, bearish, squeezed);
        (self.width_before, self.width) = (self.width, width);
        self.within = self.within << 1 | u128::from(lower <= price && price <= upper);
        best
    }
}

fn breakout(params: &BollingerParams, view: &BarView<'_>, bands: &Bollinger, width: f64, side: Side) -> Candidate {
    let (kind, band) = match side {
        Side::Buy => (SignalKind::BollingerBullishBreakout, bands.upper),
        Side::Sell => (SignalKind::BollingerBearishBreakout, bands.lower),
    };
    let strength = clamp(side.dir() * (view.price() - band) / band * params.breakout_gain / view.scale);
    let narrow = clamp(1.0 - width * params.band_width_gain / view.scale);
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    let momentum = view.momentum(params.momentum_bars, params.momentum_gain, side);
    let confidence = params.weight_breakout_strength * strength
        + params.weight_band_width * narrow
        + params.weight_volume * volume
        + params.weight_momentum * momentum;
    Candidate { kind, side, confidence, factors: [strength, narrow, volume, momentum, 0.0] }
}
