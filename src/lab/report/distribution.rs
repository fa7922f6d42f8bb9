//! A distribution of latencies, from any kind of file.

use crate::telemetry::merge;
use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// Latencies of one kind, as a histogram or as the lines of a `.hgrm` file.
#[derive(Debug, Clone)]
pub struct Distribution {
    histogram: Option<Histogram<u64>>,
    /// Quantiles with their values, ns, ascending; from a file without a histogram.
    points: Vec<(f64, u64)>,
    count: u64,
    max_ns: u64,
}

/// A stretch of time and its latencies.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Start, s from the start of the log.
    pub start_s: f64,
    /// Length, s.
    pub length_s: f64,
    /// Its latencies, ns.
    pub histogram: Histogram<u64>,
}

/// A named distribution, with its course over time if that is known.
#[derive(Debug, Clone)]
pub struct Series {
    /// Name of the series.
    pub name: String,
    /// All latencies.
    pub total: Distribution,
    /// Latencies by interval; empty if the file does not hold them.
    pub intervals: Vec<Interval>,
}

impl Series {
    /// A series of these intervals.
    ///
    /// # Errors
    /// The intervals cannot be added up; the error names the series.
    pub fn new(name: String, intervals: Vec<Interval>) -> Result<Self> {
        let total = sum(&intervals).with_context(|| format!("{name} cannot be added up"))?;
        Ok(Self { name, total: Distribution::of(total), intervals })
    }

    /// All latencies of several series, interval by interval; `None` if they have no intervals.
    ///
    /// # Errors
    /// The intervals cannot be added up; the error names the series.
    pub fn merged(name: &str, series: &[Self]) -> Result<Option<Self>> {
        let mut all: Vec<Interval> = Vec::new();
        for one in series {
            for interval in &one.intervals {
                match all.iter_mut().find(|other| other.start_s == interval.start_s) {
                    Some(other) => merge(&mut other.histogram, &interval.histogram).with_context(|| {
                        format!("{name}: {} at {} s cannot be added to the others", one.name, interval.start_s)
                    })?,
                    None => all.push(interval.clone()),
                }
            }
        }
        all.retain(|interval| !interval.histogram.is_empty());
        all.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        if all.is_empty() { Ok(None) } else { Self::new(name.to_owned(), all).map(Some) }
    }
}

/// All intervals added up.
///
/// # Errors
/// As for [`Series::new`].
pub(super) fn sum(intervals: &[Interval]) -> Result<Histogram<u64>> {
    let Some((first, rest)) = intervals.split_first() else { return Ok(Histogram::new(3)?) };
    let mut total = first.histogram.clone();
    for interval in rest {
        merge(&mut total, &interval.histogram).with_context(|| format!("the interval at {} s", interval.start_s))?;
    }
    Ok(total)
}

impl Distribution {
    /// The distribution of a histogram, ns.
    #[must_use]
    pub fn of(histogram: Histogram<u64>) -> Self {
        let (count, max_ns) = (histogram.len(), histogram.max());
        Self { histogram: Some(histogram), points: Vec::new(), count, max_ns }
    }

    /// The distribution of the lines of a `.hgrm` file: quantile and value, ns, ascending.
    #[must_use]
    pub fn of_points(points: Vec<(f64, u64)>, count: u64) -> Self {
        let max_ns = points.last().map_or(0, |point| point.1);
        Self { histogram: None, points, count, max_ns }
    }

    /// Number of latencies.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The maximum, ns.
    #[must_use]
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The value at a quantile, ns; of a `.hgrm` file, one of its lines.
    #[must_use]
    pub fn at(&self, quantile: f64) -> u64 {
        if quantile >= 1.0 {
            return self.max_ns;
        }
        match &self.histogram {
            Some(histogram) => histogram.value_at_quantile(quantile).min(self.max_ns),
            None => {
                let index = self.points.partition_point(|point| point.0 < quantile - 1e-12);
                self.points.get(index).map_or(self.max_ns, |point| point.1)
            }
        }
    }

    /// Whether there are enough latencies for a quantile to be more than the maximum.
    #[must_use]
    pub fn knows(&self, quantile: f64) -> bool {
        quantile >= 1.0 || self.count as f64 * (1.0 - quantile) >= 1.0
    }

    /// Points of the percentile curve: quantile and value, ns, up to single latencies; the maximum is the last.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, u64)> {
        if self.count == 0 {
            return Vec::new();
        }
        if self.histogram.is_none() {
            return self.points.iter().copied().filter(|point| point.0 < 1.0).collect();
        }
        let decades = (self.count as f64).log10().max(1.0);
        let steps = (decades * 24.0) as u32;
        (0..=steps)
            .map(|step| {
                let quantile = 1.0 - 10_f64.powf(-decades * f64::from(step) / f64::from(steps));
                (quantile, if step == steps { self.max_ns } else { self.at(quantile) })
            })
            .collect()
    }
}

/// The quantiles that tables show.
pub const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

#[cfg(test)]
mod tests {
    use super::{
        super::{read_hlog, write_hlog},
        *,
    };
    use proptest::{collection::vec, prelude::*};
    use std::time::Duration;

    /// Seconds of latencies by series, from none to ten minutes each.
    fn seconds() -> impl Strategy<Value = Vec<Vec<Vec<u64>>>> {
        let latency = (0_u32..40, any::<u64>()).prop_map(|(bits, ns)| ns & ((1 << bits) - 1));
        vec(vec(vec(latency, 0..12), 0..6), 1..4)
    }

    fn same(total: &Histogram<u64>, mut exact: Vec<u64>) -> std::result::Result<(), TestCaseError> {
        exact.sort_unstable();
        prop_assert_eq!(total.len(), exact.len() as u64);
        let (Some(least), Some(most)) = (exact.first(), exact.last()) else { return Ok(()) };
        prop_assert_eq!(total.min(), total.lowest_equivalent(*least));
        prop_assert_eq!(total.max(), total.highest_equivalent(*most));
        for quantile in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let rank = ((quantile * exact.len() as f64).ceil() as usize).max(1);
            prop_assert_eq!(total.value_at_quantile(quantile), total.highest_equivalent(exact[rank - 1]));
        }
        Ok(())
    }

    proptest! {
        /// Written to a log and read back: a histogram that was read may not grow by itself.
        #[test]
        fn merged_series_hold_every_latency_of_their_logs(by_series in seconds()) {
            let histogram = |values: &Vec<u64>| {
                let mut histogram = Histogram::<u64>::new(3).unwrap();
                values.iter().for_each(|&ns| histogram.record(ns).unwrap());
                histogram
            };
            let tags = ["core0", "core1", "core2"];
            let logged: Vec<Vec<_>> = by_series.iter().map(|seconds| seconds.iter().map(histogram).collect()).collect();
            let logged: Vec<(Option<&str>, &[_])> =
                tags.iter().zip(&logged).map(|(tag, seconds)| (Some(*tag), &seconds[..])).collect();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("hiccups.hlog");
            write_hlog(&path, 1_760_000_000_000_000_000, Duration::from_secs(1), &logged).unwrap();
            let read = read_hlog(&path).unwrap();
            let all: Vec<u64> = by_series.iter().flatten().flatten().copied().collect();
            let Some(merged) = Series::merged("hiccups", &read).unwrap() else {
                prop_assert!(all.is_empty());
                return Ok(());
            };
            prop_assert_eq!((merged.total.count(), merged.intervals.is_empty()), (all.len() as u64, all.is_empty()));
            same(merged.total.histogram.as_ref().unwrap(), all)?;
            for interval in &merged.intervals {
                let of_second = |seconds: &Vec<Vec<u64>>| seconds.get(interval.start_s as usize).cloned();
                same(&interval.histogram, by_series.iter().filter_map(of_second).flatten().collect())?;
            }
        }
    }

    #[test]
    fn what_cannot_be_added_up_is_named() {
        let part = |name: &str, start_s: f64, count: u64| {
            let mut histogram = Histogram::new(3).unwrap();
            histogram.record_n(5, count).unwrap();
            Series::new(name.to_owned(), vec![Interval { start_s, length_s: 1.0, histogram }]).unwrap()
        };
        let text = |of: [Series; 2]| format!("{:#}", Series::merged("hiccups", &of).unwrap_err());
        let one_second = text([part("core0", 4.0, u64::MAX), part("core1", 4.0, 2)]);
        assert!(one_second.starts_with("hiccups: core1 at 4 s cannot be added to the others: "), "{one_second}");
        let total = text([part("core0", 4.0, u64::MAX), part("core1", 5.0, 2)]);
        assert!(total.starts_with("hiccups cannot be added up: the interval at 5 s: "), "{total}");
    }
}
