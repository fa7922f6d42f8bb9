//! What the signals are worth, in hashes and by the command that reads them.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to},
    series::{self, START_MS},
    server::{Client, Server},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
};

const STREAM: &str = "market_data_stream";

#[test]
fn the_figures_in_redis_are_those_of_the_file_and_the_command_prints_them() {
    let server = Server::start();
    let mut client = server.connect();
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bars.csv");
    series::write_csv(&csv, &series::bars(&["SPY", "QQQ"], START_MS, 60_000, 2_000));
    let toml = config(&[("market_data_stream", "1m")], &[], &["1m"], "");
    let file = dir.path().join("performance.json");
    let replay = ["replay", "--quiet", "--input", csv.to_str().unwrap(), "--timeframes", "1m,5m", "--redis"];
    let more = ["--performance", file.to_str().unwrap(), "--set", "performance.fee_bps=1.5"];
    Engine::start(&toml, &[&replay[..], &[&server.unix()], &more].concat()).wait().succeeded();
    let all: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();

    let printed = |more: &[&str]| -> Value {
        let fixed = ["performance", "--json", "--prefix", "replay:", "--redis"];
        let ended = Engine::start(&toml, &[&fixed[..], &[&server.unix()], more].concat()).wait().succeeded();
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let mut compared = 0;
    let keys: Vec<String> = client.keys().into_iter().filter(|key| key.contains(":performance:")).collect();
    assert!(keys.iter().all(|key| key.starts_with("replay:wagehood:performance:")), "{keys:?}");
    for (whose, horizons) in printed(&[]).as_object().unwrap() {
        let parts: Vec<&str> = whose.split('/').collect();
        let key = match parts[2].split_once(':') {
            None => format!("{}/{}", parts[0], parts[1]),
            Some((_, kind)) => format!("{}/{kind}", parts[0]),
        };
        for (bars, figures) in horizons.as_object().unwrap() {
            assert_eq!(figures, &all[format!("{key}@{bars}")], "{whose} after {bars}");
            let (gross, net) = (figures["mean_bps"].as_f64().unwrap(), figures["net_mean_bps"].as_f64().unwrap());
            assert!((gross - net - 3.0).abs() < 1e-9, "fees of both sides: {figures}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
    let spy = printed(&["--symbol", "SPY", "--timeframe", "1m", "--strategy", "macd_rsi"]);
    let figures = &spy["1m/macd_rsi/symbol:SPY"]["10"];
    assert_eq!(figures, &all["SPY/1m/macd_rsi@10"], "{spy}");
    assert!(figures["n"].as_u64().unwrap() > 0 && spy.as_object().unwrap().len() == 1);
}

/// All hashes of figures, by key and field.
fn hashes(client: &mut Client) -> BTreeMap<String, BTreeMap<String, String>> {
    let keys = client.keys().into_iter().filter(|key| key.starts_with("wagehood:performance:"));
    let keys: Vec<String> = keys.collect();
    keys.into_iter().map(|key| (key.clone(), redis::Cmd::hgetall(&key).query(&mut client.0).unwrap())).collect()
}

#[test]
fn what_was_not_written_before_a_kill_is_written_by_the_next_engine() {
    let server = Server::start();
    let mut client = server.connect();
    let state = tempfile::tempdir().unwrap();
    let saved = format!("[state]\ndir = {:?}\nsnapshot_interval_s = 1\n", state.path());
    // Figures are written once a day of the input: most of the last hours wait.
    let toml = |more: &str| {
        let more = format!("{NO_CLOCK}[performance]\nenabled = true\npublish_interval_s = 86400\n{more}");
        config(&[(STREAM, "1m")], &["SPY", "QQQ"], &["1m", "5m"], &more)
    };
    let bars = series::bars(&["SPY", "QQQ"], START_MS, 60_000, 2_000);
    let (most, rest) = bars.split_at(bars.len() - 2);
    let killed = client.add(STREAM, &series::entries(most.iter().map(series::Bar::flat)));
    let mut engine = Engine::run(&toml(&saved), &server.unix());
    engine.until_at(&mut client, STREAM, &killed);
    let snapshots = || -> BTreeSet<OsString> {
        fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    // One may have been begun before; the one after it has everything.
    let (before, mut later) = (snapshots(), BTreeSet::new());
    engine.until("two snapshots were made", || {
        let named = |name: &&OsString| name.to_string_lossy().ends_with(".snapshot") && !before.contains(*name);
        later.extend(snapshots().iter().filter(named).cloned());
        later.len() >= 2
    });
    engine.kill();
    let last = client.add(STREAM, &series::entries(rest.iter().map(series::Bar::flat)));
    run_up_to(&toml(&saved), &server.unix(), &mut client, STREAM, &last);
    let found = hashes(&mut client);
    client.delete_all_but(&[STREAM]);
    run_up_to(&toml(""), &server.unix(), &mut client, STREAM, &last);
    let wanted = hashes(&mut client);
    let kinds = wanted.values().flat_map(BTreeMap::keys).filter(|field| field.starts_with("kind:")).count();
    let lanes = wanted.values().flat_map(BTreeMap::keys).filter(|field| field.starts_with("symbol:")).count();
    assert!(kinds > 5 && lanes > 5, "{wanted:?}");
    assert_eq!(found, wanted);
}
