//! The steps that remember something from bar to bar, of eight cells side by side. Hot.
//!
//! Every formula that a built-in indicator has as well is written with the same operations in the same order, so that both
//! give the same bits.
#![allow(clippy::needless_range_loop)] // a closure would be compiled without the instructions at hand

use crate::{
    indicators::LEAST,
    lanes::{LANES, Line, Vector},
};

/// The bars that the cells of a block take now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// By cell: the number of its bar, from 0.
    pub bars: [u32; LANES],
    /// The number of all their bars, where it is the same.
    pub same: Option<u32>,
    /// Bit k: cell k takes a bar.
    pub present: u8,
}

impl Place {
    /// The values so many bars back in a window of a power of two lines.
    #[inline(always)]
    pub fn back<V: Vector>(&self, window: &[Line], back: u32) -> V::F {
        let mask = window.len() - 1;
        match self.same {
            Some(bar) => V::load(&window[bar.wrapping_sub(back) as usize & mask].0),
            None => {
                let mut values = [0.0; LANES];
                for (k, (to, bar)) in values.iter_mut().zip(self.bars).enumerate() {
                    *to = window[bar.wrapping_sub(back) as usize & mask].0[k];
                }
                V::load(&values)
            }
        }
    }

    /// Writes the values of this bar.
    #[inline(always)]
    pub fn push<V: Vector>(&self, window: &mut [Line], values: V::F) {
        let mask = window.len() - 1;
        match self.same {
            Some(bar) => {
                self.put::<V>(values, &mut window[bar as usize & mask]);
            }
            None => {
                let mut all = [0.0; LANES];
                V::store(values, &mut all);
                for (k, bar) in self.bars.into_iter().enumerate().filter(|(k, _)| self.present & 1 << k != 0) {
                    window[bar as usize & mask].0[k] = all[k];
                }
            }
        }
    }

    /// Puts lines of memory back, of the cells that take a bar.
    #[inline(always)]
    fn keep<V: Vector, const N: usize>(&self, memory: &mut [Line], values: [V::F; N]) {
        let memory = &mut memory[..N];
        for k in 0..N {
            self.put::<V>(values[k], &mut memory[k]);
        }
    }

    /// Writes one line, of the cells that take a bar.
    #[inline(always)]
    fn put<V: Vector>(&self, values: V::F, line: &mut Line) {
        if self.present == u8::MAX {
            V::store(values, &mut line.0);
        } else {
            V::store_where(V::where_set(self.present), values, &mut line.0);
        }
    }
}

#[inline(always)]
fn lines<V: Vector, const N: usize>(memory: &[Line]) -> [V::F; N] {
    let (mut all, memory) = ([V::splat(0.0); N], &memory[..N]);
    for k in 0..N {
        all[k] = V::load(&memory[k].0);
    }
    all
}

/// 1 where it is true, else 0.
#[inline(always)]
pub(super) fn one_or_zero<V: Vector>(truth: V::M) -> V::F {
    V::pick(truth, V::splat(1.0), V::splat(0.0))
}

#[inline(always)]
fn known<V: Vector>(x: V::F) -> V::M {
    V::eq(x, x)
}

/// `x` where the condition holds, else undefined.
#[inline(always)]
fn where_known<V: Vector>(condition: V::M, x: V::F) -> V::F {
    V::pick(condition, x, V::splat(f64::NAN))
}

/// How many are undefined, once one has come and one has left.
#[inline(always)]
fn missing<V: Vector>(missing: V::F, came: V::M, left: V::M) -> V::F {
    let (came, left) = (one_or_zero::<V>(came), one_or_zero::<V>(left));
    V::add(V::sub(missing, came), left)
}

/// The value one bar before.
#[inline(always)]
pub(super) fn last<V: Vector>(place: &Place, memory: &mut [Line], x: V::F) -> V::F {
    let [last] = lines::<V, 1>(memory);
    place.keep::<V, 1>(memory, [x]);
    last
}

/// The mean of the last `n` values: see [`RollingMean`](crate::indicators::RollingMean).
#[inline(always)]
pub(super) fn mean<V: Vector>(place: &Place, memory: &mut [Line], n: u32, x: V::F, leaving: V::F) -> V::F {
    let [mut sum, mut error, last, run, lacking] = lines::<V, 5>(memory);
    let (zero, one, count) = (V::splat(0.0), V::splat(1.0), V::splat(f64::from(n)));
    let (came, left) = (known::<V>(x), known::<V>(leaving));
    let lacking = missing::<V>(lacking, came, left);
    let (value, gone) = (V::pick(came, x, zero), V::pick(left, leaving, zero));
    let run = V::pick(V::eq(x, last), V::add(run, one), one);
    for term in [value, V::sub(zero, gone)] {
        let next = V::add(sum, term);
        let back = V::sub(next, sum);
        let off = V::add(V::sub(sum, V::sub(next, back)), V::sub(term, back));
        (sum, error) = (next, V::add(error, off));
    }
    // Where the whole window is one value, the sum starts afresh, exactly.
    let flat = V::ge(run, count);
    let high = V::from_bits(V::masked(V::to_bits(value), !0x07ff_ffff));
    let (a, b) = (V::mul(high, count), V::mul(V::sub(value, high), count));
    let whole = V::add(a, b);
    sum = V::pick(flat, whole, sum);
    error = V::pick(flat, V::sub(b, V::sub(whole, a)), error);
    place.keep::<V, 5>(memory, [sum, error, x, run, lacking]);
    let mean = V::pick(flat, x, V::div(V::add(sum, error), count));
    where_known::<V>(V::eq(lacking, zero), mean)
}

/// The population standard deviation of the last `n` values from their mean, in two passes.
#[inline(always)]
pub(super) fn deviation<V: Vector>(place: &Place, window: &[Line], n: u32, mean: V::F) -> V::F {
    let mut sums = [V::splat(0.0); 4];
    for back in 0..n {
        let off = V::sub(place.back::<V>(window, back), mean);
        let chain = (back % 4) as usize;
        sums[chain] = V::add(sums[chain], V::mul(off, off));
    }
    let sum = V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3]));
    V::sqrt(V::div(sum, V::splat(f64::from(n))))
}

/// The highest of the last `n` values, or the lowest.
#[inline(always)]
pub(super) fn extreme<V: Vector>(
    place: &Place,
    memory: &mut [Line],
    window: &[Line],
    (n, lowest): (u32, bool),
    x: V::F,
) -> V::F {
    let [best, at, lacking] = lines::<V, 3>(memory);
    let lacking = missing::<V>(lacking, known::<V>(x), known::<V>(place.back::<V>(window, n)));
    let better = if lowest { V::le(x, best) } else { V::ge(x, best) };
    let better = V::and(V::or(better, V::not(known::<V>(best))), known::<V>(x));
    let now = V::load(&place.bars.map(f64::from));
    let (mut best, mut at) = (V::pick(better, x, best), V::pick(better, now, at));
    let expired = V::ge(V::sub(now, at), V::splat(f64::from(n)));
    let lanes = V::lanes(expired) & u32::from(place.present);
    if lanes != 0 {
        (best, at) = searched::<V>(place, window, (n, lowest), lanes, (best, at));
    }
    place.keep::<V, 3>(memory, [best, at, lacking]);
    where_known::<V>(V::eq(lacking, V::splat(0.0)), best)
}

/// The extreme of some cells, whose best has left the window, and the numbers of their bars.
#[inline(always)]
fn searched<V: Vector>(
    place: &Place,
    window: &[Line],
    (n, lowest): (u32, bool),
    mut lanes: u32,
    (best, at): (V::F, V::F),
) -> (V::F, V::F) {
    let (mut bests, mut ats) = ([0.0; LANES], [0.0; LANES]);
    V::store(best, &mut bests);
    V::store(at, &mut ats);
    while lanes != 0 {
        let k = lanes.trailing_zeros() as usize;
        lanes &= lanes - 1;
        let (mut best, mut at) = (f64::NAN, f64::NAN);
        for back in (0..n).rev() {
            let bar = place.bars[k].wrapping_sub(back);
            let x = window[bar as usize & (window.len() - 1)].0[k];
            let better = if lowest { x <= best } else { x >= best };
            if better || (best.is_nan() && !x.is_nan()) {
                (best, at) = (x, f64::from(bar));
            }
        }
        (bests[k], ats[k]) = (best, at);
    }
    (V::load(&bests), V::load(&ats))
}

/// On how many of the last bars it was true.
#[inline(always)]
pub(super) fn count<V: Vector>(place: &Place, memory: &mut [Line], x: V::F, leaving: V::F) -> V::F {
    let [sum, lacking] = lines::<V, 2>(memory);
    let left = known::<V>(leaving);
    let lacking = missing::<V>(lacking, V::always(true), left);
    let sum = V::sub(V::add(sum, x), V::pick(left, leaving, V::splat(0.0)));
    place.keep::<V, 2>(memory, [sum, lacking]);
    where_known::<V>(V::eq(lacking, V::splat(0.0)), sum)
}

/// The exponential average: see [`Ema`](crate::indicators::Ema).
#[inline(always)]
pub(super) fn ema<V: Vector>(place: &Place, memory: &mut [Line], (from, n): (u32, u32), x: V::F) -> V::F {
    let [value, mut seed, count] = lines::<V, 3>(memory);
    let came = known::<V>(x);
    let ready = V::splat(f64::from(from + n));
    let count = V::min(V::add(count, one_or_zero::<V>(came)), V::add(ready, V::splat(1.0)));
    let distance = V::sub(x, value);
    let near = V::lt(size::<V>(distance), V::splat(LEAST));
    let alpha = V::splat(2.0 / (f64::from(n) + 1.0));
    let mut next = V::add(value, V::mul(alpha, V::pick(near, V::splat(0.0), distance)));
    let seeds = V::and(came, V::le(count, ready));
    if V::some(seeds) {
        let counts = V::and(seeds, V::gt(count, V::splat(f64::from(from))));
        seed = V::pick(counts, V::add(seed, x), seed);
        let first = V::and(seeds, V::eq(count, ready));
        next = V::pick(first, V::div(seed, V::splat(f64::from(n))), next);
    }
    let value = V::pick(came, next, value);
    place.keep::<V, 3>(memory, [value, seed, count]);
    where_known::<V>(came, value)
}

/// Wilder's average of values that are not negative: the mean of the first `n`, then one of `n` parts is new.
#[inline(always)]
pub(super) fn wilder<V: Vector>(place: &Place, memory: &mut [Line], n: u32, x: V::F) -> V::F {
    let [average, count] = lines::<V, 2>(memory);
    let (came, all) = (known::<V>(x), V::splat(f64::from(n)));
    let count = V::min(V::add(count, one_or_zero::<V>(came)), V::add(all, V::splat(1.0)));
    let average = averaged::<V>(n, count, came, average, x);
    place.keep::<V, 2>(memory, [average, count]);
    where_known::<V>(V::and(came, V::ge(count, all)), average)
}

/// The relative strength index: see [`Rsi`](crate::indicators::Rsi).
#[inline(always)]
pub(super) fn rsi<V: Vector>(place: &Place, memory: &mut [Line], n: u32, x: V::F) -> V::F {
    let [last, gain, loss, count, value] = lines::<V, 5>(memory);
    let (zero, all) = (V::splat(0.0), V::splat(f64::from(n)));
    let came = known::<V>(x);
    let change = V::sub(x, last);
    let moved = known::<V>(change);
    let count = V::min(V::add(count, one_or_zero::<V>(moved)), V::add(all, V::splat(1.0)));
    let up = V::pick(V::gt(change, zero), change, zero);
    let down = V::pick(V::lt(change, zero), V::sub(zero, change), zero);
    let begins = V::le(count, all);
    let (gain, loss) = (averaged::<V>(n, count, moved, gain, up), averaged::<V>(n, count, moved, loss, down));
    let total = V::add(gain, loss);
    let fresh = V::div(V::mul(V::splat(100.0), gain), total);
    let fresh = V::pick(V::gt(total, zero), fresh, V::splat(50.0));
    // A price that stands still leaves the value as it is.
    let still = V::and(V::eq(change, zero), V::not(begins));
    let changes = V::and(V::and(moved, V::ge(count, all)), V::not(still));
    let value = V::pick(changes, fresh, value);
    place.keep::<V, 5>(memory, [V::pick(came, x, last), gain, loss, count, value]);
    where_known::<V>(V::and(came, V::ge(count, all)), value)
}

/// Wilder's average with the next value in it, of which there have been so many, where there is one: first the plain mean.
#[inline(always)]
fn averaged<V: Vector>(n: u32, count: V::F, came: V::M, average: V::F, next: V::F) -> V::F {
    let all = V::splat(f64::from(n));
    let mut new = smoothed::<V>(average, next, n);
    let begins = V::le(count, all);
    if V::some(begins) {
        let sum = V::add(average, next);
        let first = V::pick(V::eq(count, all), V::div(sum, all), sum);
        new = V::pick(begins, first, new);
    }
    V::pick(came, new, average)
}

/// Whether it rose on each of the last `n` bars, or fell: 1 or 0.
#[inline(always)]
pub(super) fn runs<V: Vector>(place: &Place, memory: &mut [Line], (n, falls): (u32, bool), x: V::F) -> V::F {
    let [last, run, seen] = lines::<V, 3>(memory);
    let (zero, one, all) = (V::splat(0.0), V::splat(1.0), V::splat(f64::from(n)));
    let goes_on = if falls { V::lt(x, last) } else { V::gt(x, last) };
    let run = V::pick(goes_on, V::min(V::add(run, one), all), zero);
    let seen = V::pick(known::<V>(x), V::min(V::add(seen, one), V::add(all, one)), zero);
    place.keep::<V, 3>(memory, [x, run, seen]);
    where_known::<V>(V::gt(seen, all), one_or_zero::<V>(V::ge(run, all)))
}

/// The average with the next value in it; it decays to [`LEAST`] at most.
#[inline(always)]
fn smoothed<V: Vector>(average: V::F, next: V::F, n: u32) -> V::F {
    let all = V::splat(f64::from(n));
    let average_of = V::div(V::add(V::mul(average, V::sub(all, V::splat(1.0))), next), all);
    let least = V::splat(if n > 1 { LEAST } else { 0.0 });
    V::max(average_of, V::min(average, least))
}

/// Its size, without its sign.
#[inline(always)]
pub(super) fn size<V: Vector>(x: V::F) -> V::F {
    V::from_bits(V::masked(V::to_bits(x), !(1 << 63)))
}
