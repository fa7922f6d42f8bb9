//! The kernels in this process: this engine and its peers in turns, on the same bars.

use crate::{
    Found,
    common::tape::Tape,
    peers::{Engine, Kand, Peer, Ta, TaLib, Yata, check},
};
use std::{hint::black_box, time::Instant};
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    model::Timeframe,
    strategies::{Cell, CellLayout},
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

/// This engine's cells with their strategies, one by one.
fn ours(cells: usize, dense: bool) -> Contender {
    let mut tape = Tape::new(cells, dense);
    let minute: Timeframe = "1m".parse().unwrap();
    let layout = CellLayout::new(StrategyParams::default(), false);
    let cell = || Cell::new(&layout, PriceMethod::Ohlc, minute.price_scale(), BUFFER);
    let mut state: Vec<Cell> = (0..cells).map(|_| cell()).collect();
    for bar in tape.warm_up() {
        state[bar.symbol.index()].on_bar(&layout, bar, |_, _| {});
    }
    Box::new(move || {
        let round = tape.round();
        for bar in round {
            state[bar.symbol.index()].on_bar(&layout, bar, |strategy, candidate| {
                black_box((strategy, candidate));
            });
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
    let names = ["engine", TaLib::NAME, Ta::NAME, Yata::NAME, Kand::NAME];
    let mut contenders =
        [peer::<Engine>(1_000), peer::<TaLib>(1_000), peer::<Ta>(1_000), peer::<Yata>(1_000), peer::<Kand>(1_000)];
    let ns = medians(&mut contenders);
    let (ours, ta_lib) = (ns[0], ns[1]);
    let fastest = ns[2..].iter().copied().fold(f64::INFINITY, f64::min);
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
    let mut contenders = shapes.map(|(_, cells, dense)| ours(cells, dense));
    let ns = medians(&mut contenders);
    let note = |ns: f64| format!("{:.0} million strategy evaluations a second on one core", 5e3 / ns);
    let found =
        |((id, ..), &ns): (&(&'static str, usize, bool), &f64)| Found { id, figure: ns, ratio: None, note: note(ns) };
    shapes.iter().zip(&ns).map(found).collect()
}
