//! What a person and their tools are told: logs, an explanation of a signal, the screen, the page of a replay.

use crate::server::Server;
use crate::{
    client::get,
    outside,
    running::Running,
    written::{now_ms, record},
};
use serde_json::Value;
use std::collections::BTreeSet;

const QUICK: [&str; 6] = ["--set", "mock.history=false", "--set", "mock.symbols=3", "--set", "engine.probe=true"];

#[test]
fn lines_of_json_tie_every_signal_to_its_record() {
    let engine = Running::start(&[&QUICK[..], &["--log-format", "json", "--log-level", "debug"]].concat());
    let signals = engine.until("signals in the log", || {
        let told = engine.told();
        let lines: Vec<Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        let steady = ["time", "level", "target", "code", "message"];
        assert!(lines.iter().all(|line| steady.iter().all(|name| line[*name].is_string())), "{told}");
        let signals: Vec<Value> = lines.into_iter().filter(|line| line["code"] == "signal").collect();
        (signals.len() > 5).then_some(signals)
    });
    let status = get(engine.at, "/status").json();
    let shown: BTreeSet<&str> =
        status["signals"].as_array().unwrap().iter().map(|signal| signal["signal_id"].as_str().unwrap()).collect();
    for line in &signals[..3] {
        assert!(shown.contains(line["signal_id"].as_str().unwrap()), "{line}");
        assert!(line["source_id"].as_str().unwrap().starts_with("mock:"), "{line}");
        assert!(line["sequence"].as_str().unwrap().parse::<u64>().unwrap() > 0);
        assert_eq!(line["config_version"], status["config_version"]);
        assert_eq!(line["level"], "debug");
    }
}

#[test]
fn lines_have_time_and_level_and_under_systemd_a_priority() {
    let engine = Running::start(&QUICK);
    let first = engine.told().lines().next().unwrap().to_owned();
    let (time, rest) = first.split_at(25);
    assert!(
        time.ends_with("Z ") && time.contains('T') && rest.starts_with("info  engine[note] listening on"),
        "{first}"
    );
    drop(engine);
    let plain = Running::start(&[&QUICK[..], &["--log-format", "plain"]].concat());
    assert!(plain.told().starts_with("listening on "), "{}", plain.told());
}

#[test]
fn a_signal_is_explained_as_long_as_the_streams_hold_it() {
    for (signals, events) in [("fields", "fields"), ("json", "json"), ("frame", "json")] {
        is_explained(signals, events);
    }
}

/// With signals and calculation events in these forms.
fn is_explained(signals: &str, events: &str) {
    let forms = [format!("output.signals_format={signals}"), format!("output.calculation_events_format={events}")];
    let server = Server::start();
    let mut client = server.connect();
    let url = server.unix();
    let set = ["--set", "watchlist=[{symbol=\"SPY\"}]", "--set", "engine.probe=true"];
    let forms = ["--set", &forms[0], "--set", &forms[1]];
    let engine = Running::start(&[&["--redis", &url], &set[..], &forms].concat());
    let second = now_ms() / 1_000;
    let records: Vec<_> = (0..5).map(|n| record("SPY", (second - 20 + n) * 1_000)).collect();
    client.add("market_data_1s", &records);
    let published = engine.until("a signal", || client.entries("signals").into_iter().next());
    let id = published.text("signal_id");
    let ended = outside::run(&mut outside::engine(["explain", id, "--redis", &url])).good();
    for part in [
        id,
        "buy SPY on 1s at 100.5: probe of probe",
        "closed by",
        "of market_data_1s: symbol=SPY",
        "took",
        "none of day",
    ] {
        assert!(ended.stdout.contains(part), "{part} is missing\n{}", ended.told());
    }
    let json = outside::run(&mut outside::engine(["explain", id, "--redis", &url, "--json"])).good();
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json["signal"]["signal_id"].as_str(), json["entry"].as_str()), (Some(id), Some(&*published.id)));
    assert_eq!(
        (json["record"]["fields"]["close"].as_str(), json["signal"]["price"].as_f64()),
        (Some("100.5"), Some(100.5))
    );
    assert!(json["indicators"].is_object(), "{json}");
    // What is a text in a file of signals is one here, though it looks like JSON.
    let mut stale = published.clone();
    stale.id = "*".to_owned();
    stale.fields[0].1 = b"SPY:1s:probe:7".to_vec();
    stale.fields.push((b"stale".to_vec(), b"true".to_vec()));
    client.add("signals", &[stale]);
    let json = outside::run(&mut outside::engine(["explain", "SPY:1s:probe:7", "--redis", &url, "--json"])).good();
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["signal"]["stale"], "true", "{json}");
    outside::run(&mut outside::engine(["explain", "SPY:1s:probe:1", "--redis", &url])).refused(1, &["is not among"]);
    outside::run(&mut outside::engine(["explain", "SPY:1s", "--redis", &url])).refused(1, &["SYMBOL:TIMEFRAME"]);
}

#[test]
fn the_screen_is_printed_once_where_there_is_no_terminal() {
    let engine = Running::start(&QUICK);
    let at = engine.at.to_string();
    let told = engine.until("signals on the screen", || {
        let ended = outside::run(&mut outside::engine(["top", "--at", &at])).good();
        ended.stdout.contains("probe").then_some(ended.stdout)
    });
    for part in ["main  ", "LATENCY", "PIPELINE", "SIGNALS", "publisher"] {
        assert!(told.contains(part), "{part} is missing\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn a_replay_becomes_a_page_of_one_file_with_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (page, signals) = (dir.path().join("report.html"), dir.path().join("signals.jsonl"));
    let [page_arg, signals_arg] = [&page, &signals].map(|path| path.display().to_string());
    let args =
        ["replay", "--input", "tests/sample/bars_1m.csv.gz", "--signals", &signals_arg, "--html", &page_arg, "--quiet"];
    outside::run(&mut outside::engine(args)).good();
    // The name of a kind of elements is no address that anybody asks.
    let text = std::fs::read_to_string(&page).unwrap().replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!text.contains(outside), "{outside}");
    }
    let data = text.split_once("window.RECORDED = ").unwrap().1.split_once(";</script>").unwrap().0;
    let data: Value = serde_json::from_str(&data.replace("<\\/", "</")).unwrap();
    let ids = |value: &Value| value["signal_id"].as_str().unwrap().to_owned();
    let shown: Vec<String> = data["signals"].as_array().unwrap().iter().map(ids).collect();
    let written: Vec<String> =
        outside::lines(&signals).map(|line| ids(&serde_json::from_str(&line).unwrap())).collect();
    assert!(written.len() > 10);
    assert_eq!(shown, written, "every signal, in order");
    let cells = data["cells"].as_object().unwrap();
    let bars: usize = cells.values().map(|cell| cell["bars"].as_array().unwrap().len()).sum();
    assert_eq!(Some(bars as u64), data["status"]["totals"]["bars"].as_u64(), "every bar");
}
