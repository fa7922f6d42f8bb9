//! `bench latency`: starts the server, runs echo and engine in turns, writes the results.

use super::{
    bars::Form,
    beside::{CoreHiccups, cores_of},
    embedded::embedded,
    engine_config::EngineSpec,
    host,
    options::LatencyOptions,
    phase::Measured,
    results::Results,
    rig::Rig,
    schedule::{Schedule, Shape},
    server::{RedisServer, Socket},
    slices::{self, Sliced},
    tempdir::TempDir,
    verdict,
};
use crate::{
    config::{Layer, Override},
    lab::report::{CoreInfo, Run, RunInfo, StepInfo},
    model::time::push_iso8601,
    runtime::Clock,
    telemetry::{HgrmUnit, Latency, human_ns, write_hgrm},
};
use anyhow::{Context, Result, bail};
use std::{fs, path::PathBuf, time::Duration};

/// Outcome of a bench.
#[derive(Debug)]
pub struct Outcome {
    /// The run, as a report reads it.
    pub run: Run,
    /// Folder of the run.
    pub dir: PathBuf,
    /// Whether the rate was held.
    pub held: bool,
    /// Whether the run met all budgets.
    pub within_budget: bool,
}

/// Measures and writes the results; reports progress through `note`.
///
/// # Errors
/// The measurement cannot be made. A rate that is not held is a result, not an error.
pub fn latency(options: &LatencyOptions, note: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let base = options.timeframes.iter().min().copied().context("no timeframe is given")?;
    if options.symbols == 0 || !options.rate.is_finite() || options.rate <= 0.0 {
        bail!("at least one symbol and a rate above zero are needed");
    }
    note(&format!("takes {}", takes(slices::length(options))));
    let prefix = if options.url.is_some() { format!("bench:{}:", std::process::id()) } else { String::new() };
    let spec = EngineSpec {
        symbols: options.symbols,
        base,
        timeframes: options.timeframes.clone(),
        styles: options.styles.clone(),
        prefix,
    };
    let mut started = Vec::new();
    push_iso8601(&mut started, Clock::new().now().wall_ms());
    let started = String::from_utf8_lossy(&started).into_owned();
    let results = if options.embedded { without_redis(options, &spec) } else { with_redis(options, &spec, note) };
    let mut results = options.interrupt.explain(results)?;
    results.info.started.clone_from(&started);
    judge(options, &mut results)?;
    let host = options.host.clone().unwrap_or_else(host::name);
    let date = started.get(..10).unwrap_or(&started);
    let (dir, run) = results.write(&options.runs, &format!("{date}-{host}-{}", options.name))?;
    let (held, within_budget) = (results.info.faults.is_empty(), results.info.over_budget.is_empty());
    Ok(Outcome { run, dir, held, within_budget })
}

/// How long something is going to take, at least and at most, for people.
pub(super) fn takes([least, most]: [Duration; 2]) -> String {
    let text = |time: Duration| human_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    if most > least { format!("{} to {}", text(least), text(most)) } else { format!("about {}", text(least)) }
}

fn info(options: &LatencyOptions, spec: &EngineSpec) -> RunInfo {
    let mut timeframes = spec.timeframes.clone();
    timeframes.sort_unstable();
    let socket = match (&options.url, options.embedded) {
        (_, true) => "none",
        (Some(url), _) if !url.contains("unix:") => "tcp",
        (None, _) if options.socket == Socket::Tcp => "tcp",
        _ => "unix",
    };
    RunInfo {
        name: options.name.clone(),
        shape: options.shape.name().to_owned(),
        symbols: options.symbols,
        rate: options.rate,
        duration_s: options.duration.as_secs_f64(),
        warm_up_s: options.warm_up.as_secs_f64(),
        timeframes: timeframes.iter().map(ToString::to_string).collect(),
        socket: socket.to_owned(),
        form: match options.form {
            _ if options.embedded => "mock",
            Form::Legacy => "legacy",
            Form::Compact => "compact",
        }
        .to_owned(),
        settings: options.settings.clone(),
        ..RunInfo::default()
    }
}

/// Compares the run with its budgets and gives the verdict.
fn judge(options: &LatencyOptions, results: &mut Results) -> Result<()> {
    let info = &mut results.info;
    // A run that did not hold its rate is not judged by its latencies.
    let broke_s = info.steps.iter().find(|step| !step.held).map_or(f64::INFINITY, |step| step.from_s);
    let shape = options.shape.name();
    let sized = format!("{shape}-{}", options.symbols);
    let loads = if options.embedded { &["embedded"][..] } else { &[sized.as_str(), shape] };
    for (style, budget) in options.budgets.of(loads) {
        let track = results.styles[style.index()].up_to((broke_s * 1e9) as u64)?;
        if track.total.is_empty() {
            continue;
        }
        info.budgets.insert(style.name().to_owned(), budget);
        // With too few latencies, a percentile equals the maximum: skip it.
        let known = |quantile: f64| quantile >= 1.0 || track.total.len() as f64 * (1.0 - quantile) >= 1.0;
        for (name, quantile, limit_ms) in budget.limits().filter(|limit| known(limit.1)) {
            let value_ms = track.at(quantile) as f64 / 1e6;
            if value_ms > limit_ms {
                info.over_budget.push(format!("{} {name}: {value_ms:.3} ms of {limit_ms} ms", style.name()));
            }
        }
    }
    info.verdict = match (&info.faults[..], &info.over_budget[..]) {
        ([], []) => "PASS",
        ([], _) => "OVER BUDGET",
        _ => "FAIL",
    }
    .to_owned();
    Ok(())
}

/// The settings as the configuration resolved them.
fn layers(options: &LatencyOptions) -> Result<Vec<Layer>> {
    let layer = |text: &String| {
        let parsed = Override::parse(text).with_context(|| format!("{text}: write KEY=VALUE"))?;
        Ok(Layer::Override(parsed))
    };
    options.settings.iter().map(layer).collect()
}

/// What a run says of each watched core besides its histogram.
fn cores(hiccups: &[CoreHiccups]) -> Vec<CoreInfo> {
    let info = |seen: &CoreHiccups| CoreInfo { core: seen.core, waited_ms: seen.waited_ms, stolen: seen.stolen };
    hiccups.iter().map(info).collect()
}

fn without_redis(options: &LatencyOptions, spec: &EngineSpec) -> Result<Results> {
    if (options.rate - 1_000.0 / spec.base.interval_ms() as f64).abs() > 1e-9 {
        bail!("--embedded runs at one bar per symbol and {}: the mock market runs in real time", spec.base);
    }
    let found = embedded(spec, options, layers(options)?)?;
    let dir = TempDir::new()?;
    let engine = dir.path().join("histograms");
    fs::create_dir(&engine)?;
    for latency in Latency::ALL {
        if let Some(histogram) = found.histograms.histogram(latency).filter(|histogram| !histogram.is_empty()) {
            write_hgrm(&engine.join(format!("{}.hgrm", latency.name())), histogram, HgrmUnit::Microseconds)?;
        }
    }
    let mut info = info(options, spec);
    info.cores = cores(&found.hiccups);
    info.sent = found.styles.iter().map(|track| track.total.len() as usize).sum();
    let expected = (options.duration.as_secs_f64() * options.rate * options.symbols as f64) as usize;
    // At each end, one round may fall on either side of the boundary.
    if info.sent + 2 * options.symbols < expected {
        info.faults.push(format!("{} signals of {expected}", info.sent));
    }
    let mut host = host::facts(&options.host.clone().unwrap_or_else(host::name), &options.exe, Default::default());
    host::add_scheduling(&mut host, found.scheduling.into_iter().map(|text| ("engine", text)).collect());
    Ok(Results {
        info,
        host,
        start_unix_ns: found.start_unix_ns,
        styles: found.styles,
        echo: None,
        lag: None,
        hiccups: found.hiccups,
        engine: Some(dir),
        engine_report: Some(found.report),
    })
}

fn with_redis(options: &LatencyOptions, spec: &EngineSpec, note: &mut dyn FnMut(&str)) -> Result<Results> {
    let server = match &options.url {
        Some(url) => RedisServer::given(url),
        None => RedisServer::start(options.socket)?,
    };
    let mut host = host::facts(&options.host.clone().unwrap_or_else(host::name), &options.exe, server.facts()?);
    let dir = TempDir::new()?;
    let watched = if options.hiccups { cores_of(&spec.config(layers(options)?)?) } else { Vec::new() };
    let rig = Rig {
        exe: &options.exe,
        spec,
        settings: &options.settings,
        form: options.form,
        core: options.core,
        watched: &watched,
        server: &server,
        dir: &dir,
        clock: Clock::new(),
        interrupt: &options.interrupt,
    };
    let schedules = slices::schedules(options);
    let sliced = slices::measure(options, &rig, &schedules, note);
    // Clean up a server that is not ours, whether or not the run succeeded.
    let cleaned = server.clean(&spec.names());
    let Sliced { measured, echo, faults, slices } = sliced?;
    cleaned?;

    let mut info = info(options, spec);
    (info.faults, info.slices) = (faults, slices);
    info.sent = measured.sent.bars;
    (info.lost, info.backlog) = (measured.lost, measured.backlog);
    if let Some(schedule) = schedules.first() {
        info.steps = steps(options, schedule, &measured)?;
    }
    // All styles, at the rate of the first step: the echo had that rate too.
    let first = measured.seen.steps.first();
    info.echo = echo.as_ref().zip(first).map(|(echo, first)| slices::ratio(first, echo));
    let engine_report = fs::read_to_string(dir.path().join("engine.txt")).ok();
    info.cores = cores(&measured.hiccups);
    let Measured { sent, seen, start_unix_ns, hiccups, mut scheduling, .. } = measured;
    scheduling.extend(server.pid().and_then(host::scheduling_of).map(|text| ("redis", text)));
    host::add_scheduling(&mut host, scheduling);
    let (styles, lag) = (seen.styles, Some(sent.lag));
    Ok(Results { info, host, start_unix_ns, styles, echo, lag, hiccups, engine: Some(dir), engine_report })
}

fn steps(options: &LatencyOptions, schedule: &Schedule, measured: &Measured) -> Result<Vec<StepInfo>> {
    if options.shape != Shape::Ramp {
        return Ok(Vec::new());
    }
    let done = schedule.steps().iter().zip(&measured.seen.steps).enumerate();
    done.filter(|(_, (_, track))| !track.total.is_empty())
        .map(|(index, (step, track))| {
            let [from, _] = verdict::step_ns(schedule, index);
            Ok(StepInfo {
                bars_per_s: step.rate * options.symbols as f64,
                from_s: from as f64 / 1e9,
                held: verdict::held(schedule, measured, index)?,
                lag_p99_ns: verdict::lag_p99_ns(schedule, measured, index)?,
                p50_ns: track.at(0.5),
                p99_ns: track.at(0.99),
                max_ns: track.total.max(),
            })
        })
        .collect()
}
