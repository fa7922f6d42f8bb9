//! Arguments of `partitions`.

use super::{duration::parse_duration, watch_args::EngineArgs};
use clap::{Args, Subcommand};
use std::time::Duration;

/// Commands about the partitions of the symbols.
#[derive(Debug, Subcommand)]
pub enum PartitionsCommand {
    /// Print the partitions: tag and slot, symbols, who owns each, how far it is read; and the members that share them
    Show(PartitionsArgs),
    /// Give a partition to another of the members that share them (partitions.own = "auto")
    ///
    /// The other warms up, while the owner goes on; then the owner commits, saves and gives the lease up, and the other takes it.
    /// The partition stays there until a rebalance, or until that member has gone.
    Move {
        /// The partition, counted from 0
        #[arg(value_name = "P")]
        partition: usize,
        /// The member that is to own it, as `partitions show` names it
        #[arg(long, value_name = "MEMBER")]
        to: String,
        /// How.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Have a member give all its partitions to the others and take none, so that it can be stopped without a gap
    ///
    /// It counts until the process is started again. `drain MEMBER --wait 60s`, stop it, start it: a rolling upgrade.
    Drain {
        /// The member, as `partitions show` names it
        #[arg(value_name = "MEMBER")]
        member: String,
        /// How.
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Even out the loads of the members as far as whole partitions allow; what was placed by `move` may move too
    Rebalance {
        /// How.
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Arguments of a change of the assignment.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait until everything that moves has arrived, at most so long, such as 60s; exits with 1 where it has not
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// The server [default: redis.url]
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// How the engines are configured.
    #[command(flatten)]
    pub engine: EngineArgs,
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
