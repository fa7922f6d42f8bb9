//! One bar through indicators and strategies: of one cell, or of eight side by side.
//!
//! The step is one function, compiled for one lane and for eight, and for every set of instructions. All do the same
//! operations in the same order, and so give the same bits.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{
    BarView, Cell, CellLayout,
    block::State,
    found::Found,
    list::{LINES, Memories, Strategy},
    row::{Divergences, Row},
    signal_kind::SignalKind,
    traces::{Far, NOT_FAR},
};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::{
    indicators::{Arrival, Change, IndicatorSet, RecentPrices},
    lanes::{Eight, Isa, LANES, One, Vector},
    model::{Bar, Candidate},
};
use std::array::from_fn;

impl Cell {
    /// Takes the next closed bar and hands each signal it causes to `on_signal`, in the order of the strategies.
    ///
    /// Allocates nothing.
    #[inline]
    pub fn on_bar(&mut self, layout: &CellLayout, bar: &Bar, on_signal: impl FnMut(Strategy, Candidate)) {
        one(layout, self, bar, on_signal);
    }
}

/// One bar of one cell, whatever its age.
#[inline]
fn one(layout: &CellLayout, cell: &mut Cell, bar: &Bar, mut on_signal: impl FnMut(Strategy, Candidate)) {
    if layout.long {
        return one_long(layout, cell, bar, &mut on_signal);
    }
    #[cfg(target_arch = "x86_64")]
    if layout.isa >= Isa::Avx2 {
        // SAFETY: the layout's instructions are those of this processor.
        return unsafe { one_avx2(layout, cell, bar, &mut on_signal) };
    }
    one_portable(layout, cell, bar, &mut on_signal);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn one_avx2(layout: &CellLayout, cell: &mut Cell, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
    step_one(layout, cell, bar, NOT_FAR, on_signal);
}

/// Where some strategy looks further back than a word is long. Compiled once, without special instructions, and apart
/// from the others: they need not carry what only it needs.
#[cold]
#[inline(never)]
fn one_long(layout: &CellLayout, cell: &mut Cell, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
    let far = cell.traces.carry();
    step_one(layout, cell, bar, &far, on_signal);
}

#[inline(never)]
fn one_portable(layout: &CellLayout, cell: &mut Cell, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
    step_one(layout, cell, bar, NOT_FAR, on_signal);
}

#[inline(always)]
fn step_one(
    layout: &CellLayout,
    cell: &mut Cell,
    bar: &Bar,
    far: &Far,
    on_signal: &mut impl FnMut(Strategy, Candidate),
) {
    let price = cell.price_of(bar);
    let i = cell.bars;
    cell.bars += 1;
    cell.history.push(price, bar.high, bar.low, bar.volume);
    let change = cell.indicators.change(&layout.indicators, i, &cell.history);
    let row = Row::<One> {
        volume_ratio: bar.volume / change.now.volume,
        change,
        high: bar.high,
        low: bar.low,
        scale: cell.price_scale,
        divergences: Divergences::none(),
        i: Some(i),
    };
    let on_signal = |_, strategy, candidate| on_signal(strategy, candidate);
    conclude::<One>(layout, &mut [cell], &[bar], 1, row, far, on_signal);
}

/// The state of eight cells, for whatever vector.
#[cfg(target_arch = "x86_64")]
pub(super) trait AnyState: State<Eight> + State<Avx2> + State<Avx512> {}
#[cfg(target_arch = "x86_64")]
impl<S: State<Eight> + State<Avx2> + State<Avx512>> AnyState for S {}
/// The state of eight cells, for whatever vector.
#[cfg(not(target_arch = "x86_64"))]
pub(super) trait AnyState: State<Eight> {}
#[cfg(not(target_arch = "x86_64"))]
impl<S: State<Eight>> AnyState for S {}

/// One bar of each of eight [settled](Cell::is_settled) cells of a layout, of which the first `count` are real, and of
/// these only those that are [present](crate::indicators::CoreRows::present); hands each signal to `on_signal` with the
/// number of its cell, in the order of cells and strategies.
#[inline]
pub(super) fn eight(
    layout: &CellLayout,
    cells: &mut impl AnyState,
    bars: &[&Bar; LANES],
    count: usize,
    mut on_signal: impl FnMut(usize, Strategy, Candidate),
) {
    match layout.isa {
        // SAFETY: the layout's instructions are those of this processor.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { eight_avx512(layout, cells, bars, count, &mut on_signal) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { eight_avx2(layout, cells, bars, count, &mut on_signal) },
        _ => eight_portable(layout, cells, bars, count, &mut on_signal),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn eight_avx512(
    layout: &CellLayout,
    cells: &mut impl AnyState,
    bars: &[&Bar; LANES],
    count: usize,
    on_signal: &mut impl FnMut(usize, Strategy, Candidate),
) {
    step_eight::<Avx512>(layout, cells, bars, count, on_signal);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn eight_avx2(
    layout: &CellLayout,
    cells: &mut impl AnyState,
    bars: &[&Bar; LANES],
    count: usize,
    on_signal: &mut impl FnMut(usize, Strategy, Candidate),
) {
    step_eight::<Avx2>(layout, cells, bars, count, on_signal);
}

#[inline(never)]
fn eight_portable(
    layout: &CellLayout,
    cells: &mut impl AnyState,
    bars: &[&Bar; LANES],
    count: usize,
    on_signal: &mut impl FnMut(usize, Strategy, Candidate),
) {
    step_eight::<Eight>(layout, cells, bars, count, on_signal);
}

#[inline(always)]
fn step_eight<V: Vector>(
    layout: &CellLayout,
    cells: &mut impl State<V>,
    bars: &[&Bar; LANES],
    count: usize,
    on_signal: &mut impl FnMut(usize, Strategy, Candidate),
) {
    let i: [u64; LANES] = from_fn(|k| cells.cell(k).bars);
    let price: [f64; LANES] = from_fn(|k| cells.cell(k).price_of(bars[k]));
    let volume: [f64; LANES] = from_fn(|k| bars[k].volume);
    let leaving = cells.admit(&layout.indicators.places_of(&i), &price, &volume);
    for_each_lane(u32::from(cells.present()), |k| {
        let (cell, bar) = (cells.cell_mut(k), bars[k]);
        cell.bars = i[k] + 1;
        cell.history.push(price[k], bar.high, bar.low, bar.volume);
    });
    let mut third_rsi = [[f64::NAN; LANES]; 2];
    if layout.indicators.has_rest() {
        for k in 0..count {
            let cell = cells.cell_mut(k);
            [third_rsi[0][k], third_rsi[1][k]] = cell.indicators.rest(&layout.indicators, i[k], &cell.history);
        }
    }
    let third_rsi = [V::load(&third_rsi[0]), V::load(&third_rsi[1])];
    let arrival = Arrival::<V::F> { price: V::load(&price), volume: V::load(&volume), leaving };
    let change = IndicatorSet::step::<V>(&layout.indicators, cells, &arrival, third_rsi);
    let scale = V::load(&from_fn(|k| cells.cell(k).price_scale));
    let (high, low) = (V::load(&from_fn(|k| bars[k].high)), V::load(&from_fn(|k| bars[k].low)));
    let row = Row::<V> {
        volume_ratio: V::div(arrival.volume, change.now.volume),
        change,
        high,
        low,
        scale,
        divergences: Divergences::none(),
        i: None,
    };
    let real = u32::from(cells.present()) & ((1 << count) - 1);
    conclude::<V>(layout, cells, &bars[..], real, row, NOT_FAR, on_signal);
}

/// Runs `body` for the number of every line. Unrolled, not a loop: an index would keep the words out of registers.
macro_rules! each_line {
    ($k:ident, $body:expr) => { each_line!(@ $k, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) };
    (@ $k:ident, $body:expr, $($number:literal)+) => {$(
        if $number < LINES {
            const $k: usize = $number % LINES;
            $body;
        }
    )+};
}
const _: () = assert!(LINES <= 16, "each_line! counts no further");

/// The strategies' part: finds which conditions hold, remembers what the next bar needs, makes the candidates.
#[inline(always)]
fn conclude<V: Vector>(
    layout: &CellLayout,
    cells: &mut impl State<V>,
    bars: &[&Bar],
    real: u32,
    mut row: Row<V>,
    far: &Far,
    mut on_signal: impl FnMut(usize, Strategy, Candidate),
) {
    let params = &layout.params;
    // The words of one cell fit the registers; those of eight lie in memory, and are best left in this array.
    let one = const { size_of::<V::F>() == size_of::<f64>() };
    let mut lines = [cells.traces(0); LINES];
    if one {
        each_line!(K, lines[K] = cells.traces(K));
    } else {
        for (k, line) in lines.iter_mut().enumerate().skip(1) {
            *line = cells.traces(k);
        }
    }
    let mut memories = Memories::<V>::load(&lines, far);
    row.divergences = memories.common.on_bar(&params.common, &row);
    let mut found = V::masked(memories.fires(params, &row, cells), layout.enabled);
    memories.store(&mut lines);
    if one {
        each_line!(K, cells.put_traces(K, lines[K]));
    } else {
        for (k, line) in lines.into_iter().enumerate() {
            cells.put_traces(k, line);
        }
    }
    if !layout.long {
        found = memories.look_again(params, &row, cells, found);
    }
    let fired = V::lanes(V::any(found, u64::MAX)) & real;
    if fired == 0 {
        return;
    }
    let mut words = [0; LANES];
    V::store_words(found, &mut words);
    let seen = Seen::new(&row);
    for_each_lane(fired, |k| {
        let cell = cells.cell(k);
        let view = seen.view(k, cell, cells.recent_prices(layout, k, cell.bars - 1), bars[k]);
        params.weigh(&view, cells.past(k), words[k], &mut |strategy, found| {
            let Found { kind, side, confidence, factors } = found;
            on_signal(k, strategy, Candidate { kind: SignalKind::numbered(kind), side, confidence, factors });
        });
    });
}

/// The numbers of the bits that are set.
#[inline(always)]
fn for_each_lane(mut lanes: u32, mut f: impl FnMut(usize)) {
    while lanes != 0 {
        f(lanes.trailing_zeros() as usize);
        lanes &= lanes - 1;
    }
}

/// What the candidates are made of, lane by lane.
#[derive(Debug)]
struct Seen {
    change: Change<[f64; LANES]>,
    volume_ratio: [f64; LANES],
}

impl Seen {
    #[inline(always)]
    fn new<V: Vector>(row: &Row<V>) -> Self {
        let mut volume_ratio = [0.0; LANES];
        V::store(row.volume_ratio, &mut volume_ratio);
        Self { change: row.change.stored::<V>(), volume_ratio }
    }

    #[inline(always)]
    fn view<'a>(&self, k: usize, cell: &'a Cell, recent: RecentPrices<'a>, bar: &Bar) -> BarView<'a> {
        let [price, price_1, price_2] = &self.change.prices;
        BarView {
            i: cell.bars - 1,
            scale: cell.price_scale,
            history: &cell.history,
            recent,
            high: bar.high,
            low: bar.low,
            prices: [price[k], price_1[k], price_2[k]],
            volume_ratio: self.volume_ratio[k],
            width: self.change.widths[0][k],
            now: self.change.now.lane(k),
            before: self.change.before.lane(k),
        }
    }
}
