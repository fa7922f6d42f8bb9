//! Arguments of `bench` and `report`.

use super::{duration::parse_duration, place::PlaceArgs, scale::ScaleArgs, throughput::ThroughputArgs};
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
    /// engine, and watches the stream of signals. In turns with it, a bare echo (XREAD, XADD, nothing between) is
    /// measured under the same load: the cost of Redis and the host alone. The results go to a new folder.
    Latency(Box<LatencyArgs>),
    /// Bars a second from Redis to Redis before a backlog grows
    ///
    /// Starts a redis-server and an engine of its own. In turns with it, a bare loop is measured that reads the same
    /// stream and does nothing: what Redis and the host can give. The results go to a new folder.
    Throughput(Box<ThroughputArgs>),
    /// Deployments that this machine cannot run, in a model with the costs that it has measured
    ///
    /// Measures what one operation costs here (a calibration of half a minute, or --costs), and runs a model of nodes, engines
    /// and readers with it: how busy, how late, what the loss of a node, an engine or a zone does. --check runs a small real
    /// set and says how far the model of it is off. --page writes what to buy for which load.
    Scale(Box<ScaleArgs>),
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
    /// Bars per second and symbol; for a ramp, its start
    #[arg(long, default_value_t = 1.0, value_name = "RATE")]
    pub rate: f64,
    /// Duration of the measured part; a ramp divides it into eight steps
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = parse_duration)]
    pub duration: Duration,
    /// Duration of the warm-up, which is not measured
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse_duration)]
    pub warm_up: Duration,
    /// Timeframes; the bars sent are of the shortest, and each gives a signal of the probe
    #[arg(long, default_value = "1s,1m,5m,1h,1d", value_name = "TF,…", value_delimiter = ',')]
    pub timeframes: Vec<Timeframe>,
    /// Trading styles, assigned to the symbols in turn
    #[arg(long, default_value = "day,swing,position", value_name = "STYLE,…", value_delimiter = ',')]
    pub styles: Vec<String>,
    /// Kind of connection to the server
    #[arg(long, value_enum, default_value = "unix")]
    pub socket: Socket,
    /// Use this server instead of starting one; streams are named bench:… and deleted at the end
    #[arg(long, value_name = "URL", conflicts_with = "socket")]
    pub url: Option<String>,
    /// Form of the bars in the stream
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
    /// Without Redis: mock market in, memory out; the engine measures itself
    #[arg(long, conflicts_with_all = ["url", "socket", "form"])]
    pub embedded: bool,
    /// Do not watch the cores for the host's own stalls (the meters wake up every millisecond)
    #[arg(long)]
    pub no_hiccups: bool,
    /// Do not measure the bare echo
    #[arg(long)]
    pub no_echo: bool,
    /// Slices of the engine, each between two of the bare echo; fewer if they would be shorter than 2 s
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub slices: u16,
    /// Stop the engine for this long in the middle, to see whether the figures show it
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "embedded")]
    pub stall: Option<Duration>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// Fail if a budget is broken
    #[arg(long)]
    pub check: bool,
    /// The budgets [default: perf/budgets.toml as of the build]
    #[arg(long, value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    /// Name of the run [default: the shape, and what differs from the defaults]
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
    /// Print the figures, and the comparisons, as JSON
    #[arg(long)]
    pub json: bool,
    /// Remake summary.md and the pictures in each folder from its logs
    #[arg(long)]
    pub redraw: bool,
    /// Also write a page with tables and pictures to this file
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Also write the pictures of every run as PNG to its folder; needs a program built with the feature `png`
    #[arg(long)]
    pub png: bool,
}
