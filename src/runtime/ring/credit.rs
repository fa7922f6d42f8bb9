//! How many messages may be in flight in a ring: as few as keep its sender going, so that they stay in the caches of both
//! ends. Pure; neither allocates nor blocks. What is sent, and in which order, does not depend on it.

/// Blocked duty cycles, among the last eight, that double it.
const BLOCKED: u32 = 2;
/// Time in which not a quarter of it was used that halves it, ns.
const UNUSED_NS: u64 = 60_000_000_000;
/// What it is at first, and at least, in a ring that has as many slots.
const FIRST: usize = 1_024;
const LEAST: usize = 64;

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreditChange {
    Raised,
    Lowered,
}

/// The credit of one ring.
#[derive(Debug)]
pub(super) struct Credit {
    now: usize,
    slots: usize,
    /// A bit a duty cycle, the newest lowest: whether the sender was blocked in it.
    cycles: u8,
    /// Since when the high-water mark is looked at, ns; `None` before the first duty cycle.
    since_ns: Option<u64>,
    /// The state of a generator of random changes, for tests; 0 for none.
    sway: u64,
}

impl Credit {
    /// That of a ring with so many slots.
    pub const fn new(slots: usize) -> Self {
        let now = if slots < FIRST { slots } else { FIRST };
        Self { now, slots, cycles: 0, since_ns: None, sway: 0 }
    }

    /// Has it change at random from here on, by this seed.
    pub const fn sway(&mut self, seed: u64) {
        self.sway = seed | 1;
    }

    /// Messages that may be in flight: at least one, at most what the ring has slots for.
    #[inline]
    pub const fn get(&self) -> usize {
        self.now
    }

    /// A duty cycle of the sender begins; whether it was blocked in the last one, and the high-water mark since
    /// [`begins`](Self::begins) was true last.
    #[inline]
    pub fn cycle(&mut self, blocked: bool, now_ns: u64, peak: impl FnOnce() -> u64) -> Option<CreditChange> {
        self.cycles = self.cycles << 1 | u8::from(blocked);
        if self.sway != 0 {
            return self.stagger();
        }
        let since_ns = *self.since_ns.get_or_insert(now_ns);
        if blocked && self.cycles.count_ones() >= BLOCKED {
            return self.raise(now_ns);
        }
        (now_ns.saturating_sub(since_ns) >= UNUSED_NS).then(|| self.lower(now_ns, peak())).flatten()
    }

    /// Whether the high-water mark is to be taken from here on.
    #[inline]
    pub fn begins(&self, now_ns: u64) -> bool {
        self.since_ns == Some(now_ns)
    }

    #[cold]
    fn raise(&mut self, now_ns: u64) -> Option<CreditChange> {
        self.cycles = 0;
        self.since_ns = Some(now_ns);
        let before = self.now;
        self.now = (2 * before).min(self.slots);
        (before != self.now).then_some(CreditChange::Raised)
    }

    #[cold]
    fn lower(&mut self, now_ns: u64, peak: u64) -> Option<CreditChange> {
        self.since_ns = Some(now_ns);
        let least = LEAST.min(self.slots);
        if peak >= self.now as u64 / 4 || self.now <= least {
            return None;
        }
        self.now = (self.now / 2).max(least);
        Some(CreditChange::Lowered)
    }

    /// Any size, now and then.
    #[cold]
    fn stagger(&mut self) -> Option<CreditChange> {
        self.sway ^= self.sway << 13;
        self.sway ^= self.sway >> 7;
        self.sway ^= self.sway << 17;
        if self.sway & 3 != 0 {
            return None;
        }
        let before = std::mem::replace(&mut self.now, 1 + (self.sway >> 8) as usize % self.slots);
        (before != self.now).then_some(if before < self.now { CreditChange::Raised } else { CreditChange::Lowered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn it_doubles_where_the_sender_is_blocked_and_halves_where_it_is_hardly_used() {
        let mut credit = Credit::new(8_192);
        assert_eq!(credit.get(), 1_024);
        assert_eq!(credit.cycle(true, 0, || 0), None, "once may be chance");
        (0..7).for_each(|_| assert_eq!(credit.cycle(false, 0, || 0), None));
        assert_eq!(credit.cycle(true, 0, || 0), None, "the other is longer ago than eight cycles");
        assert_eq!((credit.cycle(true, 0, || 0), credit.get()), (Some(CreditChange::Raised), 2_048));
        assert_eq!(credit.cycle(true, 0, || 0), None, "counted anew");
        (0..20).for_each(|_| _ = credit.cycle(true, 0, || 0));
        assert_eq!(credit.get(), 8_192, "no more than there are slots");
        assert_eq!(credit.cycle(false, 59 * SECOND, || 2_047), None);
        assert_eq!((credit.cycle(false, 60 * SECOND, || 2_048), credit.get()), (None, 8_192), "a quarter is used");
        assert_eq!(credit.cycle(false, 119 * SECOND, || 0), None);
        assert_eq!((credit.cycle(false, 120 * SECOND, || 2_047), credit.get()), (Some(CreditChange::Lowered), 4_096));
        assert!(credit.begins(120 * SECOND));
        (3..99).for_each(|minute| _ = credit.cycle(false, minute * 60 * SECOND, || 0));
        assert_eq!(credit.get(), 64);
    }

    #[test]
    fn a_small_ring_is_used_whole_and_any_credit_is_within_it() {
        let mut small = Credit::new(2);
        (0..99).for_each(|minute| _ = small.cycle(minute % 2 == 0, minute * 60 * SECOND, || 0));
        assert_eq!(small.get(), 2);
        let mut credit = Credit::new(10);
        credit.sway(7);
        let sizes: std::collections::BTreeSet<usize> =
            (0..1_000).map(|k| (credit.cycle(false, k, || 0), credit.get()).1).collect();
        assert_eq!(sizes, (1..=10).collect());
    }
}
