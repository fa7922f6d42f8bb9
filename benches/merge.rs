//! The signals of two workers back into one order, and the correlator behind it.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "../tests/properties/plan.rs"]
#[allow(dead_code)]
mod plan;

use common::{signals::signal, tape::Rng};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wagehood_engine::{
    correlate::Correlator,
    model::{Signal, WorkerMessage},
    publish::{Item, Merge},
};

const BATCH: u64 = 64;
const SYMBOLS: u64 = 100;

fn benches_of_merge(c: &mut Criterion) {
    let mut rng = Rng(9);
    let signals: Vec<Signal> = (0..BATCH).map(|n| signal(n, SYMBOLS, 4, &mut rng)).collect();
    let mut group = c.benchmark_group("merge");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("base", |b| {
        b.iter(|| {
            signals.iter().for_each(|signal| {
                black_box(WorkerMessage::Signal(*signal));
            })
        });
    });
    for workers in [1, 2] {
        let mut merge = Merge::new(workers, 1_024);
        let mut round = 0;
        group.bench_function(format!("workers/{workers}"), |b| {
            b.iter(|| {
                for (k, signal) in signals.iter().enumerate() {
                    let signal = Signal { seq: round * BATCH + k as u64 + 1, ..*signal };
                    merge.push(k % workers, WorkerMessage::Signal(signal));
                }
                round += 1;
                (0..workers).for_each(|w| merge.push(w, WorkerMessage::Progress { seq: round * BATCH }));
                let limit = merge.complete();
                while merge
                    .next_group(limit, |item| {
                        black_box(item);
                    })
                    .is_some()
                {}
            });
        });
    }
    let plan = plan::plan(&["1m", "5m", "1h", "1d"], &vec![u32::MAX; SYMBOLS as usize]);
    let mut correlator = Correlator::new(&plan);
    let mut merge = Merge::new(2, 1_024);
    let (mut round, mut one) = (0, Vec::with_capacity(16));
    group.bench_function("correlated/2", |b| {
        b.iter(|| {
            for (k, signal) in signals.iter().enumerate() {
                let n = round * BATCH + k as u64;
                let (bar_ts, event_ts) = (n as i64 * 60_000, n as i64 * 60_000 + 60_000);
                let signal = Signal { seq: n + 1, bar_ts, event_ts, bar_index: n, ..*signal };
                merge.push(k % 2, WorkerMessage::Signal(signal));
            }
            round += 1;
            (0..2).for_each(|w| merge.push(w, WorkerMessage::Progress { seq: round * BATCH }));
            let limit = merge.complete();
            loop {
                one.clear();
                let taken = merge.next_group(limit, |item| {
                    if let Item::Signal(signal) = item {
                        one.push(signal);
                    }
                });
                if taken.is_none() {
                    break;
                }
                correlator.on_group(&mut one, |verdict| {
                    black_box(&verdict);
                });
            }
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = common::criterion(); targets = benches_of_merge }
criterion_main!(benches);
