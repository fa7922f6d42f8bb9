//! Arguments of the commands that change documents in Redis.

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
}
