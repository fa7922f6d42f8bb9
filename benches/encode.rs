//! A signal into the bytes of an XADD and of a JSON line.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{signals::signal, tape::Rng};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wagehood_engine::{
    model::{
        Completeness, Composite, Composites, Directory, Judged, Peer, Signal, SignalKind, Strategy, SymbolId,
        TimeframeId, TradingStyle, Weighed,
    },
    publish::{Labels, OutputNames, Sources, signal_json_line, xadd_signal},
    redis_io::Commands,
};

const SIGNALS: u64 = 64;

fn encode(c: &mut Criterion) {
    let timeframes: Vec<_> = ["1m", "5m", "1h", "1d"].iter().map(|name| name.parse().unwrap()).collect();
    let directory = Directory::new(8, &timeframes);
    assert!((0..8).all(|k| directory.name_symbol(SymbolId(k), &format!("SYM{k}"))));
    let mut rng = Rng(21);
    let signals: Vec<Signal> = (0..SIGNALS).map(|n| signal(n, 8, 4, &mut rng)).collect();
    let peers: Vec<Peer> = (0..SIGNALS)
        .map(|n| Peer {
            timeframe: TimeframeId::new(1),
            strategy: Strategy::SrBreakout,
            kind: SignalKind::named("support_breakout").unwrap(),
            confidence: rng.unit(),
            bar_ts: 1_751_984_700_000 + n as i64,
        })
        .collect();
    let mut composites = Composites::default();
    for (signal, peer) in signals.iter().zip(&peers) {
        let composite = Composite {
            signal: *signal,
            style: TradingStyle::Day,
            composite_confidence: rng.unit(),
            correlation_strength: 0.5,
            priority: rng.unit(),
            history: Completeness::Complete,
        };
        let supporting = std::slice::from_ref(peer);
        composites.push(&Weighed {
            composite: &composite,
            expires: 0,
            stale: false,
            supporting,
            opposing: &[],
            judged: Judged::NOTHING,
        });
    }
    let (mut names, sources) = (OutputNames::default(), Sources::default());
    let labels = Labels { directory: &directory, sources: &sources };
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(SIGNALS));
    group.bench_function("base", |b| {
        b.iter(|| {
            composites.iter().for_each(|weighed| {
                black_box(weighed);
            })
        })
    });
    let mut commands = Commands::with_capacity(1 << 17);
    group.bench_function("xadd", |b| {
        b.iter(|| {
            commands.clear();
            composites.iter().for_each(|weighed| xadd_signal(&mut commands, &mut names, &weighed, labels, 0));
            black_box(commands.bytes());
        });
    });
    let mut lines = Vec::with_capacity(1 << 17);
    group.bench_function("json_line", |b| {
        b.iter(|| {
            lines.clear();
            composites.iter().for_each(|weighed| signal_json_line(&mut lines, &weighed, labels));
            black_box(&lines);
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = common::criterion(); targets = encode }
criterion_main!(benches);
