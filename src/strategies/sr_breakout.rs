//! `sr_breakout`: breakouts through levels of resistance and support that earlier pivots have made.
//!
//! Only pivots are tracked from bar to bar, as bits of a word. The levels themselves are made of them only on the few
//! bars that could break one: the price moved, the volume is there, and [a level lies](super::levels) where it moved.

use super::{
    BarView, Findings, Fired, clamp,
    row::Row,
    traces::{Bits, Past, flag},
};
use crate::{
    config::{MAX_LOOKBACK, SrParams},
    indicators::{BadImage, History, ImageReader, ImageWriter, prefetch_all},
    lanes::{Line, Vector},
    model::{Candidate, Side, SignalKind, Strategy},
};

/// Bars between a pivot and the newest bar that is known when its level is used.
pub(super) const PIVOT_LAG: usize = 3;
/// Pivots on either side whose prices are kept: of a walk, more than these lie within the look back once in a hundred bars.
pub(super) const RECENT: usize = 8;
/// Pivots on either side in the image of a cell.
const IN_IMAGE: usize = 16;
/// Most pivots in the longest look back: each needs two lower neighbours on either side.
const MAX_PIVOTS: usize = MAX_LOOKBACK / 3 + 1;

/// Prices of the newest pivots of a cell, the newest first; NaN where there was none yet.
#[derive(Debug, Clone)]
pub(super) struct Pivots {
    /// Tops, then bottoms.
    pub(super) sides: [Line; 2],
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

/// Whether the bars that have just closed could break a level: the price moved, and the volume is there.
#[inline(always)]
pub(super) fn fires<V: Vector>(params: &SrParams, row: &Row<V>, findings: &mut Findings<V>) {
    let [price, before, _] = row.change.prices;
    // Not an edge: a crossing is one already.
    let gate = row.volume_gate(params.volume_confirmation, params.volume_threshold);
    let possible = V::and(row.ripe.levels, gate);
    findings.add(Strategy::SrBreakout, Fired::BUY, V::and(possible, V::gt(price, before)));
    findings.add(Strategy::SrBreakout, Fired::SELL, V::and(possible, V::lt(price, before)));
}

/// Tells the pivots that become known with the bar before the newest, three bars back: of highs, and of lows. `highs` and
/// `lows` are those of the newest three bars before this one; `flags` are updated.
///
/// Each bar is compared with the two before it once, and a pivot put together from the bits: highs and lows fall in no
/// order that could be learnt.
#[inline(always)]
pub(super) fn track_pivots<V: Vector>(row: &Row<V>, highs: [V::F; 3], lows: [V::F; 3], flags: &mut V::B) -> [V::M; 2] {
    let (high, low) = (row.high, row.low);
    let mut bits = V::masked(V::shift(*flags), flag::OLDER);
    let (under, under_by_two) = (V::lt(high, highs[0]), V::lt(high, highs[1]));
    bits = V::or_if(bits, V::and(V::gt(high, highs[0]), V::gt(high, highs[1])), flag::FIRST_HIGH);
    bits = V::or_if(bits, under, flag::LOWER_HIGH);
    bits = V::or_if(bits, under_by_two, flag::LOWER_HIGH_BY_TWO);
    let (over, over_by_two) = (V::gt(low, lows[0]), V::gt(low, lows[1]));
    bits = V::or_if(bits, V::and(V::lt(low, lows[0]), V::lt(low, lows[1])), flag::FIRST_LOW);
    bits = V::or_if(bits, over, flag::HIGHER_LOW);
    bits = V::or_if(bits, over_by_two, flag::HIGHER_LOW_BY_TWO);
    *flags = bits;
    // At bar j, j + 1 and j + 2, of which the newest is the bar before this one.
    let is_high = flag::FIRST_HIGH << PIVOT_LAG | flag::LOWER_HIGH << 2 | flag::LOWER_HIGH_BY_TWO << 1;
    let is_low = flag::FIRST_LOW << PIVOT_LAG | flag::HIGHER_LOW << 2 | flag::HIGHER_LOW_BY_TWO << 1;
    [V::has(bits, is_high), V::has(bits, is_low)]
}

impl Pivots {
    /// None yet.
    pub(super) const NONE: Self = Self { sides: [Line::NAN; 2] };

    /// The newest tops, or bottoms.
    #[inline(always)]
    pub(super) fn of(&self, bottoms: bool) -> &Line {
        &self.sides[usize::from(bottoms)]
    }

    /// Asks for their memory.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        prefetch_all(self);
    }

    /// Puts the price of a top, or of a bottom, before the others; the oldest is forgotten.
    #[inline(always)]
    pub(super) fn push(&mut self, bottom: bool, price: f64) {
        let Line(prices) = &mut self.sides[usize::from(bottom)];
        let [a, b, c, d, e, f, g, _] = *prices;
        *prices = [price, a, b, c, d, e, f, g];
    }

    /// Appends the prices of more pivots than are kept: those of the others that count are found in the history.
    pub(super) fn write_state(&self, params: &SrParams, history: &History, bits: [u128; 2], out: &mut ImageWriter<'_>) {
        for (k, (kept, bits)) in self.sides.iter().zip(bits).enumerate() {
            let mut prices = [f64::NAN; IN_IMAGE];
            prices[..RECENT].copy_from_slice(&kept.0);
            let known = (0..=params.lookback).filter(|back| bits >> back & 1 != 0);
            for (price, back) in prices.iter_mut().zip(known).skip(RECENT) {
                *price = if k == 0 { history.high(back) } else { history.low(back) };
            }
            out.reals(&prices);
        }
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        let mut pivots = Self::NONE;
        for kept in &mut pivots.sides {
            let prices: [f64; IN_IMAGE] = image.reals()?;
            kept.0.copy_from_slice(&prices[..RECENT]);
        }
        Ok(pivots)
    }
}

/// The candidate of the best level that the bar breaks.
pub(super) fn candidate(params: &SrParams, view: &BarView<'_>, fired: Fired, past: Past<'_>) -> Option<Candidate> {
    let side = fired.sides().next()?;
    let Line(recent) = past.pivots(side == Side::Sell);
    let mut bits = past.bits(if side == Side::Buy { Bits::Highs } else { Bits::Lows }) & known(params);
    let tolerance = params.tolerance * view.scale;
    let mut pivots = [Pivot::default(); MAX_PIVOTS];
    let mut count = 0;
    // By price, then by time: the older pivot is further back, and comes later here.
    while bits != 0 && count < MAX_PIVOTS {
        let back = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        let older = || if side == Side::Buy { view.history.high(back) } else { view.history.low(back) };
        let price = recent.get(count).copied().unwrap_or_else(older);
        let mut at = count;
        while at > 0 && pivots[at - 1].price >= price {
            pivots[at] = pivots[at - 1];
            at -= 1;
        }
        pivots[at] = Pivot { price, back };
        count += 1;
    }
    let pivots = &pivots[..count];

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

/// The bits of the pivots that count.
#[inline(always)]
pub(super) fn known(params: &SrParams) -> u128 {
    (1u128 << (params.lookback + 1)) - 1
}

/// The breakout through the level that a group of touches (by ascending price) makes, if the bar makes one.
fn breakout(params: &SrParams, view: &BarView<'_>, group: &[Pivot], tolerance: f64, side: Side) -> Option<Breakout> {
    let touches = group.len();
    let lowest = group.first()?.price;
    let level = lowest + group.iter().map(|p| p.price - lowest).sum::<f64>() / touches as f64;
    let (price, before) = (view.price(), view.price_before());
    let crosses = match side {
        Side::Buy => before <= level && level < price,
        Side::Sell => before >= level && level > price,
    };
    let near = |back: usize| (view.price_back(back) - level).abs() <= tolerance * level;
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
