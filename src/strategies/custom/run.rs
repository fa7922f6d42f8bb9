//! One bar of each of up to eight cells through a program. Hot: allocates nothing and does not branch on values.
//!
//! The cells lie side by side, each word of memory a line of eight, whichever of them take a bar: the others' lanes are
//! computed along and not kept. A truth is a byte, a bit for each cell.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{
    graph::{Field, Id, Pure},
    ops::{Code, Op},
    remembering::{Place, count, deviation, ema, extreme, last, mean, one_or_zero, rsi, runs, size, wilder},
};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::{
    lanes::{Eight, Isa, LANES, Line, Vector},
    model::{Bar, PriceMethod},
};

/// What the steps work on.
pub(super) struct Bench<'a> {
    pub ops: &'a [Op],
    /// The memory of the cells, a line of eight for each word of one.
    pub memory: &'a mut [Line],
    /// By step that settles: bit k says that it has, for cell k.
    pub settled: &'a mut [u8],
    /// The registers of numbers, and of truths: bit k of a byte is that of cell k.
    pub numbers: &'a mut [Line],
    pub truths: &'a mut [u8],
    pub place: Place,
}

/// The bars that come, and what is read of them.
pub(super) struct Given<'a> {
    pub bars: &'a [&'a Bar; LANES],
    pub prices: &'a Prices,
    /// With the registers that they go to.
    pub fields: &'a [(Field, Id)],
}

/// What the cells of a block say of their bars.
#[derive(Debug)]
pub(super) struct Prices {
    pub methods: [PriceMethod; LANES],
    /// The method of all of them, where it is the same.
    pub method: Option<PriceMethod>,
    pub scale: Line,
}

/// Takes the steps with these instructions, which the processor must have.
#[inline]
pub(super) fn run(isa: Isa, bench: &mut Bench<'_>, given: Option<&Given<'_>>) {
    match isa {
        // SAFETY: the caller knows that the processor has them.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { run_avx512(bench, given) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { run_avx2(bench, given) },
        _ => run_portable(bench, given),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512(bench: &mut Bench<'_>, given: Option<&Given<'_>>) {
    any_steps::<Avx512>(bench, given);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2(bench: &mut Bench<'_>, given: Option<&Given<'_>>) {
    any_steps::<Avx2>(bench, given);
}

#[inline(never)]
fn run_portable(bench: &mut Bench<'_>, given: Option<&Given<'_>>) {
    any_steps::<Eight>(bench, given);
}

// A closure would be compiled without the instructions at hand: what works on vectors are functions.

#[inline(always)]
fn any_steps<V: Vector>(bench: &mut Bench<'_>, given: Option<&Given<'_>>) {
    if let Some(given) = given {
        fill::<V>(given, bench.numbers);
    }
    if bench.place.is_full() {
        all_steps::<V, true>(bench);
    } else {
        all_steps::<V, false>(bench);
    }
}

/// Puts what is read of the bars into its registers.
#[inline(always)]
fn fill<V: Vector>(given: &Given<'_>, numbers: &mut [Line]) {
    let Given { bars, prices, fields } = *given;
    let [_, open, high, low, close, volume, vwap, _] = V::rows_of(&bars.map(words));
    for &(field, register) in fields {
        let to = &mut numbers[usize::from(register)].0;
        let row = match field {
            Field::Open => open,
            Field::High => high,
            Field::Low => low,
            Field::Close => close,
            Field::Volume => volume,
            Field::Vwap => vwap,
            Field::Scale => V::load(&prices.scale.0),
            Field::Price => match prices.method {
                Some(PriceMethod::Ohlc) => close,
                Some(PriceMethod::Vwap) => vwap,
                _ => {
                    for (k, to) in to.iter_mut().enumerate() {
                        *to = prices.methods[k].of(bars[k]);
                    }
                    continue;
                }
            },
        };
        V::store(row, to);
    }
}

/// The eight words of a bar, of which the first and the last are no numbers.
#[inline(always)]
fn words(bar: &Bar) -> &Line {
    const { assert!(size_of::<Bar>() == size_of::<Line>() && align_of::<Bar>() >= align_of::<Line>()) };
    // SAFETY: both are 64 bytes at the same alignment, a bar has no bytes between its fields, and any bits are an `f64`.
    unsafe { &*std::ptr::from_ref(bar).cast::<Line>() }
}

/// One dispatch a step of eight cells. `x!` is what a register holds, `both!` is made of two, `told!` is a truth.
#[inline(always)]
fn all_steps<V: Vector, const FULL: bool>(bench: &mut Bench<'_>) {
    let Bench { ops, memory, settled, numbers, truths, place } = bench;
    let (memory, settled, numbers, truths) = (&mut **memory, &mut **settled, &mut **numbers, &mut **truths);
    macro_rules! x {
        ($id:expr) => {
            V::load(&numbers[usize::from($id)].0)
        };
        (truth $id:expr) => {
            truths[usize::from($id)]
        };
        (settled $op:ident) => {
            &mut settled[usize::from($op.settled)]
        };
    }
    for op in *ops {
        let (to, a) = (usize::from(op.to), op.a);
        macro_rules! told {
            ($truth:expr) => {{
                truths[to] = $truth;
                continue;
            }};
        }
        macro_rules! both {
            ($pure:ident) => {
                arithmetic::<V>(Pure::$pure, x!(a), x!(op.b))
            };
            ($holds:ident, $and:expr) => {
                told!(V::lanes($holds::<V>(x!(a), x!(op.b))) as u8 & $and)
            };
        }
        let value = match op.code {
            Code::And => told!(x!(truth a) & x!(truth op.b)),
            Code::Or => told!(x!(truth a) | x!(truth op.b)),
            Code::Less => both!(less, u8::MAX),
            Code::LessOrEqual => both!(less_or_equal, u8::MAX),
            Code::Equal => both!(equal, u8::MAX),
            Code::Unequal => both!(unequal, u8::MAX),
            Code::LessAnd => both!(less, x!(truth op.c)),
            Code::LessOrEqualAnd => both!(less_or_equal, x!(truth op.c)),
            Code::EqualAnd => both!(equal, x!(truth op.c)),
            Code::UnequalAnd => both!(unequal, x!(truth op.c)),
            Code::Add => both!(Add),
            Code::Sub => both!(Sub),
            Code::Mul => both!(Mul),
            Code::Div => both!(Div),
            Code::Min => both!(Min),
            Code::Max => both!(Max),
            Code::Abs => both!(Abs),
            Code::Tame => both!(Tame),
            Code::Pick => V::pick(V::where_set(x!(truth a)), x!(op.b), x!(op.c)),
            Code::WhereKnown => V::pick(equal::<V>(x!(a), x!(a)), x!(op.b), V::splat(f64::NAN)),
            Code::TrueRange => true_range::<V>(x!(a), x!(op.b), x!(op.c)),
            Code::Truths => place.push::<V, FULL>(memory, op, one_or_zero::<V>(V::where_set(x!(truth a)))),
            Code::Keep => place.push::<V, FULL>(memory, op, x!(a)),
            Code::Last => last::<V, FULL>(place, memory, op, x!(a)),
            Code::Back => place.back::<V, FULL>(memory, op, op.n),
            Code::Mean => mean::<V, FULL>(place, memory, x!(settled op), op, x!(a)),
            Code::Deviation => deviation::<V, FULL>(place, memory, op, x!(op.b)),
            Code::Highest => extreme::<V, FULL>(place, memory, x!(settled op), (op, false), x!(a)),
            Code::Lowest => extreme::<V, FULL>(place, memory, x!(settled op), (op, true), x!(a)),
            Code::Count => count::<V, FULL>(place, memory, x!(settled op), op, x!(a)),
            Code::Ema => ema::<V, FULL>(place, memory, x!(settled op), op, x!(a)),
            Code::Wilder => wilder::<V, FULL>(place, memory, x!(settled op), op, x!(a)),
            Code::Rsi => rsi::<V, FULL>(place, memory, x!(settled op), op, x!(a)),
            Code::Rises => runs::<V, FULL>(place, memory, x!(settled op), (op, false), x!(a)),
            Code::Falls => runs::<V, FULL>(place, memory, x!(settled op), (op, true), x!(a)),
        };
        V::store(value, &mut numbers[to].0);
    }
}

#[inline(always)]
fn less<V: Vector>(a: V::F, b: V::F) -> V::M {
    V::lt(a, b)
}

#[inline(always)]
fn less_or_equal<V: Vector>(a: V::F, b: V::F) -> V::M {
    V::le(a, b)
}

#[inline(always)]
fn equal<V: Vector>(a: V::F, b: V::F) -> V::M {
    V::eq(a, b)
}

#[inline(always)]
fn unequal<V: Vector>(a: V::F, b: V::F) -> V::M {
    V::or(V::lt(a, b), V::gt(a, b))
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

/// The true range, made as its parts are.
#[inline(always)]
fn true_range<V: Vector>(high: V::F, low: V::F, before: V::F) -> V::F {
    let mut range = V::sub(high, low);
    for end in [high, low] {
        range = arithmetic::<V>(Pure::Max, range, size::<V>(V::sub(end, before)));
    }
    arithmetic::<V>(Pure::Tame, range, range)
}
