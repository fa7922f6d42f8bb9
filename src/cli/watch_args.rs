//! Arguments of the commands that look at a running engine or at what it has published.

use clap::Args;
use std::path::PathBuf;

/// Where a running engine answers.
#[derive(Debug, Args)]
pub struct RunningArgs {
    /// Where the engine answers [default: the configured telemetry.listen, or 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    pub at: Option<String>,
    /// File with the token that the engine wants [default: the configured telemetry.token_file]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// The configuration of the engine that is looked at.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Configuration file of the engine
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key of the configuration; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Arguments of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Where it answers.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Print all of it as JSON
    #[arg(long)]
    pub json: bool,
    /// How it is configured.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Arguments of `window`.
#[derive(Debug, Args)]
pub struct WindowArgs {
    /// The symbol
    #[arg(value_name = "SYM")]
    pub symbol: String,
    /// The timeframe, such as 1m
    #[arg(value_name = "TF")]
    pub timeframe: String,
    /// How many of the last bars
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub bars: u32,
    /// Where it answers.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Print all of it as JSON
    #[arg(long)]
    pub json: bool,
    /// How it is configured.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Where it answers.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Print the screen once and end
    #[arg(long)]
    pub once: bool,
    /// How it is configured.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The id of the signal, such as SPY:1m:macd_rsi:1751985000000
    #[arg(value_name = "SIGNAL_ID")]
    pub signal_id: String,
    /// Look into this file of signals instead of the server
    #[arg(long, value_name = "FILE", conflicts_with = "redis")]
    pub signals: Option<PathBuf>,
    /// The server [default: the configured redis.url]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How it is configured: the names of its streams.
    #[command(flatten)]
    pub engine: EngineArgs,
}
