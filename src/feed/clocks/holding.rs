//! Records that are held until their bars are over: when they are taken, and what may not close before.

use super::{Clocks, NEVER, holds::Hold, spoken};

impl Clocks {
    /// Whether a record of a track is held.
    #[inline]
    pub(in crate::feed) fn is_holding(&self, track: usize) -> bool {
        self.holding && self.holds.get(track).is_some()
    }

    /// Holds a record of a track whose bar is this: until it is [released](Self::release), or `due`.
    pub(in crate::feed) fn hold(&mut self, track: usize, (start, end): (i64, i64), due: i64, input: u8) {
        let armed = if self.closes { due.max(self.now.saturating_add(1)) } else { NEVER };
        self.holds.set(track, Some(Hold { start, end, due, input }), armed);
    }

    /// Holds the record of a track no longer.
    pub(in crate::feed) fn release(&mut self, track: usize) {
        self.holds.set(track, None, NEVER);
        self.arm_first(track);
    }

    /// Begins the event of a moment: finds what is held up to then.
    pub(in crate::feed) fn ripen(&mut self, at: i64) {
        if self.holds.earliest() <= at {
            let Self { now, rules, streams, holds, .. } = self;
            holds.ripen(at, |hold| spoken((*now, rules, streams), hold.input, hold.due, at));
        }
    }

    /// Sets the wall for what is taken at another moment; gives it as it was.
    pub(in crate::feed) fn set_now(&mut self, now: i64) -> i64 {
        std::mem::replace(&mut self.now, now)
    }

    /// The track of the next record that is held up to the moment at hand.
    pub(in crate::feed) fn next_ripe(&mut self) -> Option<usize> {
        self.holds.next_ripe()
    }
}
