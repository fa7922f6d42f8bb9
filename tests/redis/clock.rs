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
    let more = "[time]\nallowed_lateness_ms = 400\n[engine]\nthreading = \"shared\"\n";
    let toml = config(&[("market_data_1s", "1s")], &["AAA", "BBB"], &["1s", "2s", "1m"], more);
    let mut engine = Engine::run(&toml, &server.unix());
    // The first half of a bar, at the moment it is over.
    let start = now_ms() / 2_000 * 2_000 + 2_000;
    std::thread::sleep(Duration::from_millis((start + 1_000 - now_ms()) as u64));
    client.add("market_data_1s", &entries([bar("AAA", start, 10_000).flat(), bar("BBB", start, 20_000).flat()]));
    engine.until("the bars closed", || client.len("market_data_2s") == 2);
    let closed = client.entries("market_data_2s");
    assert_eq!([closed[0].text("symbol"), closed[1].text("symbol")], ["AAA", "BBB"], "in the watchlist's order");
    let deadline = start + 2_000 + 400;
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
fn a_bar_that_comes_long_after_its_time_is_closed_at_once() {
    let server = Server::start();
    let mut client = server.connect();
    let toml = config(&[("market_data_stream", "1m")], &["AAA", "BBB"], &["1m", "1h"], "");
    let mut engine = Engine::run(&toml, &server.unix());
    // The clock has been looked at, and found nothing to do.
    engine.until("the engine was ready", || client.connected("wagehood-engine:main:reader"));
    std::thread::sleep(Duration::from_millis(400));
    let hour = now_ms() / 3_600_000 * 3_600_000 - 7_200_000;
    let start = now_ms();
    client.add("market_data_stream", &entries([bar("AAA", hour, 10_000).legacy()]));
    engine.until("the hour closed", || client.len("market_data_1h") == 1);
    let waited = now_ms() - start;
    assert!(waited < 1_500, "closed after {waited} ms");
    engine.stop().succeeded();
}
