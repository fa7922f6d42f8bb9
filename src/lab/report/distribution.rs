//! A distribution of latencies, wherever it was read from.

use hdrhistogram::Histogram;

/// Latencies of one kind, as a histogram or as the lines of a `.hgrm` file.
#[derive(Debug, Clone)]
pub struct Distribution {
    histogram: Option<Histogram<u64>>,
    /// Quantile and the value that it is within, ns, ascending; of a file without a histogram.
    points: Vec<(f64, u64)>,
    count: u64,
    max_ns: u64,
}

/// A stretch of time and its latencies.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Its start, s from the start of the log.
    pub start_s: f64,
    /// Its length, s.
    pub length_s: f64,
    /// Its latencies, ns.
    pub histogram: Histogram<u64>,
}

/// A named distribution with its course over time, where that is known.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it is of.
    pub name: String,
    /// All of it.
    pub total: Distribution,
    /// Over time; empty where the file does not say.
    pub intervals: Vec<Interval>,
}

impl Series {
    /// All latencies of several series, interval by interval; none where they have no intervals.
    #[must_use]
    pub fn merged(name: &str, series: &[Self]) -> Option<Self> {
        let mut all: Vec<Interval> = Vec::new();
        for interval in series.iter().flat_map(|series| &series.intervals) {
            match all.iter_mut().find(|other| other.start_s == interval.start_s) {
                // Fails only where one cannot grow, and all of them can.
                Some(other) => drop(other.histogram.add(&interval.histogram)),
                None => all.push(interval.clone()),
            }
        }
        all.retain(|interval| !interval.histogram.is_empty());
        all.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        let mut total = all.first()?.histogram.clone();
        total.auto(true);
        for interval in &all[1..] {
            let _ = total.add(&interval.histogram);
        }
        Some(Self { name: name.to_owned(), total: Distribution::of(total), intervals: all })
    }
}

impl Distribution {
    /// That of a histogram, ns.
    #[must_use]
    pub fn of(histogram: Histogram<u64>) -> Self {
        let (count, max_ns) = (histogram.len(), histogram.max());
        Self { histogram: Some(histogram), points: Vec::new(), count, max_ns }
    }

    /// That of the lines of a percentile distribution: quantile and value, ns, ascending.
    #[must_use]
    pub fn of_points(points: Vec<(f64, u64)>, count: u64) -> Self {
        let max_ns = points.last().map_or(0, |point| point.1);
        Self { histogram: None, points, count, max_ns }
    }

    /// Latencies in it.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest, ns.
    #[must_use]
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The value that a share of all is within, ns; that of a file is one of its lines.
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

    /// Points of the percentile curve: quantile and value, ns, up to where single latencies are; the longest is the last.
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

/// The quantiles of tables.
pub const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];
