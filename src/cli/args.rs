//! The command line.

use super::{
    duration::parse_duration,
    lab_args::{BenchCommand, ReportArgs},
};
use crate::{config::PriceMethod, model::Timeframe};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Market bars in, trading signals out: a low-latency engine that aggregates bars over timeframes, runs five strategies
/// on each and weighs their signals against each other.
#[derive(Debug, Parser)]
#[command(name = "wagehood-engine", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Start with `wagehood-engine run`: it needs no Redis and no configuration.

Exit codes:
    0  success
    1  failure: the reason is on standard error; or a check (`doctor`, `config check`, `bench`) that did not pass
    2  the command line is wrong
    3  `replay` accepted no record: all were refused, or there was none
  130  a second Ctrl-C ended it at once; also a `bench` that was interrupted (143 by SIGTERM)
  141  whoever read its output has gone")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the live engine: on a mock market by default, on Redis streams with --redis
    ///
    /// Without a configuration the engine runs on its built-in one: a random market of 100 symbols, one bar a second
    /// each, with signals written to signals.jsonl. With --redis it reads the configured input streams and writes the
    /// output streams. Ctrl-C or SIGTERM end it cleanly: it processes and writes what it has read, then reports.
    Run(RunArgs),
    /// Replay recorded bars from CSV files through the same engine, as fast as it can
    ///
    /// The files have a header line and the columns ts, symbol, open, high, low, close, volume, in any order, and
    /// optionally vwap and trades; plain or gzip. Several files are merged by time. Exits with 3 if no record was
    /// accepted, and says why.
    Replay(ReplayArgs),
    /// Examine this host for a configuration: what costs latency, why, and what to do about it
    ///
    /// Needs no rights and changes nothing. Takes a few seconds and keeps the cores it tests busy meanwhile. Exits with 1 if
    /// anything fails.
    Doctor(DoctorArgs),
    /// Show or check a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Measure what the system does on this host
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the results of a benchmark, or compare several
    Report(ReportArgs),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file; overrides the built-in one (see `config show`)
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read from and write to this Redis server, such as redis://127.0.0.1:6379 or redis+unix:///run/redis.sock
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Stop after this time, such as 30s, 5m or 1h; without it, run until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Also write the signals to this file as JSON lines (the mock market writes signals.jsonl by default)
    #[arg(long, value_name = "FILE")]
    pub signals: Option<PathBuf>,
    /// If another engine of this name is running, wait until it ends and take over [default: an error]
    #[arg(long)]
    pub standby: bool,
    /// What the runs have in common.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Files to replay, `-` for standard input; several are merged by time
    #[arg(long, short, value_name = "FILE", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Timeframe of the bars in the files
    #[arg(long, default_value = "1m", value_name = "TF")]
    pub base: Timeframe,
    /// Timeframes to calculate: a number and s, m, h, d, w or M (months); multiples of the base
    #[arg(long, default_value = "1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
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
    #[arg(long, value_name = "OUT.csv", requires = "cells")]
    pub indicators: Option<PathBuf>,
    /// The cells for --indicators, such as BTCUSD:1h,ETHUSD:1m
    #[arg(long, value_name = "SYM:TF,…", value_delimiter = ',', requires = "indicators")]
    pub cells: Vec<String>,
    /// Have --indicators show what the strategies of each cell read, with the configured periods, not the published
    /// indicators with their fixed ones
    #[arg(long, requires = "indicators", conflicts_with = "redis")]
    pub as_read: bool,
    /// Also write the output streams and keys to this Redis server
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
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

/// Arguments that `run` and `replay` share.
#[derive(Debug, Args)]
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
    /// Duration of the hiccup test
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Set any key of the configuration, such as --set engine.pin=true; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the effective configuration, with where each value came from
    Show(ConfigArgs),
    /// Check a configuration and report all its faults at once
    Check(ConfigArgs),
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file; overrides the built-in one
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read the configuration as `run --redis` does: with the documents in Redis if redis.config_from_redis is true;
    /// without a URL, from redis.url
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub redis: Option<String>,
    /// Set any key of the configuration, such as --set engine.workers=3; may be repeated
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

/// How fast a replay runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as it can.
    Max,
    /// This multiple of the recorded speed.
    Times(f64),
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor = text.strip_suffix('x').and_then(|number| number.parse::<f64>().ok());
    factor
        .filter(|f| f.is_finite() && *f > 0.0)
        .map(Speed::Times)
        .ok_or_else(|| "write max, or a factor above zero such as 60x".to_owned())
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
        assert_eq!(parse_speed("60x"), Ok(Speed::Times(60.0)));
        assert!(parse_speed("0x").is_err() && parse_speed("fast").is_err() && parse_speed("infx").is_err());
    }
}
