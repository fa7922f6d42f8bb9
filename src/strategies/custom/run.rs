//! One bar of each of up to eight cells through a program. Hot: allocates nothing and does not branch on values.
//!
//! The cells lie side by side, each word of memory a line of eight, whichever of them take a bar: the others' lanes are
//! computed along and not kept. A truth is a byte, a bit for each cell.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{
    graph::{Node, Pure},
    program::Step,
    remembering::{Place, count, deviation, ema, extreme, last, mean, one_or_zero, rsi, runs, size, wilder},
};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Eight, Isa, Line, Vector};

/// What the steps work on.
pub(super) struct Bench<'a> {
    pub steps: &'a [Step],
    /// The memory of the cells, a line of eight for each word of one.
    pub memory: &'a mut [Line],
    /// The registers of numbers, and of truths: bit k of a byte is that of cell k.
    pub numbers: &'a mut [Line],
    pub truths: &'a mut [u8],
    pub place: Place,
}

/// Takes the steps with these instructions, which the processor must have.
#[inline]
pub(super) fn run(isa: Isa, bench: &mut Bench<'_>) {
    match isa {
        // SAFETY: the caller knows that the processor has them.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { run_avx512(bench) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { run_avx2(bench) },
        _ => run_portable(bench),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512(bench: &mut Bench<'_>) {
    all_steps::<Avx512>(bench);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2(bench: &mut Bench<'_>) {
    all_steps::<Avx2>(bench);
}

#[inline(never)]
fn run_portable(bench: &mut Bench<'_>) {
    all_steps::<Eight>(bench);
}

// A closure would be compiled without the instructions at hand: what works on vectors are functions.

#[inline(always)]
fn all_steps<V: Vector>(bench: &mut Bench<'_>) {
    let Bench { steps, memory, numbers, truths, place } = bench;
    for step in *steps {
        let to = usize::from(step.to);
        let value = match step.node {
            Node::Pure(Pure::And, a, b) => {
                truths[to] = truths[usize::from(a)] & truths[usize::from(b)];
                continue;
            }
            Node::Pure(Pure::Or, a, b) => {
                truths[to] = truths[usize::from(a)] | truths[usize::from(b)];
                continue;
            }
            Node::Pure(pure, a, b) => {
                let (x, y) = (of::<V>(numbers, a), of::<V>(numbers, b));
                let truth = match pure {
                    Pure::Less => V::lt(x, y),
                    Pure::LessOrEqual => V::le(x, y),
                    Pure::Equal => V::eq(x, y),
                    Pure::Unequal => V::or(V::lt(x, y), V::gt(x, y)),
                    _ => {
                        V::store(arithmetic::<V>(pure, x, y), &mut numbers[to].0);
                        continue;
                    }
                };
                truths[to] = V::lanes(truth) as u8;
                continue;
            }
            Node::Pick(condition, a, b) => {
                let condition = V::where_set(truths[usize::from(condition)]);
                V::pick(condition, of::<V>(numbers, a), of::<V>(numbers, b))
            }
            Node::Truths(x) => {
                let x = one_or_zero::<V>(V::where_set(truths[usize::from(x)]));
                place.push::<V>(&mut memory[lines_of(step.window)], x);
                x
            }
            _ => remembered::<V>(place, memory, numbers, step),
        };
        V::store(value, &mut numbers[to].0);
    }
}

/// The values of a register.
#[inline(always)]
fn of<V: Vector>(numbers: &[Line], id: u16) -> V::F {
    V::load(&numbers[usize::from(id)].0)
}

#[inline(always)]
fn arithmetic<V: Vector>(pure: Pure, a: V::F, b: V::F) -> V::F {
    let (zero, nan) = (V::splat(0.0), V::splat(f64::NAN));
    match pure {
        Pure::Add => V::add(a, b),
        Pure::Sub => V::sub(a, b),
        Pure::Mul => V::mul(a, b),
        Pure::Div => V::pick(V::eq(b, zero), nan, V::div(a, b)),
        Pure::Min => V::pick(V::eq(a, a), V::min(a, b), a),
        Pure::Max => V::pick(V::eq(a, a), V::max(a, b), a),
        Pure::Abs => size::<V>(a),
        _ => V::pick(V::eq(V::sub(a, a), zero), a, nan),
    }
}

/// The lines of a window.
#[inline(always)]
fn lines_of(window: (u32, u32)) -> std::ops::Range<usize> {
    let (first, mask) = window;
    first as usize..first as usize + mask as usize + 1
}

/// What depends on bars before.
#[inline(always)]
fn remembered<V: Vector>(place: &Place, memory: &mut [Line], numbers: &[Line], step: &Step) -> V::F {
    let first = step.memory as usize;
    match step.node {
        Node::Keep(x) => {
            let x = of::<V>(numbers, x);
            place.push::<V>(&mut memory[lines_of(step.window)], x);
            x
        }
        Node::Last(x) => last::<V>(place, &mut memory[first..], of::<V>(numbers, x)),
        Node::Back(_, n) => place.back::<V>(&memory[lines_of(step.window)], n),
        Node::Mean(x, n) => {
            let leaving = place.back::<V>(&memory[lines_of(step.window)], n);
            mean::<V>(place, &mut memory[first..], n, of::<V>(numbers, x), leaving)
        }
        Node::Count(x, n) => {
            let leaving = place.back::<V>(&memory[lines_of(step.window)], n);
            count::<V>(place, &mut memory[first..], of::<V>(numbers, x), leaving)
        }
        Node::Deviation(_, mean, n) => deviation::<V>(place, &memory[lines_of(step.window)], n, of::<V>(numbers, mean)),
        Node::Highest(x, n) | Node::Lowest(x, n) => {
            let (x, lowest) = (of::<V>(numbers, x), matches!(step.node, Node::Lowest(..)));
            // The memory of a step lies behind the window that it reads, which was laid out with the value before it.
            let (before, own) = memory.split_at_mut(first);
            extreme::<V>(place, own, &before[lines_of(step.window)], (n, lowest), x)
        }
        Node::Ema(x, from, n) => ema::<V>(place, &mut memory[first..], (from, n), of::<V>(numbers, x)),
        Node::Wilder(x, n) => wilder::<V>(place, &mut memory[first..], n, of::<V>(numbers, x)),
        Node::Rsi(x, n) => rsi::<V>(place, &mut memory[first..], n, of::<V>(numbers, x)),
        Node::Rises(x, n) => runs::<V>(place, &mut memory[first..], (n, false), of::<V>(numbers, x)),
        Node::Falls(x, n) => runs::<V>(place, &mut memory[first..], (n, true), of::<V>(numbers, x)),
        // These are no steps, or no numbers.
        Node::Const(_) | Node::Field(_) | Node::Pure(..) | Node::Pick(..) | Node::Truths(_) => V::splat(f64::NAN),
    }
}
