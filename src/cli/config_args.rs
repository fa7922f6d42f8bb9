//! Arguments of `config`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the effective configuration, with where each value came from
    Show(PrintArgs),
    /// Check a configuration and report all its faults at once
    Check(PrintArgs),
    /// Print a JSON schema of the configuration, for editors: texts, ranges and names as one types
    ///
    /// Save it, and write `#:schema ./FILE` in the first line of a configuration, for editors that read TOML.
    Schema,
    /// Have a running engine read its file and its documents again, and say what it makes of them
    Reload(ConfigArgs),
}

/// Arguments of `config show` and `config check`.
#[derive(Debug, Args)]
pub struct PrintArgs {
    /// Which configuration.
    #[command(flatten)]
    pub which: ConfigArgs,
    /// Print JSON: of `show` the values, and by key where each came from; of `check` whether it holds, its faults, notes
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file; overrides the built-in one
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same, as the other commands have it
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
