//! `make perf`: measures the targets, and says for each whether it is met.
//!
//! ```sh
//! make perf                       # all of it, in a few minutes
//! make perf ROWS=strategies,legacy # the rows whose names begin so
//! ```
//!
//! Figures are medians. Contenders alternate, so that other load on the machine affects all of them alike.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../benches/common/mod.rs"]
mod common;
mod kernels;
mod latency;
#[path = "../../benches/common/peers.rs"]
mod peers;
mod programs;
mod scaling;

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::PathBuf;

/// A row of `targets.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    id: String,
    what: String,
    unit: String,
    most: Option<f64>,
    least: Option<f64>,
    ratio_least: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    row: Vec<Target>,
}

/// The measurement of a row.
#[derive(Debug)]
pub struct Found {
    pub id: &'static str,
    pub figure: f64,
    /// The ratio that counts, and what it compares.
    pub ratio: Option<(f64, String)>,
    /// A further note.
    pub note: String,
}

impl Target {
    /// Whether the target is met; `None` if the row has no bound.
    fn met(&self, found: &Found) -> Option<bool> {
        let bounds = [
            self.most.map(|most| found.figure <= most),
            self.least.map(|least| found.figure >= least),
            self.ratio_least.map(|least| found.ratio.as_ref().is_some_and(|(ratio, _)| *ratio >= least)),
        ];
        bounds.into_iter().flatten().reduce(|all, one| all && one)
    }

    fn bound(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.most.map(|most| format!("≤ {} {}", number(most), self.unit)));
        parts.extend(self.least.map(|least| format!("≥ {} {}", number(least), self.unit)));
        parts.extend(self.ratio_least.map(|least| format!("≥ {least} ×")));
        if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
    }

    fn print(&self, found: &Found) {
        let verdict = match self.met(found) {
            Some(true) => "MET   ",
            Some(false) => "MISSED",
            None => "      ",
        };
        let ratio = found.ratio.as_ref().map_or(String::new(), |(ratio, of)| format!("; {ratio:.2} × {of}"));
        println!("{verdict}  {}", self.what);
        println!("        target {}, found {} {}{ratio}", self.bound(), number(found.figure), self.unit);
        if !found.note.is_empty() {
            println!("        {}", found.note);
        }
    }
}

fn number(value: f64) -> String {
    match value {
        10_000.0.. => format!("{:.2} million", value / 1e6),
        100.0.. => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn main() -> Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("perf/targets.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let targets: Targets = toml::from_str(&text).context("targets.toml")?;
    let wanted: Vec<String> =
        std::env::args().skip(1).flat_map(|arg| arg.split(',').map(str::to_owned).collect::<Vec<_>>()).collect();
    let wants = |id: &str| wanted.is_empty() || wanted.iter().any(|name| id.starts_with(name.as_str()));
    let (mut met, mut missed) = (0, 0);
    let mut tell = |found: Vec<Found>| {
        for found in found {
            let Some(target) = targets.row.iter().find(|target| target.id == found.id) else { continue };
            if wants(found.id) {
                target.print(&found);
                match target.met(&found) {
                    Some(true) => met += 1,
                    Some(false) => missed += 1,
                    None => {}
                }
            }
        }
    };
    let wants_group = |group: &str| targets.row.iter().any(|target| target.id.starts_with(group) && wants(&target.id));
    if wants_group("indicators") {
        tell(kernels::indicators());
    }
    if wants_group("strategies") {
        tell(kernels::strategies());
    }
    if wants_group("custom") {
        tell(kernels::custom());
    }
    if wants_group("replay") {
        tell(programs::replay()?);
    }
    for group in ["compact", "legacy"] {
        if wants_group(group) {
            tell(programs::redis(group, &wants)?);
        }
    }
    if wants_group("memory") {
        tell(programs::memory()?);
    }
    if wants_group("sandbox") {
        tell(latency::sandbox()?);
    }
    println!("{met} met, {missed} missed");
    if wants("scaling") {
        scaling::print()?;
    }
    Ok(())
}
