//! What the signals are worth, in hashes and by the command that reads them.

use super::{
    engine::{Engine, config},
    series::{self, START_MS},
    server::Server,
};
use serde_json::Value;
use std::fs;

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
