//! Nothing on the hot path allocates: every stage, fed a million records, with an allocator that counts.
//!
//! Alone in its binary, because the allocator is the process's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unsafe_code)] // a counting allocator can be had in no other way

#[path = "properties/plan.rs"]
#[allow(dead_code)]
mod plan;
#[path = "../benches/common/tape.rs"]
#[allow(dead_code)]
mod tape;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell as StdCell,
    collections::HashMap,
    hint::black_box,
    sync::Arc,
};
use tape::{Rng, Walk};
use wagehood_engine::{
    aggregate::{Closes, TimeBarAggregator},
    config::{Config, CrossRules, Plan, PriceMethod, StrategyParams},
    correlate::{Correlator, Verdict},
    cross::CrossAssets,
    engine::{Group, tap},
    feed::{Entry, FrameRecord, Record, decode_entry, encode_frame},
    indicators::{History, Recent},
    judge::{Judge, Trails},
    lanes::Isa,
    model::{
        Bar, Candidate, Completeness, Composite, Composites, CustomStrategy, Directory, Roster, Side, Signal,
        SignalKind, SourceId, Strategy, StreamId, SymbolId, Timeframe, TimeframeId, TradingStyle, WindowStatistics,
        WorkerMessage,
    },
    ops::{Board, Operations, OperationsOptions, RunPhase},
    publish::{
        Dictionary, Labels, Merge, OutputNames, SignalFrames, Sources, bar_csv, set_statistics, signal_json_line,
        statistics_csv, xadd_bar, xadd_signal, xadd_signal_json,
    },
    redis_io::{Commands, Scanner, XreadCursor, XreadItem},
    strategies::{
        Cell, CellLayout, Cells,
        custom::{CustomCell, CustomRule, Program, Programs},
    },
};

thread_local! {
    /// Allocations of this thread; of others, such as the test harness's, nobody asks.
    static COUNT: StdCell<u64> = const { StdCell::new(0) };
}

struct Counting;

fn count() {
    // A thread that ends has no counter any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RECORDS: usize = 1_000_000;

/// Runs `work` for each of so many records, after `warm_up` of them, and asserts that the rest allocates nothing.
fn none(what: &str, warm_up: usize, mut work: impl FnMut(usize)) {
    (0..warm_up).for_each(&mut work);
    let before = COUNT.get();
    (warm_up..warm_up + RECORDS).for_each(&mut work);
    assert_eq!(COUNT.get() - before, 0, "{what} allocates");
}

#[test]
fn the_counter_counts() {
    let before = COUNT.get();
    drop(black_box(Box::new(1)));
    assert_eq!(COUNT.get() - before, 1);
}

#[test]
fn cells() {
    for publish in [false, true] {
        let layout = CellLayout::new(StrategyParams::default(), publish);
        let scale = "1m".parse::<Timeframe>().unwrap().price_scale();
        let mut cells: Vec<Cell> = (0..10).map(|_| Cell::new(&layout, PriceMethod::Ohlc, scale, 64)).collect();
        let mut walks: Vec<Walk> = (0..10).map(Walk::new).collect();
        let mut signals = 0u64;
        // A cell's first bars allocate nothing either.
        none("Cell::on_bar", 0, |n| {
            let bar = walks[n % 10].next(n % 10);
            cells[n % 10].on_bar(&layout, &bar, |_, _| signals += 1);
            black_box(cells[n % 10].published(&layout));
        });
        assert!(signals > 10_000);
    }
}

#[test]
fn cells_side_by_side() {
    for publish in [false, true] {
        let layout = CellLayout::new(StrategyParams::default(), publish);
        let scale = "1m".parse::<Timeframe>().unwrap().price_scale();
        let mut cells = Cells::new();
        for _ in 0..20 {
            cells.add(0, &layout, Cell::new(&layout, PriceMethod::Ohlc, scale, 64));
        }
        let mut walks: Vec<Walk> = (0..20).map(Walk::new).collect();
        let (mut signals, mut in_rows, mut moved) = (0u64, 0usize, 0usize);
        none("Cells::on_bars", 0, |n| {
            if n % 8 != 0 {
                return;
            }
            // Whole blocks, for a while with a part of one now and then, and for a while any eight cells.
            let batch = n / 8;
            let (first, count) = match batch % 1_000 {
                0..600 => (batch % 2 * 8, if batch % 5 == 4 { 3 } else { 8 }),
                600..900 => (batch % 2 * 8, 8),
                _ => (batch * 3 % 20, 8),
            };
            let bars: [Bar; 8] = std::array::from_fn(|k| walks[(first + k) % 20].next((first + k) % 20));
            let bars = std::array::from_fn::<_, 8, _>(|k| (u32::from(bars[k].symbol.0), &bars[k]));
            cells.on_bars(&layout, &bars[..count], |_, _, _| signals += 1);
            let now = cells.in_rows();
            moved += usize::from(now != in_rows);
            in_rows = now;
        });
        assert!(signals > 10_000);
        assert_eq!(moved > 100, !publish && Isa::best() != Isa::Portable, "{moved}");
    }
}

/// The last bars of a cell, the statistics of two windows at every bar, and how they are written.
#[test]
fn statistics() {
    let timeframes: Vec<Timeframe> = vec!["1m".parse().unwrap()];
    let directory = Directory::new(1, &timeframes);
    assert!(directory.name_symbol(SymbolId(0), "SPY"));
    let (mut recent, mut history) = (Recent::new(256), History::new(256));
    let (mut walk, mut sorted) = (Walk::new(1), Vec::with_capacity(256));
    let names = OutputNames::default();
    let mut commands = Commands::with_capacity(1 << 16);
    let mut lines = Vec::with_capacity(1 << 16);
    none("statistics", 0, |n| {
        let bar = Bar { ts: n as i64 * 60_000, ..walk.next(0) };
        history.push(bar.close, bar.high, bar.low, bar.volume);
        recent.on_bar(&bar, n == 0, (bar.ts, bar.ts + 60_000), |_, _| 0);
        if n % 64 == 0 {
            let windows = [20, 240].map(|bars| WindowStatistics {
                seq: n as u64,
                event_ts: bar.ts + 60_000,
                ts: bar.ts,
                symbol: bar.symbol,
                timeframe: bar.timeframe,
                bars,
                values: recent.statistics(&history, bars as usize, 525_600.0, &mut sorted),
            });
            commands.clear();
            lines.clear();
            set_statistics(&mut commands, &names, &windows.map(Some), &directory);
            statistics_csv(&mut lines, &windows, &directory);
            black_box(&lines);
        }
    });
}

#[test]
fn custom_strategies() {
    let rule = CustomRule {
        strategy: CustomStrategy::new(0, "allocates_nothing", Side::Buy).unwrap(),
        side: Side::Buy,
        when: "crosses_above(ema(5), sma(9)) and rsi(14) < 80 and volume_ratio > 0.1 and high > lowest(30)",
        confidence: "0.5 + atr(14) / price + stddev(20) / price",
        min_confidence: 0.1,
        every_bar: false,
        symbols: None,
    };
    let mut programs = Programs::new(&[Arc::new(Program::compile(&[rule]).unwrap())]);
    let cell = CustomCell { timeframe: TimeframeId::new(0), method: PriceMethod::Ohlc, scale: 1.0 };
    (0..20).for_each(|_| programs.add(cell, "A"));
    let mut walks: Vec<Walk> = (0..20).map(Walk::new).collect();
    let mut signals = 0u64;
    none("Programs::on_bars", 0, |n| {
        if n % 8 == 0 {
            let bars: [Bar; 8] = std::array::from_fn(|k| walks[(n + k * 3) % 20].next((n + k * 3) % 20));
            let bars = std::array::from_fn::<_, 8, _>(|k| (u32::from(bars[k].symbol.0), &bars[k]));
            programs.on_bars(&bars, |_, _, _| signals += 1);
        }
    });
    assert!(signals > 1_000, "{signals}");
}

#[test]
fn aggregator() {
    let plan = plan::plan(&["1m", "5m", "1h", "1d"], &[u32::MAX; 4]);
    let mut aggregator = TimeBarAggregator::new(&plan);
    let mut walks: Vec<Walk> = (0..4).map(Walk::new).collect();
    let mut closed = 0u64;
    none("TimeBarAggregator::on_bar", 0, |n| {
        let bar = Bar { ts: (n / 4) as i64 * 60_000, ..walks[n % 4].next(n % 4) };
        aggregator.on_bar(&bar, &mut |bar| {
            closed += 1;
            black_box(bar);
        });
    });
    assert!(closed > RECORDS as u64 * 6 / 5);
}

fn signal(n: usize, rng: &mut Rng) -> Signal {
    let side = if rng.bits() & 1 == 0 { Side::Buy } else { Side::Sell };
    let kind = if side == Side::Buy { "macd_rsi_bullish" } else { "macd_rsi_bearish" };
    let kind = SignalKind::named(kind).unwrap();
    let factors = std::array::from_fn(|_| rng.unit());
    Signal {
        seq: n as u64 + 1,
        event_ts: n as i64 * 60_000 + 60_000,
        arrival_ns: n as u64,
        source: SourceId { id: StreamId { ms: 1_751_985_060_123 + n as u64, seq: 4 }, input: 0 },
        bar_ts: n as i64 * 60_000,
        bar_index: n as u64,
        price: 100.0 * (1.0 + rng.unit()),
        symbol: SymbolId((n % 4) as u16),
        timeframe: TimeframeId::new(rng.bits() as usize % 4),
        strategy: Strategy::ALL[rng.bits() as usize % 5],
        candidate: Candidate { kind, side, confidence: rng.unit(), factors },
        settled: true,
    }
}

/// Merge, correlator and encoders in one go, as the publisher runs them.
#[test]
fn publishing() {
    let timeframes: Vec<Timeframe> = ["1m", "5m", "1h", "1d"].iter().map(|name| name.parse().unwrap()).collect();
    let plan = plan::plan(&["1m", "5m", "1h", "1d"], &[u32::MAX; 4]);
    let directory = Directory::new(4, &timeframes);
    assert!((0..4).all(|k| directory.name_symbol(SymbolId(k), &format!("S{k}"))));
    let (mut names, sources) = (OutputNames::default(), Sources::default());
    let labels = Labels { directory: &directory, sources: &sources };
    let dictionary = Dictionary::new("names", &HashMap::new(), &directory, &Roster::default()).unwrap();
    let mut frames = SignalFrames::new(dictionary, 10_000);
    let mut merge = Merge::new(2, 64);
    let mut correlator = Correlator::new(&plan);
    let mut group = Vec::with_capacity(64);
    let mut commands = Commands::with_capacity(1 << 16);
    let mut lines = Vec::with_capacity(1 << 16);
    let mut rng = Rng(3);
    let mut published = 0u64;
    none("publishing", 10_000, |n| {
        merge.push(n % 2, WorkerMessage::Signal(signal(n, &mut rng)));
        for worker in 0..2 {
            merge.push(worker, WorkerMessage::Progress { seq: n as u64 + 1 });
        }
        let limit = merge.complete();
        group.clear();
        while merge
            .next_group(limit, |item| {
                if let wagehood_engine::publish::Item::Signal(signal) = item {
                    group.push(signal);
                }
            })
            .is_some()
        {}
        correlator.on_group(&mut group, |verdict| {
            let (Verdict::Publish(weighed) | Verdict::Hold(weighed, _)) = verdict;
            commands.clear();
            lines.clear();
            xadd_signal(&mut commands, &mut names, &weighed, labels, 0);
            xadd_signal_json(&mut commands, &mut names, &weighed, labels, 0);
            signal_json_line(&mut lines, &weighed, labels);
            frames.push(&mut commands, &names.signals, &weighed, labels, 0);
            if published % 50 == 49 {
                frames.close(&mut commands, &names.signals);
            }
            published += 1;
        });
    });
    assert_eq!(merge.grown(), 0);
    assert!(published >= RECORDS as u64);
}

/// What the publisher does more where the listener is on: everything goes to its thread too, which is often too slow for it.
#[test]
fn publishing_with_the_listener_on() {
    let plan = plan::plan(&["1m", "5m", "1h", "1d"], &[u32::MAX; 4]);
    let (mut tap, watch) = tap(8_192);
    let mut telemetry = Config::default().telemetry;
    telemetry.listen = "127.0.0.1:0".to_owned();
    let options = OperationsOptions {
        name: "test".to_owned(),
        config_version: String::new(),
        telemetry,
        token: None,
        watch: Some(watch),
        relay: None,
    };
    let listener = Operations::start(options, Board::new(RunPhase::Running)).unwrap();
    assert!(listener.address().is_some());
    let mut correlator = Correlator::new(&plan);
    let (mut group, mut published) = (Vec::with_capacity(64), Composites::with_capacity(64));
    let mut rng = Rng(7);
    none("publishing with the listener on", 10_000, |n| {
        group.clear();
        group.push(signal(n, &mut rng));
        let (symbol, seq, event_ts) = (group[0].symbol, group[0].seq, group[0].event_ts);
        published.clear();
        correlator.on_group(&mut group, |verdict| {
            let (Verdict::Publish(weighed) | Verdict::Hold(weighed, _)) = verdict;
            published.push(&weighed);
        });
        let signals = &published;
        tap.group(&Group {
            symbol,
            seq,
            event_ts,
            rows: &[],
            statistics: &[],
            signals,
            replayed: false,
            published_ms: event_ts,
        });
    });
}

/// Outcomes of the signals of four cells, and what is made of them.
#[test]
fn judging() {
    let plan = plan::plan(&["1m"], &[u32::MAX; 4]);
    let (mut trails, mut judge) = (Trails::default(), Judge::new(&plan));
    (0..4).for_each(|_| trails.add());
    let mut walks: Vec<Walk> = (0..4).map(Walk::new).collect();
    let mut outcomes = Vec::with_capacity(64);
    let mut rng = Rng(5);
    let (mut settled, mut judged) = (0u64, 0.0);
    none("outcomes", 10_000, |n| {
        let cell = n % 4;
        let bar = Bar { ts: (n / 4) as i64 * 60_000, ..walks[cell].next(cell) };
        let (symbol, timeframe) = (bar.symbol, bar.timeframe);
        let fires = rng.bits() & 3 == 0;
        let mut signal = signal(n, &mut rng);
        (signal.symbol, signal.timeframe, signal.bar_ts) = (symbol, timeframe, bar.ts);
        let fired = fires.then_some((signal.strategy, &signal.candidate));
        outcomes.clear();
        let place = (n as u64, bar.ts + 60_000);
        trails.on_bar(cell, &bar, place, (bar.close, 0.001), fired.into_iter(), |due| outcomes.push(due));
        let unknown = judge.settle(&outcomes, |_| settled += 1);
        assert_eq!(unknown, 0);
        if fires {
            let composite = Composite {
                signal,
                style: TradingStyle::Day,
                composite_confidence: rng.unit(),
                correlation_strength: 0.0,
                priority: 0.0,
                history: Completeness::Complete,
            };
            judged += judge.judge(&composite, [0.4, 0.2]).calibrated.unwrap();
        }
    });
    assert!(settled > RECORDS as u64 / 2 && judged > 0.0, "{settled}");
}

/// Bars and signals of forty symbols, an interval after every fifteenth bar.
#[test]
fn crossing() {
    const SYMBOLS: usize = 40;
    let rules = CrossRules { timeframe: "15m".parse().unwrap(), max_symbols: SYMBOLS };
    let plan = Plan { cross_asset: Some(rules), ..plan::plan(&["1m"], &[u32::MAX; SYMBOLS]) };
    let (mut closes, mut assets) = (Closes::new(rules.timeframe), CrossAssets::new(&plan).unwrap());
    (0..SYMBOLS).for_each(|_| closes.add_symbol());
    let mut crossings = Vec::with_capacity(2 * SYMBOLS);
    let mut rng = Rng(7);
    let (mut said, mut due) = (0u64, 900_000);
    none("the correlation across assets", 10_000, |n| {
        let (symbol, end) = (n % SYMBOLS, (n / SYMBOLS) as i64 * 60_000 + 60_000);
        if due + 1_800_000 <= end {
            crossings.clear();
            closes.take(n as u64, due, due + 900_000, |crossing| crossings.push(crossing));
            due += 900_000;
            assets.take(&crossings, None);
        }
        closes.base(SymbolId(symbol as u16), TimeframeId::new(0), end, 100.0 + rng.unit());
        if n % 20 == 0 {
            let mut signal = signal(n, &mut rng);
            (signal.symbol, signal.timeframe, signal.event_ts) = (SymbolId(symbol as u16), TimeframeId::new(0), end);
            assets.enter(&signal, end + 180_000);
            said += u64::from(assets.judge(&signal).is_some());
        }
    });
    assert!(said > RECORDS as u64 / 40, "{said}");
}

#[test]
fn bars() {
    let timeframes: Vec<Timeframe> = vec!["1m".parse().unwrap()];
    let directory = Directory::new(1, &timeframes);
    assert!(directory.name_symbol(SymbolId(0), "SPY"));
    let mut names = OutputNames::default();
    let mut walk = Walk::new(1);
    let mut commands = Commands::with_capacity(1 << 16);
    let mut lines = Vec::with_capacity(1 << 16);
    none("encoding of bars", 100, |n| {
        let bar = Bar { ts: n as i64 * 60_000, ..walk.next(0) };
        commands.clear();
        lines.clear();
        xadd_bar(&mut commands, &mut names, &bar, &directory);
        bar_csv(&mut lines, &bar, &directory);
    });
}

#[test]
fn decoding() {
    let base: Timeframe = "1m".parse().unwrap();
    let fields: [(&[u8], &[u8]); 11] = [
        (b"event_id", b"SPY_1795354738528"),
        (b"symbol", b"SPY"),
        (b"timestamp", b"2025-07-08T14:30:00"),
        (b"price", b"620.01"),
        (b"volume", b"12345.0"),
        (b"open", b"619.5"),
        (b"high", b"620.25"),
        (b"low", b"619.0"),
        (b"close", b"620.01"),
        (b"source", b"mock"),
        (b"metadata", b"{\"timeframe\": \"1m\"}"),
    ];
    none("decode_entry of flat fields", 1, |_| {
        black_box(decode_entry(fields.into_iter(), base).expect("a good entry"));
    });
    let record = Record {
        symbol: b"SPY",
        ts: 1_751_985_000_000,
        interval: base,
        open: 619.5,
        high: 620.25,
        low: 619.0,
        close: 620.0,
        volume: 12_345.0,
        vwap: f64::NAN,
        trades: 0,
        ingest_ns: 0,
    };
    let records = [FrameRecord::new(&record).unwrap(); 64];
    let mut frame = Vec::with_capacity(1 << 16);
    none("frames", 1, |n| {
        if n % 64 == 0 {
            frame.clear();
            encode_frame(base, 1, &records, &mut frame).unwrap();
            let fields: [(&[u8], &[u8]); 1] = [(b"frame", &frame)];
            let Ok(Entry::Frame(view)) = decode_entry(fields.into_iter(), base) else { panic!("a good frame") };
            for record in view.records() {
                black_box(record);
            }
        }
    });
}

#[test]
fn scanning() {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let mut reply = format!("*1\r\n*2\r\n{}*100\r\n", bulk("market_data_stream"));
    for i in 0..100 {
        reply += &format!("*2\r\n{}*4\r\n", bulk(&format!("1795354738528-{i}")));
        reply += &["symbol", "SPY", "close", "620.25"].map(bulk).concat();
    }
    let reply = reply.into_bytes();
    let mut scanner = Scanner::default();
    none("scanning", 100, |n| {
        if n % 100 == 0 {
            scanner.scan(&reply).expect("a good reply");
            let (mut cursor, mut fields) = (XreadCursor::default(), 0);
            while let Ok(Some(item)) = cursor.next(&reply) {
                if let XreadItem::Entry(entry) = item {
                    fields += entry.fields.count();
                }
            }
            assert_eq!(fields, 200);
            scanner.reset();
        }
    });
}
