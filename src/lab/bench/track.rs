//! Latencies of one kind: in all, and second by second.

use crate::telemetry::HIGHEST_NS;
use anyhow::Result;
use hdrhistogram::Histogram;

/// Length of an interval, ns.
pub const INTERVAL_NS: u64 = 1_000_000_000;

/// Latencies of one kind, ns: in all, and by the second in which each was meant to start.
///
/// About 100 kB a second of the run.
#[derive(Debug, Clone)]
pub struct Track {
    /// All of them.
    pub total: Histogram<u64>,
    /// By second of the measured time.
    pub intervals: Vec<Histogram<u64>>,
}

impl Track {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never: the bounds are constants that the library accepts.
    pub fn new() -> Result<Self> {
        Ok(Self { total: Histogram::new_with_bounds(1, HIGHEST_NS, 3)?, intervals: Vec::new() })
    }

    /// What these seconds hold.
    ///
    /// # Errors
    /// Never, as for [`Track::new`].
    pub fn of(intervals: Vec<Histogram<u64>>) -> Result<Self> {
        let mut total = Self::new()?.total;
        for interval in &intervals {
            total.add(interval)?;
        }
        Ok(Self { total, intervals })
    }

    /// Records a latency at a time of the measured part, both ns.
    pub fn record(&mut self, at_ns: u64, latency_ns: u64) {
        let interval = (at_ns / INTERVAL_NS) as usize;
        while self.intervals.len() <= interval {
            // Grows with what it holds: a second rarely spans the whole range.
            let Ok(histogram) = Histogram::new(3) else { return };
            self.intervals.push(histogram);
        }
        let latency_ns = latency_ns.clamp(1, HIGHEST_NS);
        self.total.saturating_record(latency_ns);
        // Cannot fail: it grows.
        let _ = self.intervals[interval].record(latency_ns);
    }

    /// The latency that a share of all is within, ns.
    #[must_use]
    pub fn at(&self, quantile: f64) -> u64 {
        self.total.value_at_quantile(quantile).min(self.total.max())
    }

    /// The latency that a share of those is within that were meant to start between two times of the measured part, ns;
    /// whole seconds only.
    #[must_use]
    pub fn at_between(&self, from_ns: u64, to_ns: u64, quantile: f64) -> u64 {
        let (from, to) = (from_ns.div_ceil(INTERVAL_NS) as usize, (to_ns / INTERVAL_NS) as usize);
        let Ok(mut sum) = Histogram::<u64>::new(3) else { return 0 };
        for interval in self.intervals.iter().take(to).skip(from) {
            // Cannot fail: it grows.
            let _ = sum.add(interval);
        }
        sum.value_at_quantile(quantile)
    }

    /// The seconds that are over at a time of the measured part, ns.
    ///
    /// # Errors
    /// Never, as for [`Track::new`].
    pub fn up_to(&self, end_ns: u64) -> Result<Self> {
        let count = usize::try_from(end_ns / INTERVAL_NS).unwrap_or(usize::MAX).min(self.intervals.len());
        Self::of(self.intervals[..count].to_vec())
    }

    /// Adds another track of the same time.
    pub fn overlay(&mut self, more: &Self) {
        // Fails only for bounds that differ, here and below; intervals grow.
        let _ = self.total.add(&more.total);
        for (index, interval) in more.intervals.iter().enumerate() {
            match self.intervals.get_mut(index) {
                Some(own) => drop(own.add(interval)),
                None => self.intervals.push(interval.clone()),
            }
        }
    }

    /// Adds another track whose time starts at a whole second of this one's, ns.
    pub fn append_at(&mut self, more: &Self, from_ns: u64) {
        let from = (from_ns / INTERVAL_NS) as usize;
        while self.intervals.len() < from {
            let Ok(nothing) = Histogram::new(3) else { return };
            self.intervals.push(nothing);
        }
        self.append(more);
    }

    /// Adds another track behind this one, as another stretch of time.
    pub fn append(&mut self, more: &Self) {
        let _ = self.total.add(&more.total);
        self.intervals.extend_from_slice(&more.intervals);
    }
}
