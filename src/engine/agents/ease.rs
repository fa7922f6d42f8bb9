//! Histories of cells become shorter where memory is short, and longer again: a few cells a duty cycle. Cold, but for a look.

use super::{outcomes::Following, owner::Owner};
use crate::{
    config::Plan,
    engine::Memory,
    strategies::{CellLayout, Cells},
    telemetry::WorkerCounters,
};

/// Cells that are looked at in a duty cycle: some 10 µs where all of them change.
const CELLS_A_CYCLE: usize = 8;

/// How far a worker has come with the lengths that are wanted now.
#[derive(Debug)]
pub(super) struct Ease {
    halvings: u32,
    /// The cell that comes next.
    next: usize,
    /// The state of a generator of random lengths, for tests; 0 for none.
    sway: u64,
}

/// What it works on.
pub(super) struct Histories<'a> {
    pub plan: &'a Plan,
    pub layouts: &'a [CellLayout],
    pub owners: &'a [Owner],
    pub cells: &'a mut Cells,
    pub following: &'a mut Following,
}

impl Ease {
    /// All histories are as long as is configured.
    pub fn new(sway: Option<u64>) -> Self {
        Self { halvings: 0, next: usize::MAX, sway: sway.map_or(0, |seed| seed | 1) }
    }

    /// Whether there is anything to do for so many cells.
    #[inline]
    pub fn is_due(&self, memory: &Memory, cells: usize) -> bool {
        self.next < cells || memory.halvings.get() != u64::from(self.halvings) || self.sway != 0
    }

    /// Does the next of it; whether it was the last.
    #[cold]
    pub fn go_on(&mut self, memory: &Memory, of: &mut Histories<'_>, counters: &WorkerCounters) -> bool {
        let wanted = u32::try_from(memory.halvings.get()).unwrap_or(u32::MAX);
        if wanted != self.halvings || (self.sway != 0 && self.next >= of.owners.len()) {
            (self.halvings, self.next) = (wanted, 0);
        }
        for _ in 0..CELLS_A_CYCLE {
            let Some(owner) = of.owners.get(self.next) else { break };
            let spec = &of.plan.asset(owner.symbol).cells[owner.timeframe.index()];
            let least = spec.needed.max(of.layouts[owner.layout as usize].min_history());
            let halvings = if self.sway == 0 { self.halvings } else { self.stagger() };
            let bars = spec.buffer_size.checked_shr(halvings).unwrap_or(0).max(least);
            let number = self.next;
            self.next += 1;
            let Some([before, now]) = of.cells.resize_history(number as u32, bars) else { continue };
            if before == now {
                continue;
            }
            of.following.resize(number, now);
            let full = spec.buffer_size.max(least).next_power_of_two();
            let short = &counters.histories_short;
            short.set(short.get() + u64::from(now < full) - u64::from(before < full));
            let count = if now < before { &counters.histories_shortened } else { &counters.histories_lengthened };
            count.bump();
        }
        self.next >= of.owners.len()
    }

    fn stagger(&mut self) -> u32 {
        self.sway ^= self.sway << 13;
        self.sway ^= self.sway >> 7;
        self.sway ^= self.sway << 17;
        (self.sway >> 8) as u32 % 6
    }
}
