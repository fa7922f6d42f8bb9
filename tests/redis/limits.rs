//! Limits of signals a second, live: by priority within an entry, first come first served within a second, the same with any
//! number of workers and over any number of lives.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to, signal_line},
    series::{self, Bar, START_MS, frame},
    server::{Client, Entry, Server, assert_same},
};
use std::collections::BTreeMap;

const STREAM: &str = "seconds";
const SYMBOLS: [&str; 6] = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"];
const SECONDS: usize = 700;

/// Two frames a second, each with half of the symbols.
fn input() -> Vec<Entry> {
    let bars = series::bars(&SYMBOLS, START_MS, 1_000, SECONDS);
    let mut places: BTreeMap<i64, Vec<&Bar>> = BTreeMap::new();
    for bar in &bars {
        let late = if SYMBOLS[..3].contains(&bar.symbol) { 1_300 } else { 1_800 };
        places.entry(bar.ts + late).or_default().push(bar);
    }
    let entry = |(id, bars): (i64, Vec<&Bar>)| {
        let records: Vec<_> = bars.into_iter().map(Bar::frame_record).collect();
        Entry { id: format!("{id}-1"), fields: frame("1s", &records) }
    };
    places.into_iter().map(entry).collect()
}

/// Of all signals those that may be published, by the definition.
fn allowed(signals: &[Entry], max: usize) -> Vec<Entry> {
    let mut used: BTreeMap<i64, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for place in signals.chunk_by(|a, b| a.text("source_id") == b.text("source_id")) {
        let ms: i64 = place[0].text("source_id").split_once('-').unwrap().0.parse().unwrap();
        let left = max - used.entry(ms / 1_000).or_default().to_owned();
        let mut best: Vec<usize> = (0..place.len()).collect();
        best.sort_by(|&a, &b| place[b].number("priority").total_cmp(&place[a].number("priority")));
        best.truncate(left);
        *used.entry(ms / 1_000).or_default() += best.len();
        best.sort_unstable();
        kept.extend(best.into_iter().map(|k| Entry { id: String::new(), fields: place[k].fields.clone() }));
    }
    kept
}

fn lines(signals: &[Entry]) -> Vec<String> {
    signals.iter().map(signal_line).collect()
}

fn signals(client: &mut Client) -> Vec<String> {
    lines(&client.entries("signals"))
}

#[test]
fn a_second_has_its_best_signals_whoever_computes_them_and_in_however_many_lives() {
    let server = Server::start();
    let mut client = server.connect();
    let input = input();
    let last = client.add(STREAM, &input);
    let toml = |limit: usize, workers: usize, state: &str| {
        let more = format!(
            "{NO_CLOCK}workers = {workers}\nthreading = \"dedicated\"\n[output.max_signals_per_s]\nday = {limit}\n\
             [state]\ndir = {state:?}\nsnapshot_interval_s = 1\n"
        );
        config(&[(STREAM, "1s")], &SYMBOLS, &["1s", "5s", "1m"], &more)
    };
    let ended = run_up_to(&toml(0, 1, ""), &server.unix(), &mut client, STREAM, &last);
    let all = client.entries("signals");
    let wanted = lines(&allowed(&all, 2));
    assert!(wanted.len() > 100 && wanted.len() + 20 < all.len(), "{} of {} are allowed", wanted.len(), all.len());
    assert!(!ended.stdout.contains("rate_limited"));

    for workers in [1, 8] {
        client.delete_all_but(&[STREAM]);
        let ended = run_up_to(&toml(2, workers, ""), &server.unix(), &mut client, STREAM, &last);
        assert_same(&format!("{workers} workers"), &signals(&mut client), &wanted);
        ended.counted("signal held back: rate_limited", all.len() - wanted.len());
    }

    // Ended between the two entries of a second, and anywhere.
    client.delete_all_but(&[]);
    let state = tempfile::tempdir().unwrap();
    let mut from = 0;
    for (life, to) in [201, 202, 455, 701, 1_000, input.len()].into_iter().enumerate() {
        let last = client.add(STREAM, &input[from..to]);
        let mut engine = Engine::run(&toml(2, 1 + life % 3, state.path().to_str().unwrap()), &server.unix());
        engine.until_at(&mut client, STREAM, &last);
        if life % 2 == 0 {
            drop(engine.kill())
        } else {
            drop(engine.stop().succeeded())
        };
        from = to;
    }
    assert_same("lives", &signals(&mut client), &wanted);
}
