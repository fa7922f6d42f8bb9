//! Which cells of a row may have broken a level of support or resistance, found by a scan of the prices of their
//! pivots, side by side.
//!
//! The groups of pivots are those of [`sr_breakout`](super::sr_breakout), found in the same way, by sorting; their
//! levels are compared without a division and with room for rounding. It may say yes where there is none, but never no
//! where there is one.

use super::{
    pivots::{PivotRows, RECENT},
    row::Row,
};
use crate::lanes::Vector;

/// What makes pivots a level.
pub(super) struct Levels {
    /// The bits of the pivots that count, of the newest 64 bars.
    pub(super) known: u64,
    /// Touches that it must have.
    pub(super) min_touches: usize,
    /// How far apart they may be, relative, on daily bars.
    pub(super) tolerance: f64,
}

/// Relative room for rounding between the level estimated here and the computed one: many times what is needed.
const ROOM: f64 = 1e-9;

/// Sorts the values of each lane, by the fewest exchanges. Written out: an index would keep the rows in memory.
#[inline(always)]
fn sort<V: Vector>([a, b, c, d, e, f, g, h]: [V::F; RECENT]) -> [V::F; RECENT] {
    macro_rules! exchange {
        ($($low:ident $high:ident),*) => { $(let ($low, $high) = (V::min($low, $high), V::max($low, $high));)* };
    }
    exchange!(a c, b d, e g, f h);
    exchange!(a e, b f, c g, d h);
    exchange!(a b, c d, e f, g h);
    exchange!(c e, d f);
    exchange!(b e, d g);
    exchange!(b c, d e, f g);
    [a, b, c, d, e, f, g, h]
}

/// A pivot, or a price above all of them if there are fewer.
#[inline(always)]
fn counted<V: Vector>(count: V::B, number: u64, pivot: V::F) -> V::F {
    V::pick(V::at_least(count, number), pivot, V::splat(f64::INFINITY))
}

/// The group of pivots that a scan of them by ascending price is in.
struct Group<V: Vector> {
    /// The prices between which a level must lie.
    low: V::F,
    high: V::F,
    /// Touches that a level must have.
    enough: V::F,
    tolerance: V::F,
    /// How many pivots there are.
    count: V::B,
    /// Of the group so far: its lowest price, the sum of the distances from it, how many there are.
    lowest: V::F,
    above: V::F,
    touches: V::F,
    found: V::M,
}

impl<V: Vector> Group<V> {
    /// Whether the group so far has its level, `lowest + above / touches`, between the prices.
    #[inline(always)]
    fn level(&self) -> V::M {
        let from = V::le(V::mul(self.touches, V::sub(self.low, self.lowest)), self.above);
        let to = V::le(self.above, V::mul(self.touches, V::sub(self.high, self.lowest)));
        V::and(V::and(from, to), V::ge(self.touches, self.enough))
    }

    /// Goes from a pivot on to the next, which is the `number`th.
    #[inline(always)]
    fn go_on(&mut self, number: u64, here: V::F, next: V::F) {
        let close = V::le(V::sub(next, here), V::mul(self.tolerance, next));
        let joins = V::and(close, V::at_least(self.count, number));
        self.found = V::or(self.found, V::and(self.level(), V::not(joins)));
        self.above = V::pick(joins, V::add(self.above, V::sub(next, self.lowest)), V::splat(0.0));
        self.lowest = V::pick(joins, self.lowest, next);
        self.touches = V::pick(joins, V::add(self.touches, V::splat(1.0)), V::splat(1.0));
    }
}

/// Where the newest move of a cell's price may have crossed a level: a group of enough touches whose level lies between
/// the two prices, or more pivots than are kept close by. `tops` and `bottoms`: bit k, whether the bar `i − k` is a
/// pivot; the look back must not be longer than they are.
#[inline(always)]
pub(super) fn may_break<V: Vector>(
    levels: &Levels,
    row: &Row<V>,
    cells: &impl PivotRows<V>,
    [tops, bottoms]: [V::B; 2],
) -> V::M {
    let [price, before, _] = row.change.prices;
    let down = V::le(price, before);
    let bits = V::to_bits(V::pick(down, V::from_bits(bottoms), V::from_bits(tops)));
    let count = V::count(V::masked(bits, levels.known));
    let [a, b, c, d, e, f, g, h] = cells.pivots(down);
    // What does not count comes last.
    let [a, b, c, d] =
        [counted::<V>(count, 1, a), counted::<V>(count, 2, b), counted::<V>(count, 3, c), counted::<V>(count, 4, d)];
    let [e, f, g, h] =
        [counted::<V>(count, 5, e), counted::<V>(count, 6, f), counted::<V>(count, 7, g), counted::<V>(count, 8, h)];
    let [a, b, c, d, e, f, g, h] = sort::<V>([a, b, c, d, e, f, g, h]);

    let mut group = Group::<V> {
        low: V::mul(V::min(price, before), V::splat(1.0 - ROOM)),
        high: V::mul(V::max(price, before), V::splat(1.0 + ROOM)),
        enough: V::splat(levels.min_touches as f64),
        tolerance: V::mul(V::splat(levels.tolerance), row.scale),
        count,
        lowest: a,
        above: V::splat(0.0),
        touches: V::splat(1.0),
        found: V::at_least(count, RECENT as u64 + 1),
    };
    group.go_on(2, a, b);
    group.go_on(3, b, c);
    group.go_on(4, c, d);
    group.go_on(5, d, e);
    group.go_on(6, e, f);
    group.go_on(7, f, g);
    group.go_on(8, g, h);
    V::or(group.found, group.level())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One;

    #[test]
    fn the_exchanges_sort() {
        // Whatever sorts all rows of zeros and ones sorts everything.
        for bits in 0..1u32 << RECENT {
            let rows = sort::<One>(std::array::from_fn(|k| f64::from(bits >> k & 1)));
            assert!(rows.is_sorted(), "{bits:08b}");
            assert_eq!(rows.iter().sum::<f64>(), f64::from(bits.count_ones()));
        }
    }
}
