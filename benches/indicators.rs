//! One bar through everything the five strategies read, per cell: this engine and four crates in one run.
//!
//! The values are checked to be equal first. Ratios are printed at the end.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::{
    SHAPES, base, id, ratios, shape_name,
    tape::{self, Tape},
};
use criterion::{Criterion, Throughput, criterion_group};
use peers::{Engine, Kand, Peer, Ta, TaLib, Yata, check};
use std::hint::black_box;
use wagehood_engine::{
    config::StrategyParams,
    indicators::{EightBars, History, IndicatorLayout, IndicatorRows, IndicatorSet, update_eight, update_rows},
    lanes::Isa,
};

const GROUP: &str = "indicators";

fn peer<P: Peer>(c: &mut Criterion, cells: usize, dense: bool) {
    let mut tape = Tape::new(cells, dense);
    let mut seen: Vec<Vec<_>> = vec![Vec::new(); cells];
    tape.warm_up().iter().for_each(|bar| seen[bar.symbol.index()].push(*bar));
    let mut peers: Vec<P> = seen.iter().map(|bars| P::new(bars)).collect();
    drop(seen);
    let mut group = c.benchmark_group(GROUP);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    group.bench_function(id(P::NAME, cells, dense), |b| {
        b.iter(|| {
            for bar in tape.round() {
                let peer = &mut peers[bar.symbol.index()];
                peer.on_bar(bar);
                black_box(peer);
            }
        });
    });
}

/// Eight cells side by side, with these instructions, each by itself or in rows; what the strategies read comes in rows.
fn lanes(c: &mut Criterion, cells: usize, dense: bool, isa: Isa, in_rows: bool) {
    const LANES: usize = 8;
    let mut tape = Tape::new(cells, dense);
    let layout = IndicatorLayout::new(&StrategyParams::default().needs(), false);
    let mut sets: Vec<IndicatorSet> = (0..cells + LANES).map(|_| IndicatorSet::new(&layout)).collect();
    let mut histories: Vec<History> = (0..cells).map(|_| History::new(256)).collect();
    let mut numbers = vec![0u64; cells + LANES];
    for bar in tape.warm_up() {
        let k = bar.symbol.index();
        histories[k].push(bar.close, bar.high, bar.low, bar.volume);
        sets[k].on_bar(&layout, numbers[k], &histories[k]);
        numbers[k] += 1;
    }
    drop(histories);
    assert!(numbers[..cells].iter().all(|&n| n >= layout.ready()));
    let mut group = c.benchmark_group(GROUP);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    let mut blocks: Vec<IndicatorRows> = Vec::new();
    for sets in sets.chunks(LANES).filter(|sets| in_rows && sets.len() == LANES) {
        let mut rows = IndicatorRows::new(&layout);
        sets.iter().enumerate().for_each(|(k, set)| rows.take(k, set));
        blocks.push(rows);
    }
    let name = if in_rows { "rows" } else { "lanes" };
    group.bench_function(id(&format!("{name}_{}", isa.name()), cells, dense), |b| {
        b.iter(|| {
            for bars in tape.round().chunks(LANES) {
                // Cells that are nobody's fill the last row of a round.
                let at = std::array::from_fn(|k| bars.get(k).map_or(cells + k, |bar| bar.symbol.index()));
                let bar = |k: usize| bars.get(k).unwrap_or(&bars[0]);
                let arriving = EightBars {
                    i: std::array::from_fn(|k| numbers[at[k]]),
                    price: std::array::from_fn(|k| bar(k).close),
                    volume: std::array::from_fn(|k| bar(k).volume),
                };
                at.iter().for_each(|&k| numbers[k] += 1);
                if in_rows {
                    black_box(update_rows(&layout, isa, &mut blocks[at[0] / LANES], &arriving));
                    continue;
                }
                let mut sets = sets.get_disjoint_mut(at).unwrap();
                black_box(update_eight(&layout, isa, &mut sets, &arriving));
            }
        });
    });
}

/// The rows of eight are the values of each cell by itself, to the bit.
fn check_lanes(isa: Isa) {
    let mut tape = Tape::new(8, true);
    let layout = IndicatorLayout::new(&StrategyParams::default().needs(), false);
    let mut engines: Vec<Engine> = (0..8).map(|_| Engine::new(&[])).collect();
    let mut sets: Vec<IndicatorSet> = (0..8).map(|_| IndicatorSet::new(&layout)).collect();
    let mut histories: Vec<History> = (0..8).map(|_| History::new(256)).collect();
    for (n, bar) in tape.warm_up().iter().enumerate() {
        let k = bar.symbol.index();
        engines[k].on_bar(bar);
        histories[k].push(bar.close, bar.high, bar.low, bar.volume);
        sets[k].on_bar(&layout, n as u64 / 8, &histories[k]);
    }
    let mut block = IndicatorRows::new(&layout);
    sets.iter().enumerate().for_each(|(k, set)| block.take(k, set));
    for n in 0..1_000 {
        let bars = tape.round();
        bars.iter().zip(&mut engines).for_each(|(bar, engine)| engine.on_bar(bar));
        let arriving = EightBars {
            i: [tape::WARM_UP as u64 + n; 8],
            price: std::array::from_fn(|k| bars[k].close),
            volume: std::array::from_fn(|k| bars[k].volume),
        };
        let mut sets = sets.get_disjoint_mut([0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
        let rows = update_eight(&layout, isa, &mut sets, &arriving);
        let in_rows = update_rows(&layout, isa, &mut block, &arriving);
        assert_eq!(format!("{in_rows:?}"), format!("{rows:?}"), "bar {n} with {}", isa.name());
        for (k, engine) in engines.iter().enumerate() {
            let [line, signal, _, rsi, rsi_slow, fast, slow, upper, middle, lower, volume] = engine.values();
            let want = [line, signal, rsi, rsi_slow, fast, slow, upper, middle, lower, volume].map(f64::to_bits);
            let (averages, bands) = ([rows.line, rows.signal], [rows.upper, rows.middle, rows.lower, rows.volume]);
            let others = [rows.rsi, rows.trend_rsi_slow, rows.ma_fast, rows.ma_slow];
            let got: Vec<u64> = averages.iter().chain(&others).chain(&bands).map(|row| row[k].to_bits()).collect();
            assert_eq!(got, want, "cell {k} at bar {n} with {}", isa.name());
        }
    }
}

fn benches(c: &mut Criterion) {
    check::<TaLib>(1e-10);
    check::<Ta>(1e-9);
    check::<Yata>(1e-9);
    check::<Kand>(1e-6); // its sums of squares cancel
    Isa::all().into_iter().for_each(check_lanes);
    for (cells, dense) in SHAPES {
        base(c, GROUP, cells, dense);
        Isa::all().into_iter().for_each(|isa| lanes(c, cells, dense, isa, false));
        // Cells that do not come together do not lie in rows.
        if dense && cells % 8 == 0 {
            Isa::all().into_iter().for_each(|isa| lanes(c, cells, dense, isa, true));
        }
        peer::<Engine>(c, cells, dense);
        peer::<TaLib>(c, cells, dense);
        peer::<Ta>(c, cells, dense);
        peer::<Yata>(c, cells, dense);
        peer::<Kand>(c, cells, dense);
    }
}

criterion_group! { name = all; config = common::criterion(); targets = benches }

fn main() {
    all();
    Criterion::default().configure_from_args().final_summary();
    let shapes = SHAPES.map(|(cells, dense)| (shape_name(cells, dense), Tape::new(cells, dense).per_round()));
    let named = |way: &str| Isa::all().into_iter().rev().map(|isa| format!("{way}_{}", isa.name())).collect::<Vec<_>>();
    let lanes = [named("lanes"), named("rows")].concat();
    let peers = ["engine", "ta-lib", "ta", "yata", "kand", "base"];
    let names: Vec<&str> = lanes.iter().map(String::as_str).chain(peers).collect();
    ratios::print(GROUP, &names, &shapes);
}
