//! The file of the signals of `run`, and where files are written.

use super::{args::RunArgs, earlier, note::note};
use crate::config::Config;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// The file for signals: that of the command line, or with the mock market that of the configuration.
pub fn signals_file<'a>(args: &'a RunArgs, config: &'a Config) -> Option<&'a Path> {
    let configured =
        Some(config.output.signals_file.as_str()).filter(|path| !path.is_empty() && !config.input.feed.is_redis());
    args.signals.as_deref().or(configured.map(Path::new))
}

/// Keeps the signals of an earlier run beside the file that is to hold those of this one.
///
/// # Errors
/// The file cannot be renamed.
pub fn keep_earlier(args: &RunArgs, config: &Config) -> Result<()> {
    let signals = signals_file(args, config).filter(|path| !args.force && *path != Path::new("-"));
    if let Some(path) = signals
        && let Some(kept) = earlier::keep(path)?
        && !args.common.quiet
    {
        note(&format!("{} of an earlier run is kept as {}", path.display(), kept.display()));
    }
    Ok(())
}

/// The directories of the files that are written beside the state.
pub fn written(args: &RunArgs, config: &Config, histograms: Option<&Path>) -> Vec<PathBuf> {
    let signals = signals_file(args, config).filter(|path| *path != Path::new("-"));
    let parent = |path: &Path| path.parent().filter(|dir| *dir != Path::new("")).unwrap_or(Path::new(".")).to_owned();
    signals.map(parent).into_iter().chain(histograms.map(Path::to_owned)).collect()
}
