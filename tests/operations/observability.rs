//! What is ready-made for Prometheus and Grafana, against a real Prometheus. Skipped, with a word, where there is none.

use crate::{
    client::{get, say},
    running::Running,
};
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
