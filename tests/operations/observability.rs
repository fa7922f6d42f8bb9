//! What is ready-made for Prometheus and Grafana, against a real Prometheus. Skipped, with a word, where there is none.

use crate::{
    client::{get, say},
    running::Running,
    server::{Entry, Server},
    written::{now_ms, record},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("perf/observability")
}

fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        // Past the harness, which keeps what good tests say to itself.
        let _ =
            std::io::stderr().write_all(format!("skipped: there is no {program} (Debian: prometheus)\n").as_bytes());
    }
    there
}

#[test]
fn the_rules_hold_and_fire_when_they_should() {
    if !has("promtool") {
        return;
    }
    for args in
        [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"], ["check", "config", "prometheus.yml"]]
    {
        let out = Command::new("promtool").args(args).current_dir(folder()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&[out.stdout, out.stderr].concat()));
    }
}

/// A Prometheus that scrapes an engine every second.
struct Prometheus {
    child: Child,
    at: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    fn start(engine: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [{:?}]\nscrape_configs:\n\
             - job_name: wagehood-engine\n  static_configs:\n  - targets: [\"{engine}\"]\n",
            folder().join("rules.yml").display().to_string()
        );
        std::fs::write(dir.path().join("prometheus.yml"), text).unwrap();
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, at, _dir: dir }
    }

    /// The results of an expression; an error fails.
    fn ask(&self, expression: &str) -> Option<Vec<Value>> {
        let coded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        std::net::TcpStream::connect(self.at).ok()?;
        let request = format!("GET /api/v1/query?query={coded} HTTP/1.0\r\nHost: {}\r\n\r\n", self.at);
        let answer = say(self.at, request.as_bytes())?;
        if answer.status == 503 {
            return None;
        }
        let answer: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts an engine on Redis, has it publish some thousand signals, and compares what Prometheus makes of the buckets with
/// the histograms that the engine writes at its end, line by line.
#[test]
fn quantiles_of_prometheus_are_within_two_per_cent_of_the_histograms() {
    const SIGNALS: f64 = 101.0 * 41.0;
    if !has("prometheus") {
        return;
    }
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    // 101 signals by second, of 41 seconds: no percentile of the file falls between two of them, where every time from the one
    // to the next is right.
    let symbols: Vec<String> = (0..101).map(|n| format!("S{n}")).collect();
    let watchlist: Vec<String> = symbols.iter().map(|symbol| format!("{{symbol=\"{symbol}\"}}")).collect();
    let (url, watchlist) = (server.unix(), format!("watchlist=[{}]", watchlist.join(",")));
    let args = ["--redis", &url, "--set", &watchlist, "--set", "engine.probe=true", "--histograms"];
    let seconds = ["--set", "timeframes.list=[\"1s\"]", "--set", "input.streams=[{name=\"bars\",timeframe=\"1s\"}]"];
    let dir = dir.path().display().to_string();
    let mut engine = Running::start(&[&args[..], &[&dir], &seconds].concat());
    let prometheus = Prometheus::start(engine.at);
    let (mut client, now) = (server.connect(), now_ms() / 1_000);
    for second in now - 51..now - 10 {
        let records: Vec<Entry> = symbols.iter().map(|symbol| record(symbol, second * 1_000)).collect();
        client.add("bars", &records);
    }
    let first = |results: Vec<Value>| -> Option<f64> { results.first()?["value"][1].as_str()?.parse().ok() };
    engine.until("all signals, and a scrape behind them", || {
        let own = get(engine.at, "/status").json()["latency"]["day"]["total"]["count"].as_f64()?;
        let scraped = first(prometheus.ask("wagehood_latency_seconds_count{of=\"day\"}")?)?;
        (own == SIGNALS && own == scraped).then_some(())
    });
    let quantile = |of: f64| {
        let asked = format!("histogram_quantile({of}, wagehood_latency_seconds_bucket{{of=\"day\"}})");
        engine.until(&asked, || first(prometheus.ask(&asked)?))
    };
    let at: Vec<f64> =
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.775, 0.8, 0.825, 0.85, 0.875, 0.9, 0.95, 0.975, 0.9875]
            .into();
    let asked: Vec<(f64, f64)> = at.into_iter().map(|of| (of, quantile(of))).collect();
    kill_process(Pid::from_child(&engine.child), Signal::TERM).unwrap();
    assert!(engine.child.wait().unwrap().success(), "{}", engine.told());
    let text = std::fs::read_to_string(PathBuf::from(dir).join("day.hgrm")).unwrap();
    let line = |line: &str| -> Option<[f64; 3]> {
        let mut columns = line.split_whitespace().map(str::parse::<f64>);
        Some([columns.next()?.ok()?, columns.next()?.ok()?, columns.next()?.ok()?])
    };
    let lines: Vec<[f64; 3]> = text.lines().filter_map(line).collect();
    assert_eq!(lines.last().unwrap()[2], SIGNALS, "{text}");
    let mut compared = 0;
    for (of, found) in asked {
        // Only these percentiles are lines of the file.
        let Some([own_us, ..]) = lines.iter().find(|line| (line[1] - of).abs() < 1e-9) else { continue };
        let apart = (found * 1e6 / own_us - 1.0).abs();
        assert!(apart < 0.02, "{of}: {found} s, and {own_us} µs in the file");
        compared += 1;
    }
    assert!(compared > 10, "{compared}\n{text}");
}

#[test]
fn every_expression_of_the_dashboard_has_an_answer_and_quantiles_are_near() {
    if !has("prometheus") {
        return;
    }
    let many = ["--set", "mock.history=false", "--set", "mock.symbols=200", "--set", "engine.probe=true"];
    let engine = Running::start(&[&many[..], &["--signals", "/dev/null"]].concat());
    let prometheus = Prometheus::start(engine.at);
    let first = |results: Vec<Value>| -> Option<f64> { results.first()?["value"][1].as_str()?.parse().ok() };
    engine.until("a scrape", || first(prometheus.ask("wagehood_ready")?).filter(|ready| *ready == 1.0));
    // Over all that was scraped, as the engine itself counts it.
    let quantile = "histogram_quantile(0.5, wagehood_latency_seconds_bucket{of=\"read\"})";
    engine.until("a median within a bucket of the engine's own", || {
        let found = first(prometheus.ask(quantile)?)?;
        let own = get(engine.at, "/status").json()["latency"]["read"]["total"]["p50_ns"].as_f64()? / 1e9;
        ((found / own - 1.0).abs() < 0.13).then_some(())
    });
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("grafana.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let expressions = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    // What an engine on the mock market, of which all is well, has none of.
    let none_here = ["wagehood_reader_refused", "wagehood_stream_", "wagehood_link_"];
    let mut asked = 0;
    for expression in expressions.map(|target| target["expr"].as_str().unwrap().replace("$instance", ".*")) {
        let empty = none_here.iter().any(|name| expression.contains(name));
        engine.until(&expression, || {
            let results = prometheus.ask(&expression)?;
            (empty || !results.is_empty()).then_some(())
        });
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
}
