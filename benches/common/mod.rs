//! What the benches share: bars to feed, peers to compare with, and the ratios at the end.
#![allow(dead_code)] // every bench uses its own part

pub mod ratios;
pub mod signals;
pub mod tape;

use criterion::{Criterion, Throughput};
use std::{hint::black_box, time::Duration};

/// Short runs, many of them: the machine is shared, and the median of a short run is as good as that of a long one.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
}

/// Cells of the tables, and whether all of them get a bar each round or two in a hundred.
pub const SHAPES: [(usize, bool); 7] =
    [(1, true), (100, true), (1_000, true), (10_000, true), (100, false), (1_000, false), (10_000, false)];

/// Name of one of the [`SHAPES`].
pub fn shape_name(cells: usize, dense: bool) -> String {
    format!("{}/{cells}", if dense { "dense" } else { "sparse" })
}

/// What the bars alone cost: taken off the tape, and nothing done with them.
pub fn base(c: &mut Criterion, group: &str, cells: usize, dense: bool) {
    let mut tape = tape::Tape::new(cells, dense);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(tape.per_round() as u64));
    group.bench_function(id("base", cells, dense), |b| {
        b.iter(|| {
            for bar in tape.round() {
                black_box(bar);
            }
        });
    });
}

/// Cells of the row of flat stretches.
pub const FLAT_CELLS: usize = 100;

/// A table of the first parameter, `base` measured first.
pub fn id(case: &str, cells: usize, dense: bool) -> criterion::BenchmarkId {
    criterion::BenchmarkId::new(case, shape_name(cells, dense))
}
