//! A circuit breaker: after too many failures nothing is tried for a while, then one attempt decides.

use std::collections::VecDeque;

/// Failures in a row that open it.
const IN_A_ROW: u32 = 5;
/// Attempts that are remembered; half of them failed open it.
const REMEMBERED: usize = 20;

/// What it lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everything.
    Closed,
    /// Nothing before a moment, ns; then one attempt.
    Open { until_ns: u64 },
    /// One attempt is under way, which has until then, ns.
    Probing { until_ns: u64 },
}

/// A circuit breaker of one kind of request.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    in_a_row: u32,
    /// Whether the last attempts failed.
    last: VecDeque<bool>,
    pause_ns: u64,
    min_ns: u64,
    max_ns: u64,
    deadline_ns: u64,
    /// Not before this moment, because the other side has said so, ns.
    held_ns: u64,
    trips: u64,
}

impl Breaker {
    /// One whose pauses double from `min_ms` to `max_ms`; an attempt after one has `deadline_ms`.
    pub fn new(min_ms: u64, max_ms: u64, deadline_ms: u64) -> Self {
        Self {
            state: State::Closed,
            in_a_row: 0,
            last: VecDeque::with_capacity(REMEMBERED),
            pause_ns: min_ms * 1_000_000,
            min_ns: min_ms * 1_000_000,
            max_ns: max_ms.max(min_ms) * 1_000_000,
            deadline_ns: deadline_ms * 1_000_000,
            held_ns: 0,
            trips: 0,
        }
    }

    /// Whether an attempt may be made now. One that is made while it is open decides.
    pub fn allows(&mut self, now_ns: u64) -> bool {
        if now_ns < self.held_ns {
            return false;
        }
        match self.state {
            State::Closed => true,
            State::Open { until_ns } | State::Probing { until_ns } if now_ns < until_ns => false,
            State::Open { .. } | State::Probing { .. } => {
                self.state = State::Probing { until_ns: now_ns + self.deadline_ns };
                true
            }
        }
    }

    /// When an attempt may be made, ns.
    pub fn next_ns(&self) -> u64 {
        let open_ns = match self.state {
            State::Closed => 0,
            State::Open { until_ns } | State::Probing { until_ns } => until_ns,
        };
        open_ns.max(self.held_ns)
    }

    /// An attempt has succeeded; whether it was open before.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.state != State::Closed;
        if was_open {
            self.last.clear();
        }
        self.remember(false);
        (self.state, self.in_a_row, self.pause_ns) = (State::Closed, 0, self.min_ns);
        was_open
    }

    /// An attempt has failed; whether it has opened for it.
    pub fn failed(&mut self, now_ns: u64) -> bool {
        self.in_a_row += 1;
        self.remember(true);
        let half =
            self.last.len() == REMEMBERED && 2 * self.last.iter().filter(|failed| **failed).count() >= REMEMBERED;
        let probing = matches!(self.state, State::Probing { .. });
        if !probing && self.in_a_row < IN_A_ROW && !half {
            return false;
        }
        self.state = State::Open { until_ns: now_ns + self.pause_ns };
        self.pause_ns = (self.pause_ns * 2).min(self.max_ns);
        self.trips += 1;
        true
    }

    /// The other side wants nothing before this moment, ns: no failure, but obeyed exactly.
    pub fn hold(&mut self, until_ns: u64) {
        self.held_ns = self.held_ns.max(until_ns);
        if let State::Probing { .. } = self.state {
            self.state = State::Open { until_ns };
        }
    }

    /// How often it has opened.
    pub fn trips(&self) -> u64 {
        self.trips
    }

    fn remember(&mut self, failed: bool) {
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn it_opens_after_five_in_a_row_and_doubles_its_pause() {
        let mut breaker = Breaker::new(5_000, 300_000, 1_000);
        for k in 0..4 {
            assert!(breaker.allows(k) && !breaker.failed(k));
        }
        assert!(breaker.failed(0));
        let (mut now, mut pauses) = (0, Vec::new());
        for _ in 0..8 {
            assert!(!breaker.allows(breaker.next_ns() - 1));
            pauses.push((breaker.next_ns() - now) / S);
            now = breaker.next_ns();
            assert!(breaker.allows(now), "one probe");
            assert!(!breaker.allows(now) && !breaker.allows(now + S - 1), "and only one until its deadline");
            assert!(breaker.failed(now));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        now = breaker.next_ns();
        assert!(breaker.allows(now) && breaker.allows(now + S), "the probe was lost: another one");
        assert!(breaker.succeeded() && breaker.allows(now));
        assert!(!breaker.failed(now) && breaker.allows(now));
        assert_eq!(breaker.trips(), 9);
    }

    #[test]
    fn it_opens_when_half_of_twenty_have_failed() {
        let mut breaker = Breaker::new(5_000, 300_000, 1_000);
        let opened: Vec<bool> = (0..20)
            .map(|k| {
                if k % 2 == 0 {
                    breaker.succeeded();
                    return false;
                }
                breaker.failed(0)
            })
            .collect();
        assert_eq!(opened.iter().position(|opened| *opened), Some(19));
    }

    #[test]
    fn it_waits_exactly_as_long_as_it_is_told() {
        let mut breaker = Breaker::new(5_000, 300_000, 1_000);
        breaker.hold(7 * S);
        assert!(!breaker.allows(7 * S - 1) && breaker.allows(7 * S));
        assert_eq!((breaker.next_ns(), breaker.trips()), (7 * S, 0));
    }
}
