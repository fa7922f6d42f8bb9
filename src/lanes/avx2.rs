//! Eight cells in the registers of AVX2: two of four.
#![allow(unsafe_code)] // instructions that not every processor has
#![allow(clippy::needless_range_loop)] // a closure would be compiled without these instructions

use super::{LANES, Line, Vector, WINDOW};
use std::arch::x86_64::*;

/// Eight lanes, for processors of which [`Isa::Avx2`](super::Isa::Avx2) has been found to be here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2;

/// Calls intrinsics.
macro_rules! here {
    ($body:expr) => {
        // SAFETY: only functions that are compiled for AVX2 use this type, and these are called only where the processor
        // has been asked for it; memory is reached through references to as many values as are moved.
        unsafe { $body }
    };
}

/// Four words of four lines from word `at` on, transposed.
#[inline(always)]
fn block(lines: &[&[f64]], at: usize) -> [__m256d; 4] {
    let mut rows = [here!(_mm256_setzero_pd()); 4];
    for k in 0..4 {
        rows[k] = here!(_mm256_loadu_pd(lines[k][at..at + 4].as_ptr()));
    }
    transposed(rows)
}

#[inline(always)]
fn transposed([a, b, c, d]: [__m256d; 4]) -> [__m256d; 4] {
    here!({
        let (ab_even, ab_odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (cd_even, cd_odd) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        [
            _mm256_permute2f128_pd::<0x20>(ab_even, cd_even),
            _mm256_permute2f128_pd::<0x20>(ab_odd, cd_odd),
            _mm256_permute2f128_pd::<0x31>(ab_even, cd_even),
            _mm256_permute2f128_pd::<0x31>(ab_odd, cd_odd),
        ]
    })
}

/// Both halves of one or two values through an expression: no closure, which would be compiled without these instructions.
macro_rules! each {
    ($a:ident => $body:expr) => {{
        let [low, high] = $a;
        let low = {
            let $a = low;
            here!($body)
        };
        let high = {
            let $a = high;
            here!($body)
        };
        [low, high]
    }};
    ($a:ident, $b:ident => $body:expr) => {{
        let ([a_low, a_high], [b_low, b_high]) = ($a, $b);
        let low = {
            let ($a, $b) = (a_low, b_low);
            here!($body)
        };
        let high = {
            let ($a, $b) = (a_high, b_high);
            here!($body)
        };
        [low, high]
    }};
}

#[inline(always)]
fn same(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256d; 2] {
    each!(a, b => _mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b)))
}

impl Vector for Avx2 {
    type F = [__m256d; 2];
    type B = [__m256i; 2];
    type M = [__m256d; 2];

    #[inline(always)]
    fn splat(x: f64) -> Self::F {
        [here!(_mm256_set1_pd(x)); 2]
    }
    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self::F {
        here!([_mm256_loadu_pd(values[..4].as_ptr()), _mm256_loadu_pd(values[4..].as_ptr())])
    }
    #[inline(always)]
    fn store(values: Self::F, to: &mut [f64; LANES]) {
        here!(_mm256_storeu_pd(to[..4].as_mut_ptr(), values[0]));
        here!(_mm256_storeu_pd(to[4..].as_mut_ptr(), values[1]));
    }
    #[inline(always)]
    fn to_bits(values: Self::F) -> Self::B {
        each!(values => _mm256_castpd_si256(values))
    }
    #[inline(always)]
    fn from_bits(words: Self::B) -> Self::F {
        each!(words => _mm256_castsi256_pd(words))
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_add_pd(a, b))
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_sub_pd(a, b))
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_mul_pd(a, b))
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_div_pd(a, b))
    }
    #[inline(always)]
    fn sqrt(a: Self::F) -> Self::F {
        each!(a => _mm256_sqrt_pd(a))
    }
    #[inline(always)]
    fn min(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_min_pd(a, b))
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        each!(a, b => _mm256_max_pd(a, b))
    }
    #[inline(always)]
    fn pick(condition: Self::M, a: Self::F, b: Self::F) -> Self::F {
        let half = |k: usize| (b[k], a[k], condition[k]);
        let ((b0, a0, c0), (b1, a1, c1)) = (half(0), half(1));
        here!([_mm256_blendv_pd(b0, a0, c0), _mm256_blendv_pd(b1, a1, c1)])
    }
    #[inline(always)]
    fn lt(a: Self::F, b: Self::F) -> Self::M {
        each!(a, b => _mm256_cmp_pd::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(a: Self::F, b: Self::F) -> Self::M {
        each!(a, b => _mm256_cmp_pd::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(a: Self::F, b: Self::F) -> Self::M {
        each!(a, b => _mm256_cmp_pd::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn and(a: Self::M, b: Self::M) -> Self::M {
        each!(a, b => _mm256_and_pd(a, b))
    }
    #[inline(always)]
    fn or(a: Self::M, b: Self::M) -> Self::M {
        each!(a, b => _mm256_or_pd(a, b))
    }
    #[inline(always)]
    fn not(a: Self::M) -> Self::M {
        let all = Self::always(true);
        each!(a, all => _mm256_xor_pd(a, all))
    }
    #[inline(always)]
    fn always(truth: bool) -> Self::M {
        [here!(_mm256_castsi256_pd(_mm256_set1_epi64x(-i64::from(truth)))); 2]
    }
    #[inline(always)]
    fn where_set(bits: u8) -> Self::M {
        here!({
            let (low, high) = (_mm256_setr_epi64x(1, 2, 4, 8), _mm256_setr_epi64x(16, 32, 64, 128));
            let bits = _mm256_set1_epi64x(i64::from(bits));
            let (low_bits, high_bits) = (_mm256_and_si256(bits, low), _mm256_and_si256(bits, high));
            [
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(low_bits, low)),
                _mm256_castsi256_pd(_mm256_cmpeq_epi64(high_bits, high)),
            ]
        })
    }
    #[inline(always)]
    fn lanes(a: Self::M) -> u32 {
        let [low, high] = each!(a => _mm256_movemask_pd(a));
        (low | high << 4) as u32
    }
    #[inline(always)]
    fn some(a: Self::M) -> bool {
        here!(_mm256_movemask_pd(_mm256_or_pd(a[0], a[1]))) != 0
    }
    #[inline(always)]
    fn every(a: Self::M) -> bool {
        here!(_mm256_movemask_pd(_mm256_and_pd(a[0], a[1]))) == 0b1111
    }
    #[inline(always)]
    fn words(word: u64) -> Self::B {
        [here!(_mm256_set1_epi64x(word as i64)); 2]
    }
    #[inline(always)]
    fn store_words(words: Self::B, to: &mut [u64; LANES]) {
        here!(_mm256_storeu_si256(to[..4].as_mut_ptr().cast(), words[0]));
        here!(_mm256_storeu_si256(to[4..].as_mut_ptr().cast(), words[1]));
    }
    #[inline(always)]
    fn or_if(words: Self::B, condition: Self::M, bits: u64) -> Self::B {
        let bits = here!(_mm256_set1_epi64x(bits as i64));
        each!(words, condition => _mm256_or_si256(words, _mm256_and_si256(_mm256_castpd_si256(condition), bits)))
    }
    #[inline(always)]
    fn shift(words: Self::B) -> Self::B {
        each!(words => _mm256_slli_epi64::<1>(words))
    }
    #[inline(always)]
    fn masked(words: Self::B, mask: u64) -> Self::B {
        let mask = Self::words(mask);
        each!(words, mask => _mm256_and_si256(words, mask))
    }
    #[inline(always)]
    fn has(words: Self::B, mask: u64) -> Self::M {
        same(Self::masked(words, mask), Self::words(mask))
    }
    #[inline(always)]
    fn any(words: Self::B, mask: u64) -> Self::M {
        Self::not(same(Self::masked(words, mask), Self::words(0)))
    }
    #[inline(always)]
    fn count(words: Self::B) -> Self::B {
        // By nibbles, from a table; then the bytes of each word are added.
        let (table, nibble) = here!((
            _mm256_setr_epi8(
                0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
            ),
            _mm256_set1_epi8(15)
        ));
        each!(words => {
            let low = _mm256_shuffle_epi8(table, _mm256_and_si256(words, nibble));
            let high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi64::<4>(words), nibble));
            _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256())
        })
    }
    #[inline(always)]
    fn without(words: Self::B, others: Self::B) -> Self::B {
        each!(words, others => _mm256_andnot_si256(others, words))
    }
    #[inline(always)]
    fn sum(a: Self::B, b: Self::B) -> Self::B {
        each!(a, b => _mm256_add_epi64(a, b))
    }
    #[inline(always)]
    fn at_least(words: Self::B, n: u64) -> Self::M {
        // Both below 2⁶³: as signed numbers they compare alike.
        let n = Self::words(n);
        Self::not(each!(words, n => _mm256_castsi256_pd(_mm256_cmpgt_epi64(n, words))))
    }
    #[inline(always)]
    fn one_more_or_one(words: Self::B, condition: Self::M) -> Self::B {
        let one = here!(_mm256_set1_epi64x(1));
        each!(words, condition => {
            _mm256_add_epi64(_mm256_and_si256(words, _mm256_castpd_si256(condition)), one)
        })
    }
    #[inline(always)]
    fn rows_of(of: &[&Line; LANES]) -> [Self::F; 8] {
        let mut lines: [&[f64]; LANES] = [&[]; LANES];
        for k in 0..LANES {
            lines[k] = &of[k].0;
        }
        let mut rows = [Self::splat(0.0); 8];
        for at in [0, 4] {
            let (low, high) = (block(&lines[..4], at), block(&lines[4..], at));
            for k in 0..4 {
                rows[at + k] = [low[k], high[k]];
            }
        }
        rows
    }
    #[inline(always)]
    fn put_rows<C>(cells: &mut [&mut C], rows: [Self::F; 8], line: impl Fn(&mut C) -> &mut Line) {
        for half in 0..2 {
            for at in [0, 4] {
                let lines = transposed([rows[at][half], rows[at + 1][half], rows[at + 2][half], rows[at + 3][half]]);
                for k in 0..4 {
                    let words = &mut line(cells[half * 4 + k]).0[at..at + 4];
                    here!(_mm256_storeu_pd(words.as_mut_ptr(), lines[k]));
                }
            }
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
        let mut at = 0;
        while at < n {
            let halves = [block(&windows[..4], at), block(&windows[4..], at)];
            for k in 0..4.min(n - at) {
                let off = Self::sub([halves[0][k], halves[1][k]], mean);
                sums[k] = Self::add(sums[k], Self::mul(off, off));
            }
            at += 4;
        }
        Self::add(Self::add(sums[0], sums[1]), Self::add(sums[2], sums[3]))
    }
}
