//! One bar through the indicators and the five strategies of a cell, at several numbers of cells.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::{
    FLAT_CELLS, SHAPES, base, ratios, shape_name,
    tape::{STAND_STILL, Tape},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use std::hint::black_box;
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    lanes::Isa,
    model::{Bar, Candidate, Strategy, Timeframe},
    strategies::{Cell, CellLayout, Cells},
};

const GROUP: &str = "strategies";
/// Bars a cell keeps by default.
const BUFFER: usize = 256;

/// How cells get their bars.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Each by itself.
    Scalar,
    /// Eight side by side, with these instructions; memory is asked for two batches ahead, as a worker does it.
    Lanes(Isa),
}

impl Way {
    fn all() -> Vec<(Self, String)> {
        let lanes = Isa::all().into_iter().rev().map(|isa| (Self::Lanes(isa), format!("lanes_{}", isa.name())));
        lanes.chain([(Self::Scalar, "scalar".to_owned())]).collect()
    }
}

/// The bars of a row of the table.
struct Played {
    tape: Tape,
    cells: usize,
    shape: String,
    /// Rounds before the measurement, after the warm-up.
    before: usize,
}

impl Played {
    fn new(cells: usize, dense: bool) -> Self {
        Self { tape: Tape::new(cells, dense), cells, shape: shape_name(cells, dense), before: 0 }
    }

    /// A long stretch of unchanged prices: it must cost no more than as many bars that move.
    fn flat() -> Self {
        Self { tape: Tape::flat(FLAT_CELLS), cells: FLAT_CELLS, shape: flat_name(), before: STAND_STILL }
    }
}

fn flat_name() -> String {
    format!("flat/{FLAT_CELLS}")
}

fn cells(c: &mut Criterion, played: Played, (way, name): &(Way, String)) {
    let Played { mut tape, cells: n, shape, before } = played;
    let minute: Timeframe = "1m".parse().unwrap();
    let isa = if let Way::Lanes(isa) = way { *isa } else { Isa::best() };
    let layout = CellLayout::new(StrategyParams::default(), false).with(isa);
    let mut cells = Cells::new();
    for _ in 0..n {
        cells.add(0, &layout, Cell::new(&layout, PriceMethod::Ohlc, minute.price_scale(), BUFFER));
    }
    let number = |bar: &Bar| u32::from(bar.symbol.0);
    for bar in tape.warm_up() {
        cells.get_mut(number(bar)).unwrap().on_bar(&layout, bar, |_, _| ());
    }
    for _ in 0..before {
        for bar in tape.round() {
            cells.get_mut(number(bar)).unwrap().on_bar(&layout, bar, |_, _| ());
        }
    }
    let mut group = c.benchmark_group(GROUP);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    let (mut bars, mut found) = (0u64, 0u64);
    let mut on_signal = |strategy: Strategy, candidate: Candidate| {
        found += 1;
        black_box((strategy, candidate));
    };
    group.bench_function(BenchmarkId::new(name, shape), |b| {
        b.iter(|| {
            let round = tape.round();
            bars += round.len() as u64;
            if *way == Way::Scalar {
                for bar in round {
                    let cell = cells.get_mut(number(bar)).unwrap();
                    cell.on_bar(&layout, bar, &mut on_signal);
                }
                return;
            }
            let ask = |cells: &Cells, bars: Option<&[Bar]>| {
                bars.into_iter().flatten().for_each(|bar| cells.prefetch(&layout, number(bar)));
            };
            let ask_history = |cells: &Cells, bars: Option<&[Bar]>| {
                bars.into_iter().flatten().for_each(|bar| cells.prefetch_history(&layout, number(bar)));
            };
            ask(&cells, round.chunks(Cells::LANES).next());
            ask_history(&cells, round.chunks(Cells::LANES).next());
            let mut next = round.chunks(Cells::LANES).skip(1);
            for chunk in round.chunks(Cells::LANES) {
                let next = next.next();
                ask(&cells, next);
                let mut batch = [(0, &chunk[0]); Cells::LANES];
                batch.iter_mut().zip(chunk).for_each(|(to, bar)| *to = (number(bar), bar));
                let batch = &batch[..chunk.len()];
                cells.on_bars(&layout, batch, |_, strategy, candidate| on_signal(strategy, candidate));
                ask_history(&cells, next);
            }
        });
    });
    if ratios::measuring() {
        println!("    {found} signals of {bars} bars");
    }
}

fn benches(c: &mut Criterion) {
    for (n, dense) in SHAPES {
        base(c, GROUP, n, dense);
        Way::all().iter().for_each(|way| cells(c, Played::new(n, dense), way));
    }
    Way::all().iter().for_each(|way| cells(c, Played::flat(), way));
}

criterion_group! { name = all; config = common::criterion(); targets = benches }

fn main() {
    all();
    Criterion::default().configure_from_args().final_summary();
    let shapes = SHAPES.map(|(cells, dense)| (shape_name(cells, dense), Tape::new(cells, dense).per_round()));
    let names: Vec<String> = Way::all().into_iter().map(|(_, name)| name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["base"]).collect();
    ratios::print(GROUP, &names, &shapes);
    ratios::against(GROUP, &names, [&flat_name(), &shape_name(FLAT_CELLS, true)]);
}
