//! A symbol's signals are a function of its records: a constant delay, a backfill of symbol after symbol, any interleaving,
//! and other symbols on other engines change nothing.

use super::{
    engine::{Engine, config, replayed, run_up_to, signal_line, without_source},
    series::{self, Bar, Dice},
    server::{Client, Entry, Server, assert_same},
};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

const SYMBOLS: [&str; 3] = ["QQQ", "SPY", "TLT"];
const TIMEFRAMES: [&str; 4] = ["1m", "5m", "15m", "1h"];
const STREAM: &str = "bars_1m";
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;
const MINUTES: usize = 1_200;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Bars of a night and most of a day more than a year ago. The last minute of every symbol is there, so that its last bars
/// are complete, however the clock goes on.
fn bars() -> Vec<Bar> {
    let start = now_ms() / DAY_MS * DAY_MS - YEAR_MS - 10 * DAY_MS;
    let mut bars = series::bars(&SYMBOLS, start, MINUTE_MS, MINUTES);
    let last = start + (MINUTES as i64 - 1) * MINUTE_MS;
    bars.retain(|bar| bar.ts < last);
    for symbol in SYMBOLS {
        let before = bars.iter().rfind(|bar| bar.symbol == symbol).unwrap().clone();
        bars.push(Bar { ts: last, ..before });
    }
    bars
}

/// Bars as entries that were written at these times, Unix ms.
fn written(bars: &[Bar], mut at_ms: impl FnMut(&Bar) -> i64) -> Vec<Entry> {
    let (mut last, mut seq) = (0, 0);
    let entry = |bar: &Bar| {
        let ms = at_ms(bar).max(last);
        seq = if ms == last { seq + 1 } else { 0 };
        last = ms;
        Entry { id: format!("{ms}-{seq}"), fields: bar.flat() }
    };
    bars.iter().map(entry).collect()
}

type BySymbol = BTreeMap<String, Vec<String>>;

/// Lines of signals by symbol, in their order, without what depends on the way in.
fn by_symbol(lines: impl IntoIterator<Item = String>) -> BySymbol {
    let mut all = BySymbol::new();
    for line in lines {
        let signal: serde_json::Value = serde_json::from_str(&line).unwrap();
        all.entry(signal["symbol"].as_str().unwrap().to_owned()).or_default().push(without_source(&line));
    }
    all
}

fn published(client: &mut Client, stream: &str) -> BySymbol {
    by_symbol(client.entries(stream).iter().map(signal_line))
}

/// What a replay of the bars says.
fn wanted(toml: &str, bars: &[Bar]) -> BySymbol {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, bars);
    let wanted = by_symbol(replayed(toml, &csv, "1m", &TIMEFRAMES.join(","), &[]));
    assert!(wanted.len() == SYMBOLS.len() && wanted.values().all(|signals| signals.len() > 50), "too few signals");
    wanted
}

#[track_caller]
fn same(what: &str, found: &BySymbol, wanted: &BySymbol) {
    assert!(found.keys().eq(wanted.keys()), "{what}: {:?}", found.keys());
    for (symbol, wanted) in wanted {
        assert_same(&format!("{what}, {symbol}"), &found[symbol], wanted);
    }
}

#[test]
fn a_constant_delay_a_backfill_and_any_interleaving_change_no_signal() {
    let server = Server::start();
    let mut client = server.connect();
    let toml = config(&[(STREAM, "1m")], &SYMBOLS, &TIMEFRAMES, "");
    let bars = bars();
    let wanted = wanted(&toml, &bars);
    let delayed = |ms: i64| written(&bars, |bar| bar.ts + MINUTE_MS + ms);
    let mut ways = vec![
        ("in time".to_owned(), delayed(5)),
        ("3 s behind".to_owned(), delayed(3_000)),
        ("15 min behind".to_owned(), delayed(15 * MINUTE_MS)),
        ("a year behind".to_owned(), delayed(YEAR_MS)),
    ];
    let begun = now_ms() - 7_200_000;
    let backfill: Vec<Bar> =
        SYMBOLS.iter().rev().flat_map(|symbol| bars.iter().filter(|bar| bar.symbol == *symbol).cloned()).collect();
    let mut at = begun;
    ways.push((
        "symbol after symbol".to_owned(),
        written(&backfill, |_| {
            at += 1;
            at
        }),
    ));
    for seed in [1, 2, 3] {
        let (mut dice, mut at) = (Dice(seed), begun);
        let mut rest: Vec<Vec<Bar>> =
            SYMBOLS.map(|symbol| bars.iter().rev().filter(|bar| bar.symbol == symbol).cloned().collect()).into();
        let mut mixed = Vec::new();
        while !rest.is_empty() {
            let lane = dice.roll(rest.len() as u64) as usize;
            // Some at a time, with pauses, of which a few are longer than the stall that is waited for.
            for _ in 0..=dice.roll(40) {
                mixed.extend(rest[lane].pop());
            }
            rest.retain(|lane| !lane.is_empty());
        }
        let entries = written(&mixed, |_| {
            at += if dice.roll(200) == 0 { 14_000 } else { dice.roll(60) as i64 };
            at
        });
        ways.push((format!("interleaved by {seed}"), entries));
    }
    for (what, entries) in ways {
        client.delete_all_but(&[]);
        let last = client.add(STREAM, &entries);
        let ended = run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
        ended.counted("records accepted", bars.len());
        same(&what, &published(&mut client, "signals"), &wanted);
    }
}

#[test]
fn symbols_on_engines_of_their_own_have_the_signals_of_one_for_all() {
    let server = Server::start();
    let mut client = server.connect();
    let toml = config(&[(STREAM, "1m")], &SYMBOLS, &TIMEFRAMES, "");
    let bars = bars();
    let wanted = wanted(&toml, &bars);
    // One is in time, the other a quarter of an hour behind, and they run at the same time.
    let parts = [("a", &SYMBOLS[..1], 0), ("b", &SYMBOLS[1..], 15 * MINUTE_MS)];
    let mut engines = Vec::new();
    for (name, symbols, delay_ms) in parts {
        let own: Vec<Bar> = bars.iter().filter(|bar| symbols.contains(&bar.symbol)).cloned().collect();
        let stream = format!("{name}:in");
        let last = client.add(&stream, &written(&own, |bar| bar.ts + MINUTE_MS + 5 + delay_ms));
        let streams = ["signals", "dead_letter", "alerts", "calculation_events"];
        let streams: String = streams.iter().map(|stream| format!("{stream} = \"{name}:{stream}\"\n")).collect();
        let more = format!(
            "[engine]\nname = {name:?}\n[output.keys]\nprefix = \"{name}:\"\n[output.streams]\nmarket_data_prefix = \"{name}:bars_\"\n{streams}"
        );
        let toml = config(&[(&stream, "1m")], symbols, &TIMEFRAMES, &more);
        engines.push((name, stream, last, own.len(), Engine::run(&toml, &server.unix())));
    }
    let mut found = BySymbol::new();
    for (name, stream, last, count, mut engine) in engines {
        let position = |client: &mut Client| -> Option<String> {
            redis::Commands::hget(&mut client.0, format!("{name}:engine:position:{name}"), &stream).unwrap()
        };
        engine.until("all was read", || position(&mut client).as_deref() == Some(&last));
        engine.stop().succeeded().counted("records accepted", count);
        found.extend(published(&mut client, &format!("{name}:signals")));
        assert_eq!(client.len(&format!("{name}:dead_letter")), 0);
    }
    same("two engines", &found, &wanted);
}
