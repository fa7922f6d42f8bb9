//! Runs of `bench throughput`: reads them, and compares them figure by figure.

use super::compare::{Change, ERRORS, LEAST, LEAST_UNKNOWN, Moved, headline};
use crate::{
    lab::bench::{Figure, TICK, ThroughputInfo, throughput_text},
    telemetry::{Table, exact_count},
};
use anyhow::{Context, Result};
use std::{fmt::Write as _, fs, path::Path};

/// The folder of a throughput run.
#[derive(Debug, Clone)]
pub struct ThroughputRun {
    /// Name of the folder.
    pub title: String,
    /// Parameters and figures: `run.toml`.
    pub info: ThroughputInfo,
    /// The host's description, TOML.
    pub host: toml::Table,
}

/// One figure of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct RateRow {
    /// The stretch.
    pub stretch: &'static str,
    /// Name of the figure.
    pub figure: &'static str,
    /// In the first run.
    pub before: f64,
    /// In the other run.
    pub after: f64,
    /// Noise: how far the figure varies without a cause, as a share of the first.
    pub noise: f64,
    /// Outcome.
    pub change: Change,
}

impl RateRow {
    fn new(stretch: &'static str, figure: &'static str, [before, after]: [f64; 2], noise: f64) -> Self {
        let mut row = Self { stretch, figure, before, after, noise, change: Change::Same };
        if row.relative().abs() > noise {
            // A lower CPU time is better; of everything else, more is better.
            let better = (row.relative() > 0.0) != row.is_time();
            row.change = if better { Change::Better } else { Change::Worse };
        }
        row
    }

    /// The change as a share of the first.
    #[must_use]
    pub fn relative(&self) -> f64 {
        self.after / self.before.max(f64::MIN_POSITIVE) - 1.0
    }

    /// One of its values, for people.
    fn value(&self, value: f64) -> String {
        match self.figure {
            BARS => exact_count(value.round() as u64),
            RATIO => format!("× {value:.2}"),
            _ => format!("{value:.0} ns"),
        }
    }

    fn is_time(&self) -> bool {
        self.figure.ends_with("/bar")
    }

    /// Name, figures, change, noise and outcome.
    pub(super) fn cells(&self) -> [String; 7] {
        let [change, noise, verdict] = self.change.cells(self.relative(), self.noise);
        let [before, after] = [self.before, self.after].map(|value| self.value(value));
        [self.stretch.to_owned(), self.figure.to_owned(), before, after, change, noise, verdict]
    }
}

/// CPU time of one of the participants, cores.
type Cores = fn(&Figure) -> f64;

const BARS: &str = "bars/s";
const RATIO: &str = "÷ bare loop";
/// Column heads of a comparison.
pub(super) const HEADS: [&str; 7] = ["stretch", "figure", "before", "after", "change", "noise", "verdict"];

impl ThroughputRun {
    /// Whether a folder holds a throughput run and not one of `bench latency`.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        let text = fs::read_to_string(path.join("run.toml")).unwrap_or_default();
        toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("bars_of_entry"))
    }

    /// Reads a run's folder.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let text = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).with_context(|| format!("cannot read {}: is this a run?", file.display()))
        };
        let title = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let info = toml::from_str(&text("run.toml")?).with_context(|| format!("{}/run.toml", path.display()))?;
        let host = toml::from_str(&text("host.toml")?).with_context(|| format!("{}/host.toml", path.display()))?;
        Ok(Self { title, info, host })
    }

    /// The run as text for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}", self.title, throughput_text(&self.info))
    }
}

/// Compares two runs: rates, CPU time per bar, and the engine's share of the bare loop's rate.
///
/// The noise of a rate is three standard errors over eight or more parts of each run, and at least 5 %; 15 % if a run
/// records no errors. CPU time, which has one figure per run, has a noise of 15 % plus three ticks of the kernel's
/// clock.
#[must_use]
pub fn compare_rates(before: &ThroughputInfo, after: &ThroughputInfo) -> Vec<RateRow> {
    let mut rows = Vec::new();
    for ((stretch, old), (_, new)) in before.figures().into_iter().zip(after.figures()) {
        let (Some(old), Some(new)) = (old, new) else { continue };
        rows.push(RateRow::new(stretch, BARS, [old.bars_per_s, new.bars_per_s], noise(&[old, new])));
        let times: [(&'static str, Cores); 3] = [
            ("consumer/bar", |figure| figure.consumer_cpu),
            ("redis-server/bar", |figure| figure.redis_cpu),
            ("producer/bar", |figure| figure.producer_cpu),
        ];
        for (name, cores) in times {
            // The participant was absent, or ran too briefly for the kernel's clock.
            if cores(old) <= 0.0 || cores(new) <= 0.0 {
                continue;
            }
            let ticks = |figure: &Figure| 3.0 * TICK.as_secs_f64() / (cores(figure) * figure.seconds);
            let noise = LEAST_UNKNOWN.max(ticks(old).hypot(ticks(new)));
            rows.push(RateRow::new(stretch, name, [old, new].map(|figure| figure.ns_per_bar(cores(figure))), noise));
        }
    }
    let names = ["drain, engine", "flow, engine"];
    for ((name, (old, new)), index) in
        names.into_iter().zip(before.ratios().into_iter().zip(after.ratios())).zip([0, 2])
    {
        let (Some(old), Some(new)) = (old, new) else { continue };
        let pair = |info: &ThroughputInfo| [info.figures()[index].1.copied(), info.figures()[index + 1].1.copied()];
        let all: Vec<Figure> = pair(before).into_iter().chain(pair(after)).flatten().collect();
        rows.push(RateRow::new(name, RATIO, [old, new], noise(&all.iter().collect::<Vec<_>>())));
    }
    rows
}

/// Noise of a rate, or of a quotient of several.
fn noise(figures: &[&Figure]) -> f64 {
    let errors: Option<Vec<f64>> = figures.iter().map(|figure| figure.error).collect();
    errors.map_or(LEAST_UNKNOWN, |errors| {
        (ERRORS * errors.iter().map(|error| error * error).sum::<f64>().sqrt()).max(LEAST)
    })
}

/// Summary of a comparison, line by line: the headline first.
pub(super) fn upshot(before: &ThroughputInfo, after: &ThroughputInfo, rows: &[RateRow]) -> Vec<String> {
    let moved = rows.iter().map(|row| Moved {
        what: format!("{} {}", row.stretch, row.figure),
        change: row.change,
        relative: row.relative(),
        values: [row.before, row.after].map(|value| row.value(value)),
        of_host: row.stretch.ends_with("bare loop"),
    });
    let mut lines = vec![headline(&moved.collect::<Vec<_>>())];
    let held = |info: &ThroughputInfo| info.steady.map(|steady| steady.held);
    match (held(before), held(after)) {
        (Some(true), Some(false)) => lines.push("steady: a rate was held before, none is after".to_owned()),
        (Some(false), Some(true)) => lines.push("steady: no rate was held before, one is after".to_owned()),
        _ => {}
    }
    if before.about() != after.about() {
        lines.push(format!("the loads differ: {} → {}", before.about(), after.about()));
    }
    if let (Some(old), Some(new)) = (before.extent(), after.extent())
        && old != new
    {
        lines.push(format!("the lengths differ: {old} → {new}"));
    }
    lines
}

/// Compares two runs figure by figure, for a terminal.
#[must_use]
pub fn rates_text(before: &ThroughputRun, after: &ThroughputRun) -> String {
    let mut table = Table::new(&format!("{} → {}", before.title, after.title), &HEADS);
    let rows = compare_rates(&before.info, &after.info);
    rows.iter().for_each(|row| table.row(row.cells()));
    let mut text = table.to_string();
    for line in upshot(&before.info, &after.info, &rows) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(bars_per_s: f64, cores: f64, error: Option<f64>) -> Figure {
        Figure { bars_per_s, consumer_cpu: cores, seconds: 4.0, error, held: true, ..Figure::default() }
    }

    fn info(bare: f64, engine: f64, error: Option<f64>) -> ThroughputInfo {
        ThroughputInfo {
            bare_flow: Some(figure(bare, 0.1, error)),
            engine_flow: Some(figure(engine, 0.4, error)),
            ..ThroughputInfo::default()
        }
    }

    fn moved(before: &ThroughputInfo, after: &ThroughputInfo) -> Vec<(&'static str, &'static str, Change)> {
        let rows = compare_rates(before, after).into_iter().filter(|row| row.change != Change::Same);
        rows.map(|row| (row.stretch, row.figure, row.change)).collect()
    }

    #[test]
    fn what_moved_is_told_from_the_noise() {
        let before = info(400_000.0, 300_000.0, Some(0.01));
        assert_eq!(moved(&before, &before), []);
        // 3 % is within the minimum, 8 % beyond three errors of 1 %, and within three of 3 %.
        assert_eq!(moved(&before, &info(400_000.0, 291_000.0, Some(0.01))), []);
        let slower = info(400_000.0, 276_000.0, Some(0.01));
        assert_eq!(
            moved(&before, &slower),
            [("flow, engine", BARS, Change::Worse), ("flow, engine", RATIO, Change::Worse)]
        );
        assert_eq!(moved(&before, &info(400_000.0, 276_000.0, Some(0.03))), []);
        // A run without errors: 15 %.
        assert_eq!(moved(&info(400_000.0, 300_000.0, None), &info(400_000.0, 262_000.0, None)), []);
        let faster = moved(&info(400_000.0, 300_000.0, None), &info(400_000.0, 390_000.0, None));
        assert!(faster.contains(&("flow, engine", BARS, Change::Better)), "{faster:?}");
        assert!(faster.contains(&("flow, engine", "consumer/bar", Change::Better)), "less time is better: {faster:?}");
    }

    #[test]
    fn a_host_that_moved_is_named() {
        let [before, after] = [400_000.0, 300_000.0].map(|bare| info(bare, bare * 0.75, Some(0.01)));
        let rows = compare_rates(&before, &after);
        assert!(rows.iter().all(|row| row.figure != RATIO || row.change == Change::Same), "{rows:?}");
        let lines = upshot(&before, &after, &rows);
        assert!(lines[0].contains("the host moved too (flow, bare loop bars/s -25.0%)"), "{lines:?}");
        let other = ThroughputInfo { symbols: 7, ..before.clone() };
        assert!(upshot(&before, &other, &[])[1].contains("the loads differ"));
        // Figures that a run does not hold are not compared.
        let [four, sixteen] =
            [4, 16].map(|turns| ThroughputInfo { entries: 1, drain_ratios: vec![0.8; turns], ..before.clone() });
        assert_eq!(upshot(&before, &four, &[]).len(), 1);
        assert!(upshot(&four, &sixteen, &[])[1].contains("the lengths differ: 4 turns"));
    }
}
