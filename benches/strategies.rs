//! One bar through the indicators and the five strategies of a cell, at several numbers of cells.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::{SHAPES, id, ratios, shape_name, tape::Tape};
use criterion::{Criterion, Throughput, criterion_group};
use std::hint::black_box;
use wagehood_engine::{
    config::{PriceMethod, StrategyParams},
    model::Timeframe,
    strategies::{Cell, CellLayout},
};

const GROUP: &str = "strategies";
/// Bars a cell keeps by default.
const BUFFER: usize = 256;

fn base(c: &mut Criterion, cells: usize, dense: bool) {
    let mut tape = Tape::new(cells, dense);
    let mut group = c.benchmark_group(GROUP);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    group.bench_function(id("base", cells, dense), |b| {
        b.iter(|| {
            for bar in tape.round() {
                black_box(bar);
            }
        });
    });
}

/// `ahead`: as a worker does it, which asks for the memory of the next eight cells before it begins with the first.
fn cells(c: &mut Criterion, n: usize, dense: bool, ahead: bool) {
    let mut tape = Tape::new(n, dense);
    let minute: Timeframe = "1m".parse().unwrap();
    let layout = CellLayout::new(StrategyParams::default(), false);
    let cell = || Cell::new(&layout, PriceMethod::Ohlc, minute.price_scale(), BUFFER);
    let mut cells: Vec<Cell> = (0..n).map(|_| cell()).collect();
    let mut signals = 0u64;
    for bar in tape.warm_up() {
        cells[bar.symbol.index()].on_bar(&layout, bar, |_, _| signals += 1);
    }
    let mut group = c.benchmark_group(GROUP);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    let (mut bars, mut found) = (0, 0);
    group.bench_function(id(if ahead { "ahead" } else { "cell" }, n, dense), |b| {
        b.iter(|| {
            for chunk in tape.round().chunks(8) {
                if ahead {
                    chunk.iter().for_each(|bar| cells[bar.symbol.index()].prefetch());
                    chunk.iter().for_each(|bar| cells[bar.symbol.index()].prefetch_history(&layout));
                }
                for bar in chunk {
                    cells[bar.symbol.index()].on_bar(&layout, bar, |strategy, candidate| {
                        found += 1;
                        black_box((strategy, candidate));
                    });
                }
                bars += chunk.len();
            }
        });
    });
    if ratios::measuring() {
        println!("    a signal every {:.0} bars", bars as f64 / f64::from(found));
    }
}

fn benches(c: &mut Criterion) {
    for (n, dense) in SHAPES {
        base(c, n, dense);
        cells(c, n, dense, false);
        cells(c, n, dense, true);
    }
}

criterion_group! { name = all; config = common::criterion(); targets = benches }

fn main() {
    all();
    Criterion::default().configure_from_args().final_summary();
    let shapes = SHAPES.map(|(cells, dense)| (shape_name(cells, dense), Tape::new(cells, dense).per_round()));
    ratios::print(GROUP, &["cell", "ahead", "base"], &shapes);
}
