//! Eight cells in plain arrays, for every processor: what the compiler makes vectors of where it can.

use super::{LANES, Line, Vector, WINDOW, sum_of_squares};
use std::array::from_fn;

/// Eight lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eight;

/// A truth as a word.
#[inline(always)]
fn all(truth: bool) -> u64 {
    u64::from(truth).wrapping_neg()
}

impl Vector for Eight {
    type F = [f64; LANES];
    type B = [u64; LANES];
    /// All bits of a word that holds: what comparisons of vectors give everywhere.
    type M = [u64; LANES];

    #[inline(always)]
    fn splat(x: f64) -> Self::F {
        [x; LANES]
    }
    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self::F {
        *values
    }
    #[inline(always)]
    fn store(values: Self::F, to: &mut [f64; LANES]) {
        *to = values;
    }
    #[inline(always)]
    fn to_bits(values: Self::F) -> Self::B {
        values.map(f64::to_bits)
    }
    #[inline(always)]
    fn from_bits(words: Self::B) -> Self::F {
        words.map(f64::from_bits)
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] + b[k])
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] - b[k])
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] * b[k])
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| a[k] / b[k])
    }
    #[inline(always)]
    fn sqrt(a: Self::F) -> Self::F {
        a.map(f64::sqrt)
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| if a[k] < b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| if a[k] > b[k] { a[k] } else { b[k] })
    }
    #[inline(always)]
    fn pick(condition: Self::M, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|k| f64::from_bits(condition[k] & a[k].to_bits() | !condition[k] & b[k].to_bits()))
    }
    #[inline(always)]
    fn lt(a: Self::F, b: Self::F) -> Self::M {
        from_fn(|k| all(a[k] < b[k]))
    }
    #[inline(always)]
    fn le(a: Self::F, b: Self::F) -> Self::M {
        from_fn(|k| all(a[k] <= b[k]))
    }
    #[inline(always)]
    fn eq(a: Self::F, b: Self::F) -> Self::M {
        from_fn(|k| all(a[k] == b[k]))
    }
    #[inline(always)]
    fn and(a: Self::M, b: Self::M) -> Self::M {
        from_fn(|k| a[k] & b[k])
    }
    #[inline(always)]
    fn or(a: Self::M, b: Self::M) -> Self::M {
        from_fn(|k| a[k] | b[k])
    }
    #[inline(always)]
    fn not(a: Self::M) -> Self::M {
        a.map(|a| !a)
    }
    #[inline(always)]
    fn always(truth: bool) -> Self::M {
        [all(truth); LANES]
    }
    #[inline(always)]
    fn where_set(bits: u8) -> Self::M {
        from_fn(|k| all(bits >> k & 1 != 0))
    }
    #[inline(always)]
    fn lanes(a: Self::M) -> u32 {
        a.iter().enumerate().fold(0, |bits, (k, &a)| bits | (a as u32 & 1) << k)
    }
    #[inline(always)]
    fn words(word: u64) -> Self::B {
        [word; LANES]
    }
    #[inline(always)]
    fn store_words(words: Self::B, to: &mut [u64; LANES]) {
        *to = words;
    }
    #[inline(always)]
    fn or_if(words: Self::B, condition: Self::M, bits: u64) -> Self::B {
        from_fn(|k| words[k] | condition[k] & bits)
    }
    #[inline(always)]
    fn shift(words: Self::B) -> Self::B {
        words.map(|word| word << 1)
    }
    #[inline(always)]
    fn masked(words: Self::B, mask: u64) -> Self::B {
        words.map(|word| word & mask)
    }
    #[inline(always)]
    fn has(words: Self::B, mask: u64) -> Self::M {
        words.map(|word| all(word & mask == mask))
    }
    #[inline(always)]
    fn any(words: Self::B, mask: u64) -> Self::M {
        words.map(|word| all(word & mask != 0))
    }
    #[inline(always)]
    fn count(words: Self::B) -> Self::B {
        words.map(|word| u64::from(word.count_ones()))
    }
    #[inline(always)]
    fn without(words: Self::B, others: Self::B) -> Self::B {
        from_fn(|k| words[k] & !others[k])
    }
    #[inline(always)]
    fn sum(a: Self::B, b: Self::B) -> Self::B {
        from_fn(|k| a[k].wrapping_add(b[k]))
    }
    #[inline(always)]
    fn at_least(words: Self::B, n: u64) -> Self::M {
        // Both are below 2⁶³, and so is their difference.
        words.map(|word| !((word.wrapping_sub(n) as i64 >> 63) as u64))
    }
    #[inline(always)]
    fn one_more_or_one(words: Self::B, condition: Self::M) -> Self::B {
        from_fn(|k| (words[k] & condition[k]).wrapping_add(1))
    }
    #[inline(always)]
    fn rows_of(lines: &[&Line; LANES]) -> [Self::F; 8] {
        from_fn(|row| from_fn(|k| lines[k].0[row]))
    }
    #[inline(always)]
    fn put_rows<C>(cells: &mut [&mut C], rows: [Self::F; 8], line: impl Fn(&mut C) -> &mut Line) {
        for (k, cell) in cells.iter_mut().enumerate().take(LANES) {
            *line(cell) = Line(from_fn(|row| rows[row][k]));
        }
    }
    #[inline(always)]
    fn squares<C>(cells: &[&mut C], window: impl Fn(&C) -> &[f64; WINDOW], n: usize, mean: Self::F) -> Self::F {
        from_fn(|k| sum_of_squares(&window(cells[k])[..n.min(WINDOW)], mean[k]))
    }
}
