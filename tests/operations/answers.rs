//! What is answered.

use crate::{
    client::{Listener, get, get_with, say},
    outside,
    running::Running,
};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// A market without history, so that it runs at once; every bar of the shortest timeframe gives a signal.
const QUICK: [&str; 6] = ["--set", "mock.history=false", "--set", "mock.symbols=5", "--set", "engine.probe=true"];

/// The value of a sample.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn everything_that_is_listed_answers() {
    let engine = Running::start(&QUICK);
    engine.until("ready", || (get(engine.at, "/readyz").status == 200).then_some(()));
    engine.until("healthy", || (get(engine.at, "/health").json()["status"] == "ok").then_some(()));
    assert_eq!(get(engine.at, "/healthz").status, 200);
    let status = engine.until("signals", || {
        let status = get(engine.at, "/status").json();
        let measured = status["latency"]["day"]["window"]["p99_ns"].as_u64() > Some(0);
        (status["signals"].as_array().unwrap().len() > 3 && measured).then_some(status)
    });
    assert_eq!(status["phase"], "running");
    assert_eq!(status["signals"][0]["strategy"], "probe");
    assert_eq!(status["agents"].as_array().unwrap().len(), 4);
    let components = status["health"]["components"].as_object().unwrap();
    let names = ["calculation_lag", "memory_usage", "redis_streams", "worker_status", "signal_quality"];
    names.iter().for_each(|name| assert!(components.contains_key(*name), "{name}"));

    engine.until("all symbols", || {
        (get(engine.at, "/symbols").json()["symbols"].as_array().unwrap().len() == 5).then_some(())
    });
    let bars = get(engine.at, "/bars?symbol=S001&timeframe=1s").json();
    let bar = bars["bars"][0].as_array().unwrap();
    let number = |place: usize| bar[place].as_f64().unwrap();
    assert!(number(2) >= number(1).max(number(4)) && number(3) <= number(1).min(number(4)), "{bar:?}");
    assert_eq!(get(engine.at, "/bars?symbol=NONE&timeframe=1s").status, 404);
    assert_eq!(get(engine.at, "/nothing").status, 404);
    let page = get(engine.at, "/");
    assert!(page.head.contains("text/html") && page.head.contains("Content-Security-Policy: default-src 'none'"));
    let head = say(engine.at, b"HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let engine = Running::start(&QUICK);
    let published = "wagehood_publisher_published_total{strategy=\"probe\",timeframe=\"1s\"}";
    let text = engine.until("signals in the metrics", || {
        let text = get(engine.at, "/metrics").body;
        (sample(&text, published) > Some(4.0)
            && sample(&text, "wagehood_latency_seconds_count{of=\"day\"}") > Some(4.0))
        .then_some(text)
    });
    // Histograms are cumulative, and their last bucket is their count.
    let buckets: Vec<f64> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("wagehood_latency_seconds_bucket{of=\"day\",")?.split("} ").nth(1)?.parse().ok()
        })
        .collect();
    assert!(buckets.is_sorted() && buckets.len() > 100);
    assert_eq!(buckets.last().copied(), sample(&text, "wagehood_latency_seconds_count{of=\"day\"}"));
    for name in ["wagehood_reader_records_in_total", "wagehood_process_resident_bytes", "wagehood_uptime_seconds"] {
        assert!(sample(&text, name) > Some(0.0), "{name}");
    }
    assert!(!text.contains("symbol="), "no label per symbol");
    let open = get_with(engine.at, "/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(open.body.ends_with("# EOF\n") && open.head.contains("application/openmetrics-text"));
    let Ok(mut promtool) = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn() else {
        let _ = std::io::stderr().write_all(b"skipped: promtool check metrics: there is no promtool here\n");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success());
}

#[test]
fn events_come_as_they_happen_and_go_on_where_one_left() {
    let engine = Running::start(&QUICK);
    engine.until("a bar", || (get(engine.at, "/bars?symbol=S001&timeframe=1s").status == 200).then_some(()));
    let mut first = Listener::new(engine.at, "/events?cells=S001:1s", "");
    let bar: serde_json::Value = serde_json::from_str(&first.next_of("bar").data).unwrap();
    assert_eq!((bar["symbol"].as_str(), bar["timeframe"].as_str()), (Some("S001"), Some("1s")));
    let seen: Vec<_> = (0..20).map(|_| first.next_of("signal")).collect();
    let signal: serde_json::Value = serde_json::from_str(&seen[0].data).unwrap();
    assert_eq!(signal["strategy"], "probe");
    drop(first);
    // Without one missing, and none twice.
    let mut second = Listener::new(engine.at, "/events", &format!("Last-Event-ID: {}\r\n", seen[4].id));
    let again: Vec<_> = (0..15).map(|_| second.next_of("signal")).collect();
    assert_eq!(again, seen[5..]);
    // Of another run: said to be a gap.
    let mut other = Listener::new(engine.at, "/events", "Last-Event-ID: 1-1\r\n");
    assert_eq!(other.next().unwrap().kind, "gap");
}

#[test]
fn health_is_a_command_with_an_exit_code() {
    let engine = Running::start(&QUICK);
    let at = engine.at.to_string();
    let told = engine.until("healthy", || {
        let ended = outside::run(&mut outside::engine(["health", "--at", &at]));
        (ended.code() == Some(0) && ended.stdout.contains("running")).then_some(ended)
    });
    assert!(told.stdout.starts_with("main: ok, running\n"), "{}", told.told());
    let json = outside::run(&mut outside::engine(["health", "--json", "--at", &at])).good();
    let health: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(health["components"]["memory_usage"]["status"], "ok");
    drop(engine);
    outside::run(&mut outside::engine(["health", "--at", &at])).refused(2, &["nothing answers at", "telemetry.listen"]);
}

#[test]
fn a_component_that_fails_is_told_by_exit_code_and_log() {
    let failing = ["--set", "telemetry.health.memory_degraded=0", "--set", "telemetry.health.memory_failing=0"];
    let engine = Running::start(&[&QUICK[..], &failing].concat());
    let at = engine.at.to_string();
    let code = || outside::run(&mut outside::engine(["health", "--at", &at])).code();
    engine.until("failing", || (code() == Some(2)).then_some(()));
    engine.until("a line", || engine.told().contains("memory_usage is failing (was unknown)").then_some(()));
    drop(engine);
    let degraded = ["--set", "telemetry.health.memory_degraded=0", "--set", "telemetry.health.memory_failing=1"];
    let engine = Running::start(&[&QUICK[..], &degraded].concat());
    let at = engine.at.to_string();
    let code = || outside::run(&mut outside::engine(["health", "--at", &at])).code();
    engine.until("degraded", || {
        let code = code();
        assert_ne!(code, Some(2));
        (code == Some(1) && engine.told().contains("memory_usage is degraded")).then_some(())
    });
}

#[test]
fn a_window_is_computed_when_somebody_asks_and_once_a_bar() {
    let engine = Running::start(&[&QUICK[..], &["--set", "statistics.windows=[3]"]].concat());
    let at = engine.at.to_string();
    let path = "/window?symbol=S001&timeframe=1s&bars=3";
    let window = engine.until("three bars", || {
        let answer = get(engine.at, path);
        let window = (answer.status == 200).then(|| answer.json())?;
        (window["ready"] == true).then_some(window)
    });
    let number = |name: &str| window["statistics"][name].as_f64().unwrap_or_else(|| panic!("{name}: {window}"));
    assert!(number("low") <= number("q25") && number("q75") <= number("high"), "{window}");
    assert!(number("low") <= number("mean") && number("mean") <= number("high"), "{window}");
    // The bars that it is made of.
    let end = window["bar_end_ms"].as_i64().unwrap();
    let bars = get(engine.at, "/bars?symbol=S001&timeframe=1s").json();
    let of_window = |bar: &&serde_json::Value| (end - 3_000..end).contains(&bar[0].as_i64().unwrap());
    let bars: Vec<_> = bars["bars"].as_array().unwrap().iter().filter(of_window).collect();
    assert_eq!(bars.len(), 3, "{bars:?} of {window}");
    let highest = bars.iter().map(|bar| bar[2].as_f64().unwrap()).fold(f64::MIN, f64::max);
    let volume: f64 = bars.iter().map(|bar| bar[5].as_f64().unwrap()).sum();
    assert_eq!(highest, number("high"));
    assert!((volume - number("volume")).abs() <= 1e-9 * volume);

    let ended = outside::run(&mut outside::engine(["window", "S001", "1s", "3", "--at", &at])).good();
    assert!(ended.stdout.contains("the last 3 of") && ended.stdout.contains("realized_vol_year"), "{}", ended.told());
    let json = outside::run(&mut outside::engine(["window", "S001", "1s", "2", "--json", "--at", &at])).good();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json["bars"].as_u64(), json["symbol"].as_str()), (Some(2), Some("S001")));
    let status = get(engine.at, "/status?window=S001:1s:3").json();
    assert_eq!(status["window"]["timeframe"], "1s");
    assert!(status["statistics"]["computed"].as_u64() > Some(0), "{status}");

    // Asked for again at the same bar it is not computed again; at most bars nobody asks.
    let text = engine.until("one that was served", || {
        (0..20).for_each(|_| assert_eq!(get(engine.at, path).status, 200));
        let text = get(engine.at, "/metrics").body;
        (sample(&text, "wagehood_worker_statistics_served_total") > Some(0.0)).then_some(text)
    });
    assert!(sample(&text, "wagehood_worker_statistics_skipped_total") > Some(3.0));

    for (path, status, told) in [
        ("/window?symbol=NONE&timeframe=1s&bars=3", 404, "NONE"),
        ("/window?symbol=S001&timeframe=7m&bars=3", 404, "7m"),
        ("/window?symbol=S001&timeframe=1s&bars=0", 400, "number of bars"),
        ("/window?symbol=S001&timeframe=1s&bars=100000", 400, "timeframes.buffer_size"),
    ] {
        let answer = get(engine.at, path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(told), "{path}: {}", answer.body);
    }
    drop(engine);
    let off = Running::start(&[&QUICK[..], &["--set", "statistics.screens=false"]].concat());
    off.until("a refusal", || get(off.at, path).body.contains("statistics.screens").then_some(()));
}
