//! `run`: the live engine, on the mock market or on Redis streams.

use super::{
    added,
    args::RunArgs,
    calendar::this_year,
    fleet::{Fleet, LatestLayers, supervise},
    history,
    host::Host,
    identity::{self, Accept, Found, stamp},
    ingest_child,
    kept::{self, Documents},
    layers::telemetry_layers,
    lease::take_lease,
    log,
    note::note,
    operations::{Operating, operate},
    part::{self, EnginePart},
    patience::Patience,
    pinned::pinned,
    rebuild::Rebuild,
    redis::{Position, Server, over},
    reload::{Next, Watcher, Watching, as_far_as_it_can, start_documents},
    sandbox,
    session::{RunSession, SessionOptions, StartGuard, common_layers, histograms_dir, layers, stop_flag},
    signals_file::{keep_earlier, signals_file, written},
    standby::Standby,
    state::Wanted,
    supervised::Supervised,
    symbols,
    together::together,
};
use crate::{
    config::{CalculationEvents, Config, Feed, Layer, Loaded, LogLevel, Plan},
    engine::{
        Engine, FileOutputOptions, Incidents, Keys, MarketSource, Outputs, RowsWanted, Setup, Source, StatisticsWanted,
        Topology,
    },
    feed::{MockConfig, MockMarket},
    model::Directory,
    publish::{InputKind as Input, Lease, Sources},
    runtime::{Clock, available_cores},
};
use anyhow::{Result, bail};
use std::{
    path::Path,
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
    sandbox::enter(&config, sandbox::port(&config), &written(args, &config, histograms.as_deref()))?;
    let life = Life { args, layers, config, documents, stop, started };
    match &parts[..] {
        _ if life.config.partitions.are_shared() && life.config.input.feed.is_redis() => life.live_shared(&parts, &hup),
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
        let Self { layers, config, documents, .. } = self;
        self.live_on(part, host, hup, self.args.clone(), (layers.clone(), config.clone(), documents.clone()))
    }

    /// The same, from these arguments and this configuration on.
    fn live_on(
        &self,
        part: &EnginePart,
        host: &Host,
        hup: Arc<AtomicBool>,
        mut args: RunArgs,
        (mut layers, mut config, mut documents): (Vec<Layer>, Config, Documents),
    ) -> Result<()> {
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
            let Some(next) = once(host, (&used, &documents), &args, &self.stop, watcher)? else { return Ok(()) };
            (layers, config, documents) = (next.layers, next.config, next.documents);
            // What a start was told, it has done.
            (args.standby, args.accept_loss, args.from, args.course.again) = (false, false, None, true);
            args.duration = whole.map(|duration| duration.saturating_sub(self.started.elapsed()));
        }
    }

    /// Refuses what is of one engine alone.
    fn refuse_what_is_of_one(&self, owned: &str) -> Result<()> {
        let of_one = [(self.args.signals.is_some(), "--signals"), (self.args.ui, "--ui")];
        match of_one.iter().find(|(asked, _)| *asked) {
            Some((_, what)) => {
                bail!("{what} is of one engine, and this process owns {owned}: own one, such as --set partitions.own=0")
            }
            None => Ok(()),
        }
    }

    /// Runs the engines of the parts that it is given by those who share them.
    fn live_shared(&self, parts: &[EnginePart], hup: &AtomicBool) -> Result<()> {
        let args = self.args;
        self.refuse_what_is_of_one("the partitions that it is given")?;
        if args.accept_loss || args.from.is_some() {
            bail!(
                "--accept-loss and --from are for one start, and with partitions.own = \"auto\" engines start by themselves: start once with \
                 the partition that it is about, such as --set partitions.own=3"
            );
        }
        let latest = LatestLayers::new(args.config.clone(), self.layers.clone());
        let fleet = Fleet {
            config: &self.config,
            parts,
            stop: &self.stop,
            hup,
            read_again: &|| latest.read_again(),
            until: args.duration.map(|duration| Instant::now() + duration),
            quiet: args.common.quiet,
        };
        supervise(&fleet, |part, supervised| self.live_supervised(part, supervised, latest.get()))
    }

    /// Runs the engine of a part until its supervisor ends it; its configuration is read anew.
    fn live_supervised(&self, part: &EnginePart, supervised: &Arc<Supervised>, layers: Vec<Layer>) -> Result<()> {
        let host = Host::new(Clock::new());
        let (config, documents) = first(&host, &layers, true, &supervised.stop)?;
        let config = as_far_as_it_can(&self.config, config);
        let mut args = self.args.clone();
        (args.standby, args.duration, args.course.supervised) = (true, None, Some(Arc::clone(supervised)));
        self.live_on(part, &host, Arc::clone(&supervised.hup), args, (layers, config, documents))
    }

    /// Runs the engines of several parts beside each other.
    fn live_together(&self, parts: &[EnginePart]) -> Result<()> {
        self.refuse_what_is_of_one(&format!("{} partitions", parts.len()))?;
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
    let supervised = args.course.supervised.clone();
    // What ends this engine; the process may go on.
    let end = supervised.as_ref().map_or(stop, |supervised| &supervised.stop);
    let prepared = match config.input.feed {
        Feed::Mock => on_market(config, args, host.clock())?,
        Feed::Redis | Feed::Ingest => on_redis(host, config, args, end, documents)?,
    };
    drop(guard);
    if let Some(supervised) = &supervised {
        supervised.took_over();
    }
    // Not before the lease is held: until then the file may be that of a living engine.
    if !args.course.again {
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
        supervised: supervised.clone(),
        verdict: |_, _| None,
    };
    let ended = RunSession::new(engine, options, Arc::clone(end))?.run()?;
    Ok(watching.and_then(Watching::finish).filter(|_| ended.reload))
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
        let warm = args.course.supervised.as_ref().map(|supervised| &supervised.warm);
        let standby = Standby { host, config, plan: &plan, keys: &keys, rows: &rows, stop, warm, quiet };
        standby.take(&server, &mut patience)?
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
    let files = FileOutputOptions { signals, append: args.course.again, ..Default::default() };
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
