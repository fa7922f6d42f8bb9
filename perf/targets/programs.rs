//! Measures whole processes: the engine's program, which lies beside this one.

use crate::{Found, kernels::median};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use wagehood_engine::lab::bench::{Figure, Form, Interrupt, Socket, ThroughputOptions, throughput};

const REPLAYS: usize = 7;
/// Settings that leave only the signals in the output.
const SIGNALS_ONLY: [&str; 4] =
    ["output.calculation_events=off", "output.latest_values=false", "output.bars=false", "output.alerts=false"];
/// Settings that hold nearly all signals back after they are weighed.
const QUIET: [&str; 3] = ["day", "swing", "position"];

/// The program: in the folder above the examples'.
pub fn program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let path = here.ancestors().nth(2).context("this program has no folder")?.join("wagehood-engine");
    ensure!(path.exists(), "{} is not built: `make perf` does", path.display());
    Ok(path)
}

/// A folder that is removed when its guard is dropped.
pub fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::tempdir()?)
}

/// The market data; `None` if this machine has none.
fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WAGEHOOD_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    Some(folder.join(name)).filter(|path| path.exists())
}

/// Runs the program to its end; returns its wall time, s, and its output.
fn run(args: &[&str], dir: &Path) -> Result<(f64, String)> {
    let start = Instant::now();
    let output = Command::new(program()?).args(args).current_dir(dir).stdin(Stdio::null()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{args:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let text = [output.stdout, output.stderr].concat();
    Ok((seconds, String::from_utf8_lossy(&text).into_owned()))
}

/// Replays real one-minute bars.
pub fn replay() -> Result<Vec<Found>> {
    let Some(input) = data("crypto_1m.csv.gz") else {
        println!("skipped  replay: no crypto_1m.csv.gz in WAGEHOOD_DATA or ../shared/data");
        return Ok(Vec::new());
    };
    let input = fs::canonicalize(input)?;
    let (dir, input) = (folder()?, input.to_string_lossy().into_owned());
    let args =
        ["replay", "--input", &input, "--base", "1m", "--timeframes", "1m,5m,1h,1d", "--signals", "signals.jsonl"];
    let times = (0..REPLAYS).map(|_| run(&args, dir.path()).map(|(seconds, _)| seconds)).collect::<Result<Vec<_>>>()?;
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let signals = fs::read_to_string(dir.path().join("signals.jsonl"))?.lines().count();
    let note = format!("{signals} signals; best of {REPLAYS} runs {least:.2} s");
    Ok(vec![Found { id: "replay", figure: median(times), ratio: None, note }])
}

/// Measures the throughput from Redis to Redis in one of the forms.
pub fn redis(group: &str, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Found>> {
    let quiet = QUIET.map(|style| format!("styles.{style}.min_composite_confidence=0.99"));
    let lean: Vec<String> = SIGNALS_ONLY.map(str::to_owned).to_vec();
    let cases: &[(&'static str, Vec<String>)] = match group {
        "compact" => &[
            ("compact", lean.clone()),
            ("compact_frames", [&lean[..], &["output.signals_format=frame".to_owned()]].concat()),
            ("compact_quiet", [&lean[..], &quiet[..]].concat()),
            ("compact_all", Vec::new()),
        ],
        _ => {
            &[("legacy", lean.clone()), ("legacy_quiet", [&lean[..], &quiet[..]].concat()), ("legacy_all", Vec::new())]
        }
    };
    let mut all = Vec::new();
    for (id, settings) in cases.iter().filter(|(id, _)| wants(id)) {
        let form = if group == "compact" { Form::Compact } else { Form::Legacy };
        let options = ThroughputOptions {
            exe: program()?,
            symbols: 100,
            timeframes: ["1s", "1m", "5m", "1h", "1d"].iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
            form,
            frame: 64,
            socket: Socket::Unix,
            drain_only: false,
            entries: if form == Form::Legacy { 150_000 } else { 10_000 },
            duration: Duration::from_secs(6),
            turns: 4,
            settings: settings.clone(),
            name: (*id).to_owned(),
            host: None,
            runs: None,
            interrupt: Interrupt::default(),
        };
        let info = throughput(&options, &mut |_| ())?.info;
        let [drain_ratio, flow_ratio] = info.ratios().map(Option::unwrap_or_default);
        let (Some(flow), Some(steady), Some(drain)) = (info.engine_flow, info.steady, info.engine_drain) else {
            bail!("{id}: nothing was measured");
        };
        let ratio = if form == Form::Legacy {
            (flow_ratio, "the bare loop".to_owned())
        } else {
            (flow.redis_cpu / flow.consumer_cpu.max(1e-9), "the engine's processor time is redis-server's".to_owned())
        };
        let cpu = |figure: &Figure| {
            let ns = |cores: f64| 1e9 * cores / figure.bars_per_s;
            format!(
                "engine {:.0} % ({:.0} ns a bar), redis-server {:.0} % ({:.0} ns), producer {:.0} %",
                100.0 * figure.consumer_cpu,
                ns(figure.consumer_cpu),
                100.0 * figure.redis_cpu,
                ns(figure.redis_cpu),
                100.0 * figure.producer_cpu,
            )
        };
        let note = format!(
            "{}; {:.3} signals a bar; steady {} {:.0} bars/s; drain {:.0} bars/s, {:.0} % of the bare loop",
            cpu(&flow),
            flow.signals_per_bar,
            if steady.held { "at" } else { "not held at" },
            steady.bars_per_s,
            drain.bars_per_s,
            100.0 * drain_ratio,
        );
        all.push(Found { id, figure: flow.bars_per_s, ratio: Some(ratio), note });
    }
    Ok(all)
}

/// Measures the memory for ten thousand symbols.
pub fn memory() -> Result<Vec<Found>> {
    const SYMBOLS: f64 = 10_000.0;
    let dir = folder()?;
    let symbols = format!("mock.symbols={SYMBOLS}");
    let args = ["run", "--set", &symbols, "--set", "mock.history=false", "--duration", "4s"];
    let (_, text) = run(&args, dir.path())?;
    let bytes = |name: &str| {
        let line = text.lines().map(str::trim).rfind(|line| line.starts_with(name));
        line.and_then(|line| amount(line.strip_prefix(name)?)).with_context(|| format!("the report has no {name:?}"))
    };
    let parts = ["symbols ", "open bars ", "cells ", "correlator ", "latest values "];
    let state = parts.iter().map(|part| bytes(part)).sum::<Result<f64>>()?;
    let note = "symbols, open bars, cells, correlator and latest values, as the engine accounts for them".to_owned();
    Ok(vec![
        Found { id: "memory_symbol", figure: state / SYMBOLS / 1024.0, ratio: None, note },
        Found {
            id: "memory_resident",
            figure: bytes("resident, peak ")? / 1024.0 / 1024.0,
            ratio: None,
            note: "mock market, default rings and buffers; peak".to_owned(),
        },
    ])
}

/// An amount of memory as the report prints it.
fn amount(text: &str) -> Option<f64> {
    let (value, unit) = text.trim().split_once(' ')?;
    let scale = match unit {
        "B" => 0,
        "KiB" => 1,
        "MiB" => 2,
        "GiB" => 3,
        _ => return None,
    };
    Some(value.replace(',', "").parse::<f64>().ok()? * 1024_f64.powi(scale))
}
