//! One bar through indicators and strategies: of one cell, or of eight side by side.
//!
//! The step is one function, compiled for one lane and for eight, and for every set of instructions. All do the same
//! operations in the same order, and so give the same bits.
#![allow(unsafe_code)] // a function for some processors is called once these are known to be there

use super::{
    BarView, Cell, CellLayout, Findings, Fired,
    block::State,
    bollinger_breakout,
    levels::may_break,
    ma_crossover, macd_rsi,
    row::{Ripe, Row},
    rsi_trend::RsiTrend,
    sr_breakout,
    swing::SwingPoints,
    traces::{Far, Past, flag},
};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::{
    indicators::{Arrival, IndicatorSet, Reading},
    lanes::{Eight, Isa, LANES, One, Vector},
    model::{Bar, Candidate, Strategy},
};
use std::array::from_fn;

/// The conditions of the strategy on levels.
const LEVELS: u64 = Fired::ANY.within_all(Strategy::SrBreakout);

/// One bar of one cell, whatever its age.
#[inline]
pub(super) fn one(layout: &CellLayout, cell: &mut Cell, bar: &Bar, mut on_signal: impl FnMut(Strategy, Candidate)) {
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
    step_one(layout, cell, bar, on_signal);
}

#[inline(never)]
fn one_portable(layout: &CellLayout, cell: &mut Cell, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
    step_one(layout, cell, bar, on_signal);
}

#[inline(always)]
fn step_one(layout: &CellLayout, cell: &mut Cell, bar: &Bar, on_signal: &mut impl FnMut(Strategy, Candidate)) {
    let price = cell.price_of(bar);
    let i = cell.bars;
    cell.bars += 1;
    let far = cell.carry(layout);
    cell.history.push(price, bar.high, bar.low, bar.volume);
    let change = cell.indicators.change(&layout.indicators, i, &cell.history);
    let row = Row::<One> {
        volume_ratio: bar.volume / change.now.volume,
        change,
        high: bar.high,
        low: bar.low,
        scale: cell.price_scale,
        ripe: Cell::ripe(layout, i),
        far,
    };
    let on_signal = |_, strategy, candidate| on_signal(strategy, candidate);
    conclude::<One>(layout, &mut [cell], &[bar], 1, &row, on_signal);
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
    let all = V::always(true);
    let row = Row::<V> {
        volume_ratio: V::div(arrival.volume, change.now.volume),
        change,
        high,
        low,
        scale,
        ripe: Ripe { swings: all, trend: all, bands: all, levels: all },
        far: Far::default(),
    };
    let real = u32::from(cells.present()) & ((1 << count) - 1);
    conclude::<V>(layout, cells, &bars[..], real, &row, on_signal);
}

/// The strategies' part: finds which conditions hold, remembers what the next bar needs, makes the candidates.
#[inline(always)]
fn conclude<V: Vector>(
    layout: &CellLayout,
    cells: &mut impl State<V>,
    bars: &[&Bar],
    real: u32,
    row: &Row<V>,
    mut on_signal: impl FnMut(usize, Strategy, Candidate),
) {
    let (found, pivots) = find::<V>(layout, cells, row);
    let mut found = V::masked(found, layout.enabled);
    // What could break a level is looked at once more before a candidate is made of it.
    if V::some(V::any(found, LEVELS)) && !layout.reaches.long {
        let may_break = may_break::<V>(&layout.params.sr_breakout, row, cells, pivots);
        let others = V::from_bits(V::masked(found, !LEVELS));
        found = V::to_bits(V::pick(may_break, V::from_bits(found), others));
    }
    let fired = V::lanes(V::any(found, u64::MAX)) & real;
    if fired == 0 {
        return;
    }
    let mut words = [0; LANES];
    V::store_words(found, &mut words);
    let seen = Seen::new(row);
    for_each_lane(fired, |k| {
        let (cell, past) = (cells.cell(k), cells.past(k));
        let view = seen.view(k, layout, cell, past, bars[k]);
        cell.weigh(layout, &view, past, words[k], &mut |strategy, candidate| on_signal(k, strategy, candidate));
    });
}

/// What has been found, and the histories of tops and bottoms.
#[inline(always)]
fn find<V: Vector>(layout: &CellLayout, cells: &mut impl State<V>, row: &Row<V>) -> (V::B, [V::B; 2]) {
    let p = &layout.params;
    let mut findings = Findings::<V>::none();
    let [high_1, high_2, high_3, low_1, low_2, low_3, lows, highs] = cells.traces(0);
    let points = cells.traces(1);
    let [within, trend_above, trend_below, above, below, tops, bottoms, flags] = cells.traces(2);
    let (mut within, mut flags) = (V::to_bits(within), V::to_bits(flags));

    let mut swings = SwingPoints::<V> { points, lows: V::to_bits(lows), highs: V::to_bits(highs) };
    let divergences = swings.on_bar(row, layout.reaches.swing);
    macd_rsi::fires(&p.macd_rsi, row, divergences.macd_rsi, &mut findings);
    ma_crossover::fires(row, &mut findings);
    let mut trend = RsiTrend::<V> {
        above: V::to_bits(above),
        below: V::to_bits(below),
        trend_above: V::to_bits(trend_above),
        trend_below: V::to_bits(trend_below),
    };
    let reaches = &layout.reaches;
    let [pullback, rally] = trend.fires(&p.rsi_trend, reaches.trend, row, flags, divergences.trend_rsi, &mut findings);
    let [bullish, bearish, squeezed] =
        bollinger_breakout::fires(&p.bollinger_breakout, reaches.consolidation, row, &mut within, flags, &mut findings);
    let (last_highs, last_lows) = ([high_1, high_2, high_3], [low_1, low_2, low_3]);
    let [is_top, is_bottom] = sr_breakout::track_pivots(row, last_highs, last_lows, &mut flags);
    sr_breakout::fires(&p.sr_breakout, row, &mut findings);
    for (condition, flag) in [
        (bullish, flag::BULLISH),
        (bearish, flag::BEARISH),
        (squeezed, flag::SQUEEZED),
        (pullback, flag::PULLBACK),
        (rally, flag::RALLY),
    ] {
        flags = V::or_if(flags, condition, flag);
    }
    let tops = V::or_if(V::shift(V::to_bits(tops)), is_top, 1 << sr_breakout::PIVOT_LAG);
    let bottoms = V::or_if(V::shift(V::to_bits(bottoms)), is_bottom, 1 << sr_breakout::PIVOT_LAG);

    cells.push_pivots(false, is_top, high_3);
    cells.push_pivots(true, is_bottom, low_3);
    let (swing_lows, swing_highs) = (V::from_bits(swings.lows), V::from_bits(swings.highs));
    let recent = [row.high, high_1, high_2, row.low, low_1, low_2, swing_lows, swing_highs];
    cells.put_traces(0, recent);
    cells.put_traces(1, swings.points);
    let bits = [
        V::from_bits(within),
        V::from_bits(trend.trend_above),
        V::from_bits(trend.trend_below),
        V::from_bits(trend.above),
        V::from_bits(trend.below),
        V::from_bits(tops),
        V::from_bits(bottoms),
        V::from_bits(flags),
    ];
    cells.put_traces(2, bits);
    (findings.0, [tops, bottoms])
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
    /// Prices of the newest three bars; volume ratio; width; the values at the bar, and those at the bar before.
    values: [[f64; LANES]; 22],
}

impl Seen {
    #[inline(always)]
    fn new<V: Vector>(row: &Row<V>) -> Self {
        let (now, before) = (&row.change.now, &row.change.before);
        let [price, price_1, price_2] = row.change.prices;
        let rows = [
            price,
            price_1,
            price_2,
            row.volume_ratio,
            row.change.widths[0],
            now.line,
            now.signal,
            now.rsi,
            now.trend_rsi,
            now.trend_rsi_slow,
            now.ma_fast,
            now.ma_slow,
            now.upper,
            now.middle,
            now.lower,
            now.volume,
            before.line,
            before.signal,
            before.rsi,
            before.trend_rsi,
            before.ma_fast,
            before.ma_slow,
        ];
        let mut values = [[0.0; LANES]; 22];
        for (to, row) in values.iter_mut().zip(rows) {
            V::store(row, to);
        }
        Self { values }
    }

    #[inline(always)]
    fn view<'a>(&self, k: usize, layout: &CellLayout, cell: &'a Cell, past: Past<'a>, bar: &Bar) -> BarView<'a> {
        let v = &self.values;
        let nan = f64::NAN;
        let i = cell.bars - 1;
        BarView {
            i,
            scale: cell.price_scale,
            history: &cell.history,
            recent: past.recent_prices(layout, i),
            high: bar.high,
            low: bar.low,
            prices: [v[0][k], v[1][k], v[2][k]],
            volume_ratio: v[3][k],
            width: v[4][k],
            now: Reading {
                line: v[5][k],
                signal: v[6][k],
                rsi: v[7][k],
                trend_rsi: v[8][k],
                trend_rsi_slow: v[9][k],
                ma_fast: v[10][k],
                ma_slow: v[11][k],
                upper: v[12][k],
                middle: v[13][k],
                lower: v[14][k],
                volume: v[15][k],
            },
            before: Reading {
                line: v[16][k],
                signal: v[17][k],
                rsi: v[18][k],
                trend_rsi: v[19][k],
                trend_rsi_slow: nan,
                ma_fast: v[20][k],
                ma_slow: v[21][k],
                upper: nan,
                middle: nan,
                lower: nan,
                volume: nan,
            },
        }
    }
}
