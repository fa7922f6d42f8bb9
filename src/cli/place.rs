//! The arguments that say where a bench puts its results.

use clap::Args;
use std::path::PathBuf;

/// Where the results of a bench go.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Name of this host in the results [default: its own]
    #[arg(long)]
    pub host: Option<String>,
    /// Folder of the runs
    #[arg(long, value_name = "DIR", default_value = "perf/runs")]
    pub out: PathBuf,
}
