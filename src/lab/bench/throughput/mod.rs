//! `bench throughput`: how many bars per second pass from Redis to Redis before a backlog grows.
//!
//! ```text
//!  producer ──XADD──▶ Redis ──XREAD──▶ engine (or the bare loop, its peer) ──MULTI … EXEC──▶ Redis
//!      └── what has been sent ──▶ the difference is the backlog ◀── the committed position ──┘
//! ```
//!
//! It measures three things. **Drain**: how fast a full stream is read. **Flow**: the rate while the producer stays
//! just ahead. These two alternate between the engine and the bare loop, under the same load. **Steady**, for the engine
//! alone: the highest rate at which an open producer, which waits for nobody, leaves no growing backlog.

mod bare;
pub(super) mod consumer;
pub(super) mod cpu;
mod info;
mod measure;
pub(super) mod producer;
mod results;
pub(super) mod tape;

pub use cpu::TICK;
pub use info::{FIGURE_HEADS, ThroughputInfo, throughput_text};
pub use measure::Figure;
pub use results::write_throughput_views;

use super::{
    bars::Form,
    engine_config::EngineSpec,
    host,
    interrupt::Interrupt,
    latency::takes,
    server::{RedisServer, Socket},
};
use crate::{
    config::{Config, Layer, Override},
    model::time::push_iso8601,
    model::{Timeframe, TradingStyle},
    runtime::Clock,
    telemetry::exact_count,
};
use anyhow::{Context, Result, bail};
use measure::{ATTEMPTS, Bench, Stretch, WARM, together};
use std::{cell::RefCell, path::PathBuf, time::Duration};

/// Maximum number of entries preloaded for each drain, which bounds the memory of the server.
const LEGACY_MAXLEN: u64 = 1_000_000;
const FRAMES_MAXLEN: u64 = 60_000;
/// Maximum number of turns.
const TURNS_MAX: u32 = 100;

/// Options of `bench throughput`.
#[derive(Debug, Clone)]
pub struct ThroughputOptions {
    /// The program to start as engine.
    pub exe: PathBuf,
    /// Number of symbols.
    pub symbols: usize,
    /// Timeframes; the shortest is the base.
    pub timeframes: Vec<Timeframe>,
    /// Encoding of the bars.
    pub form: Form,
    /// Number of bars in a compact frame.
    pub frame: usize,
    /// How to connect to the server.
    pub socket: Socket,
    /// Whether to measure only the drain.
    pub drain_only: bool,
    /// Number of entries preloaded for each drain.
    pub entries: u64,
    /// Length of a flow, all turns together; a steady attempt takes half of it.
    pub duration: Duration,
    /// Number of turns of the bare loop and the engine.
    pub turns: u32,
    /// Further settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Name of the run.
    pub name: String,
    /// Name of the host in the folder's name; `None` for its own name.
    pub host: Option<String>,
    /// Folder that holds the runs; `None` to write no files.
    pub runs: Option<PathBuf>,
    /// Stops the bench early.
    pub interrupt: Interrupt,
}

/// Outcome of a bench.
#[derive(Debug)]
pub struct ThroughputOutcome {
    /// The figures.
    pub info: ThroughputInfo,
    /// Description of the host.
    pub host: toml::Table,
    /// Folder of the run; `None` if no files were written.
    pub dir: Option<PathBuf>,
}

/// How long a bench will take, at least and at most, beside the entries that are written and read for the drains: how fast
/// those are is what it measures.
fn length(options: &ThroughputOptions) -> ([Duration; 2], u64) {
    let turns = options.turns.max(1);
    let entries = 2 * u64::from(turns) * options.entries;
    if options.drain_only {
        return ([Duration::ZERO; 2], entries);
    }
    let flows = 2 * turns * (options.duration / turns + WARM.min(options.duration / turns / 2));
    let attempt = options.duration / 2 + WARM.min(options.duration / 4);
    ([flows + attempt, flows + ATTEMPTS * attempt], entries)
}

/// Measures and writes the results; reports progress through `note`.
///
/// # Errors
/// The measurement cannot be made.
pub fn throughput(options: &ThroughputOptions, note: &mut dyn FnMut(&str)) -> Result<ThroughputOutcome> {
    let base = options.timeframes.iter().min().copied().context("no timeframe is given")?;
    let maxlen = if options.form == Form::Legacy { LEGACY_MAXLEN } else { FRAMES_MAXLEN };
    if options.entries == 0 || options.entries > maxlen {
        bail!("1 to {maxlen} entries can be preloaded in this form, not {}", options.entries);
    }
    if !(1..=TURNS_MAX).contains(&options.turns) {
        bail!("1 to {TURNS_MAX} turns can be taken, not {}", options.turns);
    }
    let (flows, entries) = length(options);
    let flows = if options.drain_only { String::new() } else { takes(flows) + ", and " };
    note(&format!("takes {flows}the time to write and read {} entries", exact_count(entries)));
    let spec = EngineSpec {
        symbols: options.symbols,
        base,
        timeframes: options.timeframes.clone(),
        styles: TradingStyle::ALL.to_vec(),
        prefix: String::new(),
    };
    let mut settings = vec!["engine.probe=false".to_owned(), "output.streams.signals_maxlen=10000".to_owned()];
    settings.extend(options.settings.iter().cloned());
    let read_count = read_count(&settings)?;
    let mut started = Vec::new();
    let clock = Clock::new();
    push_iso8601(&mut started, clock.now().wall_ms());
    let started = String::from_utf8_lossy(&started).into_owned();

    let server = RedisServer::start(options.socket)?;
    let host_name = options.host.clone().unwrap_or_else(host::name);
    let mut host = host::facts(&host_name, &options.exe, server.facts()?);
    let bench = Bench {
        options,
        spec: &spec,
        settings: &settings,
        read_count,
        maxlen,
        server: &server,
        clock,
        scheduling: RefCell::default(),
    };
    let mut info = ThroughputInfo::new(options, &started, read_count);
    options.interrupt.explain(measure(&bench, &mut info, note))?;
    host::add_scheduling(&mut host, bench.scheduling.take());
    let dir = match &options.runs {
        Some(runs) => {
            let date = started.get(..10).unwrap_or(&started);
            Some(results::write(&info, &host, runs, &format!("{date}-{host_name}-throughput-{}", options.name))?)
        }
        None => None,
    };
    Ok(ThroughputOutcome { info, host, dir })
}

/// Measures everything, one stretch after the other.
fn measure(bench: &Bench<'_>, info: &mut ThroughputInfo, note: &mut dyn FnMut(&str)) -> Result<()> {
    let turns = bench.options.turns;
    let (bare, engine, ratios) = in_turns("drain", turns, note, || bench.bare_drain(), || bench.engine_drain())?;
    (info.bare_drain, info.engine_drain, info.drain_ratios) = (Some(bare), Some(engine), ratios);
    if !bench.options.drain_only {
        let (bare, engine, ratios) = in_turns("flow", turns, note, || bench.bare_flow(), || bench.engine_flow())?;
        (info.bare_flow, info.engine_flow, info.flow_ratios) = (Some(bare), Some(engine), ratios);
        info.steady = bench.steady(engine.bars_per_s, note)?;
    }
    Ok(())
}

/// Alternates: bare loop, engine, then engine, bare loop, and so on, so that a change of the host affects both alike.
/// Returns the total of each, and the engine's share of the bare loop's rate by turn.
fn in_turns(
    what: &str,
    turns: u32,
    note: &mut dyn FnMut(&str),
    bare: impl Fn() -> Result<Stretch>,
    engine: impl Fn() -> Result<Stretch>,
) -> Result<(Figure, Figure, Vec<f64>)> {
    let (mut bares, mut engines) = (Vec::new(), Vec::new());
    for turn in 1..=turns {
        for engine_now in [turn % 2 == 0, turn % 2 == 1] {
            note(&format!("{what}, {}, turn {turn} of {turns}", if engine_now { "engine" } else { "bare loop" }));
            if engine_now {
                engines.push(engine()?);
            } else {
                bares.push(bare()?);
            }
        }
    }
    let ratio = |(engine, bare): (&Stretch, &Stretch)| engine.figure.bars_per_s / bare.figure.bars_per_s.max(1.0);
    let ratios = engines.iter().zip(&bares).map(ratio).collect();
    Ok((together(&bares), together(&engines), ratios))
}

/// Maximum number of entries per read, as the engine is configured; the bare loop reads as many.
fn read_count(settings: &[String]) -> Result<u64> {
    let mut layers = Vec::new();
    for text in settings.iter().filter(|text| text.starts_with("input.read_count=")) {
        layers.push(Layer::Override(Override::parse(text).with_context(|| format!("{text}: write KEY=VALUE"))?));
    }
    Ok(Config::load(&layers)?.config.input.read_count as u64)
}
