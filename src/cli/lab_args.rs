//! Arguments of `bench` and `report`.

use super::{duration::parse_duration, place::PlaceArgs, throughput::ThroughputArgs};
use crate::{
    lab::bench::{Form, Shape, Socket},
    model::Timeframe,
};
use clap::{Args, Subcommand};
use std::{path::PathBuf, time::Duration};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Latency from the intended send of a bar to the moment a subscriber sees its signal
    ///
    /// Starts a redis-server and an engine of its own, sends bars on a fixed schedule without ever waiting for the
    /// engine, and watches the stream of signals. A bare echo (XREAD, XADD, nothing between) is measured in turns with
    /// it, under the same load: what Redis and the host cost by themselves. The results go to a folder of their own.
    Latency(Box<LatencyArgs>),
    /// Bars a second that go through, Redis in, Redis out, before a backlog grows
    ///
    /// Starts a redis-server and an engine of its own. A bare loop that reads the same stream and does nothing with it is
    /// measured beside it: what Redis and the host give. The results go to a folder of their own.
    Throughput(Box<ThroughputArgs>),
    /// Reads entries and writes them back: the peer that `bench latency` starts
    #[command(hide = true)]
    Echo(EchoArgs),
}

/// Arguments of `bench latency`.
#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// How the load is spread over time
    #[arg(long, value_enum, default_value = "steady")]
    pub shape: Shape,
    /// Symbols
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub symbols: usize,
    /// Bars per second and symbol; where a ramp starts
    #[arg(long, default_value_t = 1.0, value_name = "RATE")]
    pub rate: f64,
    /// Length of the measured part; a ramp has eight steps in it
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = parse_duration)]
    pub duration: Duration,
    /// Length of the part before it, which is not measured
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse_duration)]
    pub warm_up: Duration,
    /// Timeframes; bars of the shortest come in, and each gives a signal of the probe
    #[arg(long, default_value = "1s,1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// Trading styles that the symbols have in turn
    #[arg(long, default_value = "day,swing,position", value_name = "STYLE,…", value_delimiter = ',')]
    pub styles: Vec<String>,
    /// How the server is reached
    #[arg(long, value_enum, default_value = "unix")]
    pub socket: Socket,
    /// Use this server instead of starting one; streams are named bench:… and deleted at the end
    #[arg(long, value_name = "URL", conflicts_with = "socket")]
    pub url: Option<String>,
    /// How bars travel
    #[arg(long, value_enum, default_value = "legacy")]
    pub form: Form,
    /// Threads of the engine: `shared` or `dedicated` [default: as configured]
    #[arg(long, value_name = "MODE")]
    pub threading: Option<String>,
    /// Strategy workers of the engine [default: as configured]
    #[arg(long, value_name = "N")]
    pub workers: Option<u16>,
    /// Set any key of the engine's configuration; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Keep the generator on this core
    #[arg(long, value_name = "CORE")]
    pub pin: Option<usize>,
    /// Without Redis: a mock market in, memory out, as the engine measures itself
    #[arg(long, conflicts_with_all = ["url", "socket", "form"])]
    pub embedded: bool,
    /// Do not watch the cores for the host's own stalls (the meters wake up every millisecond)
    #[arg(long)]
    pub no_hiccups: bool,
    /// Do not measure the bare echo
    #[arg(long)]
    pub no_echo: bool,
    /// Slices of the engine, each between two of the bare echo; fewer where they would be shorter than 2 s
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub slices: u16,
    /// Stop the engine for this long in the middle, to see whether the figures show it
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "embedded")]
    pub stall: Option<Duration>,
    /// Fail where a budget is broken
    #[arg(long)]
    pub check: bool,
    /// The budgets [default: perf/budgets.toml as it was when this was built]
    #[arg(long, value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    /// Name of the run [default: the shape, with what differs from the defaults]
    #[arg(long)]
    pub name: Option<String>,
    /// Where the results go, and under whose name.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Arguments of `bench echo`.
#[derive(Debug, Args)]
pub struct EchoArgs {
    /// The server
    #[arg(long)]
    pub url: String,
    /// Stream to read
    #[arg(long)]
    pub from: String,
    /// Stream to write
    #[arg(long)]
    pub to: String,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders of runs, all of them of one bench, or single .hlog or .hgrm files; each further one is compared with the
    /// first
    #[arg(value_name = "DIR", required = true)]
    pub runs: Vec<PathBuf>,
    /// Make summary.md and the pictures in each folder again, from its logs
    #[arg(long)]
    pub redraw: bool,
    /// Write a page with tables and pictures to this file as well
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Write the pictures of every run as PNG into its folder as well; needs a program with the feature `png`
    #[arg(long)]
    pub png: bool,
}
