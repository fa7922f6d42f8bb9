//! One cell by itself.

use super::{LANES, Line, Vector, WINDOW, sum_of_squares};

/// One lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct One;

impl Vector for One {
    type F = f64;
    type B = u64;
    type M = bool;

    #[inline(always)]
    fn splat(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn load(values: &[f64; LANES]) -> f64 {
        values[0]
    }
    #[inline(always)]
    fn store(values: f64, to: &mut [f64; LANES]) {
        to[0] = values;
    }
    #[inline(always)]
    fn to_bits(values: f64) -> u64 {
        values.to_bits()
    }
    #[inline(always)]
    fn from_bits(words: u64) -> f64 {
        f64::from_bits(words)
    }
    #[inline(always)]
    fn add(a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn sub(a: f64, b: f64) -> f64 {
        a - b
    }
    #[inline(always)]
    fn mul(a: f64, b: f64) -> f64 {
        a * b
    }
    #[inline(always)]
    fn div(a: f64, b: f64) -> f64 {
        a / b
    }
    #[inline(always)]
    fn sqrt(a: f64) -> f64 {
        a.sqrt()
    }
    #[inline(always)]
    fn min(a: f64, b: f64) -> f64 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn max(a: f64, b: f64) -> f64 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn pick(condition: bool, a: f64, b: f64) -> f64 {
        std::hint::select_unpredictable(condition, a, b)
    }
    #[inline(always)]
    fn lt(a: f64, b: f64) -> bool {
        a < b
    }
    #[inline(always)]
    fn le(a: f64, b: f64) -> bool {
        a <= b
    }
    #[inline(always)]
    fn eq(a: f64, b: f64) -> bool {
        a == b
    }
    #[inline(always)]
    fn and(a: bool, b: bool) -> bool {
        a & b
    }
    #[inline(always)]
    fn or(a: bool, b: bool) -> bool {
        a | b
    }
    #[inline(always)]
    fn not(a: bool) -> bool {
        !a
    }
    #[inline(always)]
    fn always(truth: bool) -> bool {
        truth
    }
    #[inline(always)]
    fn where_set(bits: u8) -> bool {
        bits & 1 != 0
    }
    #[inline(always)]
    fn lanes(a: bool) -> u32 {
        u32::from(a)
    }
    #[inline(always)]
    fn words(word: u64) -> u64 {
        word
    }
    #[inline(always)]
    fn store_words(words: u64, to: &mut [u64; LANES]) {
        to[0] = words;
    }
    #[inline(always)]
    fn or_if(words: u64, condition: bool, bits: u64) -> u64 {
        words | u64::from(condition).wrapping_neg() & bits
    }
    #[inline(always)]
    fn shift(words: u64) -> u64 {
        words << 1
    }
    #[inline(always)]
    fn masked(words: u64, mask: u64) -> u64 {
        words & mask
    }
    #[inline(always)]
    fn has(words: u64, mask: u64) -> bool {
        words & mask == mask
    }
    #[inline(always)]
    fn any(words: u64, mask: u64) -> bool {
        words & mask != 0
    }
    #[inline(always)]
    fn count(words: u64) -> u64 {
        u64::from(words.count_ones())
    }
    #[inline(always)]
    fn without(words: u64, others: u64) -> u64 {
        words & !others
    }
    #[inline(always)]
    fn sum(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn at_least(words: u64, n: u64) -> bool {
        words >= n
    }
    #[inline(always)]
    fn one_more_or_one(words: u64, condition: bool) -> u64 {
        std::hint::select_unpredictable(condition, words.wrapping_add(1), 1)
    }
    #[inline(always)]
    fn rows_of(lines: &[&Line; LANES]) -> [f64; 8] {
        lines[0].0
    }
    #[inline(always)]
    fn put_rows<C>(cells: &mut [&mut C], rows: [f64; 8], line: impl Fn(&mut C) -> &mut Line) {
        *line(cells[0]) = Line(rows);
    }
    #[inline(always)]
    fn squares<C>(cells: &[&mut C], window: impl Fn(&C) -> &[f64; WINDOW], n: usize, mean: f64) -> f64 {
        sum_of_squares(&window(cells[0])[..n.min(WINDOW)], mean)
    }
}
