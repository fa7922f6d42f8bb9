//! `sr_breakout`: breakouts through levels of resistance and support that earlier pivots have made.
//!
//! Only pivots are tracked from bar to bar, as bits of a word. The levels themselves are made of them only on the few
//! bars that could break one: the price moved, and the volume is there.

use super::{BarView, Fired, clamp};
use crate::{
    config::{MAX_LOOKBACK, SrParams},
    indicators::{BadImage, History, ImageReader, ImageWriter},
    model::{Candidate, Side, SignalKind},
};

/// Bars between a pivot and the newest bar that is known when its level is used.
const PIVOT_LAG: usize = 3;
/// Places for the prices of the newest pivots; one of them may hold a bar that is none.
const RECENT: usize = 16;
/// Most pivots in the longest look back: each needs two lower neighbours on either side.
const MAX_PIVOTS: usize = MAX_LOOKBACK / 3 + 1;

/// State of the strategy on one cell.
#[derive(Debug, Clone)]
pub(super) struct SrBreakout {
    /// Bit k: bar `i − k` is a pivot; the newest that can be known is [`PIVOT_LAG`] bars back.
    highs: u128,
    lows: u128,
    /// Prices of the newest pivots on either side, and at the place where the next one goes of a bar that may be none.
    tops: [f64; RECENT],
    bottoms: [f64; RECENT],
    /// Where the next pivot goes.
    next_top: u8,
    next_bottom: u8,
    /// Highs and lows of the newest three bars, NaN where there is none.
    last_highs: [f64; 3],
    last_lows: [f64; 3],
    /// Bit k of each: bar `i − k` has a higher high (lower low) than both bars before it, and a lower high (higher low)
    /// than the bar before it, than the bar two before it.
    first_high: u8,
    lower_high: u8,
    lower_high_by_two: u8,
    first_low: u8,
    higher_low: u8,
    higher_low_by_two: u8,
}

impl Default for SrBreakout {
    fn default() -> Self {
        Self {
            highs: 0,
            lows: 0,
            tops: [f64::NAN; RECENT],
            bottoms: [f64::NAN; RECENT],
            next_top: 0,
            next_bottom: 0,
            last_highs: [f64::NAN; 3],
            last_lows: [f64::NAN; 3],
            first_high: 0,
            lower_high: 0,
            lower_high_by_two: 0,
            first_low: 0,
            higher_low: 0,
            higher_low_by_two: 0,
        }
    }
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
    /// Whether the bar that has just closed could break a level: the price moved, and the volume is there.
    #[inline(always)]
    pub(super) fn fires(&mut self, params: &SrParams, view: &BarView<'_>) -> Fired {
        self.track_pivots(view);
        let (price, before) = (view.price(), view.price_before());
        // Not an edge: a crossing is one already.
        let possible = (view.i >= params.consolidation_bars.max(1) as u64)
            & view.volume_gate(params.volume_confirmation, params.volume_threshold);
        if !possible || price == before {
            return Fired::NONE;
        }
        let (fired, side) = if price > before { (Fired::BUY, Side::Buy) } else { (Fired::SELL, Side::Sell) };
        fired.when(self.may_break(params, view, side))
    }

    /// The pivot that becomes known with the bar before this one lies three bars back. Each bar is compared with the two
    /// before it once, and a pivot put together from the bits: highs and lows fall in no order that could be learnt.
    #[inline(always)]
    fn track_pivots(&mut self, view: &BarView<'_>) {
        let (high, low) = (view.high, view.low);
        let ([high_1, high_2, high_3], [low_1, low_2, low_3]) = (self.last_highs, self.last_lows);
        let bit = |word: u8, condition: bool| word << 1 | u8::from(condition);
        // At bar j, j + 1 and j + 2, of which the newest is the bar before this one: bits 3, 2 and 1 of these words.
        self.first_high = bit(self.first_high, (high > high_1) & (high > high_2));
        self.lower_high = bit(self.lower_high, high < high_1);
        self.lower_high_by_two = bit(self.lower_high_by_two, high < high_2);
        self.first_low = bit(self.first_low, (low < low_1) & (low < low_2));
        self.higher_low = bit(self.higher_low, low > low_1);
        self.higher_low_by_two = bit(self.higher_low_by_two, low > low_2);
        self.last_highs = [high, high_1, high_2];
        self.last_lows = [low, low_1, low_2];
        let is_high = self.first_high & self.lower_high << 1 & self.lower_high_by_two << 2 & 1 << PIVOT_LAG;
        let is_low = self.first_low & self.higher_low << 1 & self.higher_low_by_two << 2 & 1 << PIVOT_LAG;
        self.highs = self.highs << 1 | u128::from(is_high);
        self.lows = self.lows << 1 | u128::from(is_low);
        // Written whether it is one or not, and kept if it is.
        self.tops[usize::from(self.next_top) % RECENT] = high_3;
        self.bottoms[usize::from(self.next_bottom) % RECENT] = low_3;
        self.next_top = self.next_top.wrapping_add(is_high >> PIVOT_LAG);
        self.next_bottom = self.next_bottom.wrapping_add(is_low >> PIVOT_LAG);
    }

    /// Whether enough of the newest pivots lie where a level must have them to be broken; what is older, or no pivot at
    /// all, only makes it say yes too often.
    #[inline(always)]
    fn may_break(&self, params: &SrParams, view: &BarView<'_>, side: Side) -> bool {
        let (pivots, recent) = match side {
            Side::Buy => (self.highs, &self.tops),
            Side::Sell => (self.lows, &self.bottoms),
        };
        let known = (1u128 << (params.lookback + 1)) - 1;
        let count = (pivots & known).count_ones() as usize;
        let (low, high) = reach(view.price_before(), view.price(), params.tolerance * view.scale);
        let near: u64 = recent.iter().map(|&price| u64::from((low <= price) & (price <= high))).sum();
        count >= params.min_touches && (count >= RECENT || near as usize >= params.min_touches.min(2))
    }

    pub(super) fn write_state(&self, out: &mut ImageWriter<'_>) {
        out.long(self.highs);
        out.long(self.lows);
        out.reals(&self.tops);
        out.reals(&self.bottoms);
        out.reals(&self.last_highs);
        out.reals(&self.last_lows);
        out.words(&[self.next_top, self.next_bottom].map(u64::from));
        out.words(&[self.first_high, self.lower_high, self.lower_high_by_two].map(u64::from));
        out.words(&[self.first_low, self.higher_low, self.higher_low_by_two].map(u64::from));
    }

    pub(super) fn read_state(image: &mut ImageReader<'_>) -> Result<Self, BadImage> {
        Ok(Self {
            highs: image.long()?,
            lows: image.long()?,
            tops: image.reals()?,
            bottoms: image.reals()?,
            last_highs: image.reals()?,
            last_lows: image.reals()?,
            next_top: image.byte()?,
            next_bottom: image.byte()?,
            first_high: image.byte()?,
            lower_high: image.byte()?,
            lower_high_by_two: image.byte()?,
            first_low: image.byte()?,
            higher_low: image.byte()?,
            higher_low_by_two: image.byte()?,
        })
    }

    /// The candidate of the best level that the bar breaks.
    pub(super) fn candidate(&self, params: &SrParams, view: &BarView<'_>, fired: Fired) -> Option<Candidate> {
        self.broken_level(params, view, fired.sides().next()?)
    }

    fn broken_level(&self, params: &SrParams, view: &BarView<'_>, side: Side) -> Option<Candidate> {
        let known = (1u128 << (params.lookback + 1)) - 1;
        let mut bits = known & if side == Side::Buy { self.highs } else { self.lows };
        let tolerance = params.tolerance * view.scale;
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

/// Where two touches must lie for their level to be broken: a level lies between two neighbours of its group, which are
/// no further from each other than the tolerance, or it is their price. With room for rounding.
#[inline]
fn reach(before: f64, price: f64, tolerance: f64) -> (f64, f64) {
    let (low, high) = (before.min(price), before.max(price));
    let wide = 1.0 - tolerance.min(0.5) - 1e-9;
    if tolerance < 0.5 { (low * wide, high / wide) } else { (0.0, f64::INFINITY) }
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
