//! `replay`: recorded bars from files through the same agents and rings.

use super::{
    args::ReplayArgs,
    calendar::this_year,
    duration::Speed,
    inputs::{Inputs, Opened},
    note::note,
    performance::{append_lanes, write_model, write_performance},
    recorded::{NothingAccepted, files_apart, most_refused, unknown_cells},
    redis::Server,
    run::threads,
    session::{Ended, RunSession, SessionOptions, Stopped, common_layers, histograms_dir, layers, stop_flag},
};
use crate::{
    calendar::{Anchor, Hours, Outside},
    config::{Config, Layer, Loaded, Named as _, Override, Plan, Prices},
    engine::{
        Engine, FileOutputOptions, FilesSource, Outputs, Pace, RowsWanted, Setup, Source, StatisticsWanted, Topology,
        tap,
    },
    feed::OutOfOrder,
    model::{AssetType, Directory, TimeframeId},
    ops::Recording,
    publish::{InputKind as Input, Sources},
    runtime::{Clock, available_cores},
    telemetry::Report,
};
use anyhow::{Context, Result, bail};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Bars and signals on their way to the page of a replay.
const TAP_ROOM: usize = 4_096;

/// Replays files to their end.
///
/// # Errors
/// Everything that prevents the start or stops it before the end; [`NothingAccepted`] at the end.
pub fn replay(args: &ReplayArgs) -> Result<()> {
    let stop = stop_flag()?;
    let Loaded { config, notes, .. } = configuration(args)?;
    let remark = |lines: &[String]| {
        if !args.common.quiet {
            lines.iter().for_each(|line| note(&format!("note: {line}")));
        }
    };
    remark(&notes);
    if let Err(ended) = config.check_calendars(this_year()) {
        remark(&[ended.to_string()]);
    }
    let plan = Arc::new(config.replay_plan(args.base, &args.timeframes, args.method.map(Into::into))?);
    let cells = cells(&args.cells, &plan)?;
    files_apart(args)?;
    let mut inputs = unless_stopped(&stop, understood(args, config.prices(), &stop))?;
    let (ended, directory) = loop {
        let opened = unless_stopped(&stop, inputs.open())?;
        match attempt(args, &config, &plan, &cells, &inputs, opened, &stop)? {
            Attempt::Ended(ended, directory) => break (*ended, directory),
            Attempt::Disorder(found) => {
                let name = inputs.names().nth(found.input).unwrap_or_default();
                remark(&[format!("{name}:{} goes back in time: starting over, sorted", found.line)]);
                unless_stopped(&stop, inputs.look_whole())?;
            }
        }
    };
    if let Some((path, judge)) = args.performance.as_ref().zip(ended.judge.as_ref()) {
        write_performance(path, judge, &plan, &directory)?;
    }
    if let Some((path, judge)) = args.selection.as_ref().zip(ended.judge.as_ref()) {
        append_lanes(path, judge, &plan, &directory)?;
    }
    if let Some((path, judge)) = args.model.as_ref().zip(ended.judge.as_ref()) {
        write_model(path, judge, &directory)?;
    }
    remark(&unknown_cells(&cells, &directory));
    if !ended.stopped {
        let reader = &ended.report.counters.reader;
        NothingAccepted::check(reader, ended.first_refused.as_deref())?;
    }
    Ok(())
}

/// The inputs, after as much of a look at them as this replay needs.
fn understood(args: &ReplayArgs, prices: Prices, stop: &Arc<AtomicBool>) -> Result<Inputs> {
    let mut inputs = Inputs::new(&args.input, args.files.options(args.base, prices), args.common.quiet, stop)?;
    if args.strict {
        inputs.check_strictly()?;
    }
    let to_stdout = args.results().any(|path| path == Path::new("-"));
    inputs.settle(to_stdout || args.redis.is_some() || args.speed != Speed::Max)?;
    Ok(inputs)
}

/// What was made ready, or that the user wanted an end meanwhile: then what has failed is of no matter.
fn unless_stopped<T>(stop: &AtomicBool, result: Result<T>) -> Result<T> {
    if stop.load(Ordering::Relaxed) { Err(Stopped.into()) } else { result }
}

/// How an attempt at a replay ended.
enum Attempt {
    /// At the end of the input, or as the user wanted.
    Ended(Box<Ended>, Arc<Directory>),
    /// A file that seemed to be in order was not.
    Disorder(OutOfOrder),
}

/// Replays the opened files once.
fn attempt(
    args: &ReplayArgs,
    config: &Config,
    plan: &Arc<Plan>,
    cells: &[(String, TimeframeId)],
    inputs: &Inputs,
    opened: Opened,
    stop: &Arc<AtomicBool>,
) -> Result<Attempt> {
    let total = opened.lines.total_bytes();
    let source = FilesSource::new(opened.lines, pace(args.speed), args.base.interval_ms())
        .with_bells(opened.bells)
        .strict(args.strict);
    let (progress, disorder) = (source.progress(), source.disorder());
    let directory = Arc::new(Directory::new(plan.max_symbols, &plan.timeframes));
    let sources = Arc::new(Sources::new(inputs.names().map(|name| Input::File { name: name.to_owned() }).collect()));
    let mut outputs = outputs(args, config, &directory, cells)?;
    let recording = match &args.html {
        Some(_) => {
            let (tap, watch) = tap(TAP_ROOM);
            outputs.tap = Some(tap.waiting());
            Some(Recording::start(watch, &directory, &sources)?)
        }
        None => None,
    };
    let topology = match args.speed {
        Speed::Max => Topology::unpaced(config, available_cores().len()),
        Speed::Times(_) => Topology::new(config, available_cores().len()),
    };
    if !args.common.quiet {
        note(&format!("replaying {} file(s), {}", inputs.len(), threads(&topology)));
    }
    let setup = Setup {
        rows: RowsWanted {
            all: outputs.redis.is_some() || recording.is_some(),
            aggregated: args.bars.is_some(),
            cells: if args.indicators.is_some() { cells.to_vec() } else { Vec::new() },
            as_read: args.as_read,
            statistics: StatisticsWanted {
                all: outputs.redis.is_some() && config.statistics.publish,
                cells: if args.statistics.is_some() { cells.to_vec() } else { Vec::new() },
                asked: false,
            },
        },
        outputs,
        source: Source::Files(source),
        sources: Arc::clone(&sources),
        marks: false,
        restore: None,
        snapshots: None,
        incidents: Arc::default(),
        plan: Arc::clone(plan),
        topology,
        directory: Arc::clone(&directory),
    };
    let options = session(args, config, (progress, total), sources)?;
    let engine = Engine::start(setup, Clock::new())?;
    let ended = RunSession::new(engine, options, Arc::clone(stop))?.run_unless(|| disorder.found().is_some())?;
    if let (None, Some(ended), Some(recording), Some(path)) = (disorder.found(), &ended, recording, &args.html) {
        write_page(path, recording, &ended.report, &inputs.names().collect::<Vec<_>>())?;
    }
    Ok(match (disorder.found(), ended) {
        (Some(found), _) => Attempt::Disorder(found),
        (None, Some(ended)) => Attempt::Ended(Box::new(ended), directory),
        (None, None) => bail!("the replay ended without an end"),
    })
}

/// Writes what was recorded as a page.
fn write_page(path: &Path, recording: Recording, report: &Report, names: &[&str]) -> Result<()> {
    let title = format!("replay of {}", names.join(", "));
    let page = recording.page(&title, report);
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// The configuration with what the command line says.
fn configuration(args: &ReplayArgs) -> Result<Loaded> {
    let mut layers = layers(args.config.as_deref(), &args.common.set)?;
    if let Some(url) = &args.redis {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
    }
    if args.performance.is_some() {
        layers.push(Layer::Override(Override::new("performance.by_symbol", "full")));
    }
    if args.model.is_some() {
        layers.push(Layer::Override(Override::new("calibration.enabled", true)));
    }
    if args.correlation.is_some() {
        layers.push(Layer::Override(Override::new("cross_asset.enabled", true)));
    }
    let follows = [&args.performance, &args.outcomes, &args.selection, &args.model];
    if follows.iter().any(|path| path.is_some()) {
        layers.push(Layer::Override(Override::new("performance.enabled", true)));
    }
    if let Some(calendar) = &args.calendar {
        // Symbols of which nothing else is known are stocks.
        let stock = AssetType::default();
        let of_stocks = AssetType::NAMES.iter().find(|(_, asset_type)| *asset_type == stock);
        let mut set = |key: &str, value: &str| layers.push(Layer::Override(Override::new(key, value)));
        of_stocks.iter().for_each(|(name, _)| set(&format!("calendars.{name}"), calendar));
        let uses = [
            ("session", args.session.map(Hours::name)),
            ("anchor", args.anchor.map(Anchor::name)),
            ("outside_session", args.outside_session.map(Outside::name)),
        ];
        for (key, value) in uses.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            set(&format!("calendars.{calendar}.{key}"), value);
        }
    }
    common_layers(&args.common, &mut layers);
    Ok(Config::load(&layers)?)
}

fn pace(speed: Speed) -> Pace {
    match speed {
        Speed::Max => Pace::Max,
        Speed::Times(factor) => Pace::Times(factor),
    }
}

fn outputs(
    args: &ReplayArgs,
    config: &Config,
    directory: &Arc<Directory>,
    cells: &[(String, TimeframeId)],
) -> Result<Outputs> {
    let redis = match &args.redis {
        Some(_) => {
            let server = Server::new(config)?.prefixed(&args.redis_prefix);
            server.refuse_live()?;
            Some(server.output(directory, None, Vec::new(), &Arc::default())?)
        }
        None => None,
    };
    let files = FileOutputOptions {
        append: false,
        signals: args.signals.clone(),
        bars: args.bars.clone(),
        indicators: args.indicators.clone(),
        outcomes: args.outcomes.clone(),
        selection: args.selection.clone(),
        statistics: args.statistics.clone(),
        windows: config.statistics.windows.clone(),
        correlation: args.correlation.clone(),
        cells: cells.to_vec(),
        as_read: args.as_read,
    };
    Ok(Outputs { files, redis, tap: None })
}

/// How the run is watched; `progress` is the bytes read so far and their total.
fn session(
    args: &ReplayArgs,
    config: &Config,
    progress: (Arc<AtomicU64>, Option<u64>),
    sources: Arc<Sources>,
) -> Result<SessionOptions> {
    let histograms = histograms_dir(&config.telemetry.histograms_dir)?;
    Ok(SessionOptions {
        reload: None,
        supervised: None,
        duration: None,
        shutdown: Duration::from_secs(config.engine.shutdown_s),
        keeps_input: false,
        progress: Some(progress),
        history: 0,
        full_speed: args.speed == Speed::Max,
        status_every: Some(Duration::from_secs(1)),
        report_every: None,
        histograms,
        quiet: args.common.quiet,
        results_on_stdout: args.results().any(|path| path == Path::new("-")),
        sources,
        screen: None,
        feeder: None,
        verdict: most_refused,
    })
}

/// The cells that the user named.
fn cells(names: &[String], plan: &Plan) -> Result<Vec<(String, TimeframeId)>> {
    let known = || plan.timeframes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut cells = Vec::new();
    for name in names {
        let (symbol, timeframe) = name
            .rsplit_once(':')
            .with_context(|| format!("--cells {name}: write SYMBOL:TIMEFRAME, such as BTCUSD:1h"))?;
        let timeframe = timeframe.parse().with_context(|| format!("--cells {name}"))?;
        let Some(id) = plan.timeframe_id(timeframe) else {
            bail!("--cells {name}: {timeframe} is not among the timeframes of this replay ({})", known());
        };
        cells.push((symbol.to_owned(), id));
    }
    Ok(cells)
}
