//! A stream entry into a bar: flat fields, and compact frames of 64.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use common::tape::{Rng, Walk};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wagehood_engine::{
    feed::{Entry, EntryForm, FrameRecord, Record, encode_frame, validate},
    model::Timeframe,
};

const ENTRIES: usize = 256;
const FRAME: usize = 64;

/// Names and values of one entry.
type Fields = Vec<(&'static str, String)>;

/// Entries in the fields of the existing ingestion, no two alike.
fn entries() -> Vec<Fields> {
    let mut walk = Walk::new(7);
    (0..ENTRIES)
        .map(|n| {
            let bar = walk.next(0);
            vec![
                ("event_id", format!("SPY_1795354738528{n}")),
                ("symbol", "SPY".to_owned()),
                ("timestamp", format!("2025-07-08T{:02}:{:02}:00", n / 60, n % 60)),
                ("price", bar.close.to_string()),
                ("volume", bar.volume.to_string()),
                ("open", bar.open.to_string()),
                ("high", bar.high.max(bar.open).max(bar.close).to_string()),
                ("low", bar.low.min(bar.open).min(bar.close).to_string()),
                ("close", bar.close.to_string()),
                ("source", "mock".to_owned()),
                ("metadata", "{\"timeframe\": \"1m\"}".to_owned()),
            ]
        })
        .collect()
}

fn legacy(c: &mut Criterion) {
    let base: Timeframe = "1m".parse().unwrap();
    let entries = entries();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    let fields = |entry: &Fields| -> [(usize, usize); 11] {
        std::array::from_fn(|k| (entry[k].0.as_ptr() as usize, entry[k].1.len()))
    };
    group.bench_function("base", |b| {
        b.iter(|| {
            for entry in &entries {
                black_box(fields(entry));
            }
        });
    });
    let mut form = EntryForm::new(base).fields;
    group.bench_function("legacy_entry", |b| {
        b.iter(|| {
            for entry in &entries {
                let fields = entry.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                let Ok(Entry::Bar(record)) = form.decode(fields) else { panic!("a good entry") };
                black_box(record);
            }
        });
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    let base: Timeframe = "1m".parse().unwrap();
    let mut walk = Walk::new(8);
    let mut rng = Rng(1);
    let records: Vec<FrameRecord> = (0..FRAME)
        .map(|_| {
            let bar = walk.next(0);
            let (high, low) = (bar.high.max(bar.open).max(bar.close), bar.low.min(bar.open).min(bar.close));
            let record = Record {
                symbol: b"SPY",
                ts: 1_751_985_000_000 + (rng.bits() % 1_000) as i64 * 60_000,
                interval: base,
                open: bar.open,
                high,
                low,
                close: bar.close,
                volume: bar.volume,
                vwap: f64::NAN,
                trades: 3,
                ingest_ns: 0,
            };
            FrameRecord::new(&record).unwrap()
        })
        .collect();
    let mut frame = Vec::new();
    encode_frame(base, 1, &records, &mut frame).unwrap();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(FRAME as u64));
    let mut form = EntryForm::new(base).fields;
    group.bench_function("compact_frame", |b| {
        b.iter(|| {
            let fields = [(b"frame".as_slice(), frame.as_slice())];
            let Ok(Entry::Frame(view)) = form.decode(black_box(fields).into_iter()) else { panic!("a frame") };
            for record in view.records() {
                black_box(validate(&record)).unwrap();
                black_box(record);
            }
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = common::criterion(); targets = legacy, frames }
criterion_main!(benches);
