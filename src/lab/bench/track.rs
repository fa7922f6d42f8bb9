//! Latencies of one kind: in total, and second by second.

use crate::telemetry::{HIGHEST_NS, merge};
use anyhow::Result;
use hdrhistogram::Histogram;

/// Length of an interval, ns.
pub const INTERVAL_NS: u64 = 1_000_000_000;

/// Latencies of one kind, ns: in total, and by the second of the intended start.
/// Takes about 100 kB per second of the run.
/// About 100 kB a second of the run.
#[derive(Debug, Clone)]
pub struct Track {
    /// All latencies.
    pub total: Histogram<u64>,
    /// Latencies by second of the measured time.
    pub intervals: Vec<Histogram<u64>>,
}

impl Track {
    /// An empty track.
    ///
    /// # Errors
    /// The histogram's bounds are refused; they are constants, which the library accepts.
    pub fn new() -> Result<Self> {
        // Allocates the usual range at once; a longer latency makes it grow.
        let mut total = Histogram::new_with_bounds(1, HIGHEST_NS, 3)?;
        total.auto(true);
        Ok(Self { total, intervals: Vec::new() })
    }

    /// The sum of these seconds.
    ///
    /// # Errors
    /// The histograms cannot be added up.
    pub fn of(intervals: Vec<Histogram<u64>>) -> Result<Self> {
        let mut total = Self::new()?.total;
        intervals.iter().try_for_each(|interval| merge(&mut total, interval))?;
        Ok(Self { total, intervals })
    }

    /// Records a latency at a time of the measured part, both ns.
    ///
    /// # Errors
    /// The latency is too long to be recorded.
    pub fn record(&mut self, at_ns: u64, latency_ns: u64) -> Result<()> {
        let interval = (at_ns / INTERVAL_NS) as usize;
        self.fill_up_to(interval + 1)?;
        self.total.record(latency_ns)?;
        self.intervals[interval].record(latency_ns)?;
        Ok(())
    }

    /// Adds empty seconds until there are `seconds`.
    fn fill_up_to(&mut self, count: usize) -> Result<()> {
        while self.intervals.len() < count {
            // Grows with its content: one second rarely spans the whole range.
            self.intervals.push(Histogram::new(3)?);
        }
        Ok(())
    }

    /// The latency at a quantile, ns.
    #[must_use]
    pub fn at(&self, quantile: f64) -> u64 {
        self.total.value_at_quantile(quantile).min(self.total.max())
    }

    /// The latency at a quantile, ns, among those with an intended start between two times of the measured part, ns.
    /// Counts whole seconds only.
    ///
    /// # Errors
    /// As for [`Track::of`].
    pub fn at_between(&self, from_ns: u64, to_ns: u64, quantile: f64) -> Result<u64> {
        let (from, to) = (from_ns.div_ceil(INTERVAL_NS) as usize, (to_ns / INTERVAL_NS) as usize);
        let mut sum = Histogram::new(3)?;
        self.intervals.iter().take(to).skip(from).try_for_each(|interval| merge(&mut sum, interval))?;
        Ok(sum.value_at_quantile(quantile))
    }

    /// The seconds that have ended by a time of the measured part, ns.
    ///
    /// # Errors
    /// As for [`Track::of`].
    pub fn up_to(&self, end_ns: u64) -> Result<Self> {
        let count = usize::try_from(end_ns / INTERVAL_NS).unwrap_or(usize::MAX).min(self.intervals.len());
        Self::of(self.intervals[..count].to_vec())
    }

    /// Adds another track of the same time.
    ///
    /// # Errors
    /// As for [`Track::of`].
    pub fn overlay(&mut self, more: &Self) -> Result<()> {
        merge(&mut self.total, &more.total)?;
        for (index, interval) in more.intervals.iter().enumerate() {
            match self.intervals.get_mut(index) {
                Some(own) => merge(own, interval)?,
                None => self.intervals.push(interval.clone()),
            }
        }
        Ok(())
    }

    /// Adds another track, whose time starts at this time of this one's, ns; it must be a whole second.
    ///
    /// # Errors
    /// As for [`Track::of`].
    pub fn append_at(&mut self, more: &Self, from_ns: u64) -> Result<()> {
        self.fill_up_to((from_ns / INTERVAL_NS) as usize)?;
        self.append(more)
    }

    /// Appends another track: its time follows this one's.
    ///
    /// # Errors
    /// As for [`Track::of`].
    pub fn append(&mut self, more: &Self) -> Result<()> {
        merge(&mut self.total, &more.total)?;
        self.intervals.extend_from_slice(&more.intervals);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        /// Latencies of up to ten minutes, beyond [`HIGHEST_NS`].
        #[test]
        fn no_latency_is_lost_however_tracks_are_put_together(
            parts in vec(vec((0_u64..4, 0_u64..600_000_000_000), 0..30), 1..4), beside in any::<bool>()
        ) {
            let mut all = Track::new().unwrap();
            for (number, part) in parts.iter().enumerate() {
                let mut track = Track::new().unwrap();
                part.iter().for_each(|&(second, ns)| track.record(second * INTERVAL_NS, ns).unwrap());
                if beside { all.overlay(&track) } else { all.append_at(&track, 4 * number as u64 * INTERVAL_NS) }.unwrap();
            }
            let mut sorted: Vec<u64> = parts.iter().flatten().map(|latency| latency.1).collect();
            sorted.sort_unstable();
            let again = Track::of(all.intervals.clone()).unwrap().total;
            for total in [&all.total, &again] {
                prop_assert_eq!(total.len(), sorted.len() as u64);
                let Some(most) = sorted.last() else { continue };
                prop_assert_eq!(total.max(), total.highest_equivalent(*most));
                let median = sorted[sorted.len().div_ceil(2) - 1];
                prop_assert_eq!(total.value_at_quantile(0.5), total.highest_equivalent(median));
            }
            let last = if beside { 4 } else { 4 * parts.len() as u64 };
            prop_assert_eq!(all.at_between(0, last * INTERVAL_NS, 1.0).unwrap(), all.at(1.0));
        }
    }
}
