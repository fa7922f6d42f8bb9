//! A replay that writes the streams as well.

use super::{
    engine::{config, replayed, signal_line},
    output::Given,
    series::{self, START_MS},
    server::{Server, assert_same},
};

#[test]
fn a_replay_writes_the_streams_and_keys() {
    let server = Server::start();
    let mut client = server.connect();
    let symbols = ["SPY", "QQQ"];
    let bars = series::bars(&symbols, START_MS, 60_000, 500);
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, &bars);
    let toml = config(&[("market_data_stream", "1m")], &[], &["1m"], "[correlation]\nalert_confidence = 0.7\n");
    let lines = replayed(&toml, &csv, "1m", "1m,5m,1h", &["--redis", &server.unix()]);
    let signals: Vec<_> = client.entries("signals").iter().map(signal_line).collect();
    assert_same("signals", &signals, &lines);
    assert!(signals.iter().all(|line| line.contains("\"source_id\":\"bars.csv:")));
    assert_eq!(client.position("main", "seq"), None, "a replay has no position to keep");

    let timeframes = [("1m", 1, 0.4), ("5m", 5, 0.6), ("1h", 60, 0.8)];
    let given =
        Given { bars: &bars, symbols: &symbols, timeframes: &timeframes, alert_confidence: 0.7, all_closed: false };
    given.check_values(&mut client);
}
