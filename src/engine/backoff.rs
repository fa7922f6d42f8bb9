//! Pauses between attempts to connect: they double up to a bound, less a random part of up to half, so that many engines
//! that lost the same server do not return at the same moment.

use crate::model::splitmix64;

/// First pause, ns.
pub(super) const PAUSE_MIN_NS: u64 = 20_000_000;

/// The pauses between successive attempts.
#[derive(Debug)]
pub struct Backoff {
    max_ns: u64,
    random: u64,
    in_a_row: u32,
}

impl Backoff {
    /// Pauses of up to `max_ms`; `who` seeds the random part.
    #[must_use]
    pub fn new(who: &str, max_ms: u64) -> Self {
        Self::seeded(who, max_ms, u64::from(std::process::id()))
    }

    /// The same, with a random part that this seed decides as well.
    #[must_use]
    pub fn seeded(who: &str, max_ms: u64, seed: u64) -> Self {
        let random = who.bytes().fold(seed, |h, b| h.rotate_left(7) ^ u64::from(b));
        Self { max_ns: max_ms * 1_000_000, random, in_a_row: 0 }
    }

    /// The longest pause, ns.
    #[must_use]
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The next pause, ns.
    pub fn next_ns(&mut self) -> u64 {
        let full_ns = (PAUSE_MIN_NS << self.in_a_row.min(20)).min(self.max_ns);
        self.in_a_row += 1;
        full_ns - splitmix64(&mut self.random) % (full_ns / 2 + 1)
    }

    /// Starts over with the shortest pause.
    #[inline]
    pub fn reset(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_differ() {
        let mut backoff = Backoff::new("reader", 1_000);
        let pauses: Vec<u64> = (0..40).map(|_| backoff.next_ns()).collect();
        assert!(pauses[0] <= PAUSE_MIN_NS && pauses[0] >= PAUSE_MIN_NS / 2);
        assert!(pauses[10..].iter().all(|ns| (500_000_000..=1_000_000_000).contains(ns)), "{pauses:?}");
        assert!(pauses[10..].windows(2).any(|two| two[0] != two[1]));
        backoff.reset();
        assert!(backoff.next_ns() <= PAUSE_MIN_NS);
    }
}
