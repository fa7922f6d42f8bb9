//! The wall clock closes the bars of symbols that have gone quiet.

use super::{
    engine::{Engine, config},
    series::{Bar, entries},
    server::{Entry, Server},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn bar(symbol: &'static str, ts: i64, close: i64) -> Bar {
    Bar { symbol, ts, open: close, high: close + 5, low: close - 5, close, volume: 100 }
}

/// The time in an entry's id: when it was written.
fn written_ms(entry: &Entry) -> i64 {
    entry.id.split('-').next().unwrap().parse().unwrap()
}

#[test]
fn a_quiet_bar_closes_when_its_lateness_is_over_and_only_once() {
    let server = Server::start();
    let mut client = server.connect();
    let more = "[time]\nallowed_lateness_ms = 400\nstall_ms = 500\n[engine]\nthreading = \"shared\"\n";
    let toml = config(&[("market_data_1s", "1s")], &["AAA", "BBB"], &["1s", "2s", "1m"], more);
    let mut engine = Engine::run(&toml, &server.unix());
    // The first half of a bar, at the moment it is over.
    let start = now_ms() / 2_000 * 2_000 + 2_000;
    std::thread::sleep(Duration::from_millis((start + 1_000 - now_ms()) as u64));
    client.add("market_data_1s", &entries([bar("AAA", start, 10_000).flat(), bar("BBB", start, 20_000).flat()]));
    engine.until("the bars closed", || client.len("market_data_2s") == 2);
    let closed = client.entries("market_data_2s");
    assert_eq!([closed[0].text("symbol"), closed[1].text("symbol")], ["AAA", "BBB"], "in the watchlist's order");
    // The stream is silent.
    let deadline = start + 2_000 + 400 + 500;
    for entry in &closed {
        let late = written_ms(entry) - deadline;
        eprintln!("closed {late} ms after its deadline");
        assert!((0..600).contains(&late), "closed {late} ms after its deadline");
    }
    // What comes for it now is late.
    client.add("market_data_1s", &entries([bar("AAA", start + 1_000, 10_100).flat()]));
    engine.until("the late bar was refused", || client.len("market_data_dead_letter") == 1);
    assert_eq!(client.entries("market_data_dead_letter")[0].text("reason"), "late");

    // Stopped or killed after the clock has spoken, the next engine does not say it again, nor forget it.
    let quiet = |client: &mut super::server::Client| {
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(client.len("market_data_2s"), 2);
        assert_eq!(client.len("calculation_events_stream"), 4);
    };
    engine.stop().succeeded();
    let mut engine = Engine::run(&toml, &server.unix());
    quiet(&mut client);
    client.add("market_data_1s", &entries([bar("BBB", start + 1_000, 20_100).flat()]));
    engine.until("the late bar was refused", || client.len("market_data_dead_letter") == 2);
    assert_eq!(client.entries("market_data_dead_letter")[1].text("reason"), "late");
    engine.kill();
    let engine = Engine::run(&toml, &server.unix());
    quiet(&mut client);
    engine.stop().succeeded();
}

#[test]
fn a_feed_that_is_hours_behind_closes_no_bar_early() {
    let server = Server::start();
    let mut client = server.connect();
    let more = "[time]\nallowed_lateness_ms = 100\nstall_ms = 100\n";
    let toml = config(&[("market_data_stream", "1m")], &["AAA", "BBB"], &["1m", "1h"], more);
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until("the engine was ready", || client.connected("wagehood-engine:main:reader"));
    let hour = now_ms() / 3_600_000 * 3_600_000 - 7_200_000;
    client.add("market_data_stream", &entries([bar("AAA", hour, 10_000).legacy()]));
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(client.len("market_data_1h"), 0, "its clock is hours behind as well");
    // A later record closes it, and one of another symbol does not.
    client.add("market_data_stream", &entries([bar("BBB", hour + 3_600_000, 20_000).legacy()]));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(client.len("market_data_1h"), 0);
    client.add("market_data_stream", &entries([bar("AAA", hour + 3_600_000, 10_000).legacy()]));
    engine.until("the hour closed", || client.len("market_data_1h") == 1);
    engine.stop().succeeded();
}

/// Fields as an entry has them.
fn fields(pairs: &[(&str, String)]) -> Entry {
    let fields = pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.clone().into_bytes())).collect();
    Entry { id: "*".to_owned(), fields }
}

#[test]
fn on_a_stream_with_heartbeats_bars_close_with_them_and_by_nothing_else() {
    let server = Server::start();
    let mut client = server.connect();
    let more = "[time]\nallowed_lateness_ms = 50\nstall_ms = 50\n";
    let toml = config(&[("market_data_1s", "1s")], &["AAA", "BBB"], &["1s", "2s", "1m"], more)
        .replace("timeframe = \"1s\"\n", "timeframe = \"1s\"\nclock = \"heartbeat\"\n");
    let mut engine = Engine::run(&toml, &server.unix());
    let start = now_ms() / 2_000 * 2_000 - 4_000;
    client.add("market_data_1s", &entries([bar("AAA", start, 10_000).flat(), bar("BBB", start, 20_000).flat()]));
    std::thread::sleep(Duration::from_millis(1_000));
    assert_eq!(client.len("market_data_2s"), 0, "silence says nothing");
    let end = (start + 2_000).to_string();
    client.add("market_data_1s", &[fields(&[("heartbeat", (start + 1_999).to_string())])]);
    client.add("market_data_1s", &[fields(&[("heartbeat", end.clone()), ("except", "BBB,ZZZ".to_owned())])]);
    engine.until("the bar closed", || client.len("market_data_2s") == 1);
    assert_eq!(client.entries("market_data_2s")[0].text("symbol"), "AAA");
    // What comes for it now is late; the other one is still open.
    let late = [bar("AAA", start + 1_000, 10_100).flat()];
    client.add("market_data_1s", &entries(late));
    engine.until("the late bar was refused", || client.len("market_data_dead_letter") == 1);
    client.add("market_data_1s", &[fields(&[("heartbeat", end)])]);
    engine.until("the other bar closed", || client.len("market_data_2s") == 2);
    assert_eq!(client.entries("market_data_2s")[1].text("symbol"), "BBB");
    // One that is ahead of its own id closes nothing.
    client.add("market_data_1s", &entries([bar("AAA", start + 2_000, 10_200).flat()]));
    client.add("market_data_1s", &[fields(&[("heartbeat", (now_ms() + 60_000).to_string())])]);
    engine.until("it was refused", || client.len("market_data_dead_letter") == 2);
    assert_eq!(client.entries("market_data_dead_letter")[1].text("reason"), "future");
    assert_eq!(client.len("market_data_2s"), 2);
    engine.stop().succeeded();
}

#[test]
fn where_ids_are_no_times_bars_close_by_their_own_records() {
    let server = Server::start();
    let mut client = server.connect();
    let more = "[time]\nallowed_lateness_ms = 50\nstall_ms = 50\n";
    let toml = config(&[("market_data_1s", "1s")], &["AAA", "BBB"], &["1s", "2s", "1m"], more);
    let start = now_ms() / 2_000 * 2_000;
    let counted = |number: u64, bar: Bar| Entry { id: format!("{number}-0"), fields: bar.flat() };
    client.add("market_data_1s", &[counted(17, bar("AAA", start, 10_000)), counted(18, bar("BBB", start, 20_000))]);
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until_at(&mut client, "market_data_1s", "18-0");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(client.len("market_data_2s"), 0);
    client.add("market_data_1s", &[counted(19, bar("AAA", start + 600_000, 10_100))]);
    engine.until("its next bar closed it", || client.len("market_data_2s") == 1);
    assert_eq!(client.entries("market_data_2s")[0].text("symbol"), "AAA");
    assert_eq!(client.len("market_data_dead_letter"), 0);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("the ids of market_data_1s are no times"), "{}", ended.stderr);
}
