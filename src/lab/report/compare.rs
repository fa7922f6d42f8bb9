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

/// Outcome for one percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// No change beyond the noise.
    Same,
    /// It has decreased.
    Better,
    /// It has increased.
    Worse,
}

impl Change {
    /// The outcome as a table shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Better => "better",
            Self::Worse => "WORSE",
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
        [format!("{:+.1}%", 100.0 * relative), format!("±{:.1}%", 100.0 * noise), self.name().to_owned()]
    }
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
            let enough = |series: &Series| series.total.count() as f64 * (1.0 - quantile) >= 1.0;
            if quantile < 1.0 && !(enough(old) && enough(new)) {
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
            // The maximum is a single latency: it shows what can happen, not what has changed.
            if quantile < 1.0 && row.relative().abs() > noise {
                row.change = if row.relative() < 0.0 { Change::Better } else { Change::Worse };
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
