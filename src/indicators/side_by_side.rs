//! The indicators of eight cells, side by side, for whoever wants them without the strategies.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{Arrival, CoreRows, IndicatorLayout, IndicatorRows, IndicatorSet, Reading};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Eight, Isa, LANES, Vector};

/// A bar of each of eight cells, as the indicators see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct EightBars {
    /// Number of the bar in its cell, from 0.
    pub i: [u64; LANES],
    /// Price of each bar.
    pub price: [f64; LANES],
    /// Volume of each bar.
    pub volume: [f64; LANES],
}

/// Takes a bar of each of eight cells, all of which are [ready](IndicatorLayout::ready), and gives what the strategies
/// read of them. Allocates nothing. Indicators that no strategy reads are not updated.
#[inline]
pub fn update_eight(
    layout: &IndicatorLayout,
    isa: Isa,
    sets: &mut [&mut IndicatorSet; LANES],
    bars: &EightBars,
) -> Reading<[f64; LANES]> {
    dispatch(layout, isa, sets, bars)
}

/// The same as [`update_eight`], for cells in rows.
#[inline]
pub fn update_rows(
    layout: &IndicatorLayout,
    isa: Isa,
    rows: &mut IndicatorRows,
    bars: &EightBars,
) -> Reading<[f64; LANES]> {
    dispatch(layout, isa, rows, bars)
}

/// The state of eight cells, for whatever vector.
#[cfg(target_arch = "x86_64")]
trait AnyCore: CoreRows<Eight> + CoreRows<Avx2> + CoreRows<Avx512> {}
#[cfg(target_arch = "x86_64")]
impl<C: CoreRows<Eight> + CoreRows<Avx2> + CoreRows<Avx512>> AnyCore for C {}
#[cfg(not(target_arch = "x86_64"))]
trait AnyCore: CoreRows<Eight> {}
#[cfg(not(target_arch = "x86_64"))]
impl<C: CoreRows<Eight>> AnyCore for C {}

#[inline]
fn dispatch(layout: &IndicatorLayout, isa: Isa, cells: &mut impl AnyCore, bars: &EightBars) -> Reading<[f64; LANES]> {
    match isa {
        // SAFETY: the processor has been asked.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_here() => unsafe { avx512(layout, cells, bars) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_here() => unsafe { avx2(layout, cells, bars) },
        _ => portable(layout, cells, bars),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn avx512(layout: &IndicatorLayout, cells: &mut impl AnyCore, bars: &EightBars) -> Reading<[f64; LANES]> {
    update::<Avx512>(layout, cells, bars)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn avx2(layout: &IndicatorLayout, cells: &mut impl AnyCore, bars: &EightBars) -> Reading<[f64; LANES]> {
    update::<Avx2>(layout, cells, bars)
}

#[inline(never)]
fn portable(layout: &IndicatorLayout, cells: &mut impl AnyCore, bars: &EightBars) -> Reading<[f64; LANES]> {
    update::<Eight>(layout, cells, bars)
}

#[inline(always)]
fn update<V: Vector>(
    layout: &IndicatorLayout,
    cells: &mut impl CoreRows<V>,
    bars: &EightBars,
) -> Reading<[f64; LANES]> {
    let places = layout.places_of(&bars.i);
    let leaving = cells.admit(&places, &bars.price, &bars.volume);
    let arrival = Arrival::<V::F> { price: V::load(&bars.price), volume: V::load(&bars.volume), leaving };
    let unknown = [V::splat(f64::NAN); 2];
    IndicatorSet::step::<V>(layout, cells, &arrival, unknown).now.stored::<V>()
}
