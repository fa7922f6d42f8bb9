//! One bar through everything the five strategies read, per cell: this engine and four crates in one run.
//!
//! The values are checked to be equal first. Ratios are printed at the end.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::{SHAPES, id, ratios, shape_name, tape::Tape};
use criterion::{Criterion, Throughput, criterion_group};
use peers::{Engine, Kand, Peer, Ta, TaLib, Yata, check};
use std::hint::black_box;

const GROUP: &str = "indicators";

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

fn benches(c: &mut Criterion) {
    check::<TaLib>(1e-10);
    check::<Ta>(1e-9);
    check::<Yata>(1e-9);
    check::<Kand>(1e-6); // its sums of squares cancel
    for (cells, dense) in SHAPES {
        base(c, cells, dense);
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
    ratios::print(GROUP, &["engine", "base", "ta-lib", "ta", "yata", "kand"], &shapes);
}
