//! The folder of a run, and how to read it.

use super::{
    distribution::{Distribution, Series},
    hgrm::read_hgrm,
    hlog::read_hlog,
};
use crate::lab::bench::StyleBudget;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Parameters and outcome of a run: `run.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Name of the run.
    pub name: String,
    /// Start of the run, ISO 8601, UTC.
    pub started: String,
    /// `PASS`, `OVER BUDGET`, or `FAIL` if the rate was not held.
    pub verdict: String,
    /// Why the rate was not held; empty if it was.
    pub faults: Vec<String>,
    /// The budgets that were exceeded.
    pub over_budget: Vec<String>,
    /// Shape of the load.
    pub shape: String,
    /// Number of symbols.
    pub symbols: usize,
    /// Bars per second and symbol; of a ramp, the rate of its first step.
    pub rate: f64,
    /// Length of the measured part, s.
    pub duration_s: f64,
    /// Length of the warm-up, s.
    pub warm_up_s: f64,
    /// Timeframes, the base first.
    pub timeframes: Vec<String>,
    /// `unix`, `tcp` or `none`.
    pub socket: String,
    /// `legacy`, `compact`, or `mock` without Redis.
    pub form: String,
    /// Further settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Number of bars sent.
    pub sent: usize,
    /// Number of bars that never got a signal.
    pub lost: usize,
    /// Number of bars without a signal when the last bar had been sent.
    pub backlog: usize,
    /// Comparison with the echo; `None` if the echo was not measured.
    pub echo: Option<EchoInfo>,
    /// The cores that were watched.
    #[serde(default)]
    pub cores: Vec<CoreInfo>,
    /// Slices, if engine and echo took turns.
    #[serde(default)]
    pub slices: Vec<SliceInfo>,
    /// Steps of a ramp.
    #[serde(default)]
    pub steps: Vec<StepInfo>,
    /// Budgets by trading style.
    #[serde(default)]
    pub budgets: BTreeMap<String, StyleBudget>,
}

/// Ratio of the engine to the echo of the same run, all styles together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EchoInfo {
    /// Median of the engine divided by that of the echo.
    pub ratio_p50: f64,
    /// 99th percentile of the engine divided by that of the echo.
    pub ratio_p99: f64,
}

/// A slice of the engine, with the echo before and after it. The times of a run are those of its slices, put end to
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SliceInfo {
    /// Start, s of the measured time.
    pub from_s: f64,
    /// Median of the engine, all styles together, ns.
    pub p50_ns: u64,
    /// 99th percentile of the engine, ns.
    pub p99_ns: u64,
    /// Ratio to the echo on both sides of it.
    pub echo: Option<EchoInfo>,
}

/// A core that was watched during the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoreInfo {
    /// The core.
    pub core: usize,
    /// Time for which the meter waited because other programs had the core, ms.
    pub waited_ms: Option<f64>,
    /// Share of the core's time that the hypervisor took, 0 to 1.
    pub stolen: Option<f64>,
}

/// A step of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepInfo {
    /// Bars per second over all symbols.
    pub bars_per_s: f64,
    /// Start, s from the end of the warm-up.
    pub from_s: f64,
    /// Whether engine and generator held the rate.
    pub held: bool,
    /// Lateness of 99 % of its bars, ns.
    pub lag_p99_ns: u64,
    /// Median, ns.
    pub p50_ns: u64,
    /// 99th percentile, ns.
    pub p99_ns: u64,
    /// Maximum, ns.
    pub max_ns: u64,
}

/// A run, or a single file of histograms.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Name of the folder or file that it was read from.
    pub title: String,
    /// Parameters and outcome; `None` for a single file.
    pub info: Option<RunInfo>,
    /// The host's description, TOML.
    pub host: toml::Table,
    /// Latencies from the intended send to the moment the signal was seen, by style; of a single file, all its series.
    pub signals: Vec<Series>,
    /// Latencies of the echo.
    pub echo: Option<Series>,
    /// How late the generator was.
    pub lag: Option<Series>,
    /// The host's stalls during the run, by core.
    pub hiccups: Vec<Series>,
    /// The engine's final report.
    pub engine_report: Option<String>,
    /// Latencies of the stages as the engine measured them, in pipeline order.
    pub stages: Vec<(String, Distribution)>,
}

/// Stages in pipeline order; the other files are those of the trading styles.
const STAGES: [&str; 8] = ["read", "aggregate", "evaluate", "correlate", "publish", "day", "swing", "position"];

impl Run {
    /// Reads a run's folder, or a single `.hlog` or `.hgrm`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let title = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if path.is_dir() {
            return Self::open_folder(path, title);
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let signals = match path.extension().and_then(|extension| extension.to_str()) {
            Some("hlog") => read_hlog(path)?,
            Some("hgrm") => vec![Series { name: stem, total: read_hgrm(path)?, intervals: Vec::new() }],
            _ => bail!("{} is neither a run's folder nor a .hlog or .hgrm file", path.display()),
        };
        Ok(Self { title, signals, ..Self::default() })
    }

    fn open_folder(path: &Path, title: String) -> Result<Self> {
        let text = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).with_context(|| format!("cannot read {}: is this a run?", file.display()))
        };
        let info: RunInfo = toml::from_str(&text("run.toml")?).context("run.toml")?;
        let host = toml::from_str(&text("host.toml")?).context("host.toml")?;
        let log = |name: &str| -> Result<Option<Series>> {
            let file = path.join(name);
            if !file.exists() {
                return Ok(None);
            }
            let mut series = read_hlog(&file)?;
            if series.len() == 1 { Ok(series.pop()) } else { Series::merged(name, &series) }
        };
        let mut signals = read_hlog(&path.join("signals.hlog"))?;
        signals.sort_by_key(|series| STAGES.iter().position(|name| *name == series.name));
        let mut stages = Vec::new();
        for name in STAGES {
            let file: PathBuf = path.join("engine").join(format!("{name}.hgrm"));
            if file.exists() {
                stages.push((name.to_owned(), read_hgrm(&file)?));
            }
        }
        let (echo, lag) = (log("echo.hlog")?, log("lag.hlog")?);
        let file = path.join("hiccups.hlog");
        let hiccups = if file.exists() { read_hlog(&file)? } else { Vec::new() };
        let engine_report = fs::read_to_string(path.join("engine.txt")).ok();
        Ok(Self { title, info: Some(info), host, signals, echo, lag, hiccups, engine_report, stages })
    }
}
