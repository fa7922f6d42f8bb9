//! Compares runs percentile by percentile: what changed, and whether by more than the noise.

use super::distribution::{QUANTILES, Series, sum};
use anyhow::Result;

/// Number of parts that a run is cut into, to see how much a percentile varies within it.
const BLOCKS: usize = 8;
/// A change below this share does not count.
pub(super) const LEAST: f64 = 0.05;
/// A change below this share does not count if a file has no course over time. Then only the number of latencies says
/// how precise a percentile is.
pub(super) const LEAST_UNKNOWN: f64 = 0.15;
/// A change of this many standard errors counts.
pub(super) const ERRORS: f64 = 3.0;

/// Outcome for one row of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No change beyond the noise.
    Same,
    /// It is better.
    Better,
    /// It is worse.
    Worse,
    /// A maximum that has moved: one latency, which shows what can happen, not what has changed.
    Single,
}

/// What stands below a comparison with such rows.
pub(super) const ABOUT_SINGLE: &str =
    "single: a maximum is one latency, which shows what can happen, not what has changed";

impl Change {
    /// The outcome as a table shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::Single => "single",
        }
    }

    /// The CSS class of a table row: the outcome in lower case.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            other => other.name(),
        }
    }

    /// The last cells of a row: change and noise, as shares, and the outcome.
    pub(super) fn cells(self, relative: f64, noise: f64) -> [String; 3] {
        let noise = if noise > 1.0 { "> ±100%".to_owned() } else { format!("±{:.1}%", 100.0 * noise) };
        [change(relative), noise, self.name().to_owned()]
    }
}

/// A change as a share of what was before; what has more than doubled is told as a factor.
fn change(relative: f64) -> String {
    if relative > 1.0 { format!("× {:.2}", 1.0 + relative) } else { format!("{:+.1}%", 100.0 * relative) }
}

/// A row of a comparison, as its headline sees it.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    /// What it is of.
    pub what: String,
    /// Outcome.
    pub change: Change,
    /// The change as a share of the first.
    pub relative: f64,
    /// Before and after, for people.
    pub values: [String; 2],
    /// Whether it is of the host and not of the engine.
    pub of_host: bool,
}

/// A comparison in one line: whether the engine is better or worse, in what most of all, and whether the host has moved.
pub(super) fn headline(rows: &[Moved]) -> String {
    let of = |change: Change, of_host: bool| {
        rows.iter().filter(move |row| row.change == change && row.of_host == of_host).collect::<Vec<_>>()
    };
    // Twice as much and half as much are equally far.
    let far = |row: &&&Moved| (1.0 + row.relative).max(f64::MIN_POSITIVE).ln().abs();
    let part = |name: &str, rows: &[&Moved]| {
        let most = rows.iter().max_by(|a, b| far(a).total_cmp(&far(b)))?;
        let ([before, after], by) = (&most.values, change(most.relative));
        let most_of_all = if rows.len() > 1 { "most of all " } else { "" };
        Some(format!("{} {name}, {most_of_all}{} {before} → {after} ({by})", rows.len(), most.what))
    };
    let (worse, better) = (of(Change::Worse, false), of(Change::Better, false));
    let verdict = match (worse.is_empty(), better.is_empty()) {
        (true, true) => "no change",
        (false, true) => "WORSE",
        (true, false) => "better",
        (false, false) => "mixed",
    };
    let parts: Vec<String> = [part("worse", &worse), part("better", &better)].into_iter().flatten().collect();
    let parts =
        if parts.is_empty() { "nothing of the engine moved beyond the noise".to_owned() } else { parts.join("; ") };
    let engines = rows.iter().filter(|row| !row.of_host).count();
    let host: Vec<&Moved> = [of(Change::Worse, true), of(Change::Better, true)].concat();
    let host = host.iter().max_by(|a, b| far(a).total_cmp(&far(b))).map_or_else(String::new, |row| {
        format!(
            "; the host moved too ({} {}): see its rows before you blame the engine",
            row.what,
            change(row.relative)
        )
    });
    format!("{verdict}: {parts}, of {engines} rows{host}")
}

/// One percentile of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Name of the series.
    pub series: String,
    /// Name of the percentile.
    pub percentile: &'static str,
    /// In the first run, ns.
    pub before_ns: u64,
    /// In the other run, ns.
    pub after_ns: u64,
    /// Noise: how far the percentile varies without a cause, as a share of the first.
    pub noise: f64,
    /// Outcome.
    pub change: Change,
}

impl Row {
    /// The change as a share of the first.
    #[must_use]
    pub fn relative(&self) -> f64 {
        self.after_ns as f64 / self.before_ns.max(1) as f64 - 1.0
    }
}

/// Compares the series that both runs have, by name.
///
/// The noise of a percentile is three standard errors of it, over eight parts of each run. The host's stalls come in
/// bunches, so the parts say more than the number of latencies does. Without a course over time, the noise comes from
/// the number of latencies alone.
///
/// # Errors
/// The intervals cannot be added up.
pub fn compare(before: &[Series], after: &[Series]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for old in before {
        let Some(new) = after.iter().find(|series| series.name == old.name) else { continue };
        for (percentile, quantile) in QUANTILES {
            // With too few latencies, a percentile equals the maximum: skip it.
            if !(old.total.knows(quantile) && new.total.knows(quantile)) {
                continue;
            }
            let (before_ns, after_ns) = (old.total.at(quantile), new.total.at(quantile));
            let (noise_ns, least) = match (error(old, quantile)?, error(new, quantile)?) {
                (Some(a), Some(b)) => (ERRORS * a.hypot(b), LEAST),
                _ => (spread(old, quantile).hypot(spread(new, quantile)), LEAST_UNKNOWN),
            };
            let noise = (noise_ns / before_ns.max(1) as f64).max(least);
            let mut row =
                Row { series: old.name.clone(), percentile, before_ns, after_ns, noise, change: Change::Same };
            if row.relative().abs() > noise {
                row.change = match row.relative() < 0.0 {
                    _ if quantile >= 1.0 => Change::Single,
                    true => Change::Better,
                    false => Change::Worse,
                };
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// How far a percentile is from those whose rank is three standard errors away, ns.
fn spread(series: &Series, quantile: f64) -> f64 {
    let rank = ERRORS * (quantile * (1.0 - quantile) / series.total.count().max(1) as f64).sqrt();
    let at = |quantile: f64| series.total.at(quantile.clamp(0.0, 1.0)) as f64;
    (at(quantile + rank) - at(quantile)).max(at(quantile) - at(quantile - rank))
}

/// Standard error of a percentile, ns; `None` if there is no course over time.
fn error(series: &Series, quantile: f64) -> Result<Option<f64>> {
    let intervals = &series.intervals;
    if intervals.len() < BLOCKS {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(BLOCKS);
    for block in 0..BLOCKS {
        let (from, to) = (block * intervals.len() / BLOCKS, (block + 1) * intervals.len() / BLOCKS);
        let sum = sum(&intervals[from..to])?;
        if !sum.is_empty() {
            values.push(sum.value_at_quantile(quantile) as f64);
        }
    }
    let count = values.len() as f64;
    if count < 2.0 {
        return Ok(None);
    }
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Ok(Some((variance / count).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(what: &str, relative: f64, change: Change, of_host: bool) -> Moved {
        Moved { what: what.to_owned(), change, relative, values: ["1 ms", "2 ms"].map(str::to_owned), of_host }
    }

    #[test]
    fn a_headline_says_what_a_comparison_comes_to() {
        let same = moved("day p50", 0.01, Change::Same, false);
        let worse = moved("day p99", 1.5, Change::Worse, false);
        let better = moved("swing p50", -0.5, Change::Better, false);
        let host = moved("bare echo p50", 0.2, Change::Worse, true);
        let text = headline(std::slice::from_ref(&same));
        assert_eq!(text, "no change: nothing of the engine moved beyond the noise, of 1 rows");
        assert_eq!(headline(&[same.clone(), worse.clone()]), "WORSE: 1 worse, day p99 1 ms → 2 ms (× 2.50), of 2 rows");
        assert!(headline(&[same.clone(), better.clone()]).starts_with("better: 1 better, swing p50"));
        let all = headline(&[worse.clone(), moved("day p90", 0.2, Change::Worse, false), better, host.clone()]);
        assert!(
            all.starts_with("mixed: 2 worse, most of all day p99") && all.contains("; 1 better, swing p50"),
            "{all}"
        );
        assert!(all.contains("of 3 rows; the host moved too (bare echo p50 +20.0%)"), "{all}");
        assert!(headline(&[same, host]).starts_with("no change"), "the host is not the engine");
    }

    #[test]
    fn no_percentage_exceeds_a_hundred() {
        for (relative, noise) in [(0.999, 0.5), (1.0, 1.0), (1.001, 1.01), (48.0, 7.0), (-1.0, 0.0)] {
            let cells = Change::Worse.cells(relative, noise);
            for cell in &cells[..2] {
                let Some(number) = cell.strip_suffix('%') else { continue };
                let number: f64 = number.trim_start_matches(['>', ' ', '±', '+', '-']).parse().unwrap();
                assert!(number <= 100.0, "{cells:?}");
            }
        }
        assert_eq!(Change::Worse.cells(48.0, 7.0), ["× 49.00", "> ±100%", "WORSE"]);
    }
}
