//! `run`: the live engine, on the mock market or on Redis streams.

use super::{
    added,
    args::RunArgs,
    calendar::this_year,
    earlier, history,
    host::Host,
    identity::{self, Accept, Found},
    ingest_child,
    kept::{self, Documents},
    lease::take_lease,
    log,
    note::note,
    operations::{Operating, config_version, operate},
    part::{self, EnginePart},
    patience::Patience,
    rebuild::Rebuild,
    redis::{Position, Server, over},
    reload::{Next, Watcher, Watching, start_documents},
    sandbox,
    session::{RunSession, SessionOptions, StartGuard, common_layers, histograms_dir, layers, stop_flag},
    standby::Standby,
    state::Wanted,
    symbols,
    together::together,
};
use crate::{
    config::{CalculationEvents, Config, Feed, Layer, Loaded, LogFormat, LogLevel, Override, Plan, ReportLength},
    engine::{
        Engine, FileOutputOptions, Incidents, Keys, MarketSource, Outputs, RowsWanted, Setup, Source, StatisticsWanted,
        Topology,
    },
    feed::{MockConfig, MockMarket},
    model::Directory,
    publish::{InputKind as Input, Lease, Sources},
    runtime::{Clock, HostTime, available_cores, pin_current_thread},
};
use anyhow::{Result, bail};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// Runs the live engine until it is told to stop.
///
/// # Errors
/// Everything that prevents the start or stops it before its time.
pub fn run(args: &RunArgs) -> Result<()> {
    let stop = stop_flag()?;
    let mut layers = layers(args.config.as_deref(), &args.common.set)?;
    if args.redis.is_some() {
        over(args.redis.as_ref(), &mut layers);
    }
    if let Some(provider) = &args.feed {
        ingest_child::over(provider, &mut layers);
    }
    symbols::over(args.symbols.as_deref(), &mut layers)?;
    common_layers(&args.common, &mut layers);
    layers.extend(telemetry_layers(args));
    // What is said before the configuration is read is said in the form that the command line asks for.
    log::set(args.log_format.unwrap_or_default(), args.log_level.unwrap_or(LogLevel::Info));
    let hup = hang_up_flag()?;
    let started = Instant::now();
    let host = Host::new(Clock::new());
    let (config, documents) = first(&host, &layers, args.common.quiet, &stop)?;
    let guard = StartGuard::watch(&stop, Duration::from_secs(config.engine.shutdown_s));
    let parts = part::owned(&host, &config, args.common.quiet, &stop)?;
    drop(guard);
    let _child = ingest_child::start(args, &config)?;
    let histograms = histograms_dir(&config.telemetry.histograms_dir)?;
    sandbox::enter(&config, port(&config), &written(args, &config, histograms.as_deref()))?;
    let life = Life { args, layers, config, documents, stop, started };
    match &parts[..] {
        [part] => life.live(part, &host, hup),
        _ => life.live_together(&parts),
    }
}

/// What the engines of a process begin with.
struct Life<'a> {
    args: &'a RunArgs,
    layers: Vec<Layer>,
    config: Config,
    documents: Documents,
    stop: Arc<AtomicBool>,
    started: Instant,
}

impl Life<'_> {
    /// Runs the engine of a part, again after every change of the configuration, until it is told to stop. `hup` is raised
    /// where the file is to be read again.
    fn live(&self, part: &EnginePart, host: &Host, hup: Arc<AtomicBool>) -> Result<()> {
        let Self { layers, config, documents, stop, .. } = self;
        let (mut layers, mut config, mut documents) = (layers.clone(), config.clone(), documents.clone());
        let mut args = self.args.clone();
        let whole = args.duration;
        loop {
            let watcher = Watcher {
                config: config.clone(),
                part: part.clone(),
                layers: layers.clone(),
                file: args.config.clone(),
                documents: documents.clone(),
                hup: Arc::clone(&hup),
            };
            let used = part.of(&config);
            let Some(next) = once(host, (&used, &documents), &args, stop, watcher)? else { return Ok(()) };
            (layers, config, documents) = (next.layers, next.config, next.documents);
            // What a start was told, it has done.
            (args.standby, args.accept_loss, args.from, args.again) = (false, false, None, true);
            args.duration = whole.map(|duration| duration.saturating_sub(self.started.elapsed()));
        }
    }

    /// Runs the engines of several parts beside each other.
    fn live_together(&self, parts: &[EnginePart]) -> Result<()> {
        let of_one = [(self.args.signals.is_some(), "--signals"), (self.args.ui, "--ui")];
        if let Some((_, what)) = of_one.iter().find(|(asked, _)| *asked) {
            let owned = parts.len();
            bail!(
                "{what} is of one engine, and this process owns {owned} partitions: own one, such as --set partitions.own=0"
            );
        }
        together(&self.config.partitions.owned(), parts, &self.stop, |part| {
            self.live(part, &Host::new(Clock::new()), hang_up_flag()?)
        })
    }
}

/// Raised by SIGHUP.
fn hang_up_flag() -> Result<Arc<AtomicBool>> {
    let hup = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&hup))?;
    Ok(hup)
}

/// The configuration of the first start, with its documents.
fn first(host: &Host, layers: &[Layer], quiet: bool, stop: &AtomicBool) -> Result<(Config, Documents)> {
    let (Loaded { config, notes, .. }, documents, lines) = load(host, layers, quiet, stop)?;
    log::set(config.telemetry.log_format, config.telemetry.log_level);
    if !quiet {
        lines.iter().for_each(|line| note(&format!("warning: configuration: {line}")));
        notes.iter().for_each(|line| note(&format!("note: {line}")));
    }
    config.check_calendars(this_year())?;
    Ok((config, documents))
}

/// Runs the engine once: until it is told to stop, or there is another configuration to go on with.
fn once(
    host: &Host,
    (config, documents): (&Config, &Documents),
    args: &RunArgs,
    stop: &Arc<AtomicBool>,
    watcher: Watcher,
) -> Result<Option<Next>> {
    let histograms = histograms_dir(&config.telemetry.histograms_dir)?;
    let operating = operate(host, config, args.standby)?;
    let guard = StartGuard::watch(stop, Duration::from_secs(config.engine.shutdown_s));
    let prepared = match config.input.feed {
        Feed::Mock => on_market(config, args, host.clock())?,
        Feed::Redis | Feed::Ingest => on_redis(host, config, args, stop, documents)?,
    };
    drop(guard);
    // Not before the lease is held: until then the file may be that of a living engine.
    if !args.again {
        keep_earlier(args, config)?;
    }
    let Prepared { mut setup, history, about } = prepared;
    let feeder = operating.map(|Operating { feeder, tap }| {
        // What is written anyhow is shown; the mock market, which writes no bars, is there to be looked at.
        setup.rows.all |= config.input.feed == Feed::Mock && tap.is_some();
        setup.outputs.tap = tap;
        feeder
    });
    let sources = Arc::clone(&setup.sources);
    if !args.common.quiet {
        note(&about);
    }
    let engine = Engine::start(setup, host.clock().clone())?;
    if let Some(feeder) = &feeder {
        feeder.started(&engine);
    }
    pinned(&engine, config, args.common.quiet);
    let watching = if config.input.feed.is_redis() { Some(watcher.start()?) } else { None };
    let telemetry = &config.telemetry;
    let screen = match feeder.as_ref().filter(|_| args.ui) {
        Some(feeder) => feeder.screen(&telemetry.token_file, stop)?,
        None => None,
    };
    let options = SessionOptions {
        duration: args.duration,
        shutdown: Duration::from_secs(config.engine.shutdown_s),
        keeps_input: config.input.feed.is_redis(),
        progress: None,
        history,
        full_speed: false,
        status_every: (telemetry.status_interval_ms > 0).then(|| Duration::from_millis(telemetry.status_interval_ms)),
        report_every: (telemetry.report_interval_s > 0)
            .then(|| (Duration::from_secs(telemetry.report_interval_s), telemetry.report)),
        histograms,
        quiet: args.common.quiet,
        results_on_stdout: args.signals.as_deref() == Some(Path::new("-")),
        sources,
        screen,
        feeder,
        reload: watching.as_ref().map(|watching| Arc::clone(&watching.reload)),
        verdict: |_, _| None,
    };
    let ended = RunSession::new(engine, options, Arc::clone(stop))?.run()?;
    Ok(watching.and_then(Watching::finish).filter(|_| ended.reload))
}

/// Says which threads are not pinned that should be, and pins this one.
fn pinned(engine: &Engine, config: &Config, quiet: bool) {
    for (name, placement) in engine.placements().filter(|_| !quiet) {
        if let Some(error) = &placement.error {
            note(&format!("warning: thread {name} is not pinned: {error}"));
        }
    }
    if let Some(core) = config.engine.cores.telemetry.filter(|_| config.engine.pin)
        && let Err(error) = pin_current_thread(core)
    {
        note(&format!("warning: the telemetry is not pinned: {error}"));
    }
}

/// What the command line says of `[telemetry]`.
fn telemetry_layers(args: &RunArgs) -> Vec<Layer> {
    // The screen asks as any other would.
    let listen = args.listen.as_deref().or_else(|| args.ui.then_some("127.0.0.1:0"));
    let asked = [
        ("telemetry.listen", listen),
        ("telemetry.log_format", args.log_format.map(LogFormat::name)),
        ("telemetry.log_level", args.log_level.map(LogLevel::name)),
        ("telemetry.report", args.report.map(ReportLength::name)),
    ];
    let asked = asked.into_iter().filter_map(|(key, value)| Some(Override::new(key, value?)));
    asked.map(Layer::Override).collect()
}

/// The port of the server, where one is read.
fn port(config: &Config) -> Option<u16> {
    config.redis.url.address().ok().filter(|_| config.input.feed.is_redis())?.port()
}

/// The file for signals: that of the command line, or with the mock market that of the configuration.
fn signals_file<'a>(args: &'a RunArgs, config: &'a Config) -> Option<&'a Path> {
    let configured =
        Some(config.output.signals_file.as_str()).filter(|path| !path.is_empty() && !config.input.feed.is_redis());
    args.signals.as_deref().or(configured.map(Path::new))
}

/// Keeps the signals of an earlier run beside the file that is to hold those of this one.
fn keep_earlier(args: &RunArgs, config: &Config) -> Result<()> {
    let signals = signals_file(args, config).filter(|path| !args.force && *path != Path::new("-"));
    if let Some(path) = signals
        && let Some(kept) = earlier::keep(path)?
        && !args.common.quiet
    {
        note(&format!("{} of an earlier run is kept as {}", path.display(), kept.display()));
    }
    Ok(())
}

/// The directories of the files that are written beside the state.
fn written(args: &RunArgs, config: &Config, histograms: Option<&Path>) -> Vec<PathBuf> {
    let signals = signals_file(args, config).filter(|path| *path != Path::new("-"));
    let parent = |path: &Path| path.parent().filter(|dir| *dir != Path::new("")).unwrap_or(Path::new(".")).to_owned();
    signals.map(parent).into_iter().chain(histograms.map(Path::to_owned)).collect()
}

/// The configuration, with the documents of the server if it is set to use them, and what there is to say about them.
fn load(host: &Host, layers: &[Layer], quiet: bool, stop: &AtomicBool) -> Result<(Loaded, Documents, Vec<String>)> {
    let loaded = Config::load_offline(layers)?;
    if !loaded.config.input.feed.is_redis() || !loaded.config.redis.config_from_redis {
        return Ok((checked(Config::load(layers)?)?, Documents::new(), Vec::new()));
    }
    let kept = part::any(&loaded.config);
    let server = Server::on(host, &kept)?;
    let mut patience = Patience::new(host, &loaded.config.redis, quiet, stop);
    let (found, lines) = patience.wait(|| start_documents(&kept, &server, layers))?;
    let documents = kept::documents(&found);
    Ok((checked(Config::load(&[layers, &found[..]].concat())?)?, documents, lines))
}

/// What else there is to check of it.
fn checked(loaded: Loaded) -> Result<Loaded> {
    history::check(&loaded.config)?;
    Ok(loaded)
}

/// Said where the position was committed with another configuration.
const CHANGED: &str =
    "note: the configuration has changed since the position was committed: what was published before is not made again";

/// An engine to be started, and what to say about it.
#[derive(Debug)]
pub struct Prepared {
    /// What it is started with.
    pub setup: Setup,
    /// Records that only warm it up.
    pub history: u64,
    /// Where it comes from and where it goes, in a line.
    pub about: String,
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
    let signals = signals_file(args, config).map(Path::to_owned);
    let place = signals.as_ref().map_or("nowhere".to_owned(), |path| path.display().to_string());
    let topology = Topology::new(config, available_cores().len());
    let about = format!(
        "mock market of {count} symbols, one {base} bar each per interval, after {history} bars of history; {}; signals go to {place}",
        threads(&topology),
    );
    let directory = Arc::new(Directory::new(plan.capacity(), &plan.timeframes));
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(vec![Input::File { name: "mock".to_owned() }])),
        source: Source::Market(MarketSource::new(market, config.mock.history)),
        outputs: Outputs { files: FileOutputOptions { signals, ..Default::default() }, redis: None, tap: None },
        rows: RowsWanted { statistics: statistics_asked(config), ..RowsWanted::default() },
        marks: true,
        restore: None,
        snapshots: None,
        incidents: Arc::default(),
        topology,
        plan,
    };
    Ok(Prepared { setup, history, about })
}

/// An engine on the streams of a server: the lease taken, the position read, the state found or made again, the
/// connections open. Documents of the configuration that are not those of the last start are committed as a change. Blocks,
/// until `stop` is raised.
///
/// # Errors
/// Everything that keeps it from starting.
pub fn on_redis(
    host: &Host,
    config: &Config,
    args: &RunArgs,
    stop: &AtomicBool,
    documents: &Documents,
) -> Result<Prepared> {
    let server = Server::on(host, config)?;
    let quiet = args.common.quiet;
    let mut patience = Patience::new(host, &config.redis, quiet, stop);
    let rows = rows_wanted(config);
    let Calculated { plan, directory, keys } = Calculated::new(config.plan(), &rows);
    let wanted = Wanted { host, server: &server, config, keys: &keys };
    let (lease, warm) = if args.standby {
        let standby = Standby { host, config, plan: &plan, keys: &keys, rows: &rows, stop, quiet };
        patience.wait(|| standby.wait(&server))?
    } else {
        (patience.wait(|| take_lease(host, &server, false, quiet, stop, || ()))?, None)
    };
    let (mut position, left) = patience.wait(|| placed(&server, config, &lease, args))?;
    let tell = |before: &str, lines: &[String]| {
        lines.iter().filter(|_| !quiet).for_each(|line| host.say(&format!("{before}{line}")));
    };
    tell("", &left.lines);
    tell("warning: ", &position.clocks.lines);
    let origin = position.origin.unwrap_or_else(|| host.new_number());
    let mut stamp = stamp(&plan, origin);
    if position.config.as_ref().is_some_and(|before| stamp.iter().all(|(_, text)| text != before)) {
        tell("", &[CHANGED.to_owned()]);
    }
    stamp.extend(left.stamp);
    stamp.extend(patience.wait(|| history::fix(&server, config, &mut position.history))?);
    let others = patience.wait(|| wanted.others(&position, warm.as_ref()))?;
    let Calculated { plan, directory, keys } = if others.is_empty() {
        Calculated { plan, directory, keys }
    } else {
        Calculated::new(Plan::clone(&plan).with_symbols(others), &rows)
    };
    let wanted = Wanted { host, server: &server, config, keys: &keys };
    let mut state = patience.wait(|| wanted.open(&mut position, origin, warm.as_ref()))?;
    tell("warning: ", &state.lines);
    tell("", &patience.wait(|| kept::commit(&server, config, &lease, &position, documents))?);
    let lease_of = Some(&lease);
    let rebuild = Rebuild { host, server: &server, config, keys: &keys, rows: &rows, lease: lease_of, stop };
    tell("", &patience.wait(|| rebuild.begin(&mut state, &position.history))?);
    let incidents = Arc::new(Incidents::default());
    let redis = patience.wait(|| server.output(&directory, Some((&position, &lease)), stamp.clone(), &incidents))?;
    let source = patience.wait(|| server.source(&position, &incidents))?;
    let topology = Topology::new(config, available_cores().len());
    let signals = signals_file(args, config).map(Path::to_owned);
    let files = FileOutputOptions { signals, append: args.again, ..Default::default() };
    let streams: Vec<&str> = config.input.streams.iter().map(|stream| stream.name.as_str()).collect();
    let (named, place) = (streams.join(", "), server.address());
    let about = format!("{} from {named} of {place}, {}; {}", symbols(&plan), state.about, threads(&topology));
    let setup = Setup {
        directory,
        sources: Arc::new(Sources::new(streams.iter().map(|_| Input::Stream).collect())),
        source: Source::Redis(source),
        outputs: Outputs { files, redis: Some(redis), tap: None },
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

/// What is calculated, with its names.
struct Calculated {
    plan: Arc<Plan>,
    directory: Arc<Directory>,
    keys: Keys,
}

impl Calculated {
    fn new(plan: Plan, rows: &RowsWanted) -> Self {
        let plan = Arc::new(plan);
        let directory = Arc::new(Directory::new(plan.capacity(), &plan.timeframes));
        let keys = Keys::new(&plan, rows.indicators(), &directory);
        Self { plan, directory, keys }
    }
}

/// The position, and what was found of a life before it, with the streams that were added since.
fn placed(server: &Server, config: &Config, lease: &Lease, args: &RunArgs) -> Result<(Position, Found)> {
    let accept = Accept { loss: args.accept_loss, from: args.from };
    let mut position = server.position(&mut server.connect("start")?)?;
    let mut left = identity::compare(server, config, lease, &mut position, accept)?;
    left.lines.extend(added::begin(server, config, lease, &mut position)?);
    Ok((position, left))
}

/// How many symbols there are, for people.
fn symbols(plan: &Plan) -> String {
    let count = plan.assets.len();
    let more = plan.capacity() - count;
    if plan.open_watchlist { format!("{count} symbols and up to {more} that come") } else { format!("{count} symbols") }
}

/// What is written beside the position, by name: which program and which configuration it is of, and its identity.
fn stamp(plan: &Plan, origin: u64) -> Vec<(String, String)> {
    let texts = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("config", config_version(plan)),
        ("origin", format!("{origin:016x}")),
        ("boot", HostTime::boot()),
    ];
    texts.map(|(name, text)| (name.to_owned(), text)).into()
}

/// The statistics that somebody may ask for, where anybody can.
fn statistics_asked(config: &Config) -> StatisticsWanted {
    let asked = config.statistics.screens && config.telemetry.address().is_some();
    StatisticsWanted { asked, ..StatisticsWanted::default() }
}

/// Which closed bars the outputs of an engine on Redis want to see.
pub(super) fn rows_wanted(config: &Config) -> RowsWanted {
    let events = config.output.calculation_events != CalculationEvents::Off;
    RowsWanted {
        all: config.output.latest_values || events,
        aggregated: config.output.bars,
        statistics: StatisticsWanted { all: config.statistics.publish, ..statistics_asked(config) },
        ..Default::default()
    }
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
