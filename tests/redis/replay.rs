//! A replay that writes the streams as well.

use super::{
    engine::{Engine, NO_CLOCK, config, replayed, signal_line},
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
    let lines = replayed(&toml, &csv, "1m", "1m,5m,1h", &["--redis", &server.unix(), "--redis-prefix", ""]);
    let signals: Vec<_> = client.entries("signals").iter().map(signal_line).collect();
    assert_same("signals", &signals, &lines);
    assert!(signals.iter().all(|line| line.contains("\"source_id\":\"bars.csv:")));
    assert_eq!(client.position("main", "seq"), None, "a replay has no position to keep");

    let timeframes = [("1m", 1, 0.4), ("5m", 5, 0.6), ("1h", 60, 0.8)];
    let given =
        Given { bars: &bars, symbols: &symbols, timeframes: &timeframes, alert_confidence: 0.7, all_closed: false };
    given.check_values(&mut client);
}

/// The streams of a live engine stay as they are, whatever the names.
#[test]
fn a_replay_leaves_a_live_engine_alone() {
    let server = Server::start();
    let mut client = server.connect();
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, &series::bars(&["SPY"], START_MS, 60_000, 500));
    let toml = config(&[("market_data_stream", "1m")], &["SPY"], &["1m"], NO_CLOCK);
    let mut live = Engine::run(&toml, &server.unix());
    live.until("it has the lease", || client.keys().iter().any(|key| key.ends_with("engine:lease:main")));
    let before = client.keys();
    let replay = |more: &[&str]| {
        let fixed = ["replay", "--input", csv.to_str().unwrap(), "--timeframes", "1m,5m", "--redis"];
        Engine::start(&toml, &[&fixed[..], &[&server.unix()], more].concat()).wait()
    };
    // Also where the configuration has another name for the engine.
    for more in [&["--redis-prefix", ""][..], &["--redis-prefix", "", "--set", "engine.name=other"]] {
        let ended = replay(more);
        let told = &ended.stderr;
        assert_eq!(ended.status.code(), Some(1), "{told}");
        assert!(told.contains("--redis-prefix") && told.contains("engine:lease:main"), "{told}");
    }
    assert!(!client.keys().contains(&"signals".to_owned()));
    replay(&[]).succeeded();
    let new: Vec<String> = client.keys().into_iter().filter(|key| !before.contains(key)).collect();
    assert!(new.contains(&"replay:signals".to_owned()), "{new:?}");
    assert!(new.iter().all(|key| key.starts_with("replay:") || key.contains("engine:")), "{new:?}");
    live.stop().succeeded();
}
