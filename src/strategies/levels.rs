//! Which cells of a row may have broken a level of support or resistance: what a scan of their pivots' prices can tell,
//! side by side.
//!
//! The groups of pivots are those of [`sr_breakout`](super::sr_breakout), found in the same way, by sorting; their levels are
//! compared without a division and with room for rounding. It says yes a little too often, never no where there is one.

use super::{
    Cell,
    row::Row,
    sr_breakout::{RECENT, known},
};
use crate::{
    config::SrParams,
    lanes::{LANES, Vector},
};

/// Relative room for rounding between the level as it is told here and as it is computed: many times what is needed.
const ROOM: f64 = 1e-9;

/// Compares and exchanges that sort eight values.
const EXCHANGES: [(usize, usize); 19] = [
    (0, 2),
    (1, 3),
    (4, 6),
    (5, 7),
    (0, 4),
    (1, 5),
    (2, 6),
    (3, 7),
    (0, 1),
    (2, 3),
    (4, 5),
    (6, 7),
    (2, 4),
    (3, 5),
    (1, 4),
    (3, 6),
    (1, 2),
    (3, 4),
    (5, 6),
];

/// Sorts the values of each lane.
#[inline(always)]
fn sort<V: Vector>(rows: &mut [V::F; RECENT]) {
    for (a, b) in EXCHANGES {
        (rows[a], rows[b]) = (V::min(rows[a], rows[b]), V::max(rows[a], rows[b]));
    }
}

/// Where the newest move of a cell's price may have crossed a level: a group of enough touches whose level lies between
/// the two prices, or more pivots than are kept close by. `tops` and `bottoms`: bit k, whether the bar `i − k` is a pivot;
/// the look back must not be longer than they are.
#[inline(always)]
pub(super) fn may_break<V: Vector>(
    params: &SrParams,
    row: &Row<V>,
    cells: &[&mut Cell],
    [tops, bottoms]: [V::B; 2],
) -> V::M {
    let [price, before, _] = row.change.prices;
    let down = V::le(price, before);
    let downs = V::lanes(down);
    let mut lines = [cells[0].pivots.of(downs & 1 != 0); LANES];
    for (k, (line, cell)) in lines.iter_mut().zip(cells).enumerate() {
        *line = cell.pivots.of(downs >> k & 1 != 0);
    }
    let bits = V::to_bits(V::pick(down, V::from_bits(bottoms), V::from_bits(tops)));
    let count = V::count(V::masked(bits, known(params) as u64));
    // What does not count comes last.
    let mut pivots = V::rows_of(&lines);
    for (k, pivot) in pivots.iter_mut().enumerate() {
        *pivot = V::pick(V::at_least(count, k as u64 + 1), *pivot, V::splat(f64::INFINITY));
    }
    sort::<V>(&mut pivots);

    let tolerance = V::mul(V::splat(params.tolerance), row.scale);
    let low = V::mul(V::min(price, before), V::splat(1.0 - ROOM));
    let high = V::mul(V::max(price, before), V::splat(1.0 + ROOM));
    let (zero, one, enough) = (V::splat(0.0), V::splat(1.0), V::splat(params.min_touches as f64));
    let mut found = V::at_least(count, RECENT as u64 + 1);
    // Of the group so far: its lowest price, the sum of the distances from it, how many there are.
    let (mut lowest, mut above, mut touches) = (pivots[0], zero, one);
    for k in 0..RECENT {
        // level = lowest + above / touches
        let reached = V::le(V::mul(touches, V::sub(low, lowest)), above);
        let reached = V::and(reached, V::le(above, V::mul(touches, V::sub(high, lowest))));
        let level = V::and(reached, V::ge(touches, enough));
        let Some(&next) = pivots.get(k + 1) else {
            found = V::or(found, level);
            break;
        };
        let close = V::le(V::sub(next, pivots[k]), V::mul(tolerance, next));
        let joins = V::and(close, V::at_least(count, k as u64 + 2));
        found = V::or(found, V::and(level, V::not(joins)));
        above = V::pick(joins, V::add(above, V::sub(next, lowest)), zero);
        lowest = V::pick(joins, lowest, next);
        touches = V::pick(joins, V::add(touches, one), one);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One;

    #[test]
    fn the_exchanges_sort() {
        // Whatever sorts all rows of zeros and ones sorts everything.
        for bits in 0..1u32 << RECENT {
            let mut rows: [f64; RECENT] = std::array::from_fn(|k| f64::from(bits >> k & 1));
            sort::<One>(&mut rows);
            assert!(rows.is_sorted(), "{bits:08b}");
            assert_eq!(rows.iter().sum::<f64>(), f64::from(bits.count_ones()));
        }
    }
}
