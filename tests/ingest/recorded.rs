//! A recorded market, given as if it came live, against golden results.

use super::{
    engine::Engine,
    outside::{data, lines, skipped, write_rows_before},
    server::{Client, Server},
    stream::read,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// Of a signal: timeframe, strategy, kind and start of its bar; price, confidence and composite confidence.
type Said = (String, String, String, i64, [f64; 3]);

const NAMES: [&str; 3] = ["timeframe", "strategy", "kind"];
const NUMBERS: [&str; 3] = ["price", "confidence", "composite_confidence"];

const TOML: &str = "watchlist = [{symbol = \"AIG\"}, {symbol = \"BAC\"}, {symbol = \"IBM\"}]\n\
    [[input.streams]]\nname = \"market_data_1s\"\ntimeframe = \"1s\"\nclock = \"heartbeat\"\n\
    [timeframes]\nlist = [\"1s\", \"1m\", \"5m\", \"1h\", \"1d\"]\n[ingest]\nheartbeat_ms = 50\n\
    [output.streams]\nsignals_maxlen = 1000000\n";

/// The arguments of the ingestion of a file.
fn feed<'a>(csv: &'a Path, speed: &'a str, url: &'a str) -> Vec<&'a str> {
    let fixed = ["ingest", "--provider", "file", "--speed", speed, "--redis", url, "--input", csv.to_str().unwrap()];
    fixed.to_vec()
}

#[test]
fn two_days_by_the_second_gives_the_golden_signals_of_its_bars() {
    let Some(data) = data() else { return skipped("two_days_by_the_second") };
    let server = Server::start();
    let mut client = server.connect();
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("days.csv");
    write_rows_before(&data.join("us_equities_1s.csv.gz"), "2013-10-08", &csv);
    let url = server.unix();
    let engine = Engine::run(TOML, &url);
    let feed = feed(&csv, "60000x", &url);
    // Killed in the middle, it goes on where it was.
    let mut ingest = Engine::start(TOML, &feed);
    ingest.until("some bars came", || client.len("market_data_1s") > 40);
    ingest.kill();
    let ended = Engine::start(TOML, &feed).wait().succeeded();
    assert!(ended.stderr.contains("the end of the files; 0 lines were no bars"), "{}", ended.stderr);
    assert_golden(&data, &csv, engine, &mut client, 100);
}

/// An hour takes a minute: `make recorded-hour` runs it.
#[test]
fn an_hour_by_the_second_at_sixty_times_its_pace_gives_the_golden_signals_of_its_bars() {
    if std::env::var_os("WAGEHOOD_RECORDED_HOUR").is_none() {
        return;
    }
    let data = data().expect("WAGEHOOD_DATA has the recorded market");
    let server = Server::start();
    let mut client = server.connect();
    let folder = tempfile::tempdir().unwrap();
    let [before, csv] = ["before.csv", "hour.csv"].map(|name| folder.path().join(name));
    for (hour, file) in [("13", &before), ("14", &csv)] {
        write_rows_before(&data.join("us_equities_1s.csv.gz"), &format!("2013-10-07T{hour}"), file);
    }
    let url = server.unix();
    let engine = Engine::run(TOML, &url);
    // What came before the hour comes at once.
    Engine::start(TOML, &feed(&before, "max", &url)).wait().succeeded();
    let begun = client.len("market_data_1s");
    let started = std::time::Instant::now();
    let mut ingest = Engine::start(TOML, &feed(&csv, "60x", &url));
    for beats in [200, 400, 600] {
        ingest.until("the hour passes", || client.len("market_data_1s") > begun + beats);
    }
    ingest.wait().succeeded();
    let took = started.elapsed().as_secs();
    assert!((50..80).contains(&took), "an hour took {took} s");
    assert_golden(&data, &csv, engine, &mut client, 100);
}

/// Checks the stream against a file, and the engine's signals against the golden ones of the bars that the file closes.
fn assert_golden(data: &Path, csv: &Path, mut engine: Engine, client: &mut Client, least: usize) {
    let all = read(client, "market_data_1s", "1s");
    all.assert_once_in_order(1_000);
    assert_eq!(all.bars.len(), lines(csv).count() - 1, "each bar once");
    let last = client.last_id("market_data_1s").unwrap();
    engine.until_at(client, "market_data_1s", &last);
    engine.stop().succeeded();

    let end = all.beats.last().unwrap().1;
    assert_eq!(
        end,
        all.bars.iter().map(|bar| bar.ts + 1_000).max().unwrap(),
        "the last heartbeat is that of the last bar"
    );
    let intervals = [("1s", 1_000), ("1m", 60_000), ("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000)];
    let closed = |said: &Said| intervals.iter().any(|(name, ms)| *name == said.0 && said.3 + ms <= end);
    let mut wanted: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for line in lines(&data.join("../golden/us_equities_1s.signals.jsonl.gz")) {
        let signal: Value = serde_json::from_str(&line).unwrap();
        let [timeframe, strategy, kind] = NAMES.map(|name| signal[name].as_str().unwrap().to_owned());
        let numbers = NUMBERS.map(|name| signal[name].as_f64().unwrap());
        let said = (timeframe, strategy, kind, signal["bar_ts"].as_i64().unwrap(), numbers);
        if closed(&said) {
            wanted.entry(signal["symbol"].as_str().unwrap().to_owned()).or_default().push(said);
        }
    }
    let mut found: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for entry in client.entries("signals") {
        let [timeframe, strategy, kind] = NAMES.map(|name| entry.text(name).to_owned());
        let said = (timeframe, strategy, kind, entry.number("bar_ts") as i64, NUMBERS.map(|name| entry.number(name)));
        found.entry(entry.text("symbol").to_owned()).or_default().push(said);
    }
    assert!(wanted.len() == 3 && wanted.values().all(|signals| signals.len() > least), "{:?}", wanted.keys());
    for (symbol, wanted) in wanted {
        let found = found.remove(&symbol).unwrap_or_default();
        let close = |a: &f64, b: &f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        for (found, wanted) in found.iter().zip(&wanted) {
            let same = found.4.iter().zip(&wanted.4).all(|(a, b)| close(a, b));
            let words = (&found.0, &found.1, &found.2, found.3) == (&wanted.0, &wanted.1, &wanted.2, wanted.3);
            assert!(same && words, "{symbol}:\n found {found:?}\nwanted {wanted:?}");
        }
        assert_eq!(found.len(), wanted.len(), "{symbol}");
    }
    assert!(found.is_empty(), "{found:?}");
}
