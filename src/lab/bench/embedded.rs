//! The engine without Redis: a mock market is its input, memory its output.
//!
//! The market runs in real time, one bar per symbol and interval. The engine measures the latencies itself,
//! from the moment its reader took the bar.

use super::{
    beside::{Beside, CoreHiccups, cores_of},
    engine_config::EngineSpec,
    host,
    options::LatencyOptions,
    schedule::Shape,
    track::{INTERVAL_NS, Track},
};
use crate::{
    config::{Config, Layer, Override},
    engine::{Engine, FileOutputOptions, MarketSource, Outputs, RowsWanted, Setup, Source, Topology},
    feed::{MockConfig, MockMarket},
    model::{Directory, TradingStyle},
    publish::{InputKind as Input, Sources},
    runtime::{Clock, available_cores},
    telemetry::{HistogramSet, Latency},
};
use anyhow::{Result, bail};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Results of the embedded engine.
pub struct Embedded {
    /// Latencies by trading style.
    pub styles: [Track; 3],
    /// All histograms of the engine, with the warm-up.
    pub histograms: HistogramSet,
    /// The engine's report.
    pub report: String,
    /// Start of the measured part, Unix ns.
    pub start_unix_ns: i64,
    /// The host's stalls during the run.
    pub hiccups: Vec<CoreHiccups>,
    /// Scheduling of the threads, those of the bench and those of the engine.
    pub scheduling: Option<String>,
}

fn setup(spec: &EngineSpec, shape: Shape, config: &Config, clock: &Clock) -> Result<Setup> {
    let plan = Arc::new(config.plan());
    let market = MockMarket::new(&MockConfig {
        seed: 1,
        symbols: plan.assets.iter().map(|asset| asset.symbol.clone()).collect(),
        timeframes: spec.timeframes.clone(),
        now_ms: clock.now().wall_ms(),
        burst_every_s: u32::from(shape == Shape::Burst),
    })?;
    Ok(Setup {
        directory: Arc::new(Directory::new(plan.assets.len(), &plan.timeframes)),
        sources: Arc::new(Sources::new(vec![Input::File { name: "mock".to_owned() }])),
        source: Source::Market(MarketSource::new(market, false)),
        // Signals are encoded and discarded. They need an output: only an acknowledged signal counts as published.
        outputs: Outputs {
            files: FileOutputOptions { signals: Some("/dev/null".into()), ..Default::default() },
            redis: None,
            tap: None,
        },
        rows: RowsWanted { all: true, ..RowsWanted::default() },
        marks: true,
        topology: Topology::new(config, available_cores().len()),
        restore: None,
        snapshots: None,
        incidents: Arc::default(),
        plan,
    })
}

/// Runs the engine and measures it.
///
/// # Errors
/// The configuration is wrong, or the engine does not start or fails.
pub fn embedded(spec: &EngineSpec, options: &LatencyOptions, mut layers: Vec<Layer>) -> Result<Embedded> {
    if options.shape == Shape::Ramp {
        bail!("--embedded cannot run a ramp: the mock market runs in real time");
    }
    layers.push(Layer::Override(Override::new("input.feed", "mock")));
    let config = spec.config(layers)?;
    let clock = Clock::new();
    let watched = if options.hiccups { cores_of(&config) } else { Vec::new() };
    let beside = Beside::start(&watched, &clock, clock.ns() + options.warm_up.as_nanos() as u64);
    let mut engine = Engine::start(setup(spec, options.shape, &config, &clock)?, clock.clone())?;
    let mut recent = HistogramSet::new(&Latency::ALL)?;
    let mut styles = [Track::new()?, Track::new()?, Track::new()?];
    let mut measure = |engine: &mut Engine, until: Instant, keep: bool| -> Result<()> {
        let start = Instant::now();
        let mut second = 1;
        while Instant::now() < until {
            options.interrupt.check()?;
            let next = start + Duration::from_nanos(INTERVAL_NS * second);
            if engine.wait(next.min(until).saturating_duration_since(Instant::now())) {
                return Ok(engine.join()?);
            }
            engine.request();
            // Threads hand their histograms over in their next duty cycle, or when they wake up.
            std::thread::sleep(Duration::from_millis(20));
            engine.collect(|interval| recent.add(interval));
            for style in TradingStyle::ALL.into_iter().filter(|_| keep) {
                let Some(histogram) = recent.histogram(Latency::Style(style)) else { continue };
                let track = &mut styles[style.index()];
                track.append(&Track { total: histogram.clone(), intervals: vec![histogram.clone()] })?;
            }
            recent.clear();
            second += 1;
        }
        Ok(())
    };
    measure(&mut engine, Instant::now() + options.warm_up, false)?;
    let start_unix_ns = clock.now().wall_ns;
    measure(&mut engine, Instant::now() + options.duration, true)?;
    let hiccups = beside.stop(options.duration.as_nanos() as u64)?;
    let scheduling = host::scheduling_of(std::process::id());
    engine.drain();
    while !engine.wait(Duration::from_secs(1)) {}
    engine.join()?;
    let (histograms, report) = (engine.histograms()?, engine.report()?.to_string());
    Ok(Embedded { styles, histograms, report, start_unix_ns, hiccups, scheduling })
}
