//! Arguments of the commands that change documents in Redis.

use super::duration::parse_duration;
use clap::{Args, Subcommand};
use std::{path::PathBuf, time::Duration};

/// What the commands about documents in Redis have in common.
#[derive(Debug, Clone, Args)]
pub struct DocumentArgs {
    /// Configuration file that names the server and what is not in documents; overrides the built-in one
    #[arg(long, short, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The Redis server [default: as configured]
    #[arg(long, value_name = "URL", global = true)]
    pub redis: Option<String>,
    /// Set any key of the configuration, such as --set redis.config_prefix=other:; may be repeated
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
}

/// Arguments of `watchlist`, `strategies` and `timeframes`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EditCommand,
    /// Where.
    #[command(flatten)]
    pub common: DocumentArgs,
}

/// What to do with the entries of a document.
#[derive(Debug, Clone, Subcommand)]
pub enum EditCommand {
    /// Print the entries, one JSON object a line
    List,
    /// Add an entry, with settings such as priority=2 or enabled_strategies='["macd_rsi"]'
    Add {
        /// Its name
        name: String,
        /// Its settings
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Remove entries
    Remove {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Enable entries
    Enable {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Disable entries
    Disable {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Change settings of an entry
    Set {
        /// Its name
        name: String,
        /// Settings; a value is JSON, or else a text
        #[arg(value_name = "KEY=VALUE", required = true)]
        settings: Vec<String>,
    },
}

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MigrateCommand,
    /// Where.
    #[command(flatten)]
    pub common: DocumentArgs,
}

/// The steps of a migration.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateCommand {
    /// Say what is there: documents with form and lifetime, streams with groups, who is connected; changes nothing
    Inspect,
    /// Print every field of the documents that is used, and what is dropped; changes nothing
    Plan,
    /// Keep the documents without a lifetime, in the form in which they are, after a backup of bytes and lifetimes
    Apply {
        /// Also while others are connected, who may write the documents with a lifetime again
        #[arg(long)]
        force: bool,
    },
    /// Restore what `apply` found, byte for byte, with the lifetimes of then
    Rollback {
        /// The backup [default: the newest]
        time: Option<String>,
    },
    /// Write a configuration with which the engine runs beside the existing system under names of its own, and say which
    /// keys and streams the two would fight over without it
    Shadow(ShadowArgs),
    /// Read the results of the existing system and of an engine beside it, live, and report how they differ
    Compare(CompareArgs),
}

/// Arguments of `migrate shadow`.
#[derive(Debug, Clone, Args)]
pub struct ShadowArgs {
    /// Where the configuration goes; a file that is there is not overwritten
    #[arg(long, short, value_name = "FILE", default_value = "shadow.toml")]
    pub out: PathBuf,
    /// What stands before the names of all keys and streams that the engine writes
    #[arg(long, value_name = "TEXT", default_value = "shadow:")]
    pub prefix: String,
}

/// Arguments of `migrate compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Configuration of the engine beside the existing system, as `migrate shadow` writes it
    #[arg(long, value_name = "FILE", default_value = "shadow.toml")]
    pub shadow: PathBuf,
    /// How long to look, such as 5m; at least a few bars
    #[arg(long = "for", value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub duration: Duration,
    /// Largest relative difference of an indicator that passes
    #[arg(long, value_name = "SHARE", default_value_t = 1e-3)]
    pub tolerance: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
