//! `sr_breakout`: breakouts through levels of resistance and support that earlier pivots have made.
//!
//! Only pivots are tracked from bar to bar, as bits of a word. The levels themselves are made of them only on the few
//! bars that could break one: the price moved, and the volume is there.

use super::{BarView, clamp};
use crate::{
    config::{MAX_LOOKBACK, SrParams},
    indicators::History,
    model::{Candidate, Side, SignalKind},
};

/// Bars between a pivot and the newest bar that is known when its level is used.
const PIVOT_LAG: usize = 3;
/// Most pivots in the longest look back: each needs two lower neighbours on either side.
const MAX_PIVOTS: usize = MAX_LOOKBACK / 3 + 1;

/// State of the strategy on one cell: bit k is bar `i − k`.
#[derive(Debug, Clone, Default)]
pub(super) struct SrBreakout {
    highs: u128,
    lows: u128,
}

/// A pivot: its price and how many bars ago it was.
#[derive(Debug, Clone, Copy, Default)]
struct Pivot {
    price: f64,
    back: usize,
}

/// A level that the bar has broken.
#[derive(Debug, Clone, Copy)]
struct Breakout {
    touches: usize,
    level: f64,
    candidate: Candidate,
}

impl SrBreakout {
    /// Looks at the bar that has just closed.
    #[inline]
    pub(super) fn on_bar(&mut self, params: &SrParams, view: &BarView<'_>) -> Option<Candidate> {
        self.track_pivots(view);
        let (price, before) = (view.price(), view.history.price(1));
        // Not an edge: a crossing is one already. NaN cannot occur here, prices are checked at the door.
        if price == before
            || view.i < params.consolidation_bars.max(1) as u64
            || !view.volume_gate(params.volume_confirmation, params.volume_threshold)
        {
            return None;
        }
        let side = if price > before { Side::Buy } else { Side::Sell };
        self.broken_level(params, view, side)
    }

    /// The pivot that becomes known with the bar before this one lies three bars back.
    #[inline]
    fn track_pivots(&mut self, view: &BarView<'_>) {
        self.highs <<= 1;
        self.lows <<= 1;
        if view.i >= 5 {
            let h = view.history;
            let high = h.high(3);
            let low = h.low(3);
            let is_high = high > h.high(1) && high > h.high(2) && high > h.high(4) && high > h.high(5);
            let is_low = low < h.low(1) && low < h.low(2) && low < h.low(4) && low < h.low(5);
            self.highs |= u128::from(is_high) << PIVOT_LAG;
            self.lows |= u128::from(is_low) << PIVOT_LAG;
        }
    }

    fn broken_level(&self, params: &SrParams, view: &BarView<'_>, side: Side) -> Option<Candidate> {
        let known = (1u128 << (params.lookback + 1)) - 1;
        let mut bits = known & if side == Side::Buy { self.highs } else { self.lows };
        if (bits.count_ones() as usize) < params.min_touches {
            return None;
        }
        let mut pivots = [Pivot::default(); MAX_PIVOTS];
        let mut count = 0;
        while bits != 0 && count < MAX_PIVOTS {
            let back = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let price = if side == Side::Buy { view.history.high(back) } else { view.history.low(back) };
            pivots[count] = Pivot { price, back };
            count += 1;
        }
        let pivots = &mut pivots[..count];
        // By price, then by time: the older pivot is further back.
        pivots.sort_unstable_by(|a, b| a.price.total_cmp(&b.price).then(b.back.cmp(&a.back)));

        let tolerance = params.tolerance * view.scale;
        let mut best: Option<Breakout> = None;
        for group in pivots.chunk_by(|a, b| b.price - a.price <= tolerance * b.price) {
            if group.len() >= params.min_touches
                && let Some(found) = breakout(params, view, group, tolerance, side)
                && best.is_none_or(|b| {
                    let (new, old) = (found.candidate.confidence, b.candidate.confidence);
                    new > old
                        || (new == old && found.touches > b.touches)
                        || (new == old && found.touches == b.touches && found.level < b.level)
                })
            {
                best = Some(found);
            }
        }
        best.map(|b| b.candidate).filter(|c| c.confidence >= params.min_confidence)
    }
}

/// The breakout through the level that a group of touches (by ascending price) makes, if the bar makes one.
fn breakout(params: &SrParams, view: &BarView<'_>, group: &[Pivot], tolerance: f64, side: Side) -> Option<Breakout> {
    let touches = group.len();
    let lowest = group.first()?.price;
    let level = lowest + group.iter().map(|p| p.price - lowest).sum::<f64>() / touches as f64;
    let (price, before) = (view.price(), view.history.price(1));
    let crosses = match side {
        Side::Buy => before <= level && level < price,
        Side::Sell => before >= level && level > price,
    };
    let near = |back: usize| (view.history.price(back) - level).abs() <= tolerance * level;
    if !crosses || (1..=params.consolidation_bars).filter(|&b| near(b)).count() < params.consolidation_min_bars {
        return None;
    }
    let strength = level_strength(params, view.history, group, side);
    let breakout = clamp(side.dir() * (price - level) / level * params.breakout_gain / view.scale);
    let volume = view.volume_factor(params.volume_confirmation, params.volume_threshold);
    let touch_count = (touches as f64 / params.full_touches).min(1.0);
    let confidence = params.weight_level_strength * strength
        + params.weight_breakout_strength * breakout
        + params.weight_volume * volume
        + params.weight_touch_count * touch_count;
    let kind = match side {
        Side::Buy => SignalKind::ResistanceBreakout,
        Side::Sell => SignalKind::SupportBreakout,
    };
    let factors = [strength, breakout, volume, touch_count, 0.0];
    Some(Breakout { touches, level, candidate: Candidate { kind, side, confidence, factors } })
}

/// How strong a level is, in [0, 1]: by its touches, the time between them, and how often the price stayed away.
fn level_strength(params: &SrParams, history: &History, group: &[Pivot], side: Side) -> f64 {
    let oldest = group.iter().map(|p| p.back).max().unwrap_or(0);
    let newest = group.iter().map(|p| p.back).min().unwrap_or(0);
    let span = (oldest - newest) as f64;
    let (mut seen, mut held) = (0u32, 0u32);
    for pivot in group.iter().filter(|p| p.back > params.hold_bars) {
        seen += 1;
        let (at, after) = (history.price(pivot.back), history.price(pivot.back - params.hold_bars));
        held += u32::from(match side {
            Side::Buy => after < at,
            Side::Sell => after > at,
        });
    }
    let hold = if seen == 0 { 0.0 } else { f64::from(held) / f64::from(seen) };
    (group.len() as f64 / params.strength_touches * params.strength_weight_touches
        + (span / params.strength_span).min(1.0) * params.strength_weight_span
        + hold * params.strength_weight_hold)
        .min(1.0)
}
