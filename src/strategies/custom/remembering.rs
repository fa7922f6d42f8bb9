//! The steps that remember something from bar to bar, of eight cells side by side. Hot.
//!
//! A step settles, cell by cell: once its first bars have gone by, what it counts them with stays as it is, and while all
//! that comes is defined it takes a shorter way to the same bits, which touches neither the counts nor the lines they lie in.
//!
//! Every formula that a built-in indicator has as well is written with the same operations in the same order, so that both
//! give the same bits.
#![allow(clippy::needless_range_loop)] // a closure would be compiled without the instructions at hand

use super::ops::Op;
use crate::{
    indicators::LEAST,
    lanes::{LANES, Line, Vector},
};

/// The bars that the cells of a block take now. `FULL` says of the functions below that all eight take one, of the same
/// number.
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
    /// Whether all cells take a bar, of the same number.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.same.is_some() && self.present == u8::MAX
    }

    /// The values so many bars back in the window of a step.
    #[inline(always)]
    pub fn back<V: Vector, const FULL: bool>(&self, memory: &[Line], op: &Op, back: u32) -> V::F {
        let line = |bar: u32| (op.window + (bar.wrapping_sub(back) & op.mask)) as usize;
        if FULL {
            return V::load(&memory[line(self.bars[0])].0);
        }
        match self.same {
            Some(bar) => V::load(&memory[line(bar)].0),
            None => {
                let mut values = [0.0; LANES];
                for (k, (to, bar)) in values.iter_mut().zip(self.bars).enumerate() {
                    *to = memory[line(bar)].0[k];
                }
                V::load(&values)
            }
        }
    }

    /// Writes the values of this bar into the window of a step, and gives them back.
    #[inline(always)]
    pub fn push<V: Vector, const FULL: bool>(&self, memory: &mut [Line], op: &Op, values: V::F) -> V::F {
        let line = |bar: u32| (op.window + (bar & op.mask)) as usize;
        match self.same {
            _ if FULL => V::store(values, &mut memory[line(self.bars[0])].0),
            Some(bar) => self.put::<V, FULL>(values, &mut memory[line(bar)]),
            None => {
                let mut all = [0.0; LANES];
                V::store(values, &mut all);
                for (k, bar) in self.bars.into_iter().enumerate().filter(|(k, _)| self.present & 1 << k != 0) {
                    memory[line(bar)].0[k] = all[k];
                }
            }
        }
        values
    }

    /// Puts lines of memory back, of the cells that take a bar.
    #[inline(always)]
    fn keep<V: Vector, const FULL: bool, const N: usize>(&self, memory: &mut [Line], values: [V::F; N]) {
        let memory = &mut memory[..N];
        for k in 0..N {
            self.put::<V, FULL>(values[k], &mut memory[k]);
        }
    }

    /// Writes one line, of the cells that take a bar.
    #[inline(always)]
    fn put<V: Vector, const FULL: bool>(&self, values: V::F, line: &mut Line) {
        if FULL || self.present == u8::MAX {
            V::store(values, &mut line.0);
        } else {
            V::store_where(V::where_set(self.present), values, &mut line.0);
        }
    }

    /// Whether a step has settled for all cells that take a bar, and this holds of all of them.
    #[inline(always)]
    fn settled<V: Vector, const FULL: bool>(&self, settled: u8, holds: V::M) -> bool {
        if FULL {
            settled == u8::MAX && V::every(holds)
        } else {
            (settled & V::lanes(holds) as u8) | !self.present == u8::MAX
        }
    }

    /// Says for which of the cells that take a bar a step has settled.
    #[inline(always)]
    fn settle<V: Vector>(&self, settled: &mut u8, now: V::M) {
        *settled = *settled & !self.present | V::lanes(now) as u8 & self.present;
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
pub(super) fn last<V: Vector, const FULL: bool>(place: &Place, memory: &mut [Line], op: &Op, x: V::F) -> V::F {
    let own = &mut memory[op.memory as usize];
    let last = V::load(&own.0);
    place.put::<V, FULL>(x, own);
    last
}

/// The mean of the last `n` values: see [`RollingMean`](crate::indicators::RollingMean). Settled while none of them is
/// undefined.
#[inline(always)]
pub(super) fn mean<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    op: &Op,
    x: V::F,
) -> V::F {
    let (zero, count) = (V::splat(0.0), V::splat(op.bars));
    let (came, leaving) = (known::<V>(x), place.back::<V, FULL>(memory, op, op.n));
    let own = &mut memory[op.memory as usize..];
    if place.settled::<V, FULL>(*settled, came) {
        let sums = lines::<V, 4>(own);
        let (kept, mean) = averages::<V>(sums, count, (x, x), leaving);
        place.keep::<V, FULL, 4>(own, kept);
        return mean;
    }
    let [sum, error, last, run, lacking] = lines::<V, 5>(own);
    let left = known::<V>(leaving);
    let lacking = missing::<V>(lacking, came, left);
    let (value, gone) = (V::pick(came, x, zero), V::pick(left, leaving, zero));
    let ([sum, error, last, run], mean) = averages::<V>([sum, error, last, run], count, (x, value), gone);
    place.keep::<V, FULL, 5>(own, [sum, error, last, run, lacking]);
    let full = V::eq(lacking, zero);
    place.settle::<V>(settled, full);
    where_known::<V>(full, mean)
}

/// Sum, its rounding error, the last value and how many of the newest are equal to it, with a value in and one out; and
/// the mean.
#[inline(always)]
fn averages<V: Vector>(
    [mut sum, mut error, last, run]: [V::F; 4],
    count: V::F,
    (x, value): (V::F, V::F),
    gone: V::F,
) -> ([V::F; 4], V::F) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let run = V::pick(V::eq(x, last), V::add(run, one), one);
    for term in [value, V::sub(zero, gone)] {
        let next = V::add(sum, term);
        let back = V::sub(next, sum);
        let off = V::add(V::sub(sum, V::sub(next, back)), V::sub(term, back));
        (sum, error) = (next, V::add(error, off));
    }
    let mut mean = V::div(V::add(sum, error), count);
    // Where the whole window is one value, the sum starts afresh, exactly.
    let flat = V::ge(run, count);
    if V::some(flat) {
        let high = V::from_bits(V::masked(V::to_bits(value), !0x07ff_ffff));
        let (a, b) = (V::mul(high, count), V::mul(V::sub(value, high), count));
        let whole = V::add(a, b);
        sum = V::pick(flat, whole, sum);
        error = V::pick(flat, V::sub(b, V::sub(whole, a)), error);
        mean = V::pick(flat, x, mean);
    }
    ([sum, error, x, run], mean)
}

/// The population standard deviation of the last `n` values from their mean, in two passes.
#[inline(always)]
pub(super) fn deviation<V: Vector, const FULL: bool>(place: &Place, memory: &[Line], op: &Op, mean: V::F) -> V::F {
    let mut sums = [V::splat(0.0); 4];
    for back in 0..op.n {
        let off = V::sub(place.back::<V, FULL>(memory, op, back), mean);
        let chain = (back % 4) as usize;
        sums[chain] = V::add(sums[chain], V::mul(off, off));
    }
    let sum = V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3]));
    V::sqrt(V::div(sum, V::splat(op.bars)))
}

/// The highest of the last `n` values, or the lowest. Settled while none of them is undefined.
#[inline(always)]
pub(super) fn extreme<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    (op, lowest): (&Op, bool),
    x: V::F,
) -> V::F {
    // The memory of a step lies behind the window that it reads, which was laid out with the value before it.
    let (window, own) = memory.split_at_mut(op.memory as usize);
    let [best, at] = lines::<V, 2>(own);
    let came = known::<V>(x);
    let better = if lowest { V::le(x, best) } else { V::ge(x, best) };
    let better = V::and(V::or(better, V::not(known::<V>(best))), came);
    let now = if FULL { V::splat(f64::from(place.bars[0])) } else { V::load(&place.bars.map(f64::from)) };
    let (mut best, mut at) = (V::pick(better, x, best), V::pick(better, now, at));
    let expired = V::ge(V::sub(now, at), V::splat(op.bars));
    if V::some(expired) {
        let lanes = V::lanes(expired) & u32::from(place.present);
        (best, at) = searched::<V>(place, window, (op, lowest), lanes, (best, at));
    }
    place.keep::<V, FULL, 2>(own, [best, at]);
    if place.settled::<V, FULL>(*settled, came) {
        return best;
    }
    let lacking = missing::<V>(V::load(&own[2].0), came, known::<V>(place.back::<V, FULL>(window, op, op.n)));
    place.put::<V, FULL>(lacking, &mut own[2]);
    let full = V::eq(lacking, V::splat(0.0));
    place.settle::<V>(settled, full);
    where_known::<V>(full, best)
}

/// The extreme of some cells, whose best has left the window, and the numbers of their bars.
#[inline(always)]
fn searched<V: Vector>(
    place: &Place,
    window: &[Line],
    (op, lowest): (&Op, bool),
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
        for back in (0..op.n).rev() {
            let bar = place.bars[k].wrapping_sub(back);
            let x = window[(op.window + (bar & op.mask)) as usize].0[k];
            let better = if lowest { x <= best } else { x >= best };
            if better || (best.is_nan() && !x.is_nan()) {
                (best, at) = (x, f64::from(bar));
            }
        }
        (bests[k], ats[k]) = (best, at);
    }
    (V::load(&bests), V::load(&ats))
}

/// On how many of the last bars it was true. Settled once there were so many.
#[inline(always)]
pub(super) fn count<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    op: &Op,
    x: V::F,
) -> V::F {
    let leaving = place.back::<V, FULL>(memory, op, op.n);
    let own = &mut memory[op.memory as usize..];
    if place.settled::<V, FULL>(*settled, V::always(true)) {
        let sum = V::sub(V::add(V::load(&own[0].0), x), leaving);
        place.put::<V, FULL>(sum, &mut own[0]);
        return sum;
    }
    let [sum, lacking] = lines::<V, 2>(own);
    let left = known::<V>(leaving);
    let lacking = missing::<V>(lacking, V::always(true), left);
    let sum = V::sub(V::add(sum, x), V::pick(left, leaving, V::splat(0.0)));
    place.keep::<V, FULL, 2>(own, [sum, lacking]);
    let full = V::eq(lacking, V::splat(0.0));
    place.settle::<V>(settled, full);
    where_known::<V>(full, sum)
}

/// The exponential average: see [`Ema`](crate::indicators::Ema). Settled once the plain mean that it begins with is gone.
#[inline(always)]
pub(super) fn ema<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    op: &Op,
    x: V::F,
) -> V::F {
    let own = &mut memory[op.memory as usize..];
    let (came, value) = (known::<V>(x), V::load(&own[0].0));
    let distance = V::sub(x, value);
    let near = V::lt(size::<V>(distance), V::splat(LEAST));
    let mut next = V::add(value, V::mul(V::splat(op.weight), V::pick(near, V::splat(0.0), distance)));
    if place.settled::<V, FULL>(*settled, came) {
        place.put::<V, FULL>(next, &mut own[0]);
        return next;
    }
    let [_, mut seed, count] = lines::<V, 3>(own);
    let ready = V::splat(op.from + op.bars);
    let count = V::min(V::add(count, one_or_zero::<V>(came)), V::add(ready, V::splat(1.0)));
    let seeds = V::and(came, V::le(count, ready));
    if V::some(seeds) {
        let counts = V::and(seeds, V::gt(count, V::splat(op.from)));
        seed = V::pick(counts, V::add(seed, x), seed);
        let first = V::and(seeds, V::eq(count, ready));
        next = V::pick(first, V::div(seed, V::splat(op.bars)), next);
    }
    let value = V::pick(came, next, value);
    place.keep::<V, FULL, 3>(own, [value, seed, count]);
    place.settle::<V>(settled, V::gt(count, ready));
    where_known::<V>(came, value)
}

/// Wilder's average of values that are not negative: the mean of the first `n`, then one of `n` parts is new.
#[inline(always)]
pub(super) fn wilder<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    op: &Op,
    x: V::F,
) -> V::F {
    let own = &mut memory[op.memory as usize..];
    let (came, all) = (known::<V>(x), V::splat(op.bars));
    if place.settled::<V, FULL>(*settled, came) {
        let average = smoothed::<V>(V::load(&own[0].0), x, op);
        place.put::<V, FULL>(average, &mut own[0]);
        return average;
    }
    let [average, count] = lines::<V, 2>(own);
    let count = V::min(V::add(count, one_or_zero::<V>(came)), V::add(all, V::splat(1.0)));
    let average = averaged::<V>(op, count, came, average, x);
    place.keep::<V, FULL, 2>(own, [average, count]);
    place.settle::<V>(settled, V::gt(count, all));
    where_known::<V>(V::and(came, V::ge(count, all)), average)
}

/// The relative strength index: see [`Rsi`](crate::indicators::Rsi).
#[inline(always)]
pub(super) fn rsi<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    op: &Op,
    x: V::F,
) -> V::F {
    let own = &mut memory[op.memory as usize..][..5];
    let [last, gain, loss, _, value] = lines::<V, 5>(own);
    let (zero, all) = (V::splat(0.0), V::splat(op.bars));
    let change = V::sub(x, last);
    let moved = known::<V>(change);
    let up = V::pick(V::gt(change, zero), change, zero);
    let down = V::pick(V::lt(change, zero), V::sub(zero, change), zero);
    let still = V::eq(change, zero);
    if place.settled::<V, FULL>(*settled, moved) {
        let (gain, loss) = (smoothed::<V>(gain, up, op), smoothed::<V>(loss, down, op));
        // A price that stands still leaves the value as it is.
        let value = V::pick(still, value, strength::<V>(gain, loss));
        place.keep::<V, FULL, 3>(own, [x, gain, loss]);
        place.put::<V, FULL>(value, &mut own[4]);
        return value;
    }
    let (came, count) = (known::<V>(x), V::load(&own[3].0));
    let count = V::min(V::add(count, one_or_zero::<V>(moved)), V::add(all, V::splat(1.0)));
    let begins = V::le(count, all);
    let (gain, loss) = (averaged::<V>(op, count, moved, gain, up), averaged::<V>(op, count, moved, loss, down));
    let still = V::and(still, V::not(begins));
    let changes = V::and(V::and(moved, V::ge(count, all)), V::not(still));
    let value = V::pick(changes, strength::<V>(gain, loss), value);
    place.keep::<V, FULL, 5>(own, [V::pick(came, x, last), gain, loss, count, value]);
    place.settle::<V>(settled, V::not(begins));
    where_known::<V>(V::and(came, V::ge(count, all)), value)
}

/// The share of gains in gains and losses, in hundredths.
#[inline(always)]
fn strength<V: Vector>(gain: V::F, loss: V::F) -> V::F {
    let total = V::add(gain, loss);
    let fresh = V::div(V::mul(V::splat(100.0), gain), total);
    V::pick(V::gt(total, V::splat(0.0)), fresh, V::splat(50.0))
}

/// Wilder's average with the next value in it, of which there have been so many, where there is one: first the plain mean.
#[inline(always)]
fn averaged<V: Vector>(op: &Op, count: V::F, came: V::M, average: V::F, next: V::F) -> V::F {
    let all = V::splat(op.bars);
    let mut new = smoothed::<V>(average, next, op);
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
pub(super) fn runs<V: Vector, const FULL: bool>(
    place: &Place,
    memory: &mut [Line],
    settled: &mut u8,
    (op, falls): (&Op, bool),
    x: V::F,
) -> V::F {
    let own = &mut memory[op.memory as usize..];
    let [last, run] = lines::<V, 2>(own);
    let (zero, one, all) = (V::splat(0.0), V::splat(1.0), V::splat(op.bars));
    let goes_on = if falls { V::lt(x, last) } else { V::gt(x, last) };
    let run = V::pick(goes_on, V::min(V::add(run, one), all), zero);
    place.keep::<V, FULL, 2>(own, [x, run]);
    let (came, holds) = (known::<V>(x), one_or_zero::<V>(V::ge(run, all)));
    if place.settled::<V, FULL>(*settled, came) {
        return holds;
    }
    let seen = V::pick(came, V::min(V::add(V::load(&own[2].0), one), V::add(all, one)), zero);
    place.put::<V, FULL>(seen, &mut own[2]);
    let full = V::gt(seen, all);
    place.settle::<V>(settled, full);
    where_known::<V>(full, holds)
}

/// The average with the next value in it; it decays to [`LEAST`] at most.
#[inline(always)]
fn smoothed<V: Vector>(average: V::F, next: V::F, op: &Op) -> V::F {
    let all = V::splat(op.bars);
    let average_of = V::div(V::add(V::mul(average, V::sub(all, V::splat(1.0))), next), all);
    let least = V::splat(if op.n > 1 { LEAST } else { 0.0 });
    V::max(average_of, V::min(average, least))
}

/// Its size, without its sign.
#[inline(always)]
pub(super) fn size<V: Vector>(x: V::F) -> V::F {
    V::from_bits(V::masked(V::to_bits(x), !(1 << 63)))
}
