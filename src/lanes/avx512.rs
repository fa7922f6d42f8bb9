//! Eight cells in the registers of AVX-512.
#![allow(unsafe_code)] // instructions that not every processor has
#![allow(clippy::needless_range_loop)] // a closure would be compiled without these instructions

use super::{LANES, Line, Vector, WINDOW};
use std::arch::x86_64::*;

/// Eight lanes, for processors of which [`Isa::Avx512`](super::Isa::Avx512) has been found to be here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512;

/// Calls intrinsics.
macro_rules! here {
    ($body:expr) => {
        // SAFETY: only functions that are compiled for AVX-512 use this type, and these are called only where the
        // processor has been asked for it; memory is reached through references to as many values as are moved.
        unsafe { $body }
    };
}

/// The four words of four lines from word `at` on, and below each those of the line four further on.
#[inline(always)]
fn halves(lines: &[&[f64]; LANES], at: usize) -> [__m512d; 4] {
    let mut rows = [Avx512::splat(0.0); 4];
    for k in 0..4 {
        let (low, high) = (&lines[k][at..at + 4], &lines[k + 4][at..at + 4]);
        rows[k] = here!({
            let low = _mm512_castpd256_pd512(_mm256_loadu_pd(low.as_ptr()));
            _mm512_insertf64x4::<1>(low, _mm256_loadu_pd(high.as_ptr()))
        });
    }
    rows
}

/// Transposes the two halves, each of four by four.
#[inline(always)]
fn transposed([a, b, c, d]: [__m512d; 4]) -> [__m512d; 4] {
    here!({
        let (ab_even, ab_odd) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
        let (cd_even, cd_odd) = (_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
        let front = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
        let back = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
        [
            _mm512_permutex2var_pd(ab_even, front, cd_even),
            _mm512_permutex2var_pd(ab_odd, front, cd_odd),
            _mm512_permutex2var_pd(ab_even, back, cd_even),
            _mm512_permutex2var_pd(ab_odd, back, cd_odd),
        ]
    })
}

/// `sum + (x − mean)²`
#[inline(always)]
fn add_square(sum: __m512d, x: __m512d, mean: __m512d) -> __m512d {
    let off = Avx512::sub(x, mean);
    Avx512::add(sum, Avx512::mul(off, off))
}

impl Vector for Avx512 {
    type F = __m512d;
    type B = __m512i;
    type M = __mmask8;

    #[inline(always)]
    fn splat(x: f64) -> Self::F {
        here!(_mm512_set1_pd(x))
    }
    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self::F {
        here!(_mm512_loadu_pd(values.as_ptr()))
    }
    #[inline(always)]
    fn store(values: Self::F, to: &mut [f64; LANES]) {
        here!(_mm512_storeu_pd(to.as_mut_ptr(), values));
    }
    #[inline(always)]
    fn to_bits(values: Self::F) -> Self::B {
        here!(_mm512_castpd_si512(values))
    }
    #[inline(always)]
    fn from_bits(words: Self::B) -> Self::F {
        here!(_mm512_castsi512_pd(words))
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_add_pd(a, b))
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_sub_pd(a, b))
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_mul_pd(a, b))
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_div_pd(a, b))
    }
    #[inline(always)]
    fn sqrt(a: Self::F) -> Self::F {
        here!(_mm512_sqrt_pd(a))
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_min_pd(a, b))
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_max_pd(a, b))
    }
    #[inline(always)]
    fn pick(condition: Self::M, a: Self::F, b: Self::F) -> Self::F {
        here!(_mm512_mask_blend_pd(condition, b, a))
    }
    #[inline(always)]
    fn lt(a: Self::F, b: Self::F) -> Self::M {
        here!(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(a: Self::F, b: Self::F) -> Self::M {
        here!(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(a: Self::F, b: Self::F) -> Self::M {
        here!(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn and(a: Self::M, b: Self::M) -> Self::M {
        a & b
    }
    #[inline(always)]
    fn or(a: Self::M, b: Self::M) -> Self::M {
        a | b
    }
    #[inline(always)]
    fn not(a: Self::M) -> Self::M {
        !a
    }
    #[inline(always)]
    fn every(a: Self::M) -> bool {
        a == !0
    }
    #[inline(always)]
    fn always(truth: bool) -> Self::M {
        if truth { !0 } else { 0 }
    }
    #[inline(always)]
    fn where_set(bits: u8) -> Self::M {
        bits
    }
    #[inline(always)]
    fn store_where(condition: Self::M, values: Self::F, to: &mut [f64; LANES]) {
        here!(_mm512_mask_storeu_pd(to.as_mut_ptr(), condition, values));
    }
    #[inline(always)]
    fn lanes(a: Self::M) -> u32 {
        u32::from(a)
    }
    #[inline(always)]
    fn words(word: u64) -> Self::B {
        here!(_mm512_set1_epi64(word as i64))
    }
    #[inline(always)]
    fn store_words(words: Self::B, to: &mut [u64; LANES]) {
        here!(_mm512_storeu_epi64(to.as_mut_ptr().cast(), words));
    }
    #[inline(always)]
    fn or_if(words: Self::B, condition: Self::M, bits: u64) -> Self::B {
        here!(_mm512_mask_or_epi64(words, condition, words, Self::words(bits)))
    }
    #[inline(always)]
    fn shift(words: Self::B) -> Self::B {
        here!(_mm512_slli_epi64::<1>(words))
    }
    #[inline(always)]
    fn masked(words: Self::B, mask: u64) -> Self::B {
        here!(_mm512_and_epi64(words, Self::words(mask)))
    }
    #[inline(always)]
    fn has(words: Self::B, mask: u64) -> Self::M {
        here!(_mm512_cmpeq_epi64_mask(Self::masked(words, mask), Self::words(mask)))
    }
    #[inline(always)]
    fn any(words: Self::B, mask: u64) -> Self::M {
        here!(_mm512_test_epi64_mask(words, Self::words(mask)))
    }
    #[inline(always)]
    fn count(words: Self::B) -> Self::B {
        here!(_mm512_popcnt_epi64(words))
    }
    #[inline(always)]
    fn without(words: Self::B, others: Self::B) -> Self::B {
        here!(_mm512_andnot_si512(others, words))
    }
    #[inline(always)]
    fn sum(a: Self::B, b: Self::B) -> Self::B {
        here!(_mm512_add_epi64(a, b))
    }
    #[inline(always)]
    fn at_least(words: Self::B, n: u64) -> Self::M {
        here!(_mm512_cmpge_epu64_mask(words, Self::words(n)))
    }
    #[inline(always)]
    fn one_more_or_one(words: Self::B, condition: Self::M) -> Self::B {
        let one = Self::words(1);
        here!(_mm512_mask_add_epi64(one, condition, words, one))
    }
    #[inline(always)]
    fn rows_of(of: &[&Line; LANES]) -> [Self::F; 8] {
        let mut lines: [&[f64]; LANES] = [&[]; LANES];
        for k in 0..LANES {
            lines[k] = &of[k].0;
        }
        let [a, b, c, d] = transposed(halves(&lines, 0));
        let [e, f, g, h] = transposed(halves(&lines, 4));
        [a, b, c, d, e, f, g, h]
    }
    #[inline(always)]
    fn put_rows<C>(cells: &mut [&mut C], [a, b, c, d, e, f, g, h]: [Self::F; 8], line: impl Fn(&mut C) -> &mut Line) {
        let (front, back) = (transposed([a, b, c, d]), transposed([e, f, g, h]));
        for k in 0..4 {
            let whole = here!(_mm512_insertf64x4::<1>(front[k], _mm512_castpd512_pd256(back[k])));
            here!(_mm512_storeu_pd(line(cells[k]).0.as_mut_ptr(), whole));
            let whole = here!(_mm512_shuffle_f64x2::<0b11_10_11_10>(front[k], back[k]));
            here!(_mm512_storeu_pd(line(cells[k + 4]).0.as_mut_ptr(), whole));
        }
    }
    #[inline(always)]
    fn squares<C>(cells: &[&mut C], window: impl Fn(&C) -> &[f64; WINDOW], n: usize, mean: Self::F) -> Self::F {
        let mut windows: [&[f64]; LANES] = [&[]; LANES];
        for k in 0..LANES {
            windows[k] = window(cells[k]);
        }
        let mut sums = [Self::splat(0.0); 4];
        let n = n.min(WINDOW);
        let whole = n & !3;
        let mut at = 0;
        while at < whole {
            let rows = transposed(halves(&windows, at));
            for k in 0..4 {
                sums[k] = add_square(sums[k], rows[k], mean);
            }
            at += 4;
        }
        if at < n {
            let rows = transposed(halves(&windows, at));
            for k in 0..n - at {
                sums[k] = add_square(sums[k], rows[k], mean);
            }
        }
        Self::add(Self::add(sums[0], sums[1]), Self::add(sums[2], sums[3]))
    }
}
