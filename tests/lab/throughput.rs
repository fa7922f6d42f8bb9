//! `bench throughput` from outside: it measures the throughput, and finds a rate that is held.

use std::{path::Path, time::Duration};
use wagehood_engine::lab::bench::{
    Figure, Form, Interrupt, Socket, ThroughputInfo, ThroughputOptions, throughput, throughput_text,
};

fn options(runs: &Path) -> ThroughputOptions {
    ThroughputOptions {
        exe: env!("CARGO_BIN_EXE_wagehood-engine").into(),
        symbols: 20,
        timeframes: vec!["1s".parse().unwrap(), "1m".parse().unwrap()],
        form: Form::Compact,
        frame: 64,
        socket: Socket::Unix,
        drain_only: false,
        entries: 200,
        duration: Duration::from_millis(1_200),
        turns: 2,
        settings: vec!["output.calculation_events=off".to_owned()],
        name: "test".to_owned(),
        host: Some("here".to_owned()),
        runs: Some(runs.to_owned()),
        interrupt: Interrupt::default(),
    }
}

#[test]
fn throughput_is_measured_beside_the_bare_loop() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = throughput(&options(dir.path()), &mut |_| ()).unwrap();
    let info = &outcome.info;
    let figures = [&info.bare_drain, &info.engine_drain, &info.bare_flow, &info.engine_flow, &info.steady];
    for figure in figures {
        let Figure { bars_per_s, entries_per_s, .. } = figure.unwrap();
        assert!(entries_per_s > 1.0 && (bars_per_s / entries_per_s - 64.0).abs() < 1e-6, "{figure:?}");
    }
    assert_eq!((info.drain_ratios.len(), info.flow_ratios.len()), (2, 2));
    let [drain, flow] = info.ratios().map(Option::unwrap);
    assert!(drain > 0.0 && drain < 5.0 && flow > 0.0 && flow < 5.0, "{drain} {flow}");
    let (flow, steady) = (info.engine_flow.unwrap(), info.steady.unwrap());
    assert!(steady.bars_per_s < 1.2 * flow.bars_per_s, "{steady:?} {flow:?}");
    assert!(flow.consumer_cpu > 0.0 && flow.redis_cpu > 0.0, "{flow:?}");
    assert!(flow.consumer_cpu + flow.redis_cpu + flow.producer_cpu < 64.0, "{flow:?}");
    let folder = outcome.dir.unwrap();
    let host: toml::Table = toml::from_str(&std::fs::read_to_string(folder.join("host.toml")).unwrap()).unwrap();
    let names: Vec<_> = host["scheduling"].as_table().unwrap().keys().collect();
    assert_eq!(names, ["bare_loop", "engine", "producer", "redis"]);
    let read: ThroughputInfo = toml::from_str(&std::fs::read_to_string(folder.join("run.toml")).unwrap()).unwrap();
    assert_eq!(&read, info);
    let summary = std::fs::read_to_string(folder.join("summary.md")).unwrap();
    assert!(std::fs::read_to_string(folder.join("rates.svg")).unwrap().contains("flow, engine"));
    reports(&folder, dir.path());
    assert!(
        summary.contains("| steady, engine |") && throughput_text(info).contains("engine ÷ bare loop ×"),
        "{summary}"
    );
}

/// The command prints a run, compares two, makes a page of them, and refuses to compare different kinds.
fn reports(run: &Path, dir: &Path) {
    let report = |paths: &[&Path]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wagehood-engine"));
        let output = command.arg("report").args(paths).arg("--html").arg(dir.join("page.html")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text.into_owned())
    };
    let slower = dir.join("slower");
    std::fs::create_dir(&slower).unwrap();
    std::fs::copy(run.join("host.toml"), slower.join("host.toml")).unwrap();
    let mut info: ThroughputInfo = toml::from_str(&std::fs::read_to_string(run.join("run.toml")).unwrap()).unwrap();
    let flow = info.engine_flow.as_mut().unwrap();
    // Half as fast, and from before runs recorded their spread.
    (flow.bars_per_s, flow.error) = (flow.bars_per_s / 2.0, None);
    std::fs::write(slower.join("run.toml"), toml::to_string(&info).unwrap()).unwrap();

    let (good, text) = report(&[run]);
    assert!(good && text.contains("steady, engine") && !text.contains("before"), "{text}");
    let (good, text) = report(&[run, &slower]);
    let moved = text.lines().find(|line| line.contains("flow, engine") && line.contains("-50.0%"));
    assert!(good && moved.is_some_and(|line| line.contains("WORSE")), "{text}");
    assert!(std::fs::read_to_string(dir.join("page.html")).unwrap().contains("What moved"));
    let other = dir.join("latency");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("run.toml"), "name = \"steady\"\n").unwrap();
    let (good, text) = report(&[run, &other]);
    assert!(!good && text.contains("is of `bench throughput`") && text.contains("each kind by itself"), "{text}");
}

#[test]
fn a_drain_ends_with_the_last_entry() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        ThroughputOptions { form: Form::Legacy, drain_only: true, entries: 2_000, runs: None, ..options(dir.path()) };
    let outcome = throughput(&options, &mut |_| ()).unwrap();
    let drain = outcome.info.engine_drain.unwrap();
    assert!(drain.since_start_s > 0.0 && drain.since_start_s < 60.0 && outcome.info.steady.is_none(), "{drain:?}");
    assert!(outcome.dir.is_none());
    let error = throughput(&ThroughputOptions { entries: 0, ..options.clone() }, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("can be preloaded"), "{error}");
    let error = throughput(&ThroughputOptions { entries: 2_000, turns: 0, ..options }, &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("turns can be taken"), "{error}");
}
