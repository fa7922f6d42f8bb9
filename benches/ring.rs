//! A message of one cache line through a ring: on one thread, and from one thread to another.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::tape::Walk;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use wagehood_engine::{
    model::BarMessage,
    runtime::{Inlet, Outlet, Parker, ring},
};

const BATCH: usize = 64;
const CAPACITY: usize = 4_096;

fn new_ring() -> (Outlet<BarMessage>, Inlet<BarMessage>) {
    let (sender, receiver) = (Parker::new().unwrap(), Parker::new().unwrap());
    ring(CAPACITY, 16, sender.waker(), receiver.waker())
}

fn messages() -> Vec<BarMessage> {
    let mut walk = Walk::new(3);
    (0..BATCH).map(|_| BarMessage::Bar(walk.next(0))).collect()
}

fn one_thread(c: &mut Criterion) {
    let messages = messages();
    let mut group = c.benchmark_group("ring");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("base", |b| {
        b.iter(|| {
            messages.iter().for_each(|message| {
                black_box(*message);
            })
        })
    });
    let (mut outlet, mut inlet) = new_ring();
    group.bench_function("one_thread/pop", |b| {
        b.iter(|| {
            messages.iter().for_each(|message| outlet.send(*message));
            while let Some(message) = inlet.pop() {
                black_box(message);
            }
        });
    });
    let (mut outlet, mut inlet) = new_ring();
    group.bench_function("one_thread/drain", |b| {
        b.iter(|| {
            messages.iter().for_each(|message| outlet.send(*message));
            inlet.drain(BATCH, |message| {
                black_box(message);
            })
        });
    });
    group.finish();
}

/// Time of so many messages from one thread to the other; the sender waits where the ring is full.
fn across(count: u64) -> Duration {
    let (mut outlet, mut inlet) = new_ring();
    let messages = messages();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for k in 0..count {
                outlet.send(messages[k as usize % BATCH]);
                while !outlet.flush() {
                    std::hint::spin_loop();
                }
            }
        });
        let mut received = 0;
        while received < count {
            let taken = inlet.drain(BATCH, |message| {
                black_box(message);
            });
            if taken == 0 {
                std::thread::yield_now();
            }
            received += taken as u64;
        }
    });
    started.elapsed()
}

fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("two_threads/1000", |b| b.iter_custom(|iterations| across(iterations * 1_000)));
    group.finish();
}

criterion_group! { name = benches; config = common::criterion(); targets = one_thread, two_threads }
criterion_main!(benches);
