//! Several cells side by side: the same formulas for one cell or for eight, each value of a cell a lane of a vector.
//!
//! A formula is written once, over a `Vector`, and compiled for one lane, for eight in plain arrays, and for eight in the
//! registers of AVX2 and AVX-512. Every operation is that of IEEE 754 on each lane by itself, in the same order; nothing is
//! fused or reassociated, and so all of them give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod eight;
mod isa;
mod line;
mod one;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use eight::Eight;
pub use isa::Isa;
pub(crate) use line::{Line, WINDOW, sum_of_squares};
pub(crate) use one::One;

/// Lanes of the widest vector.
pub(crate) const LANES: usize = 8;

/// The values of a row of cells, and what can be done with them. All functions are inlined into a function that is
/// compiled for the instructions they use.
pub(crate) trait Vector: Copy {
    /// A number of each cell.
    type F: Copy;
    /// A word of each cell.
    type B: Copy;
    /// A truth of each cell.
    type M: Copy;

    fn splat(x: f64) -> Self::F;
    fn load(values: &[f64; LANES]) -> Self::F;
    fn store(values: Self::F, to: &mut [f64; LANES]);
    fn to_bits(values: Self::F) -> Self::B;
    fn from_bits(words: Self::B) -> Self::F;

    fn add(a: Self::F, b: Self::F) -> Self::F;
    fn sub(a: Self::F, b: Self::F) -> Self::F;
    fn mul(a: Self::F, b: Self::F) -> Self::F;
    fn div(a: Self::F, b: Self::F) -> Self::F;
    fn sqrt(a: Self::F) -> Self::F;
    /// `a` where it is less, else `b`.
    fn min(a: Self::F, b: Self::F) -> Self::F;
    /// `a` where it is more, else `b`.
    fn max(a: Self::F, b: Self::F) -> Self::F;
    /// `a` where the condition holds, else `b`.
    fn pick(condition: Self::M, a: Self::F, b: Self::F) -> Self::F;

    fn lt(a: Self::F, b: Self::F) -> Self::M;
    fn le(a: Self::F, b: Self::F) -> Self::M;
    fn eq(a: Self::F, b: Self::F) -> Self::M;
    fn and(a: Self::M, b: Self::M) -> Self::M;
    fn or(a: Self::M, b: Self::M) -> Self::M;
    fn not(a: Self::M) -> Self::M;
    fn always(truth: bool) -> Self::M;
    /// Where bit k is set, lane k.
    fn where_set(bits: u8) -> Self::M;
    /// Bit k: lane k.
    fn lanes(a: Self::M) -> u32;

    fn words(word: u64) -> Self::B;
    fn store_words(words: Self::B, to: &mut [u64; LANES]);
    /// `words | bits` where the condition holds.
    fn or_if(words: Self::B, condition: Self::M, bits: u64) -> Self::B;
    fn shift(words: Self::B) -> Self::B;
    fn masked(words: Self::B, mask: u64) -> Self::B;
    /// Whether all bits of the mask are set.
    fn has(words: Self::B, mask: u64) -> Self::M;
    /// Whether any bit of the mask is set.
    fn any(words: Self::B, mask: u64) -> Self::M;
    /// Set bits of each word.
    fn count(words: Self::B) -> Self::B;
    fn sum(a: Self::B, b: Self::B) -> Self::B;
    /// The bits of the words that are not among the others.
    fn without(words: Self::B, others: Self::B) -> Self::B;
    /// Whether a word, as a number below 2⁶³, is at least `n`, below 2⁶³ as well.
    fn at_least(words: Self::B, n: u64) -> Self::M;
    /// One more where the condition holds, else 1.
    fn one_more_or_one(words: Self::B, condition: Self::M) -> Self::B;

    /// The words of a line of each cell, as rows.
    fn rows_of(lines: &[&Line; LANES]) -> [Self::F; 8];
    /// Rows back into the lines.
    fn put_rows<C>(cells: &mut [&mut C], rows: [Self::F; 8], line: impl Fn(&mut C) -> &mut Line);
    /// The sum of the squared distances of each cell's window, of `n` values, from its mean: see [`sum_of_squares`].
    fn squares<C>(cells: &[&mut C], window: impl Fn(&C) -> &[f64; WINDOW], n: usize, mean: Self::F) -> Self::F;

    /// The words of a line of each cell, as rows; of fewer cells than lanes, the first stands for what is missing.
    #[inline(always)]
    fn rows<C>(cells: &[&mut C], line: impl Fn(&C) -> &Line) -> [Self::F; 8] {
        let mut lines = [line(cells[0]); LANES];
        for (to, cell) in lines.iter_mut().zip(cells) {
            *to = line(cell);
        }
        Self::rows_of(&lines)
    }
    /// Lines that are rows already: a word of each cell.
    #[inline(always)]
    fn lines(lines: &[Line; 8]) -> [Self::F; 8] {
        let mut rows = [Self::load(&lines[0].0); 8];
        for k in 1..8 {
            rows[k] = Self::load(&lines[k].0);
        }
        rows
    }
    /// Rows into lines that are rows, in the lanes where the condition holds.
    #[inline(always)]
    fn put_lines(rows: [Self::F; 8], lines: &mut [Line; 8], condition: Self::M) {
        for k in 0..8 {
            Self::store_where(condition, rows[k], &mut lines[k].0);
        }
    }
    /// Stores the lanes where the condition holds.
    #[inline(always)]
    fn store_where(condition: Self::M, values: Self::F, to: &mut [f64; LANES]) {
        Self::store(Self::pick(condition, values, Self::load(to)), to);
    }
    #[inline(always)]
    fn gt(a: Self::F, b: Self::F) -> Self::M {
        Self::lt(b, a)
    }
    #[inline(always)]
    fn ge(a: Self::F, b: Self::F) -> Self::M {
        Self::le(b, a)
    }
    /// Whether the condition holds in any lane.
    #[inline(always)]
    fn some(a: Self::M) -> bool {
        Self::lanes(a) != 0
    }
    /// Whether the condition holds in all lanes.
    #[inline(always)]
    fn every(a: Self::M) -> bool {
        !Self::some(Self::not(a))
    }
    /// `words` with one more bar: bit 0 is the condition, all others one further back.
    #[inline(always)]
    fn push(words: Self::B, condition: Self::M) -> Self::B {
        Self::or_if(Self::shift(words), condition, 1)
    }
}
