//! `ingest`: market data into the input streams.

use super::{
    duration::Speed,
    host::Host,
    ingest_args::{BackfillArgs, IngestArgs, IngestCommand, IngestCommon},
    ingest_lines::{status, summary},
    inputs::Inputs,
    lease::take_lease,
    note::note,
    notify::Notifier,
    partition_map::agreed,
    patience::Patience,
    redis::Server,
    secrets,
    session::{Stopped, layers, stop_flag},
    symbols,
};
use crate::{
    config::{Asset, Config, Feed, HistoryConfig, IngestConfig, Layer, Loaded, Override, PartitionMap},
    engine::{Incidents, RedisSink},
    ingest::{
        Commission, Desk, EXCEPT, HEARTBEAT, HoldTimes, MAKERS, MEMORY, Maker, NEWEST, Outbox, OutboxOptions, Provider,
        PublishedBefore, Route, Service, beat_of,
    },
    model::Timeframe,
    publish::{Lease, check_key},
    redis_io::Link,
    runtime::Clock,
    telemetry::PublisherCounters,
};
use anyhow::{Context, Result, bail};
use redis::Cmd;
use rustix::process::getppid;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between two readings of the system's clock.
const RESYNC: Duration = Duration::from_secs(1);
/// Bars after which every indicator is settled: twice the longest of its periods.
const SETTLED_BARS: i64 = 400;
pub(super) const NO_TIMEFRAME: &str = "ingest.timeframe: which bars? write it, such as \"1s\"";

/// Bars of one timeframe of some symbols, from one provider to some streams.
struct Job {
    maker: &'static Maker,
    timeframe: Timeframe,
    streams: Vec<String>,
    symbols: Vec<String>,
    /// The name that its position is kept under.
    name: String,
    /// Where it begins and ends, Unix ms, where it is of the past alone.
    span: Option<(i64, i64)>,
    part: IngestPart,
}

/// Which partitions a job fills.
#[derive(Debug, Clone)]
struct IngestPart {
    map: PartitionMap,
    /// The only one, whose names all of its streams and keys have.
    one: Option<usize>,
}

impl IngestPart {
    /// What stands behind the name of the position.
    fn suffix(&self) -> String {
        self.one.map_or_else(String::new, |partition| format!(":{{{}}}", self.map.tags()[partition]))
    }
}

/// Runs the ingestion until it is told to stop or its input ends.
///
/// # Errors
/// Everything that prevents the start or stops it before its time.
pub fn ingest(args: &IngestArgs) -> Result<()> {
    let stop = stop_flag()?;
    if let Some(IngestCommand::Backfill(backfill)) = &args.command {
        return fetch(args, backfill, &stop);
    }
    let (config, maker) = prepared(&args.common, |layers| symbols::over(args.symbols.as_deref(), layers))?;
    let (config, part) = part(config, args.common.quiet, &stop)?;
    let timeframe = config.ingest.timeframe.context(NO_TIMEFRAME)?;
    let symbols = watched(&config, maker);
    let name = format!("{}{}", name(&args.common, &config, maker), part.suffix());
    if args.warm_up.is_some() {
        for (stream, timeframe) in of_history(&config)? {
            let now_ms = Clock::new().now().wall_ms();
            let to_ms = timeframe.utc_span(now_ms).start;
            let span = Some((to_ms - SETTLED_BARS * timeframe.interval_ms(), to_ms));
            let (name, streams, part) = (format!("{name}:{stream}"), vec![stream], part.clone());
            work(args, &config, Job { maker, timeframe, streams, symbols: symbols.clone(), name, span, part }, &stop)?;
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
    let streams = streams(&config, timeframe)?;
    work(args, &config, Job { maker, timeframe, streams, symbols, name, span: None, part }, &stop)
}

/// Fetches history, as a person asks for it.
fn fetch(args: &IngestArgs, backfill: &BackfillArgs, stop: &Arc<AtomicBool>) -> Result<()> {
    let (config, maker) = prepared(&backfill.common, |_| Ok(()))?;
    let (config, part) = part(config, backfill.common.quiet, stop)?;
    let timeframe = config.ingest.timeframe.context(NO_TIMEFRAME)?;
    let known = of_history(&config).unwrap_or_default().into_iter().find(|(_, of)| *of == timeframe);
    let stream = backfill.stream.clone().or(known.map(|(stream, _)| stream));
    let stream = stream.unwrap_or_else(|| format!("history_{timeframe}"));
    let now_ms = Clock::new().now().wall_ms();
    let to_ms = timeframe.utc_span(backfill.to.unwrap_or(now_ms).min(now_ms)).start;
    if backfill.from >= to_ms {
        bail!("there is no bar of {timeframe} between --from and --to that is over");
    }
    let name = format!("{}:{stream}", name(&backfill.common, &config, maker));
    let (span, symbols) = (Some((backfill.from, to_ms)), backfill.symbols.clone());
    work(args, &config, Job { maker, timeframe, streams: vec![stream], symbols, name, span, part }, stop)
}

/// Does a job to its end.
fn work(args: &IngestArgs, config: &Config, mut job: Job, stop: &Arc<AtomicBool>) -> Result<()> {
    let quiet = args.common.quiet;
    if let Some(name) = job.symbols.iter().find(|name| name.contains(',')) {
        bail!(
            "symbol {name:?}: heartbeats list symbols with commas between them, so that no name can have one; rename it"
        );
    }
    let mut config = config.clone();
    // Keys and connections are named as an engine's, under names of its own.
    config.output.keys.position = config.ingest.position.clone();
    config.output.keys.lease = config.ingest.lease.clone();
    config.engine.name.clone_from(&job.name);
    let host = Host::new(Clock::new());
    let server = Server::new(&config)?;
    let mut patience = Patience::new(&host, &config.redis, quiet, stop);
    let lease = patience.wait(|| take_lease(&host, &server, args.standby, quiet, stop, || ()))?;
    let holds = if job.span.is_none() { holds(&config, job.timeframe) } else { HoldTimes::default() };
    let route = route(&config, &mut job)?;
    let kept = patience.wait(|| kept(&server, &job.streams, &route, &config, &holds))?;
    let provider = provider(args, &config, &job, &kept, &host, stop)?;
    let incidents = Arc::new(Incidents::default());
    let sink = patience.wait(|| sink(&server, &lease, kept.batch.clone(), &incidents))?;
    let outbox = Outbox::new(outbox_options(&config, &server, &lease, &job));
    let desk = Desk::new(&job.symbols, job.timeframe, route, kept.published);
    let desk = match job.span {
        None => desk.dense(provider.is_dense()).holding(holds),
        Some((from_ms, to_ms)) => desk.spanning(from_ms, to_ms),
    };
    let heartbeat_ns = config.ingest.heartbeat_ms * 1_000_000;
    let service = Service::new(host.clock().clone(), provider, desk, outbox, sink, heartbeat_ns)?;
    if !quiet {
        let Job { maker, timeframe, streams, symbols, .. } = &job;
        let of = if symbols.is_empty() { String::new() } else { format!(" of {} symbols", symbols.len()) };
        note(&format!("{}: {timeframe} bars{of} go to {} of {}", maker.name, streams.join(", "), server.address()));
    }
    run(args, &config, &job, host.clock(), service, &incidents, stop)
}

/// Makes the provider of a job.
fn provider(
    args: &IngestArgs,
    config: &Config,
    job: &Job,
    kept: &Kept,
    host: &Host,
    stop: &Arc<AtomicBool>,
) -> Result<Box<dyn Provider>> {
    let recorded = if args.input.is_empty() {
        None
    } else {
        let options = args.files.options(job.timeframe, config.prices());
        let mut inputs = Inputs::new(&args.input, options, args.common.quiet, stop)?;
        inputs.settle(true)?;
        Some(inputs.open()?.lines)
    };
    let speed = match args.speed {
        Speed::Max => f64::INFINITY,
        Speed::Times(times) => times,
    };
    let settings = config.ingest.of(job.maker.name);
    let commission = Commission {
        symbols: &job.symbols,
        timeframe: job.timeframe,
        past_only: job.span.is_some(),
        config: &config.ingest,
        keys: secrets::of_provider(job.maker, settings)?,
        settings,
        newest: &kept.published.newest,
        memory: kept.memory.as_deref(),
        now: host.clock().now(),
        made_up: (config.mock.seed, config.mock.burst_every_s),
        rate: args.rate,
        past: args.past,
        recorded,
        speed,
    };
    (job.maker.make)(commission).with_context(|| format!("provider {}", job.maker.name))
}

/// The configuration with what the command line says, and the provider that it names.
pub(super) fn prepared(
    args: &IngestCommon,
    more: impl FnOnce(&mut Vec<Layer>) -> Result<()>,
) -> Result<(Config, &'static Maker)> {
    let mut layers = layers(args.config.as_deref(), &args.set)?;
    let mut over = |key: &str, value: &str| layers.push(Layer::Override(Override::new(key, value)));
    if let Some(url) = &args.redis {
        over("redis.url", url);
    }
    if let Some(base) = args.base {
        over("ingest.timeframe", &base.to_string());
    }
    more(&mut layers)?;
    // It fills what an engine on Redis reads, unless there is nothing on the watchlist, for a market that makes its symbols up.
    let feed = Layer::Override(Override::new("input.feed", Feed::Redis.name()));
    let on_redis = Config::load(&[&layers[..], &[feed]].concat());
    let Loaded { config, notes, .. } = on_redis.or_else(|_| Config::load(&layers))?;
    if !args.quiet {
        notes.iter().for_each(|line| note(&format!("note: {line}")));
    }
    let maker = maker(args.provider.as_deref().unwrap_or(&config.ingest.provider))?;
    Ok((config, maker))
}

fn name(args: &IngestCommon, config: &Config, maker: &Maker) -> String {
    let names = [args.name.as_deref().unwrap_or_default(), &config.ingest.name, maker.name];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned()
}

/// The streams that the engine reads first.
fn of_history(config: &Config) -> Result<Vec<(String, Timeframe)>> {
    let stream = |history: &HistoryConfig| match history {
        HistoryConfig::Stream(stream) => Some((stream.name.clone(), stream.timeframe)),
        HistoryConfig::Files(_) => None,
    };
    let found: Vec<_> = config.input.history.iter().filter_map(stream).collect();
    if found.is_empty() {
        bail!(
            "--warm-up: there are no streams of history to fill; name them in [[input.history]], with their timeframes"
        );
    }
    Ok(found)
}

fn maker(name: &str) -> Result<&'static Maker> {
    let known = || MAKERS.iter().map(|maker| maker.name).collect::<Vec<_>>().join(", ");
    match MAKERS.iter().find(|maker| maker.name == name) {
        Some(maker) => Ok(maker),
        None if name.is_empty() => {
            bail!("where do the bars come from? write --provider or ingest.provider: {}", known())
        }
        None => bail!("ingest.provider: there is no provider {name:?}; there are {}", known()),
    }
}

/// The input streams of this timeframe.
fn streams(config: &Config, timeframe: Timeframe) -> Result<Vec<String>> {
    let of = config.input.streams.iter().filter(|stream| stream.timeframe == timeframe);
    let found: Vec<String> = of.map(|stream| stream.name.clone()).collect();
    if found.is_empty() {
        let all: Vec<String> = config.input.streams.iter().map(|s| format!("{} ({})", s.name, s.timeframe)).collect();
        bail!("there is no input stream of {timeframe} bars among input.streams: {}", all.join(", "));
    }
    Ok(found)
}

/// The symbols that are this provider's.
pub(super) fn watched(config: &Config, maker: &Maker) -> Vec<String> {
    if config.watchlist.is_empty() && !maker.invents {
        return Vec::new();
    }
    let others: Vec<&str> = config
        .watchlist
        .iter()
        .filter(|asset| !asset.data_provider.is_empty() && asset.data_provider != maker.name)
        .map(|asset| asset.symbol.as_str())
        .collect();
    let all = config.plan().assets.into_iter().map(|asset| asset.symbol);
    all.filter(|symbol| !others.contains(&symbol.as_str())).collect()
}

/// How long bars are held until corrections of them have come: as the styles say of the timeframes that they are part of, of which
/// the most impatient decides.
fn holds(config: &Config, timeframe: Timeframe) -> HoldTimes {
    let plan = config.plan();
    let fed = plan.timeframe_id(timeframe).map_or(0, |id| plan.fed_by()[id.index()]);
    let of = |asset: &Asset| {
        let cells = asset.cells.iter().enumerate().filter(|(index, cell)| cell.enabled && fed & 1 << index != 0);
        cells.map(|(_, cell)| config.styles.settle_ms(cell.style)).min().unwrap_or(0)
    };
    let by_symbol = plan.assets.iter().map(|asset| (asset.symbol.clone(), of(asset))).collect();
    HoldTimes::new(by_symbol, of(&plan.default_asset))
}

/// The partitions that are filled, and the configuration for them. In a cluster nothing is committed to several together, so
/// that each has an ingestion of its own.
///
/// # Errors
/// A server that refuses or is not there in time, or whose symbols are divided otherwise.
fn part(config: Config, quiet: bool, stop: &AtomicBool) -> Result<(Config, IngestPart)> {
    let host = Host::new(Clock::new());
    let server = Server::on(&host, &config)?;
    let map = Patience::new(&host, &config.redis, quiet, stop).wait(|| agreed(&server, &config))?;
    let is_cluster = server.is_cluster();
    match config.partitions.owned()[..] {
        [partition] if map.count > 1 => {
            Ok((config.of_partition(partition, &map), IngestPart { map, one: Some(partition) }))
        }
        _ if is_cluster => bail!(
            "redis.url is a cluster, whose nodes commit nothing together: run one ingestion for each partition, such as with \
             --set partitions.own=0"
        ),
        _ => Ok((config, IngestPart { map, one: None })),
    }
}

/// Which way the bars of a job go: with partitions to the stream of each, in place of the one that was named.
///
/// # Errors
/// Several streams beside partitions.
fn route(config: &Config, job: &mut Job) -> Result<Route> {
    if job.part.map.count == 1 || job.part.one.is_some() {
        return Ok(Route::spread(job.streams.len()));
    }
    let [stream] = &job.streams[..] else {
        let (streams, timeframe) = (job.streams.join(", "), job.timeframe);
        bail!(
            "{streams} are several streams of {timeframe}: with [partitions] name one, which has a stream for each partition"
        );
    };
    job.streams = config.partition_stream(stream);
    Ok(Route::partitions(job.part.map.clone()))
}

/// What was committed before.
struct Kept {
    published: PublishedBefore,
    memory: Option<String>,
    batch: Option<Vec<u8>>,
}

/// Reads the position.
fn kept(server: &Server<'_>, streams: &[String], route: &Route, config: &Config, holds: &HoldTimes) -> Result<Kept> {
    let mut link = server.connect("start")?;
    let key = server.position_key();
    check_key(&mut link, &key, "hash")?;
    for stream in streams.iter().chain([&config.ingest.corrections]) {
        check_key(&mut link, stream, "stream")?;
    }
    let fields: HashMap<String, Vec<u8>> = link.ask(&Cmd::hgetall(&key))?;
    let text = |name: &str| fields.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let number = |value: &[u8]| std::str::from_utf8(value).ok()?.parse::<i64>().ok();
    let newest: HashMap<String, i64> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(NEWEST)?.to_owned(), number(value)?)))
        .collect();
    let mut proved = HashMap::new();
    for (index, stream) in streams.iter().enumerate() {
        let all: BTreeSet<i64> = newest.keys().map(|name| holds.of(name)).collect();
        for hold_ms in all {
            let of = beat_of(stream, hold_ms);
            let Some(end_ms) = fields.get(&format!("{HEARTBEAT}{of}")).and_then(|value| number(value)) else {
                continue;
            };
            let except = text(&format!("{EXCEPT}{of}")).unwrap_or_default();
            let except: Vec<&str> = except.split(',').collect();
            // A heartbeat says nothing of the symbols of another stream.
            let own = |name: &&String| {
                route.of(name) == index && holds.of(name) == hold_ms && !except.contains(&name.as_str())
            };
            proved.extend(newest.keys().filter(own).map(|name| (name.clone(), end_ms)));
        }
    }
    let (memory, batch) = (text(MEMORY), fields.get("batch").cloned());
    Ok(Kept { published: PublishedBefore { newest, proved }, memory, batch })
}

fn sink(server: &Server<'_>, lease: &Lease, batch: Option<Vec<u8>>, incidents: &Arc<Incidents>) -> Result<RedisSink> {
    let link: Link = server.connect("publisher")?;
    let mut sink = RedisSink::start(link, server.limits())?;
    lease.confirm(sink.link())?;
    sink.guard(lease.clone());
    sink.recover(Some(server.recovery(lease, batch, incidents)), PublisherCounters::shared());
    Ok(sink)
}

fn outbox_options(config: &Config, server: &Server<'_>, lease: &Lease, job: &Job) -> OutboxOptions {
    let IngestConfig { maxlen, form, corrections, corrections_maxlen, .. } = &config.ingest;
    let alerts = &config.output.streams;
    OutboxOptions {
        streams: job.streams.clone(),
        maxlen: *maxlen,
        timeframe: job.timeframe,
        form: *form,
        corrections: (corrections.clone(), *corrections_maxlen),
        alerts: config.output.alerts.then(|| (alerts.alerts.clone(), alerts.alerts_maxlen)),
        position_key: server.position_key(),
        committed_key: lease.spec.committed_key.clone(),
        health_key: format!("{}health:ingest:{}", config.output.keys.prefix, job.name),
        source: job.maker.name.to_owned(),
    }
}

/// Runs it to its end.
fn run(
    args: &IngestArgs,
    config: &Config,
    job: &Job,
    clock: &Clock,
    mut service: Service,
    incidents: &Incidents,
    stop: &AtomicBool,
) -> Result<()> {
    let (started, shutdown) = (Instant::now(), Duration::from_secs(config.engine.shutdown_s));
    let every = Duration::from_millis(config.telemetry.status_interval_ms.max(100));
    let mut notifier = Notifier::from_env();
    let (mut told, mut before, mut synced, mut told_to_end) = (started, 0, started, None);
    notifier.ready();
    let say = |line: &str| {
        if !args.common.quiet {
            note(line);
        }
    };
    while !service.is_done() {
        service.turn().map_err(anyhow::Error::from_boxed)?;
        service.take_lines().iter().chain(&incidents.take()).for_each(|line| say(line));
        let now = Instant::now();
        if now.duration_since(synced) >= RESYNC {
            clock.resync();
            synced = now;
        }
        let over = args.duration.is_some_and(|duration| now.duration_since(started) >= duration);
        let orphan =
            args.child_of.is_some_and(|parent| getppid().is_none_or(|now| now.as_raw_nonzero().get() != parent));
        if (over || orphan || stop.load(Ordering::Relaxed)) && told_to_end.is_none() {
            told_to_end = Some(now);
            notifier.stopping();
            service.drain();
        }
        if told_to_end.is_some_and(|since| now.duration_since(since) >= shutdown) {
            return Err(Stopped).context("what was not committed is fetched again at the next start");
        }
        let passed = now.duration_since(told);
        if config.telemetry.status_interval_ms > 0 && passed >= every {
            let bars = service.desk().counts().bars;
            let line = status(&service, job.span, (bars - before) as f64 / passed.as_secs_f64(), started.elapsed());
            notifier.status(&line);
            say(&line);
            (told, before) = (now, bars);
        }
        notifier.tick(now, false, std::iter::empty());
    }
    service.take_lines().iter().chain(&incidents.take()).for_each(|line| say(line));
    service.release();
    say(&summary(&service, started.elapsed()));
    Ok(())
}
