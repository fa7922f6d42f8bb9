//! Stopped, killed, started again: the streams are those of a run that nobody disturbed, entry for entry.

use super::{
    engine::{Engine, config, run_up_to},
    series::{self, Bar, Dice, START_MS, entries},
    server::{Client, Entry, Fields, Server, assert_same, readable},
};
use std::time::{Duration, Instant};

const SYMBOLS: [&str; 3] = ["SPY", "QQQ", "IWM"];
const STREAM: &str = "market_data_stream";
const OUTPUTS: [&str; 6] = [
    "signals",
    "market_data_5m",
    "market_data_1h",
    "calculation_events_stream",
    "alert_stream",
    "market_data_dead_letter",
];

/// Small reads and batches, so that there are many moments to be hit at.
fn toml(threading: &str) -> String {
    let more = format!(
        "[engine]\nclock_events = false\nthreading = {threading:?}\nworkers = 2\nbatch_records = 3\n\
         [input]\nread_count = 5\n[output]\nbatch_entries = 4\nbatch_interval_ms = 1\n\
         [correlation]\nalert_confidence = 0.7\n"
    );
    config(&[(STREAM, "1m")], &SYMBOLS, &["1m", "5m", "1h"], &more)
}

/// A series with a bad entry after every third.
fn input() -> Vec<Entry> {
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 450);
    let bad = |bar: &Bar| vec![(b"symbol".to_vec(), bar.symbol.as_bytes().to_vec())];
    let with_bad = |(index, bar): (usize, &Bar)| {
        let bad = (index % 3 == 2).then(|| bad(bar));
        [Some(bar.legacy()), bad].into_iter().flatten()
    };
    entries(bars.iter().enumerate().flat_map(with_bad))
}

fn outputs(client: &mut Client) -> Vec<Vec<Fields>> {
    OUTPUTS.iter().map(|stream| client.contents(stream)).collect()
}

/// When the input comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Feed {
    /// All of it before the start.
    AtOnce,
    /// Little by little, whether an engine is there or not.
    Steady,
}

/// Runs the engine again and again, ending it by `end` in the middle of its work, and compares.
fn disturbed(threading: &str, feed: Feed, format: &str, end: impl Fn(Engine)) {
    let server = Server::start();
    let mut client = server.connect();
    let last = client.add(STREAM, &input());
    let toml = toml(threading);
    run_up_to(&toml, &server.unix(), &mut client, STREAM, &last);
    let wanted = outputs(&mut client);
    assert!(wanted.iter().all(|entries| !entries.is_empty()), "an output is empty");
    let all = client.entries(STREAM);
    client.delete_all_but(if feed == Feed::AtOnce { &[STREAM] } else { &[] });
    let toml = toml.replace("[output]\n", &format!("[output]\nsignals_format = {format:?}\n"));

    let (mut dice, mut rounds, mut moments) = (Dice(3), 0, 0);
    std::thread::scope(|scope| {
        if feed == Feed::Steady {
            let mut client = server.connect();
            let all = &all;
            scope.spawn(move || {
                for chunk in all.chunks(8) {
                    client.add(STREAM, chunk);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        while rounds < 4 || client.position("main", STREAM).as_ref() != Some(&last) {
            let mut engine = Engine::run(&toml, &server.unix());
            engine.until("the engine was ready", || client.connected("wagehood-engine:main:reader"));
            let before = client.position("main", STREAM);
            // Now and then it is still busy with what it has read before.
            if dice.roll(4) > 0 && before.as_ref() != Some(&last) {
                engine.until("something new was read", || client.position("main", STREAM) != before);
            }
            std::thread::sleep(Duration::from_micros(dice.roll(4_000)));
            end(engine);
            rounds += 1;
            moments += usize::from(client.position("main", STREAM) != client.last_id(STREAM));
        }
    });
    eprintln!("{threading}, {feed:?}: ended {moments} of {rounds} times with something left to do");
    assert!(moments > 0, "never ended in the middle");
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until("the engine was ready", || client.connected("wagehood-engine:main:reader"));
    engine.until_at(&mut client, STREAM, &last);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("resuming from the committed position"), "{}", ended.stderr);
    for ((stream, found), wanted) in OUTPUTS.iter().zip(outputs(&mut client)).zip(&wanted) {
        assert_same(stream, &readable(&found), &readable(wanted));
    }
}

#[test]
fn stopped_and_started_again() {
    for threading in ["shared", "dedicated"] {
        disturbed(threading, Feed::Steady, "fields", |engine| drop(engine.stop().succeeded()));
    }
}

#[test]
fn killed_and_started_again() {
    for threading in ["shared", "dedicated"] {
        for feed in [Feed::AtOnce, Feed::Steady] {
            disturbed(threading, feed, "fields", |engine| drop(engine.kill()));
        }
    }
}

/// What was written before in fields is what there is to compare with.
#[test]
fn killed_and_started_again_in_every_form() {
    for (threading, feed, format) in [("shared", Feed::Steady, "json"), ("dedicated", Feed::AtOnce, "frame")] {
        disturbed(threading, feed, format, |engine| drop(engine.kill()));
    }
}

#[test]
fn the_last_signal_of_a_burst_does_not_wait_for_more_input() {
    let server = Server::start();
    let mut client = server.connect();
    let all = entries(series::bars(&SYMBOLS, START_MS, 60_000, 300).iter().map(Bar::legacy));
    let last = client.add(STREAM, &all);
    // The timer is of no help here.
    let slow = |threading: &str| {
        toml(threading).replace("batch_entries = 4", "batch_entries = 10000").replace("_ms = 1\n", "_ms = 60000\n")
    };
    run_up_to(&toml("shared"), &server.unix(), &mut client, STREAM, &last);
    let signals = client.entries("signals");
    let at = signals[signals.len() - 1].text("source_id").to_owned();
    let of_last = signals.iter().filter(|signal| signal.text("source_id") == at).count();
    let stored = client.entries(STREAM);
    let burst = &stored[..=stored.iter().position(|entry| entry.id == at).unwrap()];
    let (burst, [closing]) = burst.split_at(burst.len() - 1) else { panic!("no burst") };
    for threading in ["shared", "dedicated"] {
        client.delete_all_but(&[]);
        client.add(STREAM, burst);
        let mut engine = Engine::run(&slow(threading), &server.unix());
        engine.until("the burst was worked off", || client.len("signals") == signals.len() - of_last);
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        client.add(STREAM, std::slice::from_ref(closing));
        engine.until("the last signal was written", || client.len("signals") == signals.len());
        let waited = start.elapsed();
        eprintln!("{threading}: the last signal after {waited:?}");
        assert!(waited < Duration::from_millis(500), "{threading}: {waited:?}");
        engine.stop().succeeded();
    }
}
