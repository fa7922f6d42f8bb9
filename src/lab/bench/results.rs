//! Writes the folder of a run.

use super::{
    beside::CoreHiccups,
    tempdir::TempDir,
    track::{INTERVAL_NS, Track},
};
use crate::{
    lab::report::{Run, RunInfo, write_hlog, write_views},
    model::TradingStyle,
    telemetry::{HgrmUnit, write_hgrm},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Results of a run.
pub struct Results {
    /// Parameters and outcome of the run.
    pub info: RunInfo,
    /// Description of the host.
    pub host: toml::Table,
    /// Start of the measured part, Unix ns.
    pub start_unix_ns: i64,
    /// Latencies from the intended send to the moment the signal was seen, by trading style.
    pub styles: [Track; 3],
    /// Latencies of the echo; `None` if it was not measured.
    pub echo: Option<Track>,
    /// How late the generator was.
    pub lag: Option<Track>,
    /// The host's stalls during the run.
    pub hiccups: Vec<CoreHiccups>,
    /// Folder whose subfolder `histograms` holds those of the engine.
    pub engine: Option<TempDir>,
    /// The engine's final report.
    pub engine_report: Option<String>,
}

/// A folder below `runs` that does not exist yet.
pub(super) fn fresh(runs: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(runs).with_context(|| format!("cannot create {}", runs.display()))?;
    for number in 1.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let dir = runs.join(format!("{name}{suffix}"));
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => {
                other.with_context(|| format!("cannot create {}", dir.display()))?;
                return Ok(dir);
            }
        }
    }
    anyhow::bail!("no name is left in {}", runs.display())
}

impl Results {
    /// Writes everything into a new folder, and reads it back as a report does.
    ///
    /// # Errors
    /// A file cannot be written or read.
    pub fn write(&self, runs: &Path, name: &str) -> Result<(PathBuf, Run)> {
        let dir = fresh(runs, name)?;
        fs::write(dir.join("run.toml"), toml::to_string(&self.info)?)?;
        fs::write(dir.join("host.toml"), toml::to_string(&self.host)?)?;
        let styles = TradingStyle::ALL.iter().filter(|style| !self.styles[style.index()].total.is_empty());
        let styles: Vec<(&str, &Track)> = styles.map(|style| (style.name(), &self.styles[style.index()])).collect();
        let logged: Vec<(Option<&str>, &[_])> =
            styles.iter().map(|(name, track)| (Some(*name), &track.intervals[..])).collect();
        let length = Duration::from_nanos(INTERVAL_NS);
        write_hlog(&dir.join("signals.hlog"), self.start_unix_ns, length, &logged)?;
        for (name, track) in &styles {
            write_hgrm(&dir.join(format!("{name}.hgrm")), &track.total, HgrmUnit::Microseconds)?;
        }
        for (name, track) in [("echo", &self.echo), ("lag", &self.lag)] {
            let Some(track) = track else { continue };
            let log = dir.join(format!("{name}.hlog"));
            write_hlog(&log, self.start_unix_ns, length, &[(None, &track.intervals)])?;
            write_hgrm(&dir.join(format!("{name}.hgrm")), &track.total, HgrmUnit::Microseconds)?;
        }
        self.write_hiccups(&dir)?;
        self.copy_engine(&dir)?;
        let run = Run::open(&dir)?;
        write_views(&dir, &run)?;
        Ok((dir, run))
    }

    fn write_hiccups(&self, dir: &Path) -> Result<()> {
        if self.hiccups.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.hiccups.iter().map(|hiccups| format!("core{}", hiccups.core)).collect();
        let logged: Vec<(Option<&str>, &[_])> = names
            .iter()
            .zip(&self.hiccups)
            .map(|(name, hiccups)| (Some(name.as_str()), &hiccups.late.intervals[..]))
            .collect();
        write_hlog(&dir.join("hiccups.hlog"), self.start_unix_ns, Duration::from_nanos(INTERVAL_NS), &logged)?;
        let mut all = Track::new()?;
        self.hiccups.iter().try_for_each(|hiccups| all.overlay(&hiccups.late))?;
        write_hgrm(&dir.join("hiccups.hgrm"), &all.total, HgrmUnit::Microseconds)?;
        Ok(())
    }

    fn copy_engine(&self, dir: &Path) -> Result<()> {
        if let Some(report) = self.engine_report.as_ref().filter(|text| !text.trim().is_empty()) {
            fs::write(dir.join("engine.txt"), report)?;
        }
        let Some(from) = self.engine.as_ref().map(|dir| dir.path().join("histograms")).filter(|from| from.exists())
        else {
            return Ok(());
        };
        let to = dir.join("engine");
        fs::create_dir(&to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    }
}
