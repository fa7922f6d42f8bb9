//! Writes the folder of a throughput run.

use super::info::{FIGURE_HEADS, ThroughputInfo};
use crate::lab::{
    bench::results::fresh,
    report::{Theme, ThroughputRun, rates, write_picture, write_text},
};
use anyhow::Result;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn markdown(info: &ThroughputInfo, host: &toml::Table) -> String {
    let mut text = format!("# Throughput: {}\n\n{}\n\n", info.name, info.about());
    let _ = writeln!(text, "| {} |\n|---|{}", FIGURE_HEADS.join(" | "), "---:|".repeat(FIGURE_HEADS.len() - 1));
    for row in info.rows() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
    for line in info.findings() {
        let _ = writeln!(text, "- {line}");
    }
    text.push_str(
        "\n![rates](rates.svg)\n\nProcessor time is in cores, and in nanoseconds per bar; ± is the standard error \
         of the rate over eight or more parts of the time. The bare loop and the engine take turns. `drain`: a stream that \
         is full already, read to its end. `flow`: the producer keeps just ahead of the consumer. `steady`: the producer \
         keeps its own schedule, and the backlog does not grow. The engine's progress is its committed position. The bare \
         loop is XREAD with the same COUNT over the same kind of socket, its replies looked over once to find their \
         ends.\n\nThe host:\n\n```toml\n",
    );
    text.push_str(&toml::to_string(host).unwrap_or_default());
    text.push_str("```\n");
    text
}

/// Writes the folder and returns its path.
pub(super) fn write(info: &ThroughputInfo, host: &toml::Table, runs: &Path, name: &str) -> Result<PathBuf> {
    let dir = fresh(runs, name)?;
    fs::write(dir.join("run.toml"), toml::to_string(info)?)?;
    fs::write(dir.join("host.toml"), toml::to_string(host)?)?;
    write_throughput_views(&dir, &ThroughputRun::open(&dir)?)?;
    Ok(dir)
}

/// Writes `summary.md` and the picture of a run into its folder.
///
/// # Errors
/// A file cannot be written.
pub fn write_throughput_views(dir: &Path, run: &ThroughputRun) -> Result<()> {
    write_text(dir, "summary.md", &markdown(&run.info, &run.host))?;
    write_picture(dir, &rates(std::slice::from_ref(run), Theme::File))
}
