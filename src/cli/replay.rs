//! `replay`: recorded bars from files through the same agents and rings.

use super::{
    args::{ReplayArgs, Speed},
    note::note,
    recorded::{NothingAccepted, files_apart, odd_base, unknown_cells},
    redis::Server,
    run::threads,
    session::{Session, SessionOptions, common_layers, layers, stop_flag},
};
use crate::{
    config::{Config, Layer, Loaded, Override, Plan},
    engine::{Engine, FileOutputOptions, FilesSource, Outputs, Pace, RowsWanted, Setup, Source, Topology},
    feed::{CsvSource, MergedSource},
    model::{Directory, TimeframeId},
    publish::{Source as Input, Sources},
    runtime::{Clock, available_cores},
};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

/// Replays files to their end.
///
/// # Errors
/// Everything that keeps it from starting, and whatever stops it before the end; [`NothingAccepted`] at the end.
pub fn replay(args: &ReplayArgs) -> Result<()> {
    let stop = stop_flag()?;
    let Loaded { config, notes, .. } = configuration(args)?;
    let remark = |lines: &[String]| {
        if !args.common.quiet {
            lines.iter().for_each(|line| note(&format!("note: {line}")));
        }
    };
    remark(&notes);
    let plan = Arc::new(config.replay_plan(args.base, &args.timeframes, args.method.map(Into::into))?);
    let cells = cells(&args.cells, &plan)?;
    files_apart(args)?;
    let files = args.input.iter().map(|path| CsvSource::open(path, args.base)).collect::<Result<Vec<_>, _>>()?;
    for path in &args.input {
        remark(odd_base(path, args.base)?.as_slice());
    }
    let files = MergedSource::new(files);
    let total = files.total_bytes();
    let source = FilesSource::new(files, pace(args.speed), args.base.interval_ms());
    let progress = source.progress();

    let directory = Arc::new(Directory::new(plan.max_symbols, &plan.timeframes));
    let sources = Arc::new(Sources::new(args.input.iter().map(|path| Input::File { name: file_name(path) }).collect()));
    let outputs = outputs(args, &config, &directory, &cells)?;
    let topology = match args.speed {
        Speed::Max => Topology::unpaced(&config, available_cores().len()),
        Speed::Times(_) => Topology::new(&config, available_cores().len()),
    };
    if !args.common.quiet {
        note(&format!("replaying {} file(s), {}", args.input.len(), threads(&topology)));
    }
    let setup = Setup {
        rows: RowsWanted {
            all: outputs.redis.is_some(),
            aggregated: args.bars.is_some(),
            cells: if args.indicators.is_some() { cells.clone() } else { Vec::new() },
            as_read: args.as_read,
        },
        outputs,
        source: Source::Files(source),
        sources: Arc::clone(&sources),
        marks: false,
        restore: None,
        snapshots: None,
        incidents: Arc::default(),
        plan,
        topology,
        directory: Arc::clone(&directory),
    };
    let engine = Engine::start(setup, Clock::new())?;
    let ended = Session::new(engine, session(args, &config, (progress, total), sources), stop)?.run()?;
    remark(&unknown_cells(&cells, &directory));
    if !ended.stopped {
        NothingAccepted::check(&ended.report.counters.reader, ended.first_refused.as_deref())?;
    }
    Ok(())
}

/// The configuration with what the command line says.
fn configuration(args: &ReplayArgs) -> Result<Loaded> {
    let mut layers = layers(args.config.as_deref(), &args.common.set)?;
    if let Some(url) = &args.redis {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
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
        Some(_) => Some(Server::new(config)?.output(directory, None, Vec::new(), &Arc::default())?),
        None => None,
    };
    let files = FileOutputOptions {
        signals: args.signals.clone(),
        bars: args.bars.clone(),
        indicators: args.indicators.clone(),
        cells: cells.to_vec(),
        as_read: args.as_read,
    };
    Ok(Outputs { files, redis })
}

/// How the run is watched; `progress` is the bytes read so far and their total.
fn session(
    args: &ReplayArgs,
    config: &Config,
    progress: (Arc<AtomicU64>, Option<u64>),
    sources: Arc<Sources>,
) -> SessionOptions {
    let histograms = &config.telemetry.histograms_dir;
    let results = [&args.signals, &args.bars, &args.indicators];
    SessionOptions {
        duration: None,
        progress: Some(progress),
        history: 0,
        status_every: Some(Duration::from_secs(1)),
        report_every: None,
        histograms: (!histograms.is_empty()).then(|| PathBuf::from(histograms)),
        quiet: args.common.quiet,
        results_on_stdout: results.into_iter().flatten().any(|path| path == Path::new("-")),
        sources,
    }
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

/// Name of a file without its folder.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
