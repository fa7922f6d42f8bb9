//! `run`: the live engine, on the mock market or on Redis streams.

use super::{
    args::RunArgs,
    lease::take_lease,
    note::note,
    patience::Patience,
    rebuild::Rebuild,
    redis::{Position, Server, over},
    session::{Session, SessionOptions, common_layers, layers, stop_flag},
    state,
};
use crate::{
    config::{Config, Feed, Layer, Loaded},
    engine::{Engine, FileOutputOptions, Incidents, Keys, MarketSource, Outputs, RowsWanted, Setup, Source, Topology},
    feed::{MockConfig, MockMarket},
    model::Directory,
    publish::{Source as Input, Sources},
    runtime::{Clock, available_cores, pin_current_thread},
};
use anyhow::Result;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// Runs the live engine until it is told to stop.
///
/// # Errors
/// Everything that keeps it from starting, and whatever stops it before its time.
pub fn run(args: &RunArgs) -> Result<()> {
    let stop = stop_flag()?;
    let mut layers = layers(args.config.as_deref(), &args.common.set)?;
    if args.redis.is_some() {
        over(args.redis.as_ref(), &mut layers);
    }
    common_layers(&args.common, &mut layers);
    let Loaded { config, notes, .. } = load(&layers, args.common.quiet, &stop)?;
    if !args.common.quiet {
        notes.iter().for_each(|line| note(&format!("note: {line}")));
    }
    let clock = Clock::new();
    let prepared = match config.input.feed {
        Feed::Mock => on_market(&config, args, &clock)?,
        Feed::Redis => on_redis(&config, args, &stop)?,
    };
    let Prepared { setup, history, about } = prepared;
    let sources = Arc::clone(&setup.sources);
    if !args.common.quiet {
        note(&about);
    }
    let engine = Engine::start(setup, clock)?;
    if !args.common.quiet {
        for (name, placement) in engine.placements() {
            if let Some(error) = &placement.error {
                note(&format!("warning: thread {name} is not pinned: {error}"));
            }
        }
    }
    if let Some(core) = config.engine.cores.telemetry.filter(|_| config.engine.pin)
        && let Err(error) = pin_current_thread(core)
    {
        note(&format!("warning: the telemetry is not pinned: {error}"));
    }
    let telemetry = &config.telemetry;
    let options = SessionOptions {
        duration: args.duration,
        progress: None,
        history,
        status_every: (telemetry.status_interval_ms > 0).then(|| Duration::from_millis(telemetry.status_interval_ms)),
        report_every: (telemetry.report_interval_s > 0).then(|| Duration::from_secs(telemetry.report_interval_s)),
        histograms: (!telemetry.histograms_dir.is_empty()).then(|| PathBuf::from(&telemetry.histograms_dir)),
        quiet: args.common.quiet,
        results_on_stdout: args.signals.as_deref() == Some(Path::new("-")),
        sources,
    };
    Session::new(engine, options, stop)?.run()?;
    Ok(())
}

/// The configuration, with the documents of the server where it is told to look at them.
fn load(layers: &[Layer], quiet: bool, stop: &AtomicBool) -> Result<Loaded> {
    let loaded = Config::load_offline(layers)?;
    if loaded.config.input.feed != Feed::Redis || !loaded.config.redis.config_from_redis {
        return Ok(Config::load(layers)?);
    }
    let server = Server::new(&loaded.config)?;
    let mut layers = layers.to_vec();
    let mut patience = Patience::new(&loaded.config.redis, quiet, stop);
    layers.extend(patience.wait(|| server.documents(&mut server.connect("start")?))?);
    Ok(Config::load(&layers)?)
}

/// An engine to be started, and what to say about it.
struct Prepared {
    setup: Setup,
    /// Records that only warm it up.
    history: u64,
    about: String,
}

fn on_market(config: &Config, args: &RunArgs, clock: &Clock) -> Result<Prepared> {
    let plan = Arc::new(config.plan());
    let symbols: Vec<String> = plan.assets.iter().map(|asset| asset.symbol.clone()).collect();
    let enabled = |index: &usize| plan.assets.iter().any(|asset| asset.cells[*index].enabled);
    let timeframes = (0..plan.timeframes.len()).filter(enabled).map(|index| plan.timeframes[index]).collect();
    let count = symbols.len();
    let market = MockMarket::new(&MockConfig {
        seed: config.mock.seed,
        symbols,
        timeframes,
        now_ms: clock.now().wall_ms(),
        burst_every_s: u32::try_from(config.mock.burst_every_s).unwrap_or(u32::MAX),
    })?;
    let history = if config.mock.history { market.history_len() } else { 0 };
    let base = market.base();
    let configured = (!config.output.signals_file.is_empty()).then(|| PathBuf::from(&config.output.signals_file));
    let signals = args.signals.clone().or(configured);
    let place = signals.as_ref().map_or("nowhere".to_owned(), |path| path.display().to_string());
    let topology = Topology::new(config, available_cores().len());
    let about = format!(
        "mock market of {count} symbols, one {base} bar each per interval, after {history} bars of history; {}; signals go to {place}",
        threads(&topology),
    );
    let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(vec![Input::File { name: "mock".to_owned() }])),
        source: Source::Market(MarketSource::new(market, config.mock.history)),
        outputs: Outputs { files: FileOutputOptions { signals, ..Default::default() }, redis: None },
        rows: RowsWanted::default(),
        marks: true,
        restore: None,
        snapshots: None,
        incidents: Arc::default(),
        topology,
        plan,
    };
    Ok(Prepared { setup, history, about })
}

fn on_redis(config: &Config, args: &RunArgs, stop: &AtomicBool) -> Result<Prepared> {
    let server = Server::new(config)?;
    let plan = Arc::new(config.plan());
    let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
    let quiet = args.common.quiet;
    let mut patience = Patience::new(&config.redis, quiet, stop);
    let lease = patience.wait(|| take_lease(&server, args.standby, quiet, stop))?;
    let mut position: Position = patience.wait(|| server.position(&mut server.connect("start")?))?;
    let checksum = format!("{:08x}", crc32fast::hash(format!("{plan:?}").as_bytes()));
    if position.config.as_ref().is_some_and(|before| *before != checksum) && !quiet {
        note(
            "note: the configuration has changed since the position was committed: what was published before is not made again",
        );
    }
    let origin = position.origin.unwrap_or_else(state::new_origin);
    let stamp = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("config".to_owned(), checksum),
        ("origin".to_owned(), format!("{origin:016x}")),
    ];
    let rows = RowsWanted { all: config.output.latest_values || wants_rows(config), ..Default::default() };
    let rows = RowsWanted { aggregated: config.output.bars, ..rows };
    let keys = Keys::new(&plan, rows.indicators(), &directory);
    let mut state = state::open(config, &keys, &mut position, origin)?;
    if !quiet {
        state.lines.iter().for_each(|line| note(&format!("warning: {line}")));
    }
    if let Some((restored, history)) = state.restore.as_mut().zip(state.history.take()) {
        let rebuild = Rebuild { server: &server, config, keys: &keys, rows: &rows, lease: &lease, stop };
        let line = patience.wait(|| rebuild.fill(restored, &history))?;
        if !quiet {
            note(&format!("note: {line}"));
        }
    }
    let incidents = Arc::new(Incidents::default());
    let redis = patience.wait(|| server.output(&directory, Some((&position, &lease)), stamp.clone(), &incidents))?;
    let source = patience.wait(|| server.source(&position, &incidents))?;
    let topology = Topology::new(config, available_cores().len());
    let streams: Vec<&str> = config.input.streams.iter().map(|stream| stream.name.as_str()).collect();
    let about = format!(
        "{} symbols from {} of {}, {}; {}",
        plan.assets.len(),
        streams.join(", "),
        server.address(),
        state.about,
        threads(&topology),
    );
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(streams.iter().map(|_| Input::Stream).collect())),
        source: Source::Redis(source),
        outputs: Outputs {
            files: FileOutputOptions { signals: args.signals.clone(), ..Default::default() },
            redis: Some(redis),
        },
        rows,
        marks: true,
        restore: state.restore,
        snapshots: state.snapshots,
        incidents,
        topology,
        plan,
    };
    Ok(Prepared { setup, history: 0, about })
}

/// Whether the calculation events need the indicators.
fn wants_rows(config: &Config) -> bool {
    config.output.calculation_events != crate::config::CalculationEvents::Off
}

/// The threads, for people.
pub(super) fn threads(topology: &Topology) -> String {
    let workers = topology.workers;
    if topology.shared {
        format!("{workers} worker{} on one shared thread", if workers == 1 { "" } else { "s" })
    } else {
        format!("{workers} worker{} on {} dedicated threads", if workers == 1 { "" } else { "s" }, workers + 3)
    }
}
