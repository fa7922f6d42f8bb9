//! `sr_breakout`: breakouts through levels of resistance and support that earlier pivots have made.
//!
//! Only pivots are tracked from bar to bar, as bits of a word. The levels themselves are made of them only on the few
//! bars that could break one: the price moved, the volume is there, and a level lies where it moved.

use super::{
    BarView, Findings, Fired,
    found::{Found, clamp},
    kinds::kinds,
    levels::{Levels, may_break},
    look_back::LookBack,
    memory::{memory, newest},
    params::{Contradictions, MAX_LOOKBACK, NOT_NEGATIVE, POSITIVE, SHARE, SOME_BARS, Switch, bars, params},
    past::Past,
    pivots::PivotRows,
    row::Row,
    rules::Rules,
};
use crate::{
    indicators::{History, Needs},
    lanes::{Line, Vector},
    model::Side,
};

kinds! {
    /// What `sr_breakout` finds.
    Kind {
        /// The price rises through a level of resistance.
        ResistanceBreakout = "resistance_breakout", ["level_strength", "breakout_strength", "volume", "touch_count"];
        /// The price falls through a level of support.
        SupportBreakout = "support_breakout", ["level_strength", "breakout_strength", "volume", "touch_count"];
    }
}

params! {
    /// Parameters of `sr_breakout`.
    Params {
        /// Whether the strategy runs.
        enabled: bool = true, Switch;
        /// Bars in which pivots are looked for.
        lookback: usize = 50, bars(5), old "lookback_period" "lookback_periods";
        /// Pivots that make a level.
        min_touches: usize = 2, bars(1);
        /// Relative distance, on daily bars, within which pivots are one level and closes are near it.
        tolerance: f64 = 0.02, SHARE, old "touch_tolerance";
        /// Bars of the consolidation before a breakout.
        consolidation_bars: usize = 10, bars(1), old "consolidation_period" "consolidation_periods";
        /// Closes of these that must be near the level.
        consolidation_min_bars: usize = 3, SOME_BARS;
        /// Bars after a touch at which the level must have held.
        hold_bars: usize = 3, bars(1);
        /// Whether volume counts; if not, its factor is 1 and its gate is open.
        volume_confirmation: bool = true, Switch;
        /// Ratio to the average volume that a breakout needs.
        volume_threshold: f64 = 1.5, POSITIVE;
        /// Touches at which their part of the level's strength is full.
        strength_touches: f64 = 10.0, POSITIVE;
        /// Bars between the first and the last touch at which their part of the level's strength is full.
        strength_span: f64 = 50.0, POSITIVE;
        /// Weight of the touches in the level's strength.
        strength_weight_touches: f64 = 0.4, NOT_NEGATIVE;
        /// Weight of the span in the level's strength.
        strength_weight_span: f64 = 0.3, NOT_NEGATIVE;
        /// Weight of the holding in the level's strength.
        strength_weight_hold: f64 = 0.3, NOT_NEGATIVE;
        /// Gain of the breakout's strength.
        breakout_gain: f64 = 50.0, NOT_NEGATIVE;
        /// Touches at which their factor is full.
        full_touches: f64 = 5.0, POSITIVE;
        /// Weight of the level's strength in the confidence.
        weight_level_strength: f64 = 0.3, NOT_NEGATIVE;
        /// Weight of the breakout's strength.
        weight_breakout_strength: f64 = 0.4, NOT_NEGATIVE;
        /// Weight of the volume.
        weight_volume: f64 = 0.2, NOT_NEGATIVE;
        /// Weight of the touches.
        weight_touch_count: f64 = 0.1, NOT_NEGATIVE;
        /// Signals below this confidence are not given.
        min_confidence: f64 = 0.7, SHARE;
    }
}

memory! {
    /// The newest bars, and which of those before them are pivots.
    Memory {
        /// Highs of the newest three bars before this one, the newest first.
        high_1: number,
        high_2: number,
        high_3: number,
        low_1: number,
        low_2: number,
        low_3: number,
        tops: history,
        bottoms: history,
        /// How the newest bars compare with those before them: see [`shape`].
        shapes: bits,
    }
}

/// Fields of four bits; bit k of each: at bar `i − k` the condition held.
mod shape {
    /// Higher than both bars before it.
    pub(super) const FIRST_HIGH: u64 = 1;
    /// Lower than the bar before it, than the bar two before it: by their highs.
    pub(super) const LOWER_HIGH: u64 = 1 << 4;
    pub(super) const LOWER_HIGH_BY_TWO: u64 = 1 << 8;
    /// The same of lows.
    pub(super) const FIRST_LOW: u64 = 1 << 12;
    pub(super) const HIGHER_LOW: u64 = 1 << 16;
    pub(super) const HIGHER_LOW_BY_TWO: u64 = 1 << 20;
    /// All bits of the fields but the newest.
    pub(super) const OLDER: u64 = 0xee_eeee;
}

const RISES: Fired = Fired::condition(0);
const FALLS: Fired = Fired::condition(1);

/// Bars between a pivot and the newest bar that is known when its level is used.
const PIVOT_LAG: usize = 3;
/// Most pivots in the longest look back: each needs two lower neighbours on either side.
const MAX_PIVOTS: usize = MAX_LOOKBACK / 3 + 1;

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
    found: Found<Kind>,
}

impl Params {
    fn check(&self, found: &mut Contradictions) {
        let (some, all) = (self.consolidation_min_bars, self.consolidation_bars);
        found.at_most("consolidation_min_bars", some, "consolidation_bars", all);
        found.less("hold_bars", self.hold_bars, "lookback", self.lookback);
    }

    /// The bits of the pivots that count.
    fn known(&self) -> u128 {
        (1u128 << (self.lookback + 1)) - 1
    }

    /// Where the pivots that count are, tops and bottoms, as `past` has them.
    pub(super) fn known_pivots(&self, past: Past<'_>) -> [u128; 2] {
        [At::tops, At::bottoms].map(|side| past.history(side as usize) & self.known())
    }
}

impl Rules for Params {
    type Kind = Kind;
    type Memory<V: Vector> = Memory<V>;

    const CONDITIONS: u32 = 2;
    const LOOKS_AGAIN: bool = true;

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn needs(&self, _: &mut Needs) {}

    #[inline(always)]
    fn look_back(&self) -> LookBack {
        LookBack {
            bars: self.lookback.max(self.consolidation_bars) + PIVOT_LAG,
            conditions: self.lookback + 1,
            first_bar: self.consolidation_bars.max(1),
        }
    }

    /// Whether the bars could break a level: the price moved, and the volume is there. Not an edge: a crossing is one
    /// already.
    #[inline(always)]
    fn fires<V: Vector, C: PivotRows<V>>(
        &self,
        row: &Row<V>,
        memory: &mut Memory<V>,
        cells: &mut C,
        found: &mut Findings<V>,
    ) {
        memory.track(row, cells);
        let [price, before, _] = row.change.prices;
        let gate = row.volume_gate(self.volume_confirmation, self.volume_threshold);
        let possible = V::and(row.ripe(self.look_back()), gate);
        found.add(RISES, V::and(possible, V::gt(price, before)));
        found.add(FALLS, V::and(possible, V::lt(price, before)));
    }

    #[inline(always)]
    fn look_again<V: Vector, C: PivotRows<V>>(&self, row: &Row<V>, memory: &Memory<V>, cells: &C) -> V::M {
        let levels =
            Levels { known: newest(self.lookback + 1), min_touches: self.min_touches, tolerance: self.tolerance };
        may_break(&levels, row, cells, [memory.tops.near(), memory.bottoms.near()])
    }

    /// Weighs every level that the bar breaks.
    fn candidate(&self, view: &BarView<'_>, fired: Fired, past: Past<'_>) -> Option<Found<Kind>> {
        let side = fired.sides(RISES, FALLS).next()?;
        let Line(recent) = past.pivots(side == Side::Sell);
        let mut bits = past.history(if side == Side::Buy { At::tops } else { At::bottoms } as usize) & self.known();
        let tolerance = self.tolerance * view.scale;
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
            if group.len() >= self.min_touches
                && let Some(found) = self.breakout(view, group, tolerance, side)
                && best.is_none_or(|b| {
                    let (new, old) = (found.found.confidence, b.found.confidence);
                    new > old
                        || (new == old && found.touches > b.touches)
                        || (new == old && found.touches == b.touches && found.level < b.level)
                })
            {
                best = Some(found);
            }
        }
        best.map(|b| b.found).filter(|c| c.confidence >= self.min_confidence)
    }
}

impl<V: Vector> Memory<V> {
    /// Tells the pivots that become known with the bar before the newest, three bars back: of highs, and of lows.
    ///
    /// Each bar is compared with the two before it once, and a pivot put together from the bits: highs and lows fall in
    /// no order that could be learnt.
    #[inline(always)]
    fn track<C: PivotRows<V>>(&mut self, row: &Row<V>, cells: &mut C) {
        let (high, low) = (row.high, row.low);
        let mut bits = V::masked(V::shift(self.shapes), shape::OLDER);
        let (under, under_by_two) = (V::lt(high, self.high_1), V::lt(high, self.high_2));
        bits = V::or_if(bits, V::and(V::gt(high, self.high_1), V::gt(high, self.high_2)), shape::FIRST_HIGH);
        bits = V::or_if(bits, under, shape::LOWER_HIGH);
        bits = V::or_if(bits, under_by_two, shape::LOWER_HIGH_BY_TWO);
        let (over, over_by_two) = (V::gt(low, self.low_1), V::gt(low, self.low_2));
        bits = V::or_if(bits, V::and(V::lt(low, self.low_1), V::lt(low, self.low_2)), shape::FIRST_LOW);
        bits = V::or_if(bits, over, shape::HIGHER_LOW);
        bits = V::or_if(bits, over_by_two, shape::HIGHER_LOW_BY_TWO);
        self.shapes = bits;
        // At bar j, j + 1 and j + 2, of which the newest is the bar before this one.
        let top = shape::FIRST_HIGH << PIVOT_LAG | shape::LOWER_HIGH << 2 | shape::LOWER_HIGH_BY_TWO << 1;
        let bottom = shape::FIRST_LOW << PIVOT_LAG | shape::HIGHER_LOW << 2 | shape::HIGHER_LOW_BY_TWO << 1;
        let (is_top, is_bottom) = (V::has(bits, top), V::has(bits, bottom));
        self.tops.push_at(is_top, PIVOT_LAG);
        self.bottoms.push_at(is_bottom, PIVOT_LAG);
        cells.push_pivots(false, is_top, self.high_3);
        cells.push_pivots(true, is_bottom, self.low_3);
        (self.high_1, self.high_2, self.high_3) = (high, self.high_1, self.high_2);
        (self.low_1, self.low_2, self.low_3) = (low, self.low_1, self.low_2);
    }
}

impl Params {
    /// The breakout through the level that a group of touches (by ascending price) makes, if the bar makes one.
    fn breakout(&self, view: &BarView<'_>, group: &[Pivot], tolerance: f64, side: Side) -> Option<Breakout> {
        let touches = group.len();
        let lowest = group.first()?.price;
        let level = lowest + group.iter().map(|p| p.price - lowest).sum::<f64>() / touches as f64;
        let (price, before) = (view.price(), view.price_before());
        let crosses = match side {
            Side::Buy => before <= level && level < price,
            Side::Sell => before >= level && level > price,
        };
        let near = |back: usize| (view.price_back(back) - level).abs() <= tolerance * level;
        if !crosses || (1..=self.consolidation_bars).filter(|&b| near(b)).count() < self.consolidation_min_bars {
            return None;
        }
        let strength = self.level_strength(view.history, group, side);
        let breakout = clamp(side.dir() * (price - level) / level * self.breakout_gain / view.scale);
        let volume = view.volume_factor(self.volume_confirmation, self.volume_threshold);
        let touch_count = (touches as f64 / self.full_touches).min(1.0);
        let confidence = self.weight_level_strength * strength
            + self.weight_breakout_strength * breakout
            + self.weight_volume * volume
            + self.weight_touch_count * touch_count;
        let kind = side.pick(Kind::ResistanceBreakout, Kind::SupportBreakout);
        let factors = [strength, breakout, volume, touch_count, 0.0];
        Some(Breakout { touches, level, found: Found { kind, side, confidence, factors } })
    }

    /// How strong a level is, in [0, 1]: by its touches, the time between them, and how often the price stayed away.
    fn level_strength(&self, history: &History, group: &[Pivot], side: Side) -> f64 {
        let oldest = group.iter().map(|p| p.back).max().unwrap_or(0);
        let newest = group.iter().map(|p| p.back).min().unwrap_or(0);
        let span = (oldest - newest) as f64;
        let (mut seen, mut held) = (0u32, 0u32);
        for pivot in group.iter().filter(|p| p.back > self.hold_bars) {
            seen += 1;
            let (at, after) = (history.price(pivot.back), history.price(pivot.back - self.hold_bars));
            held += u32::from(match side {
                Side::Buy => after < at,
                Side::Sell => after > at,
            });
        }
        let hold = if seen == 0 { 0.0 } else { f64::from(held) / f64::from(seen) };
        (group.len() as f64 / self.strength_touches * self.strength_weight_touches
            + (span / self.strength_span).min(1.0) * self.strength_weight_span
            + hold * self.strength_weight_hold)
            .min(1.0)
    }
}
