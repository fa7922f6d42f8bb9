//! Arguments of `partitions`.

use super::watch_args::EngineArgs;
use clap::{Args, Subcommand};

/// Commands about the partitions of the symbols.
#[derive(Debug, Subcommand)]
pub enum PartitionsCommand {
    /// Print the partitions: tag and slot, symbols, who owns each, how far it is read
    Show(PartitionsArgs),
}

/// Arguments of `partitions show`.
#[derive(Debug, Args)]
pub struct PartitionsArgs {
    /// Print JSON, with the symbols of each
    #[arg(long)]
    pub json: bool,
    /// The server [default: redis.url]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// How the engines are configured.
    #[command(flatten)]
    pub engine: EngineArgs,
}
