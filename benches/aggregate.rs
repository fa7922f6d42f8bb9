//! One base bar into the bars of the higher timeframes.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "../tests/properties/plan.rs"]
#[allow(dead_code)]
mod plan;

use common::{SHAPES, id, ratios, shape_name, tape::Tape};
use criterion::{Criterion, Throughput, criterion_group};
use std::hint::black_box;
use wagehood_engine::{aggregate::TimeBarAggregator, model::Bar};

const GROUP: &str = "aggregate";

fn benches(c: &mut Criterion) {
    for (cells, dense) in SHAPES {
        let mut tape = Tape::new(cells, dense);
        let plan = plan::plan(&["1s", "1m", "5m", "1h", "1d"], &vec![u32::MAX; cells]);
        let mut group = c.benchmark_group(GROUP);
        group.throughput(Throughput::Elements(tape.per_round() as u64));
        let mut second = 0;
        group.bench_function(id("base", cells, dense), |b| {
            b.iter(|| {
                second += 1;
                for bar in tape.round() {
                    black_box(Bar { ts: second * 1_000, ..*bar });
                }
            });
        });
        let mut aggregator = TimeBarAggregator::new(&plan);
        let mut second = 0;
        group.bench_function(id("on_bar", cells, dense), |b| {
            b.iter(|| {
                second += 1;
                for bar in tape.round() {
                    aggregator.on_bar(&Bar { ts: second * 1_000, ..*bar }, &mut |closed| {
                        black_box(closed);
                    });
                }
            });
        });
    }
}

criterion_group! { name = all; config = common::criterion(); targets = benches }

fn main() {
    all();
    Criterion::default().configure_from_args().final_summary();
    let shapes = SHAPES.map(|(cells, dense)| (shape_name(cells, dense), Tape::new(cells, dense).per_round()));
    ratios::print(GROUP, &["on_bar", "base"], &shapes);
}
