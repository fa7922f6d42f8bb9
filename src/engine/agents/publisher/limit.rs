//! Entries that make a batch full, by how long batches take: a little more while a full one is as quick as most, a tenth
//! less where one is slow or refused. Pure; what is written, and in which order, does not depend on it.

use crate::telemetry::PublisherCounters;

/// Weight of the newest round trip.
const ALPHA: f64 = 1.0 / 16.0;
/// Round trips before any of them is held to be slow.
const KNOWN: u32 = 16;
/// Deviations above the mean from which on one is.
const SLOW: f64 = 2.5;
/// What is left of the limit then, and of the configured one at least: slow round trips come by chance, and where batches are
/// seldom full nothing would make up for them.
const LESS: f64 = 0.9;
const LEAST: usize = 10;

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitChange {
    Raised,
    Lowered,
}

impl LimitChange {
    /// Counts it; the limit is this from now on.
    pub fn count(self, limit: usize, counters: &PublisherCounters) {
        counters.batch_limit.set(limit as u64);
        match self {
            Self::Raised => counters.batch_limit_raised.bump(),
            Self::Lowered => counters.batch_limit_lowered.bump(),
        }
    }
}

/// The limit of a batch.
#[derive(Debug)]
pub(super) struct BatchLimit {
    now: usize,
    most: usize,
    /// Mean and variance of the round trips, ns, exponentially weighted; how many there were.
    mean_ns: f64,
    variance: f64,
    known: u32,
    /// Refusals that have been seen.
    refused: u64,
    /// The state of a generator of random changes, for tests; 0 for none.
    sway: u64,
}

impl BatchLimit {
    /// At first as many entries as are configured, which is the most.
    pub const fn new(most: usize, sway: u64) -> Self {
        Self { now: most, most, mean_ns: 0.0, variance: 0.0, known: 0, refused: 0, sway }
    }

    /// Entries that make a batch full.
    #[inline]
    pub const fn get(&self) -> usize {
        self.now
    }

    /// A batch was acknowledged after so long, ns, `full` or not; so many were refused until now.
    #[inline]
    pub fn acknowledged(&mut self, took_ns: u64, full: bool, refused: u64) -> Option<LimitChange> {
        let took = took_ns as f64;
        let distance = took - self.mean_ns;
        let slow = self.known >= KNOWN && distance > 0.0 && distance >= SLOW * self.variance.sqrt();
        let quick = distance <= 0.0;
        let was_refused = std::mem::replace(&mut self.refused, refused) != refused;
        if self.known == 0 {
            self.mean_ns = took;
        } else {
            self.mean_ns += ALPHA * distance;
            self.variance += ALPHA * (distance * distance - self.variance);
        }
        self.known = self.known.saturating_add(1);
        let before = self.now;
        if self.sway != 0 {
            self.stagger();
        } else if slow || was_refused {
            self.now = ((before as f64 * LESS) as usize).max(self.most.div_ceil(LEAST));
        } else if full && quick {
            self.now = (before + 1).min(self.most);
        }
        match self.now {
            now if now > before => Some(LimitChange::Raised),
            now if now < before => Some(LimitChange::Lowered),
            _ => None,
        }
    }

    /// Any size.
    #[cold]
    fn stagger(&mut self) {
        self.sway ^= self.sway << 13;
        self.sway ^= self.sway >> 7;
        self.sway ^= self.sway << 17;
        self.now = 1 + (self.sway >> 8) as usize % self.most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_one_and_shrinks_by_a_tenth() {
        let mut limit = BatchLimit::new(100, 0);
        // Nothing is slow before enough is known, and more than is configured is never taken.
        for k in 0..40 {
            assert_eq!(limit.acknowledged(1_000 + k % 3, true, 0), None);
        }
        assert_eq!(limit.acknowledged(9_000, true, 0), Some(LimitChange::Lowered));
        assert_eq!(limit.get(), 90);
        assert_eq!(limit.acknowledged(900, true, 1), Some(LimitChange::Lowered), "refused");
        assert_eq!(limit.get(), 81);
        assert_eq!(limit.acknowledged(900, false, 1), None, "it was not full");
        assert_eq!(limit.acknowledged(900, true, 1), Some(LimitChange::Raised));
        assert_eq!(limit.get(), 82);
        (0..200).for_each(|_| _ = limit.acknowledged(500, true, 1));
        assert_eq!(limit.get(), 100);
        (2..200).for_each(|refused| _ = limit.acknowledged(500, true, refused));
        assert_eq!(limit.get(), 10);
    }

    #[test]
    fn round_trips_that_are_all_the_same_are_not_slow() {
        let mut limit = BatchLimit::new(10, 0);
        (0..100).for_each(|_| assert_eq!(limit.acknowledged(700, true, 0), None));
    }
}
