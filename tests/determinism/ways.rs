//! The same input gives the same files, byte for byte, however the work is spread over threads, rings and batches.
//!
//! Every run has a time limit: a pipeline that waits for itself fails here with a word about its threads.

use crate::outside::{data, engine, run_within, skipped, write_rows_before};
use flate2::{Compression, write::GzEncoder};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Longest time for one run: the slowest takes some seconds on two cores.
const LIMIT: Duration = Duration::from_secs(120);

/// One way to do the work.
#[derive(Debug, Clone, Copy)]
struct Way {
    threading: &'static str,
    workers: u32,
    ring_size: u32,
    batch_entries: u32,
    batch_records: u32,
    idle: &'static str,
}

const fn way(
    threading: &'static str,
    workers: u32,
    ring_size: u32,
    batch_entries: u32,
    batch_records: u32,
    idle: &'static str,
) -> Way {
    Way { threading, workers, ring_size, batch_entries, batch_records, idle }
}

/// Threading, workers and ring size in all combinations, the rest spread over them.
const WAYS: [Way; 12] = [
    way("shared", 1, 65_536, 10_000, 4_096, "backoff"),
    way("shared", 1, 2, 1, 1, "sleep"),
    way("shared", 2, 65_536, 1, 1, "yield"),
    way("shared", 2, 2, 10_000, 4_096, "busy-spin"),
    way("shared", 3, 65_536, 1, 4_096, "sleep"),
    way("shared", 3, 2, 10_000, 1, "yield"),
    way("shared", 8, 65_536, 10_000, 1, "busy-spin"),
    way("shared", 8, 2, 1, 4_096, "backoff"),
    way("dedicated", 1, 65_536, 1, 4_096, "yield"),
    way("dedicated", 2, 65_536, 10_000, 1, "backoff"),
    way("dedicated", 3, 65_536, 1, 1, "busy-spin"),
    way("dedicated", 8, 65_536, 10_000, 4_096, "sleep"),
];

/// The rest of the combinations: threads that wait for each other at every other record, which is slow where there are
/// fewer cores, and slowest where the waiting ones spin. They do less work.
const SLOW_WAYS: [Way; 6] = [
    WAYS[0],
    way("dedicated", 1, 2, 10_000, 1, "sleep"),
    way("dedicated", 2, 2, 1, 4_096, "yield"),
    way("dedicated", 3, 2, 1, 4_096, "backoff"),
    way("dedicated", 8, 2, 10_000, 1, "yield"),
    way("dedicated", 8, 2, 1, 1, "backoff"),
];

/// What a run wrote.
#[derive(PartialEq)]
struct Files {
    signals: Vec<u8>,
    bars: Vec<u8>,
    indicators: Vec<u8>,
}

fn replay(way: Way, inputs: &[PathBuf], more: &[&str], out: &Path) -> Files {
    replay_some(way, inputs, more, out, true)
}

/// The same, with or without published indicators: without, cells lie in rows where they come together.
fn replay_some(way: Way, inputs: &[PathBuf], more: &[&str], out: &Path, publish: bool) -> Files {
    let Way { threading, workers, ring_size, batch_entries, batch_records, idle } = way;
    let mut command = engine(["replay", "--quiet", "--threading", threading, "--workers", &workers.to_string()]);
    for (key, value) in [
        ("engine.ring_size", ring_size.to_string()),
        ("output.batch_entries", batch_entries.to_string()),
        ("engine.batch_records", batch_records.to_string()),
        ("engine.idle", idle.to_owned()),
        ("engine.idle_sleep_us", "20".to_owned()),
    ] {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let path = |name: &str| out.join(name);
    command.args(more).arg("--input").args(inputs);
    command.arg("--signals").arg(path("signals.jsonl")).arg("--bars").arg(path("bars.csv"));
    if publish {
        command.arg("--indicators").arg(path("indicators.csv"));
    }
    let ended = run_within(&mut command, LIMIT).good();
    eprintln!("{:>8.3} s  {way:?}", ended.took.as_secs_f64());
    let read = |name: &str| fs::read(path(name)).unwrap();
    let indicators = if publish { read("indicators.csv") } else { Vec::new() };
    Files { signals: read("signals.jsonl"), bars: read("bars.csv"), indicators }
}

/// Where two files part, for a message.
fn first_difference(name: &str, expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    let lines = |bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, found) = (lines(expected), lines(found));
    let at = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let line = |of: &[String]| of.get(at).cloned().unwrap_or_else(|| "the end".to_owned());
    let (count, other) = (expected.len(), found.len());
    Some(format!(
        "{name}: {count} lines and {other}, apart from line {}\n  first {}\n   here {}",
        at + 1,
        line(&expected),
        line(&found)
    ))
}

/// Does the work in each of the ways and compares with the first.
fn check(ways: &[Way], inputs: &[PathBuf], more: &[&str]) -> Files {
    // Threads enough in one run: two at a time would only get in each other's way.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let out = tempfile::tempdir().unwrap();
    let first = replay(ways[0], inputs, more, out.path());
    for &way in &ways[1..] {
        let files = replay(way, inputs, more, out.path());
        let differences: Vec<String> = [
            first_difference("signals", &first.signals, &files.signals),
            first_difference("bars", &first.bars, &files.bars),
            first_difference("indicators", &first.indicators, &files.indicators),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert!(differences.is_empty(), "{way:?} differs from {:?}\n{}", ways[0], differences.join("\n"));
    }
    first
}

// Styles decide which worker has a timeframe: all three of them, so that all workers have work.
const MARKET: [&str; 16] = [
    "--base",
    "1s",
    "--timeframes",
    "1s,5s,1m,1h,1d",
    "--set",
    "timeframes.5s.trading_style=swing",
    "--set",
    "timeframes.1m.trading_style=position",
    "--set",
    "performance.enabled=true",
    "--set",
    "calibration.enabled=true",
    "--set",
    "calibration.market=[\"S01\",\"S02\"]",
    "--cells",
    "S01:1s,S04:5s,S07:1m,S09:1h",
];

#[test]
fn a_made_up_market_in_twelve_ways() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = write_market(dir.path(), 1);
    let files = check(&WAYS, &inputs, &MARKET);
    let signals = String::from_utf8(files.signals).unwrap();
    for style in ["day", "swing", "position"] {
        let count = signals.matches(&format!("\"trading_style\":\"{style}\"")).count();
        assert!(count > 50, "only {count} signals of style {style}: not much of a test");
    }
    for name in inputs.iter().map(|input| input.file_name().unwrap().to_str().unwrap()) {
        assert!(signals.contains(&format!("\"source_id\":\"{name}:")), "no signal from {name}");
    }
    let with_peers = signals.lines().filter(|line| !line.contains("\"supporting\":[]")).count();
    assert!(with_peers > 100, "only {with_peers} signals with supporters");
    let bars = String::from_utf8(files.bars).unwrap();
    for timeframe in ["5s", "1m", "1h", "1d"] {
        assert!(bars.contains(&format!(",{timeframe},")), "no bar of {timeframe}");
    }
    assert!(files.indicators.len() > 100_000, "{} bytes of indicators", files.indicators.len());
}

#[test]
fn recorded_crypto_in_four_ways() {
    let Some(data) = data() else { return skipped("recorded_crypto_in_four_ways") };
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("crypto.csv");
    write_rows_before(&data.join("crypto_1m.csv.gz"), "2018-01-04", &input);
    let more = ["--timeframes", "1m,5m,15m,1h,4h,1d", "--cells", "BTCUSD:1h,ETHUSD:1m"];
    let files = check(&[WAYS[0], WAYS[7], WAYS[8], WAYS[11]], &[input], &more);
    assert!(files.signals.iter().filter(|&&byte| byte == b'\n').count() > 3_000);
}

#[test]
fn a_shorter_market_in_five_slow_ways() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = write_market(dir.path(), 12);
    let files = check(&SLOW_WAYS, &inputs, &MARKET);
    assert!(files.signals.len() > 50_000 && files.bars.len() > 50_000 && files.indicators.len() > 10_000);
}

/// Without published indicators the cells of symbols that come together lie in rows, and with them they do not.
#[test]
fn symbols_that_come_together_give_the_same_signals_in_rows_and_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    let mut random = Random(7);
    let mut prices = [100.0f64; 27];
    let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
    for minute in 0..1_500 {
        for (symbol, price) in prices.iter_mut().enumerate() {
            // The third block's symbols are late by a bar more each; now and then one trades not at all.
            if minute < symbol.saturating_sub(15) || random.unit() < 0.002 {
                continue;
            }
            let open = *price;
            *price = open * (1.0 + 0.004 * (random.unit() - 0.5));
            let (high, low) = (open.max(*price) * 1.0005, open.min(*price) * 0.9995);
            let ts = 1_706_742_000_000i64 + 60_000 * minute as i64;
            writeln!(text, "{ts},S{symbol:02},{open},{high},{low},{price},{}", (random.unit() * 1e3).round()).unwrap();
        }
    }
    fs::write(&input, text).unwrap();
    let (inputs, more) = ([input], ["--base", "1m", "--timeframes", "1m,5m,15m,1h"]);
    let wanted = replay_some(WAYS[0], &inputs, &[&more[..], &["--cells", "S03:5m"]].concat(), dir.path(), true);
    assert!(wanted.signals.iter().filter(|&&byte| byte == b'\n').count() > 2_000);
    for way in [WAYS[0], WAYS[1], WAYS[4], WAYS[7], WAYS[8], WAYS[11]] {
        let found = replay_some(way, &inputs, &more, dir.path(), false);
        for (name, wanted, found) in [("signals", &wanted.signals, &found.signals), ("bars", &wanted.bars, &found.bars)]
        {
            let difference = first_difference(name, wanted, found);
            assert_eq!(difference, None, "{way:?}");
        }
    }
}

#[test]
fn spinning_threads_without_a_core_of_their_own_get_there() {
    let dir = tempfile::tempdir().unwrap();
    let input = write_market(dir.path(), 12).remove(0);
    let text = fs::read_to_string(&input).unwrap();
    fs::write(&input, text.lines().take(50).fold(String::new(), |text, line| text + line + "\n")).unwrap();
    let more = ["--base", "1s", "--timeframes", "1s,5s,1m", "--cells", "S00:5s"];
    let ways = [WAYS[0], way("dedicated", 2, 2, 1, 4_096, "busy-spin"), way("dedicated", 3, 2, 10_000, 1, "busy-spin")];
    let files = check(&ways, &[input], &more);
    assert!(files.bars.len() > 300 && files.indicators.len() > 150);
}

/// The order in which files are named does not matter to symbols that are in one file each, but for the order of those
/// that appear at the same time; what each symbol's signals are does not change.
#[test]
fn the_order_of_the_files_changes_no_symbol() {
    let dir = tempfile::tempdir().unwrap();
    let mut inputs = write_market(dir.path(), 1);
    let more = ["--base", "1s", "--timeframes", "1s,5s,1m", "--cells", "S01:1s"];
    let out = tempfile::tempdir().unwrap();
    let sorted = |bytes: Vec<u8>| {
        let mut lines: Vec<String> = String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    // Without bars that event time closes, which other symbols' records move.
    let late = [&more[..], &["--set", "time.allowed_lateness_ms=86400000"]].concat();
    let one = replay(WAYS[0], &inputs, &late, out.path());
    inputs.reverse();
    let other = replay(WAYS[0], &inputs, &late, out.path());
    let (one, other) = (sorted(one.bars), sorted(other.bars));
    assert_eq!(one.len(), other.len());
    assert!(one == other, "bars depend on the order of the files");
}

/// A small generator of random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One made-up symbol.
struct Symbol {
    name: String,
    /// Part of the seconds in which it trades.
    busy: f64,
    /// Seconds by which its records come behind those of the others in its file.
    behind: usize,
    price: f64,
    drift: f64,
    silent_until: i64,
}

/// About 40,000 one-second bars, or so many times fewer, of eleven symbols in three files: some trade each second and some hardly ever, all fall
/// silent for a while now and then, some come too late for their bars to be open still, whole nights are absent, and
/// some lines are no bars at all.
fn write_market(dir: &Path, shorter: i64) -> Vec<PathBuf> {
    // 2024-01-31 23:00:00 UTC, and what follows, in four stretches with a night or more between them.
    const START: i64 = 1_706_742_000;
    const STRETCHES: [(i64, i64); 4] = [(0, 2_700), (15_000, 2_700), (150_000, 2_700), (700_000, 1_400)];
    const HEADER: &str = "ts,symbol,open,high,low,close,volume\n";
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut symbols: Vec<Symbol> = (0..11)
        .map(|i| Symbol {
            name: format!("S{i:02}"),
            busy: [0.95, 0.5, 0.9, 0.02, 0.3][i % 5],
            behind: if i >= 8 { [0, 3, 9][i - 8] } else { 0 },
            price: 10f64.powi(i as i32 % 5) * (1.0 + random.unit()),
            drift: 0.0,
            silent_until: 0,
        })
        .collect();
    let mut files = vec![HEADER.to_owned(), HEADER.to_owned(), HEADER.to_owned()];
    // What is on its way in the last file: lines by the second in which they come.
    let mut delayed: Vec<Vec<String>> = vec![Vec::new(); 16];
    let mut bars = 0;
    for (offset, length) in STRETCHES {
        for second in offset..offset + length / shorter {
            let slot = second as usize % delayed.len();
            for line in delayed[slot].drain(..) {
                files[2].push_str(&line);
            }
            for (i, symbol) in symbols.iter_mut().enumerate() {
                if second < symbol.silent_until || random.unit() >= symbol.busy {
                    continue;
                }
                if random.unit() < 0.001 {
                    symbol.silent_until = second + 5 + (random.unit() * 400.0) as i64;
                }
                if random.unit() < 0.01 {
                    symbol.drift = (random.unit() - 0.5) * 0.002;
                }
                let line = bar(&mut random, symbol, START + second);
                bars += 1;
                match i {
                    0..4 => files[0].push_str(&line),
                    4..8 => files[1].push_str(&line),
                    _ if symbol.behind == 0 => files[2].push_str(&line),
                    _ => delayed[(slot + symbol.behind) % 16].push(line),
                }
                if random.unit() < 0.002 {
                    files[i / 4].push_str(&refused(&mut random, &symbol.name, START + second));
                }
            }
        }
    }
    assert!((35_000..60_000).contains(&(bars * shorter)), "{bars} bars");
    let paths: Vec<PathBuf> = ["a.csv", "b.csv.gz", "c.csv"].iter().map(|name| dir.join(name)).collect();
    for (path, text) in paths.iter().zip(&files) {
        if path.extension().is_some_and(|e| e == "gz") {
            let mut gzip = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.finish().unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }
    paths
}

fn bar(random: &mut Random, symbol: &mut Symbol, second: i64) -> String {
    // At times the price stands still, as recorded ones do.
    let still = random.unit() < 0.1;
    let open = symbol.price;
    let step = if still { 0.0 } else { symbol.drift + (random.unit() - 0.5) * 0.004 };
    let close = open * (1.0 + step);
    let (reach_up, reach_down) = if still { (0.0, 0.0) } else { (random.unit() * 0.001, random.unit() * 0.001) };
    let (high, low) = (open.max(close) * (1.0 + reach_up), open.min(close) * (1.0 - reach_down));
    let volume = (random.unit() * 100.0) * if random.unit() < 0.1 { 20.0 } else { 1.0 };
    symbol.price = close.clamp(0.5, 1e6);
    let mut line = String::new();
    writeln!(line, "{},{},{open},{high},{low},{close},{volume:.2}", iso(second), symbol.name).unwrap();
    line
}

/// A line that is refused, for one reason or another.
fn refused(random: &mut Random, name: &str, second: i64) -> String {
    match random.next() % 5 {
        0 => format!("{},{name},1,1,1,1,1\n", iso(second - 500)),
        1 => format!("{},{name},1,2,3,4,5\n", iso(second + 1)),
        2 => format!("{},{name},one,1,1,1,1\n", iso(second + 1)),
        3 => "what is this\n".to_owned(),
        _ => "\n".to_owned(),
    }
}

/// A second of the days around New Year's of 2024 to its February, as a time.
fn iso(second: i64) -> String {
    const FEBRUARY: i64 = 1_706_745_600; // 2024-02-01 00:00:00 UTC
    let (month, day, within) = match (second - FEBRUARY).div_euclid(86_400) {
        day @ 0.. => (2, day + 1, (second - FEBRUARY) % 86_400),
        day => (1, 32 + day, (second - FEBRUARY).rem_euclid(86_400)),
    };
    format!("2024-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", within / 3_600, within / 60 % 60, within % 60)
}
