//! Runs one hot kernel a given number of times, for profilers and instruction counters.
//!
//! `kernels NAME ROUNDS [CELLS [sparse]]`; with ROUNDS 0 it only prepares, so that you can subtract the preparation.
//! Without a name it lists the kernels with the number of elements in one round. See `perf/instructions.sh`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/properties/plan.rs"]
#[allow(dead_code)]
mod plan;
#[path = "../benches/common/signals.rs"]
mod signals;
#[path = "../benches/common/tape.rs"]
#[allow(dead_code)]
mod tape;

use signals::signal;
use std::hint::black_box;
use tape::{Rng, Tape, Walk};
use wagehood_engine::{
    aggregate::TimeBarAggregator,
    config::{PriceMethod, StrategyParams},
    correlate::{Correlator, Verdict},
    feed::{Entry, EntryForm, FrameRecord, Record, encode_frame},
    indicators::{History, IndicatorLayout, IndicatorSet},
    lanes::Isa,
    model::{Bar, BarMessage, Directory, Signal, SymbolId, Timeframe, WorkerMessage},
    publish::{Item, Labels, Merge, OutputNames, Sources, signal_json_line, xadd_signal},
    redis_io::Commands,
    runtime::{Parker, ring},
    strategies::{Cell, CellLayout, Cells},
};

/// Elements of a round for a kernel without cells.
const BATCH: usize = 64;

/// The input of a kernel.
struct Run {
    rounds: usize,
    cells: usize,
    dense: bool,
}

type Kernel = fn(&Run);

const KERNELS: [(&str, Kernel); 13] = [
    ("base", base),
    ("indicators", indicators),
    ("strategies", |run| strategies(run, false)),
    ("strategies_portable", |run| strategies(run, true)),
    ("strategies_lanes", |run| strategies_lanes(run, Isa::best())),
    ("strategies_lanes_portable", |run| strategies_lanes(run, Isa::Portable)),
    ("aggregate", aggregate),
    ("decode_legacy", decode_legacy),
    ("decode_frame", decode_frame),
    ("encode_xadd", |run| encode(run, true)),
    ("encode_json", |run| encode(run, false)),
    ("ring", ring_kernel),
    ("merge_correlate", merge),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, rounds, rest @ ..] = args.as_slice() else {
        KERNELS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let cells = rest.first().map_or(BATCH, |text| text.parse().unwrap());
    let run = Run { rounds: rounds.parse().unwrap(), cells, dense: rest.len() < 2 };
    let kernel = KERNELS.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no kernel {name}"));
    (kernel.1)(&run);
}

fn base(run: &Run) {
    let mut tape = Tape::new(run.cells, run.dense);
    for _ in 0..run.rounds {
        tape.round().iter().for_each(|bar| {
            black_box(bar);
        });
    }
}

fn indicators(run: &Run) {
    let mut tape = Tape::new(run.cells, run.dense);
    let layout = IndicatorLayout::new(&StrategyParams::default().needs(), false);
    let cell = || (History::new(256), IndicatorSet::new(&layout), 0);
    let mut cells: Vec<_> = (0..run.cells).map(|_| cell()).collect();
    let mut on_bar = |bar: &Bar| {
        let (history, set, i) = &mut cells[bar.symbol.index()];
        history.push(bar.close, bar.high, bar.low, bar.volume);
        set.on_bar(&layout, *i, history);
        *i += 1;
        black_box(set);
    };
    tape.warm_up().iter().for_each(&mut on_bar);
    for _ in 0..run.rounds {
        tape.round().iter().for_each(&mut on_bar);
    }
}

fn strategies(run: &Run, portable: bool) {
    let mut tape = Tape::new(run.cells, run.dense);
    let scale = "1m".parse::<Timeframe>().unwrap().price_scale();
    let layout = CellLayout::new(StrategyParams::default(), false);
    let layout = if portable { layout.with(Isa::Portable) } else { layout };
    let mut cells: Vec<_> = (0..run.cells).map(|_| Cell::new(&layout, PriceMethod::Ohlc, scale, 256)).collect();
    let mut on_bar = |bar: &Bar| {
        cells[bar.symbol.index()].on_bar(&layout, bar, |strategy, candidate| {
            black_box((strategy, candidate));
        });
    };
    tape.warm_up().iter().for_each(&mut on_bar);
    for _ in 0..run.rounds {
        tape.round().iter().for_each(&mut on_bar);
    }
}

/// Eight cells at a time.
fn strategies_lanes(run: &Run, isa: Isa) {
    let mut tape = Tape::new(run.cells, run.dense);
    let scale = "1m".parse::<Timeframe>().unwrap().price_scale();
    let layout = CellLayout::new(StrategyParams::default(), false).with(isa);
    let mut cells = Cells::new();
    for _ in 0..run.cells {
        cells.add(0, &layout, Cell::new(&layout, PriceMethod::Ohlc, scale, 256));
    }
    let mut on_bars = |bars: &[Bar]| {
        for bars in bars.chunks(Cells::LANES) {
            let mut batch = [(0, &bars[0]); Cells::LANES];
            batch.iter_mut().zip(bars).for_each(|(to, bar)| *to = (u32::from(bar.symbol.0), bar));
            cells.on_bars(&layout, &batch[..bars.len()], |_, strategy, candidate| {
                black_box((strategy, candidate));
            });
        }
    };
    on_bars(tape.warm_up());
    for _ in 0..run.rounds {
        on_bars(tape.round());
    }
}

fn aggregate(run: &Run) {
    let mut tape = Tape::new(run.cells, run.dense);
    let mut aggregator = TimeBarAggregator::new(&plan::plan(&["1s", "1m", "5m", "1h"], &vec![u32::MAX; run.cells]));
    for second in 0..run.rounds {
        for bar in tape.round() {
            aggregator.on_bar(&Bar { ts: second as i64 * 1_000, ..*bar }, &mut |closed| {
                black_box(closed);
            });
        }
    }
}

fn decode_legacy(run: &Run) {
    let base: Timeframe = "1m".parse().unwrap();
    let mut walk = Walk::new(7);
    let entries: Vec<Vec<(&str, String)>> = (0..BATCH)
        .map(|n| {
            let bar = walk.next(0);
            let (high, low) = (bar.high.max(bar.open).max(bar.close), bar.low.min(bar.open).min(bar.close));
            vec![
                ("event_id", format!("SPY_1795354738528{n}")),
                ("symbol", "SPY".to_owned()),
                ("timestamp", format!("2025-07-08T14:{n:02}:00").replace(":6", ":0")),
                ("price", bar.close.to_string()),
                ("volume", bar.volume.to_string()),
                ("open", bar.open.to_string()),
                ("high", high.to_string()),
                ("low", low.to_string()),
                ("close", bar.close.to_string()),
                ("source", "mock".to_owned()),
                ("metadata", "{\"timeframe\": \"1m\"}".to_owned()),
            ]
        })
        .collect();
    let mut form = EntryForm::new(base).fields;
    for _ in 0..run.rounds {
        for entry in &entries {
            let fields = entry.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let Ok(Entry::Bar(record)) = form.decode(fields) else { panic!("a good entry") };
            black_box(record);
        }
    }
}

fn decode_frame(run: &Run) {
    let base: Timeframe = "1m".parse().unwrap();
    let mut walk = Walk::new(8);
    let records: Vec<FrameRecord> = (0..BATCH)
        .map(|n| {
            let Bar { open, high, low, close, volume, .. } = walk.next(0);
            let (symbol, ts) = (b"SPY".as_slice(), 1_751_985_000_000 + n as i64 * 60_000);
            let (vwap, trades, ingest_ns, interval) = (f64::NAN, 3, 0, base);
            FrameRecord::new(&Record { symbol, ts, interval, open, high, low, close, volume, vwap, trades, ingest_ns })
                .unwrap()
        })
        .collect();
    let mut frame = Vec::new();
    encode_frame(base, 1, &records, &mut frame).unwrap();
    let mut form = EntryForm::new(base).fields;
    for _ in 0..run.rounds {
        let fields = [(b"frame".as_slice(), frame.as_slice())];
        let Ok(Entry::Frame(view)) = form.decode(fields.into_iter()) else { panic!("a good frame") };
        view.records().for_each(|record| {
            black_box(record);
        });
    }
}

fn some_signals() -> Vec<Signal> {
    let mut rng = Rng(21);
    (0..BATCH as u64).map(|n| signal(n, 8, 4, &mut rng)).collect()
}

/// Runs merge and correlator; `each` receives the output.
fn through_correlator(rounds: usize, mut each: impl FnMut(Verdict<'_>)) {
    let signals = some_signals();
    let plan = plan::plan(&["1m", "5m", "1h", "1d"], &[u32::MAX; 8]);
    let (mut merge, mut correlator) = (Merge::new(2, 256), Correlator::new(&plan));
    let mut group = Vec::with_capacity(16);
    for round in 0..rounds as u64 {
        for (k, signal) in signals.iter().enumerate() {
            let n = round * BATCH as u64 + k as u64;
            let (bar_ts, event_ts) = (n as i64 * 60_000, n as i64 * 60_000 + 60_000);
            let signal = Signal { seq: n + 1, bar_ts, event_ts, bar_index: n, ..*signal };
            merge.push(k % 2, WorkerMessage::Signal(signal));
        }
        (0..2).for_each(|w| merge.push(w, WorkerMessage::Progress { seq: (round + 1) * BATCH as u64 }));
        let limit = merge.complete();
        loop {
            group.clear();
            let taken = merge.next_group(limit, |item| {
                if let Item::Signal(signal) = item {
                    group.push(signal);
                }
            });
            if taken.is_none() {
                break;
            }
            correlator.on_group(&mut group, &mut each);
        }
    }
}

fn merge(run: &Run) {
    through_correlator(run.rounds, |verdict| {
        black_box(&verdict);
    });
}

/// Encodes the correlator's output; subtract the row of the correlator.
fn encode(run: &Run, xadd: bool) {
    let timeframes: Vec<Timeframe> = ["1m", "5m", "1h", "1d"].iter().map(|name| name.parse().unwrap()).collect();
    let directory = Directory::new(8, &timeframes);
    assert!((0..8).all(|k| directory.name_symbol(SymbolId(k), &format!("SYM{k}"))));
    let (mut names, sources) = (OutputNames::default(), Sources::default());
    let labels = Labels { directory: &directory, sources: &sources };
    let (mut commands, mut line) = (Commands::with_capacity(1 << 14), Vec::with_capacity(1 << 14));
    through_correlator(run.rounds, |verdict| {
        let (Verdict::Publish(weighed) | Verdict::Hold(weighed, _)) = verdict;
        if xadd {
            commands.clear();
            xadd_signal(&mut commands, &mut names, &weighed, labels, 0);
        } else {
            line.clear();
            signal_json_line(&mut line, &weighed, labels);
        }
    });
}

fn ring_kernel(run: &Run) {
    let mut walk = Walk::new(3);
    let messages: Vec<BarMessage> = (0..BATCH).map(|_| BarMessage::Bar(walk.next(0))).collect();
    let (sender, receiver) = (Parker::new().unwrap(), Parker::new().unwrap());
    let (mut outlet, mut inlet) = ring(1_024, 16, sender.waker(), receiver.waker());
    for _ in 0..run.rounds {
        messages.iter().for_each(|message| outlet.send(*message));
        while let Some(message) = inlet.pop() {
            black_box(message);
        }
    }
}
