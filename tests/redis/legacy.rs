//! Entries in the form of the existing system: everything that comes of them, field by field.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to},
    output::{Given, lifetime},
    series::{self, Bar, START_MS, entries},
    server::{Client, Entry, Server},
};
use flate2::read::GzDecoder;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

const SYMBOLS: [&str; 3] = ["SPY", "QQQ", "IWM"];
const STREAM: &str = "market_data_stream";
const TIMEFRAMES: [(&str, i64, f64); 3] = [("1m", 1, 0.4), ("5m", 5, 0.6), ("1h", 60, 0.8)];
const ALERTS: &str = "[correlation]\nalert_confidence = 0.7\n";

fn toml(more: &str) -> String {
    config(&[(STREAM, "1m")], &SYMBOLS, &TIMEFRAMES.map(|(name, ..)| name), &format!("{ALERTS}{more}"))
}

#[test]
fn a_series_in_the_existing_form() {
    let server = Server::start();
    let mut client = server.connect();
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 800);
    let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
    let monitor = server.monitor();
    let ended = run_up_to(&toml(NO_CLOCK), &server.tcp(), &mut client, STREAM, &last);
    ended.counted("records accepted", bars.len());
    ended.counted("signals published", client.len("signals"));
    let given =
        Given { bars: &bars, symbols: &SYMBOLS, timeframes: &TIMEFRAMES, alert_confidence: 0.7, all_closed: false };
    given.check(&mut client, STREAM);
    check_commands(&monitor.commands());
}

/// Bounded streams, expiring keys, whole transactions, and nothing that a careful operator would forbid.
fn check_commands(commands: &[Vec<String>]) {
    let at_start = ["CLIENT", "SELECT", "TYPE", "HGET", "HGETALL", "INFO", "PING", "XRANGE", "XREVRANGE", "INCR"];
    let always =
        ["XREAD", "XINFO", "TIME", "WATCH", "UNWATCH", "GET", "MULTI", "XADD", "SET", "HSET", "PEXPIRE", "EXEC", "DEL"];
    let known = [&at_start[..], &always[..]].concat();
    let (mut keys, mut open, mut batches, mut positioned) = (BTreeSet::new(), false, 0, false);
    let mut untrimmed: BTreeMap<&str, u32> = BTreeMap::new();
    for (index, command) in commands.iter().enumerate() {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        assert!(known.contains(&args[0]), "{args:?}");
        let lease = args.get(1).is_some_and(|key| key.starts_with("wagehood:engine:lease:main"));
        assert!(open || lease || !["XADD", "SET", "HSET"].contains(&args[0]), "outside of a transaction: {args:?}");
        match args[0] {
            _ if lease => {}
            "MULTI" => {
                (open, batches, positioned) = (true, batches + 1, false);
                keys.clear();
            }
            // The engine asks at its start whether it may, with a transaction of nothing.
            "EXEC" if commands[index - 1][0] == "MULTI" => (open, batches) = (false, batches - 1),
            "EXEC" => {
                open = false;
                // Taking the lease is a transaction, too, and none of the output's.
                let before = commands[..index].iter().rev().take_while(|command| command[0] != "MULTI");
                let output = |command: &&Vec<String>| {
                    ["XADD", "SET"].contains(&command[0].as_str()) && !command[1].contains(":lease:")
                };
                assert!(positioned || before.filter(output).count() == 0, "a batch without its position");
            }
            "HSET" => {
                assert_eq!(args[1], "wagehood:engine:position:main");
                positioned = true;
            }
            "XADD" => {
                let maxlen = match args[1] {
                    "signals" => "10000",
                    "calculation_events_stream" => "5000",
                    "alert_stream" => "1000",
                    name if name.starts_with("market_data_") => "10000",
                    name => panic!("nobody asked for {name}"),
                };
                // The first entry trims, and one of sixteen after it.
                let since = untrimmed.entry(args[1]).or_insert(0);
                let trims = since.is_multiple_of(16);
                *since += 1;
                let bound: &[&str] = if trims { &["MAXLEN", "~", maxlen, "*"] } else { &["*"] };
                assert_eq!(args[2..2 + bound.len()], *bound, "{args:?}");
            }
            "SET" => {
                assert!(keys.insert(args[1]), "{} twice in a batch", args[1]);
                let ttl = match args[1].split(':').nth(1) {
                    Some("composite_signals") => lifetime(600, "1m"),
                    Some("market_data") => lifetime(60, "1m"),
                    Some("timeframe_indicators") => lifetime(300, args[1].rsplit('_').next().unwrap()),
                    _ => lifetime(300, "1m"),
                };
                assert_eq!(args[3..], ["EX", &ttl.to_string()], "{}", args[1]);
                assert!(args[2].starts_with("JSON:{"));
            }
            _ => {}
        }
    }
    assert!(batches > 2, "{batches} batches");
}

/// The folder of the captures, where there is one.
pub fn captures() -> Option<PathBuf> {
    let data = std::env::var_os("WAGEHOOD_DATA").map(PathBuf::from);
    let beside_data = data.as_deref().and_then(Path::parent).map(|parent| parent.join("wire"));
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wire");
    [beside_data, Some(shared)].into_iter().flatten().find(|dir| dir.join("market_data_stream.jsonl.gz").is_file())
}

/// The captured entries, with the ids they had.
pub fn captured(path: &Path) -> Vec<Entry> {
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let entry = |line: std::io::Result<String>| {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().as_bytes().to_vec();
        let fields = line["fields"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1])));
        Entry { id: line["id"].as_str().unwrap().to_owned(), fields: fields.collect() }
    };
    lines.map(entry).collect()
}

/// A captured entry as a bar.
pub fn bar(entry: &Entry) -> Bar {
    let symbol = *SYMBOLS.iter().find(|symbol| **symbol == entry.text("symbol")).unwrap();
    let cents = |name| (entry.number(name) * 100.0).round() as i64;
    let [date, time] = [0, 11].map(|from| &entry.text("timestamp")[from..]);
    let pair = |text: &str, at: usize| text[at..at + 2].parse::<i64>().unwrap();
    assert_eq!(&date[..10], "2025-07-07");
    let minutes = (pair(time, 0) - 9) * 60 + pair(time, 3) - 30;
    let ts = START_MS + minutes * 60_000;
    let [open, high, low, close] = ["open", "high", "low", "close"].map(cents);
    Bar { symbol, ts, open, high, low, close, volume: entry.number("volume") as i64 }
}

#[test]
fn what_the_existing_system_wrote() {
    let Some(dir) = captures() else {
        eprintln!("skipped: no captures; set WAGEHOOD_DATA to the data folder that has wire/ beside it");
        return;
    };
    let server = Server::start();
    let mut client = server.connect();
    let all = captured(&dir.join("market_data_stream.jsonl.gz"));
    let bars: Vec<Bar> = all.iter().map(bar).collect();
    client.add(STREAM, &all);
    // The bars are long past: with the clock on, those still open at the end are closed at once.
    let mut engine = Engine::run(&toml(""), &server.unix());
    let closed = |client: &mut Client| client.entries("market_data_1h").len();
    engine.until("the last hour was closed", || closed(&mut client) == 15);
    let ended = engine.stop().succeeded();
    ended.counted("records accepted", 780);
    ended.counted("records refused", 0);
    let given =
        Given { bars: &bars, symbols: &SYMBOLS, timeframes: &TIMEFRAMES, alert_confidence: 0.7, all_closed: true };
    given.check(&mut client, STREAM);
}
