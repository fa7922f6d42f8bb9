//! How long bars take from the message that they come in to the acknowledged transaction.

use hdrhistogram::Histogram;
use std::collections::VecDeque;

/// Longest time told apart, ns; longer ones count as this one.
const HIGHEST_NS: u64 = 60_000_000_000;

/// Times of bars on their way, and of those that have arrived. A bar that is held counts from where it is given out. Allocates
/// where more turns are on their way than ever before.
#[derive(Debug)]
pub struct CommitTimes {
    histogram: Histogram<u64>,
    /// Turns whose bars are on their way: when it was, ns, and how many bars.
    turns: VecDeque<(u64, u64)>,
    /// Bars of the batch that is under way.
    sent: u64,
}

/// What the times come to, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSummary {
    /// Bars.
    pub count: u64,
    /// Their median.
    pub p50_ns: u64,
    /// What 99 of 100 were within.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl CommitTimes {
    /// No bar so far.
    ///
    /// # Errors
    /// The library refuses the bounds; they are constants, which it accepts.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let histogram = Histogram::new_with_bounds(1, HIGHEST_NS, 3)?;
        Ok(Self { histogram, turns: VecDeque::new(), sent: 0 })
    }

    /// So many bars are given out for publication, of messages that were read at `at_ns`.
    pub fn given(&mut self, at_ns: u64, bars: u64) {
        if bars > 0 {
            self.turns.push_back((at_ns, bars));
        }
    }

    /// A batch with so many bars, the oldest that wait, is under way.
    pub fn sent(&mut self, bars: u64) {
        self.sent += bars;
    }

    /// Everything that was sent is acknowledged.
    pub fn acknowledged(&mut self, now_ns: u64) {
        while self.sent > 0
            && let Some((at_ns, bars)) = self.turns.front_mut()
        {
            let of_turn = self.sent.min(*bars);
            let time_ns = now_ns.saturating_sub(*at_ns).clamp(1, HIGHEST_NS);
            self.histogram.saturating_record_n(time_ns, of_turn);
            self.sent -= of_turn;
            *bars -= of_turn;
            if *bars == 0 {
                self.turns.pop_front();
            }
        }
        self.sent = 0;
    }

    /// What the times come to; `None` before the first.
    #[must_use]
    pub fn summary(&self) -> Option<CommitSummary> {
        let at = |quantile: f64| self.histogram.value_at_quantile(quantile);
        (!self.histogram.is_empty()).then(|| CommitSummary {
            count: self.histogram.len(),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            max_ns: self.histogram.max(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_the_oldest_bars_whatever_turns_they_came_in() {
        let mut times = CommitTimes::new().unwrap();
        assert_eq!(times.summary(), None);
        times.given(1_000, 2);
        times.given(1_500, 0);
        times.given(2_000, 3);
        times.sent(3);
        times.acknowledged(3_000);
        // Nothing was sent.
        times.acknowledged(9_000);
        times.sent(2);
        times.acknowledged(4_000);
        // 2,000 ns twice, 1,000 once, then 2,000 twice.
        let found = times.summary().unwrap();
        assert_eq!((found.count, times.turns.len()), (5, 0));
        let near = |found: u64, wanted: u64| found.abs_diff(wanted) <= wanted / 500;
        assert!(near(found.p50_ns, 2_000) && near(found.p99_ns, 2_000) && near(found.max_ns, 2_000), "{found:?}");
        assert!(near(times.histogram.min(), 1_000));
    }
}
