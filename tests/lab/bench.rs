//! `bench latency` from outside: the schedule is kept, and a stall of the engine shows in the figures.

use std::{path::Path, process::Command, time::Duration};
use wagehood_engine::{
    lab::{
        bench::{Budgets, Form, Interrupt, LatencyOptions, Outcome, Shape, Socket, latency},
        report::{Run, html, run_text},
    },
    model::TradingStyle,
};

const MS: u64 = 1_000_000;

/// 1,000 bars per second for two seconds.
fn options(runs: &Path) -> LatencyOptions {
    LatencyOptions {
        exe: env!("CARGO_BIN_EXE_wagehood-engine").into(),
        shape: Shape::Steady,
        symbols: 20,
        rate: 50.0,
        duration: Duration::from_secs(2),
        warm_up: Duration::from_millis(200),
        timeframes: vec!["1s".parse().unwrap(), "1m".parse().unwrap()],
        styles: TradingStyle::ALL.to_vec(),
        socket: Socket::Unix,
        url: None,
        form: Form::Legacy,
        settings: Vec::new(),
        core: None,
        embedded: false,
        hiccups: true,
        echo: false,
        slices: 3,
        stall: None,
        budgets: Budgets::default(),
        name: "test".to_owned(),
        host: Some("here".to_owned()),
        runs: runs.to_owned(),
        interrupt: Interrupt::default(),
    }
}

fn run(options: &LatencyOptions) -> Outcome {
    latency(options, &mut |_| ()).unwrap()
}

#[test]
fn the_schedule_is_kept_and_every_bar_gives_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&LatencyOptions { form: Form::Compact, echo: true, ..options(dir.path()) });
    let info = outcome.run.info.as_ref().unwrap();
    assert_eq!((info.sent, info.lost), (20 * 110, 0), "{info:?}");
    let counts: Vec<u64> = outcome.run.signals.iter().map(|series| series.total.count()).collect();
    assert_eq!(counts, [700, 700, 600], "by style, without the warm-up");
    // Half of the bars are sent on time, even on a busy machine.
    let lag = &outcome.run.lag.as_ref().unwrap().total;
    assert!(lag.count() == 2_000 && lag.at(0.5) < 20 * MS, "{}", lag.at(0.5));
    assert_eq!(outcome.run.echo.as_ref().unwrap().total.count(), 4_000, "twice two seconds");
    assert!(info.echo.unwrap().ratio_p50 > 0.1);
    for name in ["run.toml", "host.toml", "summary.md", "signals.hlog", "day.hgrm", "stages.svg", "engine/read.hgrm"] {
        assert!(outcome.dir.join(name).exists(), "{name}");
    }
    let cores: Vec<u64> = outcome.run.hiccups.iter().map(|series| series.total.count()).collect();
    // Two seconds of appointments every millisecond, on every core.
    assert!(!cores.is_empty() && cores.iter().all(|&count| (1_900..=2_000).contains(&count)), "{cores:?}");
    let scheduling = outcome.run.host["scheduling"].as_table().unwrap();
    assert_eq!(scheduling.keys().collect::<Vec<_>>(), ["engine", "generator", "redis"], "{scheduling:?}");
    let [engine, generator] = ["engine", "generator"].map(|who| scheduling[who].as_str().unwrap());
    let (pipeline, nice) = engine.split_once("; ").unwrap();
    assert_eq!(pipeline, format!("{generator} (pipeline)"), "one starts the other");
    assert!(nice.contains("snapshots, wagehood-engine"), "what saves and reports gives way: {nice}");
    let read = Run::open(&outcome.dir).unwrap();
    assert!(run_text(&read).contains("engine ÷ bare echo") && html(&[read]).unwrap().contains("Where the time goes"));
}

#[test]
fn signals_are_seen_in_every_form() {
    for form in ["json", "frame"] {
        let dir = tempfile::tempdir().unwrap();
        let settings = vec![format!("output.signals_format={form}")];
        let short = Duration::from_millis(1_000);
        let outcome = run(&LatencyOptions { settings, duration: short, hiccups: false, ..options(dir.path()) });
        let info = outcome.run.info.as_ref().unwrap();
        assert_eq!((info.sent, info.lost), (20 * 60, 0), "{form}: {info:?}");
    }
}

#[test]
fn engine_and_echo_take_turns_and_the_spread_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut notes = Vec::new();
    let options =
        LatencyOptions { echo: true, slices: 2, duration: Duration::from_secs(5), rate: 10.0, ..options(dir.path()) };
    let outcome = latency(&options, &mut |note| notes.push(note.to_owned())).unwrap();
    // Two rounds of warm-up and five seconds of the engine; three times the echo, with one second of warm-up of its own.
    let takes = notes.remove(0);
    let seconds: f64 = takes.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(takes.starts_with("takes about ") && (5.0..20.0).contains(&seconds), "{takes}");
    assert_eq!(notes, ["echo, 1 of 3", "engine, 1 of 2", "echo, 2 of 3", "engine, 2 of 2", "echo, 3 of 3"]);
    let info = outcome.run.info.as_ref().unwrap();
    // Two rounds of warm-up before each of the slices, of two and three seconds.
    assert_eq!((info.sent, info.lost), (20 * (2 + 20 + 2 + 30), 0), "{info:?}");
    let from: Vec<f64> = info.slices.iter().map(|slice| slice.from_s).collect();
    assert_eq!(from, [0.0, 2.0], "{info:?}");
    let count: u64 = outcome.run.signals.iter().map(|series| series.total.count()).sum();
    let seconds = outcome.run.signals[0].intervals.iter().filter(|interval| !interval.histogram.is_empty()).count();
    assert_eq!((count, seconds), (20 * 50, 5), "every bar of every slice once, and in its second");
    assert_eq!(outcome.run.echo.as_ref().unwrap().total.count(), 3 * 2 * 20 * 10);
    let summary = std::fs::read_to_string(outcome.dir.join("summary.md")).unwrap();
    assert!(summary.contains("2 slices in turns with the echo: p50") && summary.contains("÷ bare echo: p50 × "));
}

#[test]
fn the_files_of_a_run_agree() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&LatencyOptions { duration: Duration::from_secs(1), ..options(dir.path()) });
    let log = Run::open(&outcome.dir.join("signals.hlog")).unwrap();
    assert_eq!(log.signals.len(), 3);
    for series in &log.signals {
        let lines = Run::open(&outcome.dir.join(format!("{}.hgrm", series.name))).unwrap();
        let (lines, log) = (&lines.signals[0].total, &series.total);
        assert_eq!(lines.count(), log.count(), "{}", series.name);
        // Percentiles are rounded to the decimals of a line, values to three digits: allow one latency more or less.
        let one = 1.0 / log.count() as f64;
        for (quantile, line) in lines.curve().into_iter().chain([(1.0, lines.max_ns())]) {
            let [low, high] = [-one, one].map(|more| log.at((quantile + more).clamp(0.0, 1.0)));
            assert!(low - low / 500 <= line && line <= high + high / 500, "{quantile}: {line}, {low} to {high}");
        }
    }
}

#[test]
fn the_command_fails_if_a_budget_is_exceeded_and_two_runs_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wagehood-engine")).args(arguments).current_dir(&dir).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text.into_owned())
    };
    let bench = |name: &str, max_ms: &str| {
        let budgets = format!("{name}.toml");
        std::fs::write(dir.path().join(&budgets), format!("[steady.day]\nmax_ms = {max_ms}\n")).unwrap();
        let load = ["bench", "latency", "--symbols", "4", "--rate", "50", "--duration", "1s", "--warm-up", "0s"];
        let rest = ["--no-echo", "--check", "--host", "here", "--out", "runs", "--name", name, "--budgets", &budgets];
        command(&[&load[..], &rest].concat())
    };
    // A busy machine may not hold the rate, which is a different verdict.
    let (code, text) = bench("wide", "60000.0");
    let held = !text.contains("FAIL: ");
    assert!(code == Some(i32::from(!held)) && held == text.contains("verdict: PASS"), "{text}");
    assert!(!text.contains("over budget"), "{text}");
    let (code, text) = bench("narrow", "0.001");
    assert!(code == Some(1) && text.contains("over budget: day max") && !text.contains("verdict: PASS"), "{text}");

    let mut runs: Vec<_> = std::fs::read_dir(dir.path().join("runs")).unwrap().map(|run| run.unwrap().path()).collect();
    runs.sort();
    let [narrow, wide] = &runs[..] else { panic!("{runs:?}") };
    let (code, text) = command(&["report", wide.to_str().unwrap(), narrow.to_str().unwrap(), "--html", "page.html"]);
    assert!(code == Some(0) && text.contains(" rows") && text.contains("publish"), "{text}");
    let page = std::fs::read_to_string(dir.path().join("page.html")).unwrap();
    assert!(page.contains("What moved") && page.contains("run by run"));
    assert!(page.contains("over budget: day max"));
    let (code, text) = command(&["report", "nowhere"]);
    assert!(code != Some(0) && text.contains("nowhere"), "{text}");
}

#[test]
fn a_stall_counts_for_every_bar_that_it_delayed() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&LatencyOptions { stall: Some(Duration::from_millis(200)), ..options(dir.path()) });
    let day = &outcome.run.signals[0].total;
    // Every third of the 50 bars a second is of this style: up to 60 ms of the stall pass before the first of them is due.
    assert!(day.at(0.999) > 135 * MS, "p99.9 is {} ns", day.at(0.999));
    // The stall lasts a tenth of the time: a generator that waits for answers would have counted one bar.
    assert!(day.at(0.95) > 50 * MS, "p95 is {} ns", day.at(0.95));
    assert_eq!(outcome.run.info.as_ref().unwrap().lost, 0);
}

#[test]
fn without_redis_one_signal_per_bar_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(&LatencyOptions { embedded: true, rate: 1.0, ..options(dir.path()) });
    let count: u64 = outcome.run.signals.iter().map(|series| series.total.count()).sum();
    assert!((20..=60).contains(&count), "{count}");
    assert!(outcome.run.stages.iter().any(|(name, _)| name == "evaluate"));
}
