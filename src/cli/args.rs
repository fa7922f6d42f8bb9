//! The command line.

use super::{
    config_args::ConfigCommand,
    duration::{Speed, parse_duration, parse_speed},
    edit_args::{EditArgs, MigrateArgs},
    file_args::FileArgs,
    ingest_args::{IngestArgs, known_provider},
    lab_args::{BenchCommand, ReportArgs},
    partition_args::PartitionsCommand,
    shell_args::{CompletionsArgs, ManArgs},
    supervised::Course,
    watch_args::{EngineArgs, ExplainArgs, HealthArgs, TopArgs, WindowArgs},
};
use crate::{
    calendar::{Anchor, Hours, Outside},
    config::{LogFormat, LogLevel, Named, PriceMethod, ReportLength, date},
    model::{StreamId, Timeframe},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Version and revision of the sources.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("WAGEHOOD_REVISION"), ")");

/// Market bars in, trading signals out: a low-latency engine that aggregates bars over timeframes, runs five strategies
/// on each and weighs their signals against each other.
#[derive(Debug, Parser)]
#[command(name = "wagehood-engine", version = VERSION, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Start with `wagehood-engine run`: it needs no Redis and no configuration.

Exit codes:
    0  success
    1  failure: the reason is on standard error; or a check (`doctor`, `config check`, `bench`) that did not pass
    2  the command line is wrong
    3  `replay` accepted no record: all were refused, or there was none
    4  the configuration does not hold, or the server refuses what only a person can change
    5  streams or position are not as this engine left them: see --accept-loss and --from of `run`
    6  another engine of this name is at work
    7  another engine of this name has taken over
    8  told to end, it could not write all in time (engine.shutdown_s); a live run reads it again at the next start
    9  the server was not there in time (redis.start_wait_s)
  130  a second Ctrl-C ended it at once; also a `bench` that was interrupted (143 by SIGTERM)
  141  whoever read its output has gone")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Action,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // one per process
pub enum Action {
    /// Run the live engine: on a mock market by default, on Redis streams with --redis
    ///
    /// Without a configuration the engine runs on its built-in one: a random market of 100 symbols, one bar a second
    /// each, with signals written to signals.jsonl. With --redis it reads the configured input streams and writes the
    /// output streams. Ctrl-C or SIGTERM end it cleanly: it processes and writes what it has read, then reports.
    Run(RunArgs),
    /// Bring market data into the input streams of Redis: from an exchange, from files, or made up
    ///
    /// Runs beside the engine, as a process of its own. Every bar is published once and in order, also where this process
    /// or the server is killed: the newest bar of each symbol is committed with the bars. Ctrl-C or SIGTERM end it cleanly.
    Ingest(IngestArgs),
    /// Replay recorded bars from files through the same engine, as fast as it can
    ///
    /// The files have a header line and the columns ts, symbol, open, high, low, close, volume, in any order, and
    /// optionally vwap and trades, or a shape that is known: what exchanges, brokers and charting programs export, with
    /// any separator, in any order of time. They may be packed with gzip, zip, zstd, xz or bzip2, or be
    /// Parquet where this program was built for it. A first line for each file says what was understood; `wagehood-engine inspect` says it at leisure. Several files are merged by time.
    /// Exits with 3 if no record was accepted, and says why.
    Replay(ReplayArgs),
    /// Ask a running engine how it is
    ///
    /// The engine must answer over HTTP: `run --listen 127.0.0.1:9464`, or telemetry.listen. Exits with 0 if it is well, with
    /// 1 if a component is degraded or nothing is known yet, with 2 if one is failing or the engine is not there.
    Health(HealthArgs),
    /// Print statistics of the last bars of a running engine: of a symbol, on a timeframe, of so many bars
    ///
    /// The engine must answer over HTTP: `run --listen 127.0.0.1:9464`, or telemetry.listen, with statistics.screens. Nothing is
    /// computed before somebody asks, and once a bar however many do.
    Window(WindowArgs),
    /// Watch a running engine: pipeline, latency, health, signals, symbols
    ///
    /// The engine must answer over HTTP: `run --listen 127.0.0.1:9464`, or telemetry.listen. Without a terminal, or with
    /// --once, the screen is printed once. NO_COLOR=1 leaves colours out.
    Top(TopArgs),
    /// Say where a published signal comes from: record, indicators, factors, peers, times
    ///
    /// Reads what the streams of the server still hold, or a file of signals, and changes nothing.
    Explain(ExplainArgs),
    /// Print when a market is open: the sessions of its calendar, or the spans of bars that are made of them, as CSV
    ///
    /// The calendars are xnys, xlon, xetr, xpar, xtse, xasx, xtks, xhkg and those of the configuration, with what it
    /// says was announced since.
    Calendar(CalendarArgs),
    /// Say what files of recorded bars are, and what is odd about them
    ///
    /// Reads each file to its end and replays nothing. Takes the options of `replay` that say how files are to be read.
    Inspect(InspectArgs),
    /// Examine this host for a configuration: what costs latency, why, and what to do about it
    ///
    /// Needs no rights and changes nothing. Takes a few seconds and keeps the cores it tests busy meanwhile. Exits with
    /// 1 if anything fails.
    Doctor(DoctorArgs),
    /// Show or check a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what the signals of an engine on Redis are worth: outcomes, returns with their errors, skill
    ///
    /// Reads what the engine last wrote to the hashes of output.keys.performance. For recorded bars see `replay
    /// --performance`.
    Performance(PerformanceArgs),
    /// The symbols in Redis: list, add, remove, enable, disable or change them while an engine runs
    ///
    /// Changes the document of the watchlist that engines with redis.config_from_redis look at every redis.config_poll_s. The
    /// change is checked whole before it is written, in the form in which the document was found.
    Watchlist(EditArgs),
    /// The strategies in Redis: list, enable, disable or change them while an engine runs
    ///
    /// A setting is a parameter, such as rsi_oversold=25, or with a timeframe in front, 5m.rsi_oversold=20, one of that
    /// timeframe alone; enabled and supported_timeframes are the strategy's own.
    Strategies(EditArgs),
    /// The timeframes of symbols in Redis, such as SPY:5m: list, add, remove, enable, disable or change them
    Timeframes(EditArgs),
    /// Move from the existing system to this engine on a live server, step by step, and back
    Migrate(MigrateArgs),
    /// The partitions of the symbols, where there are some: which are where, who owns them, and who is to
    #[command(subcommand)]
    Partitions(PartitionsCommand),
    /// Look into the snapshots of an engine on Redis
    #[command(subcommand)]
    State(StateCommand),
    /// Measure what the system does on this host
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the results of a benchmark, or compare several
    Report(ReportArgs),
    /// Print what completes this command line in a shell
    ///
    /// For bash: `wagehood-engine completions bash > ~/.local/share/bash-completion/completions/wagehood-engine`.
    Completions(CompletionsArgs),
    /// Write the manual pages into a folder
    ///
    /// `wagehood-engine man ~/.local/share/man/man1`, then `man wagehood-engine`.
    Man(ManArgs),
}

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Configuration file; overrides the built-in one (see `config show`)
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read from and write to this Redis server, such as redis://127.0.0.1:6379 or redis+unix:///run/redis.sock
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Bring the input in from this provider, by an `ingest` that runs as a child of this process
    #[arg(long, value_name = "PROVIDER", value_parser = known_provider())]
    pub feed: Option<String>,
    /// These symbols in place of the watchlist: names such as SPY,QQQ, or a number, for the symbols of the made-up market
    #[arg(long, value_name = "LIST|N")]
    pub symbols: Option<String>,
    /// Stop after this time, such as 30s, 5m or 1h; without it, run until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Also write the signals to this file as JSON lines (the mock market writes signals.jsonl by default)
    #[arg(long, value_name = "FILE")]
    pub signals: Option<PathBuf>,
    /// If another engine of this name is running, wait until it ends and take over [default: an error]
    #[arg(long)]
    pub standby: bool,
    /// Go on where a start refuses because streams or the position are not as this engine left them: what is in
    /// question is read as new input, from input.start on
    #[arg(long)]
    pub accept_loss: bool,
    /// The same, but what is in question counts as published up to this entry, such as 1751985000000-0: only what comes
    /// behind it is published. Changes nothing where everything is as it was left
    #[arg(long, value_name = "ID", conflicts_with = "accept_loss")]
    pub from: Option<StreamId>,
    /// Answer over HTTP at this address, such as 127.0.0.1:9464: a page at /, /metrics, /health, /status and more [default:
    /// telemetry.listen, nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Write over the signals that an earlier run has left in their file, instead of keeping them beside it under another name
    #[arg(long)]
    pub force: bool,
    /// What no command line says.
    #[arg(skip)]
    pub course: Course,
    /// Show the screen of `top` meanwhile, instead of status lines; q ends the engine cleanly. Without --listen the engine then
    /// answers at a free port of this host
    #[arg(long, conflicts_with = "quiet")]
    pub ui: bool,
    /// How lines of the log are written: auto, plain, text or json [default: telemetry.log_format, auto]
    #[arg(long, value_name = "FORMAT", value_parser = named::<LogFormat>)]
    pub log_format: Option<LogFormat>,
    /// Which lines are written: error, warn, info or debug [default: telemetry.log_level, info]
    #[arg(long, value_name = "LEVEL", value_parser = named::<LogLevel>)]
    pub log_level: Option<LogLevel>,
    /// What the interim reports have in them: brief, or full for all tables [default: telemetry.report, brief]
    #[arg(long, value_name = "LENGTH", value_parser = named::<ReportLength>)]
    pub report: Option<ReportLength>,
    /// What the runs have in common.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("by_cell").multiple(true)))]
pub struct ReplayArgs {
    /// Files to replay, `-` for standard input; several are merged by time. What is not in the order of time is sorted, up
    /// to 1 GiB of bars in memory and beyond it in the temporary folder. The bars of a pipe are taken as they come
    #[arg(long, short, value_name = "FILE", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Timeframe of the bars in the files
    #[arg(long, default_value = "1m", value_name = "TF")]
    pub base: Timeframe,
    /// How the files are to be read.
    #[command(flatten)]
    pub files: FileArgs,
    /// Refuse files with any bad record
    #[arg(long)]
    pub strict: bool,
    /// Timeframes to calculate: a number and s, m, h, d, w or M (months); multiples of the base
    #[arg(long, default_value = "1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// Calendar of the symbols that the configuration names none for, such as xnys [default: as configured, utc]
    #[arg(long, value_name = "NAME")]
    pub calendar: Option<String>,
    /// Which hours are a session of this calendar, regular or extended [default: as configured, regular]
    #[arg(long, value_name = "HOURS", requires = "calendar", value_parser = named::<Hours>)]
    pub session: Option<Hours>,
    /// What bars below 1d are counted from, utc or open: the open of their session [default: as configured, utc]
    #[arg(long, value_name = "FROM", requires = "calendar", value_parser = named::<Anchor>)]
    pub anchor: Option<Anchor>,
    /// Records outside sessions: refuse, or intraday, to make bars below 1d of them [default: as configured, refuse]
    #[arg(long, value_name = "WHAT", requires = "calendar", value_parser = named::<Outside>)]
    pub outside_session: Option<Outside>,
    /// Price of a bar that indicators and strategies read [default: as configured, ohlc]
    #[arg(long, value_name = "METHOD")]
    pub method: Option<Method>,
    /// Write the signals to this file, one JSON object a line, in order of publication; `-` for standard output
    #[arg(long, value_name = "OUT.jsonl")]
    pub signals: Option<PathBuf>,
    /// Write the closed bars of the timeframes above the base to this file
    #[arg(long, value_name = "OUT.csv")]
    pub bars: Option<PathBuf>,
    /// Write the indicators at every bar of some cells to this file
    #[arg(long, value_name = "OUT.csv", requires = "cells", group = "by_cell")]
    pub indicators: Option<PathBuf>,
    /// Write the statistics of the windows of statistics.windows at every bar of some cells to this file
    #[arg(long, value_name = "OUT.csv", requires = "cells", group = "by_cell")]
    pub statistics: Option<PathBuf>,
    /// Write what the signals are worth to this file, as JSON: all figures by timeframe and strategy, timeframe and kind, and
    /// symbol, timeframe and strategy, after 1, 3 and 10 bars; `-` for standard output
    #[arg(long, value_name = "OUT.json")]
    pub performance: Option<PathBuf>,
    /// Write what became of each signal to this file, one JSON object for each of 1, 3 and 10 bars, as it becomes known
    #[arg(long, value_name = "OUT.jsonl")]
    pub outcomes: Option<PathBuf>,
    /// Write the switches of the selection of timeframes and of liquidity to this file, one JSON object a line
    #[arg(long, value_name = "OUT.jsonl")]
    pub selection: Option<PathBuf>,
    /// Write how much the symbols move together to this file, after each interval of cross_asset.timeframe: the lower triangle of
    /// the matrix of correlations, and that of each symbol with the mean of the others
    #[arg(long, value_name = "OUT.jsonl")]
    pub correlation: Option<PathBuf>,
    /// Write what the calibrated confidence has learned to this file, as JSON: by symbol and coordinate the weight and the sum
    /// of the squares of its gradients
    #[arg(long, value_name = "OUT.json")]
    pub model: Option<PathBuf>,
    /// Write a page to this file that shows all of it in a browser: candles, indicators, signals with their factors and peers.
    /// It needs no network. It holds up to 6,000 bars a cell and 60,000 in all, and 20,000 signals, the last ones
    #[arg(long, value_name = "OUT.html")]
    pub html: Option<PathBuf>,
    /// The cells for --indicators and --statistics, such as BTCUSD:1h,ETHUSD:1m
    #[arg(long, value_name = "SYM:TF,…", value_delimiter = ',', requires = "by_cell")]
    pub cells: Vec<String>,
    /// Have --indicators show what the strategies of each cell read, with the configured periods, not the published
    /// indicators with their fixed ones
    #[arg(long, requires = "indicators", conflicts_with = "redis")]
    pub as_read: bool,
    /// Also write the output streams and keys to this Redis server, under the names of --redis-prefix
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// What stands before the names of streams and keys on the server, so that those of a live engine stay as they are. An
    /// error where an engine of such names runs
    #[arg(long, value_name = "TEXT", default_value = "replay:", requires = "redis")]
    pub redis_prefix: String,
    /// `max`, or a multiple of the recorded speed, such as 60x
    #[arg(long, default_value = "max", value_name = "SPEED", value_parser = parse_speed)]
    pub speed: Speed,
    /// Configuration file for strategy parameters, weights, lateness and threads
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What the runs have in common.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl ReplayArgs {
    /// The files that results go to.
    pub fn results(&self) -> impl Iterator<Item = &PathBuf> {
        let lines = [&self.signals, &self.bars, &self.indicators, &self.statistics, &self.outcomes, &self.selection];
        lines.into_iter().chain([&self.correlation, &self.performance, &self.model]).flatten()
    }
}

/// Arguments of `performance`.
#[derive(Debug, Args)]
pub struct PerformanceArgs {
    /// The figures of this symbol [default: of all together, and of each kind of signal]
    #[arg(long, value_name = "SYM")]
    pub symbol: Option<String>,
    /// Of this timeframe [default: of each]
    #[arg(long, value_name = "TF")]
    pub timeframe: Option<Timeframe>,
    /// Of this strategy, such as macd_rsi [default: of each]
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Print all figures as JSON
    #[arg(long)]
    pub json: bool,
    /// The server [default: redis.url]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// What stands before the names of keys, such as `replay:` for those of a replay
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// How the engine is configured.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Files to look at, `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    pub input: Vec<PathBuf>,
    /// Timeframe of the bars in the files [default: how far apart most of them are]
    #[arg(long, value_name = "TF")]
    pub base: Option<Timeframe>,
    /// How the files are to be read.
    #[command(flatten)]
    pub files: FileArgs,
}

/// Arguments that `run` and `replay` share.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Strategy workers [default: as configured, 1 on a shared thread and 3 on dedicated ones]
    #[arg(long, value_name = "N")]
    pub workers: Option<u16>,
    /// Threads: `shared` runs the whole pipeline on one, `dedicated` gives every agent its own [default: as configured;
    /// `auto` is dedicated from 6 cores on, for a replay at full speed from 2]
    #[arg(long, value_name = "MODE", value_parser = ["auto", "shared", "dedicated"])]
    pub threading: Option<String>,
    /// Write every latency histogram to this folder as .hgrm, for the HdrHistogram plotters
    #[arg(long, value_name = "DIR")]
    pub histograms: Option<PathBuf>,
    /// Set any key of the configuration, such as --set engine.ring_size=65536; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// No status line and no report, only errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `calendar`.
#[derive(Debug, Args)]
pub struct CalendarArgs {
    /// Name of the calendar, such as xnys
    #[arg(value_name = "NAME")]
    pub name: String,
    /// First date [default: that of the table]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub from: Option<i64>,
    /// Last date, included [default: that of the table]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub to: Option<i64>,
    /// Print the spans of the bars of this timeframe, in Unix ms, those whose label lies in these dates
    #[arg(long, value_name = "TF")]
    pub timeframe: Option<Timeframe>,
    /// Which hours are a session, regular or extended [default: as configured, regular]
    #[arg(long, value_name = "HOURS", value_parser = named::<Hours>)]
    pub session: Option<Hours>,
    /// What bars below 1d are counted from, utc or open [default: as configured, utc]
    #[arg(long, value_name = "FROM", value_parser = named::<Anchor>)]
    pub anchor: Option<Anchor>,
    /// Configuration file; overrides the built-in one
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key of the configuration, such as --set calendars.xnys.extra_closures='["2027-01-08"]'; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Configuration file; overrides the built-in one
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print an array of objects
    #[arg(long)]
    pub json: bool,
    /// Examine this Redis server [default: that of a configuration whose feed is Redis]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Examine the way to this provider instead: clock, name, TLS, login, subscription, first bar
    #[arg(long, value_name = "NAME", value_parser = known_provider())]
    pub provider: Option<String>,
    /// For --provider: the symbols that are asked for [default: the watchlist]
    #[arg(long, value_name = "LIST", requires = "provider")]
    pub symbols: Option<String>,
    /// Duration of the hiccup test; with --provider, longest wait for a bar
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Set any key of the configuration, such as --set engine.pin=true; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Commands about saved state.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Print what each snapshot holds, and what this configuration would take over from it
    Inspect(SavedArgs),
    /// Check every byte of each snapshot, and that this version can take it over; exits with 1 if one fails
    Verify(SavedArgs),
    /// Print the cells and active signals of a snapshot that this configuration has, one JSON object a line
    Export(SavedArgs),
}

/// Arguments of `state`.
#[derive(Debug, Args)]
pub struct SavedArgs {
    /// Snapshots, or directories of them [default: the configured state.dir]
    #[arg(value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Configuration file of the engine: its watchlist and parameters say which cells are looked for
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key of the configuration, such as --set state.dir=/var/lib/wagehood; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Price methods on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// The close
    Ohlc,
    /// The volume-weighted average price
    Vwap,
    /// (high + low + close) / 3
    Typical,
}

impl From<Method> for PriceMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Ohlc => Self::Ohlc,
            Method::Vwap => Self::Vwap,
            Method::Typical => Self::Typical,
        }
    }
}

fn parse_date(text: &str) -> Result<i64, String> {
    date(text).ok_or_else(|| "write a date as 2026-01-31".to_owned())
}

/// One of the names of a type, as in the configuration.
fn named<T: Named>(text: &str) -> Result<T, String> {
    let known = || T::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
    T::named(text).ok_or_else(|| format!("write {}", known()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn speeds_read_as_people_write_them() {
        assert_eq!([parse_speed("60x"), parse_speed("60")], [Ok(Speed::Times(60.0)), Ok(Speed::Times(60.0))]);
        assert!(parse_speed("0x").is_err() && parse_speed("fast").is_err() && parse_speed("infx").is_err());
    }
}
