//! What a stream entry costs to find and read, and a signal to write: ns an entry, without a server.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{collections::HashMap, hint::black_box};
use wagehood_engine::model::{
    Candidate, Completeness, Composite, Directory, Judged, Peer, Roster, Side, Signal, SignalKind, SourceId, Strategy,
    StreamId, SymbolId, TimeframeId, TradingStyle, Weighed,
};
use wagehood_engine::publish::{
    Dictionary, Labels, OutputNames, SignalFrames, Sources, signal_json_line, xadd_signal, xadd_signal_json,
};
use wagehood_engine::redis_io::{Commands, Scanner, XreadCursor, XreadItem};

const ENTRIES: usize = 100;

/// A reply of `XREAD` with entries in the fields of the existing ingestion.
fn reply() -> Vec<u8> {
    let fields = [
        ("event_id", "SPY_1795354738528"),
        ("symbol", "SPY"),
        ("timestamp", "2025-07-08T14:30:00"),
        ("price", "620.0"),
        ("volume", "12345.0"),
        ("open", "619.5"),
        ("high", "620.25"),
        ("low", "619.0"),
        ("close", "620.0"),
        ("source", "mock"),
        ("metadata", "{\"timeframe\": \"1m\"}"),
    ];
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let mut reply = format!("*1\r\n*2\r\n{}*{ENTRIES}\r\n", bulk("market_data_stream"));
    for i in 0..ENTRIES {
        reply += &format!("*2\r\n{}*{}\r\n", bulk(&format!("1795354738528-{i}")), 2 * fields.len());
        for (name, value) in fields {
            reply += &(bulk(name) + &bulk(value));
        }
    }
    reply.into_bytes()
}

fn read(c: &mut Criterion) {
    let reply = reply();
    let mut group = c.benchmark_group("entry");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    let mut scanner = Scanner::default();
    group.bench_function("scan", |b| b.iter(|| scanner.scan(black_box(&reply))));
    group.bench_function("read_fields", |b| {
        b.iter(|| {
            let (mut cursor, mut bytes) = (XreadCursor::default(), 0);
            while let Ok(Some(item)) = cursor.next(black_box(&reply)) {
                if let XreadItem::Entry(entry) = item {
                    bytes += entry.fields.map(|(name, value)| name.len() + value.len()).sum::<usize>();
                }
            }
            bytes
        });
    });
    group.finish();
}

/// A signal as it is published.
fn composite() -> Composite {
    let factors = [0.781931693462285, 0.31751224358561014, 1.0, 0.6836908837725498, 0.25];
    let candidate = Candidate {
        kind: SignalKind::named("macd_rsi_bearish").unwrap(),
        side: Side::Sell,
        confidence: 0.781931693462285,
        factors,
    };
    let signal = Signal {
        seq: 1,
        event_ts: 1_751_985_060_000,
        arrival_ns: 0,
        source: SourceId { id: StreamId { ms: 1_751_985_060_123, seq: 4 }, input: 0 },
        bar_ts: 1_751_985_000_000,
        bar_index: 300,
        price: 48.86,
        symbol: SymbolId(0),
        timeframe: TimeframeId::new(0),
        strategy: Strategy::MacdRsi,
        candidate,
        settled: true,
    };
    Composite {
        signal,
        style: TradingStyle::Day,
        composite_confidence: 0.7619316,
        correlation_strength: 0.5,
        priority: 0.7619316,
        history: Completeness::Complete,
    }
}

fn write(c: &mut Criterion) {
    let timeframes: Vec<_> = ["1m", "5m", "1h"].iter().filter_map(|name| name.parse().ok()).collect();
    let directory = Directory::new(1, &timeframes);
    directory.name_symbol(SymbolId(0), "SPY");
    let peer = Peer {
        timeframe: TimeframeId::new(1),
        strategy: Strategy::SrBreakout,
        kind: SignalKind::named("support_breakout").unwrap(),
        confidence: 0.7364509,
        bar_ts: 1_751_984_700_000,
    };
    let composite = composite();
    let weighed = Weighed {
        composite: &composite,
        expires: 0,
        stale: false,
        supporting: &[peer],
        opposing: &[],
        judged: Judged::NOTHING,
    };
    let (mut names, sources) = (OutputNames::default(), Sources::default());
    let labels = Labels { directory: &directory, sources: &sources };
    let mut group = c.benchmark_group("signal");
    group.throughput(Throughput::Elements(1));
    let mut commands = Commands::with_capacity(1 << 16);
    group.bench_function("xadd", |b| {
        b.iter(|| {
            commands.clear();
            xadd_signal(&mut commands, &mut names, black_box(&weighed), labels, 1_751_985_000_000);
        });
    });
    group.bench_function("xadd_json", |b| {
        b.iter(|| {
            commands.clear();
            xadd_signal_json(&mut commands, &mut names, black_box(&weighed), labels, 1_751_985_000_000);
        });
    });
    // A hundred signals a batch; what each costs, with its share of the frame.
    let dictionary = Dictionary::new("names", &HashMap::new(), &directory, &Roster::default()).unwrap();
    let mut frames = SignalFrames::new(dictionary, 10_000);
    group.throughput(Throughput::Elements(100));
    group.bench_function("frame_of_100", |b| {
        b.iter(|| {
            commands.clear();
            for _ in 0..100 {
                frames.push(&mut commands, &names.signals, black_box(&weighed), labels, 1_751_985_000_000);
            }
            frames.close(&mut commands, &names.signals);
        });
    });
    group.throughput(Throughput::Elements(1));
    let mut line = Vec::with_capacity(1 << 12);
    group.bench_function("json_line", |b| {
        b.iter(|| {
            line.clear();
            signal_json_line(&mut line, black_box(&weighed), labels);
        });
    });
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
