//! `bollinger_breakout`: breakouts from the bands after a consolidation within them, and squeezes that begin to widen.

use super::{BarView, Fired, better, clamp};
use crate::{
    config::BollingerParams,
    indicators::{BadImage, ImageReader, ImageWriter},
    model::{Candidate, Side, SignalKind},
};

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct BollingerBreakout {
    /// Bit k: bar `i − k` closed within its own bands.
    within: u128,
    width: f64,
    width_before: f64,
    bullish: bool,
    bearish: bool,
    squeezed: bool,
}

impl Default for BollingerBreakout {
    fn default() -> Self {
        Self { within: 0, width: f64::NAN, width_before: f64::NAN, bullish: false, bearish: false, squeezed: false }
    }
}

impl BollingerBreakout {
    /// Which conditions hold at the bar that has just closed.
    #[inline(always)]
    pub(super) fn fires(&mut self, params: &BollingerParams, view: &BarView<'_>) -> Fired {
        let (upper, middle, lower, width) = (view.now.upper, view.now.middle, view.now.lower, view.width);
        let (price, before) = (view.price(), view.price_before());

        let ready = view.i + 1 >= (params.period + params.consolidation_bars) as u64;
        let recent = (1u128 << params.consolidation_bars) - 1;
        let consolidated = ready & ((self.within & recent).count_ones() as usize >= params.consolidation_min_bars);
        let armed = consolidated & view.volume_gate(params.volume_confirmation, params.volume_threshold);
        let above = (price > upper) | ((view.high >= upper) & (price > middle) & (price > before));
        let below = (price < lower) | ((view.low <= lower) & (price < middle) & (price < before));
        let (bullish, bearish) = (armed & above, armed & below);
        let widening = (width > self.width) & (self.width > self.width_before);
        let squeezed = (width <= params.squeeze_threshold * view.scale) & widening;

        let fired = Fired::BUY.when(bullish & !self.bullish)
            | Fired::SELL.when(bearish & !self.bearish)
            | Fired::SQUEEZE.when(squeezed & !self.squeezed);
        (self.bullish, self.bearish, self.squeezed) = (bullish, bearish, squeezed);
        (self.width_before, self.width) = (self.width, width);
        self.within = self.within << 1 | u128::from((lower <= price) & (price <= upper));
        fired
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.long(self.within);
        out.reals(&[self.width, self.width_before]);
        out.words(&[self.bullish, self.bearish, self.squeezed].map(u64::from));
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        Ok(Self {
            within: image.long()?,
            width: image.real()?,
            width_before: image.real()?,
            bullish: image.flag()?,
            bearish: image.flag()?,
            squeezed: image.flag()?,
        })
    }
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
