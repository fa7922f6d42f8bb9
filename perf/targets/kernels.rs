//! The kernels in this process: this engine and its peers in turns, on the same bars.

use crate::{
    Found,
    common::tape::{STAND_STILL, Tape},
    peers::{Engine, Kand, Peer, Ta, TaLib, Yata, check},
};
use std::{hint::black_box, sync::Arc, time::Instant};
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    indicators::{EightBars, History, IndicatorLayout, IndicatorRows, IndicatorSet, update_eight, update_rows},
    lanes::Isa,
    model::{Bar, CustomStrategy, Side, Timeframe, TimeframeId},
    strategies::{
        Cell, CellLayout, Cells,
        custom::{CustomCell, CustomRule, Program, Programs},
    },
};

/// Slices of each contender, which alternate.
const SLICES: usize = 31;
/// Minimum number of bars in a slice: enough to make the refill of the caches after another's slice negligible.
const SLICE_BARS: usize = 600_000;
/// Bars that a cell keeps by default.
const BUFFER: usize = 256;

/// A contender: takes the next round of bars and returns their number.
type Contender = Box<dyn FnMut() -> usize>;

/// Nanoseconds per bar of each contender: medians of alternating slices.
fn medians(contenders: &mut [Contender]) -> Vec<f64> {
    let mut slices = vec![Vec::with_capacity(SLICES); contenders.len()];
    for _ in 0..=SLICES {
        for (contender, slices) in contenders.iter_mut().zip(&mut slices) {
            let (start, mut bars) = (Instant::now(), 0);
            while bars < SLICE_BARS {
                bars += contender();
            }
            slices.push(start.elapsed().as_nanos() as f64 / bars as f64);
        }
    }
    slices.into_iter().map(|slices| median(slices[1..].to_vec())).collect()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn peer<P: Peer + 'static>(cells: usize) -> Contender {
    let mut tape = Tape::new(cells, true);
    let mut seen: Vec<Vec<_>> = vec![Vec::new(); cells];
    tape.warm_up().iter().for_each(|bar| seen[bar.symbol.index()].push(*bar));
    let mut peers: Vec<P> = seen.iter().map(|bars| P::new(bars)).collect();
    Box::new(move || {
        let round = tape.round();
        for bar in round {
            let peer = &mut peers[bar.symbol.index()];
            peer.on_bar(bar);
            black_box(&mut *peer);
        }
        round.len()
    })
}

/// Only the indicators of this engine, eight cells side by side, in rows or separate. The number of cells is a
/// multiple of eight, and each cell gets one bar per round.
fn indicators_alone(cells: usize, in_rows: bool) -> Contender {
    const LANES: usize = 8;
    let mut tape = Tape::new(cells, true);
    let layout = IndicatorLayout::new(&StrategyParams::default().needs(), false);
    let mut sets: Vec<IndicatorSet> = (0..cells).map(|_| IndicatorSet::new(&layout)).collect();
    let mut histories: Vec<History> = (0..cells).map(|_| History::new(BUFFER)).collect();
    let mut numbers = vec![0u64; cells];
    for bar in tape.warm_up() {
        let k = bar.symbol.index();
        histories[k].push(bar.close, bar.high, bar.low, bar.volume);
        sets[k].on_bar(&layout, numbers[k], &histories[k]);
        numbers[k] += 1;
    }
    assert!(numbers.iter().all(|&n| n >= layout.ready()));
    let isa = Isa::best();
    let mut blocks: Vec<IndicatorRows> = Vec::new();
    for sets in sets.as_chunks::<LANES>().0.iter().filter(|_| in_rows) {
        let mut rows = IndicatorRows::new(&layout);
        sets.iter().enumerate().for_each(|(k, set)| rows.take(k, set));
        blocks.push(rows);
    }
    Box::new(move || {
        let round = tape.round();
        for bars in round.as_chunks::<LANES>().0 {
            let at = std::array::from_fn(|k| bars[k].symbol.index());
            let arriving = EightBars {
                i: std::array::from_fn(|k| numbers[at[k]]),
                price: std::array::from_fn(|k| bars[k].close),
                volume: std::array::from_fn(|k| bars[k].volume),
            };
            at.iter().for_each(|&k: &usize| numbers[k] += 1);
            if in_rows {
                black_box(update_rows(&layout, isa, &mut blocks[at[0] / LANES], &arriving));
            } else {
                let mut sets = sets.get_disjoint_mut(at).unwrap();
                black_box(update_eight(&layout, isa, &mut sets, &arriving));
            }
        }
        round.len()
    })
}

/// This engine's cells as a worker computes them: side by side, with memory prefetched one batch ahead. So many rounds are
/// played before.
fn ours(mut tape: Tape, cells: usize, before: usize) -> Contender {
    let minute: Timeframe = "1m".parse().unwrap();
    let layout = CellLayout::new(StrategyParams::default(), false);
    let mut state = Cells::new();
    for _ in 0..cells {
        state.add(0, &layout, Cell::new(&layout, PriceMethod::Ohlc, minute.price_scale(), BUFFER));
    }
    let number = |bar: &Bar| u32::from(bar.symbol.0);
    for bar in tape.warm_up() {
        state.get_mut(number(bar)).unwrap().on_bar(&layout, bar, |_, _| {});
    }
    for _ in 0..before {
        for bar in tape.round() {
            state.get_mut(number(bar)).unwrap().on_bar(&layout, bar, |_, _| {});
        }
    }
    Box::new(move || {
        let round = tape.round();
        let ask = |state: &Cells, bars: Option<&[Bar]>, history: bool| {
            for cell in bars.into_iter().flatten().map(number) {
                if history { state.prefetch_history(&layout, cell) } else { state.prefetch(&layout, cell) }
            }
        };
        let mut next = round.chunks(Cells::LANES).skip(1);
        for chunk in round.chunks(Cells::LANES) {
            let next = next.next();
            ask(&state, next, false);
            let mut batch = [(0, &chunk[0]); Cells::LANES];
            batch.iter_mut().zip(chunk).for_each(|(to, bar)| *to = (number(bar), bar));
            state.on_bars(&layout, &batch[..chunk.len()], |_, strategy, candidate| {
                black_box((strategy, candidate));
            });
            ask(&state, next, true);
        }
        round.len()
    })
}

/// The indicators against the crates that can compute them, after a check that the values are equal.
pub fn indicators() -> Vec<Found> {
    check::<TaLib>(1e-10);
    check::<Ta>(1e-9);
    check::<Yata>(1e-9);
    check::<Kand>(1e-6); // its sums of squares cancel
    let names = ["in rows", "side by side", "one by one", TaLib::NAME, Ta::NAME, Yata::NAME, Kand::NAME];
    let mut contenders = [
        indicators_alone(1_000, true),
        indicators_alone(1_000, false),
        peer::<Engine>(1_000),
        peer::<TaLib>(1_000),
        peer::<Ta>(1_000),
        peer::<Yata>(1_000),
        peer::<Kand>(1_000),
    ];
    let ns = medians(&mut contenders);
    let (ours, ta_lib) = (ns[0], ns[3]);
    let fastest = ns[4..].iter().copied().fold(f64::INFINITY, f64::min);
    let all: Vec<String> = names.iter().zip(&ns).map(|(name, ns)| format!("{name} {ns:.1} ns")).collect();
    let found = |id, theirs: f64, note| Found {
        id,
        figure: ours,
        ratio: Some((theirs / ours, format!("as fast as {theirs:.1} ns"))),
        note,
    };
    vec![found("indicators", fastest, all.join(", ")), found("indicators_ta_lib", ta_lib, String::new())]
}

/// All arithmetic of a worker.
pub fn strategies() -> Vec<Found> {
    let shapes =
        [("strategies_dense", 1_000, true), ("strategies_lone", 1, true), ("strategies_sparse", 10_000, false)];
    let mut contenders = shapes.map(|(_, cells, dense)| ours(Tape::new(cells, dense), cells, 0));
    let ns = medians(&mut contenders);
    let note = |ns: f64| format!("{:.0} million strategy evaluations a second on one core", 5e3 / ns);
    let found =
        |((id, ..), &ns): (&(&'static str, usize, bool), &f64)| Found { id, figure: ns, ratio: None, note: note(ns) };
    let mut all: Vec<Found> = shapes.iter().zip(&ns).map(found).collect();
    all.push(flat());
    all
}

/// Prices that stand still, against as many bars of prices that move.
fn flat() -> Found {
    const CELLS: usize = 64;
    let moving = ours(Tape::new(CELLS, true), CELLS, 0);
    let still = ours(Tape::flat(CELLS), CELLS, STAND_STILL);
    let ns = medians(&mut [moving, still]);
    let ratio = Some((ns[0] / ns[1], format!("as fast as {:.1} ns", ns[0])));
    Found { id: "strategies_flat", figure: ns[1], ratio, note: String::new() }
}

/// A custom strategy of ten terms, beside whatever else a worker does.
fn own(cells: usize, dense: bool) -> Contender {
    let mut tape = Tape::new(cells, dense);
    let rule = CustomRule {
        strategy: CustomStrategy::new(0, "ten_terms", Side::Buy).unwrap(),
        side: Side::Buy,
        when: "crosses_above(ema(20), ema(50)) and rsi(14) < 60 and volume_ratio > 1.5 and price > sma(200) and atr(14) > 0 \
               and macd(12, 26, 9) > macd_signal(12, 26, 9) and high > previous(high) and rising(2) and close > open \
               and price > previous(price, 10)",
        confidence: "0.5 + 0.5 * clamp((rsi(14) - 50) / 20)",
        min_confidence: 0.0,
        every_bar: false,
        symbols: None,
    };
    let program = Arc::new(Program::compile(&[rule]).unwrap());
    let mut programs = Programs::new(&[program]);
    let timeframe = TimeframeId::new(0);
    (0..cells).for_each(|_| programs.add(CustomCell { timeframe, method: PriceMethod::Ohlc, scale: 1.0 }, "A"));
    let number = |bar: &Bar| u32::from(bar.symbol.0);
    for bar in tape.warm_up() {
        programs.on_bars(&[(number(bar), bar)], |_, _, _| {});
    }
    Box::new(move || {
        let round = tape.round();
        for chunk in round.chunks(Cells::LANES) {
            let mut batch = [(0, &chunk[0]); Cells::LANES];
            batch.iter_mut().zip(chunk).for_each(|(to, bar)| *to = (number(bar), bar));
            programs.on_bars(&batch[..chunk.len()], |_, strategy, candidate| {
                black_box((strategy, candidate));
            });
        }
        round.len()
    })
}

/// What custom strategies add to a bar.
pub fn custom() -> Vec<Found> {
    let shapes = [("custom_dense", 1_000, true), ("custom_lone", 1, true), ("custom_sparse", 10_000, false)];
    let mut contenders = shapes.map(|(_, cells, dense)| own(cells, dense));
    let found = |((id, ..), figure): (&(&'static str, usize, bool), f64)| Found {
        id,
        figure,
        ratio: None,
        note: String::new(),
    };
    shapes.iter().zip(medians(&mut contenders)).map(found).collect()
}
