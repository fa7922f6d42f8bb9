//! The kernels in this process: this engine and its peers in turns, on the same bars.

use crate::{
    Found,
    common::tape::Tape,
    peers::{Engine, Kand, Peer, Ta, TaLib, Yata, check},
};
use std::{hint::black_box, time::Instant};
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    model::{Bar, Timeframe},
    strategies::{Cell, CellLayout, Cells},
};

/// Slices of each contender, taken in turns.
const SLICES: usize = 31;
/// Bars of a slice, at least.
const SLICE_BARS: usize = 60_000;
/// Bars that a cell keeps by default.
const BUFFER: usize = 256;

/// Somebody who takes the next round of bars and says how many they were.
type Contender = Box<dyn FnMut() -> usize>;

/// Nanoseconds a bar of each: medians of slices in turns.
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

/// This engine's cells, computed as a worker does it: side by side, memory asked for a batch ahead. Without strategies it
/// is their indicators and, still, the search for their conditions.
fn ours(cells: usize, dense: bool, strategies: bool) -> Contender {
    let mut tape = Tape::new(cells, dense);
    let minute: Timeframe = "1m".parse().unwrap();
    let mut params = StrategyParams::default();
    if !strategies {
        params.macd_rsi.enabled = false;
        params.ma_crossover.enabled = false;
        params.rsi_trend.enabled = false;
        params.bollinger_breakout.enabled = false;
        params.sr_breakout.enabled = false;
    }
    let layout = CellLayout::new(params, false);
    let mut state = Cells::new();
    for _ in 0..cells {
        state.add(Cell::new(&layout, PriceMethod::Ohlc, minute.price_scale(), BUFFER));
    }
    let number = |bar: &Bar| u32::from(bar.symbol.0);
    for bar in tape.warm_up() {
        state.get_mut(number(bar)).unwrap().on_bar(&layout, bar, |_, _| {});
    }
    Box::new(move || {
        let round = tape.round();
        let ask = |state: &Cells, bars: Option<&[Bar]>, history: bool| {
            for cell in bars.into_iter().flatten().filter_map(|bar| state.get(number(bar))) {
                if history { cell.prefetch_history(&layout) } else { cell.prefetch(&layout) }
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

/// The indicators against the crates that can compute them, whose values are checked to be equal first.
pub fn indicators() -> Vec<Found> {
    check::<TaLib>(1e-10);
    check::<Ta>(1e-9);
    check::<Yata>(1e-9);
    check::<Kand>(1e-6); // its sums of squares cancel
    let names = ["side by side", "one by one", TaLib::NAME, Ta::NAME, Yata::NAME, Kand::NAME];
    let mut contenders = [
        ours(1_000, true, false),
        peer::<Engine>(1_000),
        peer::<TaLib>(1_000),
        peer::<Ta>(1_000),
        peer::<Yata>(1_000),
        peer::<Kand>(1_000),
    ];
    let ns = medians(&mut contenders);
    let (ours, ta_lib) = (ns[0], ns[2]);
    let fastest = ns[3..].iter().copied().fold(f64::INFINITY, f64::min);
    let all: Vec<String> = names.iter().zip(&ns).map(|(name, ns)| format!("{name} {ns:.1} ns")).collect();
    let found = |id, theirs: f64, note| Found {
        id,
        figure: ours,
        ratio: Some((theirs / ours, format!("as fast as {theirs:.1} ns"))),
        note,
    };
    vec![found("indicators", fastest, all.join(", ")), found("indicators_ta_lib", ta_lib, String::new())]
}

/// The whole of a worker's arithmetic.
pub fn strategies() -> Vec<Found> {
    let shapes =
        [("strategies_dense", 1_000, true), ("strategies_lone", 1, true), ("strategies_sparse", 10_000, false)];
    let mut contenders = shapes.map(|(_, cells, dense)| ours(cells, dense, true));
    let ns = medians(&mut contenders);
    let note = |ns: f64| format!("{:.0} million strategy evaluations a second on one core", 5e3 / ns);
    let found =
        |((id, ..), &ns): (&(&'static str, usize, bool), &f64)| Found { id, figure: ns, ratio: None, note: note(ns) };
    shapes.iter().zip(&ns).map(found).collect()
}
