//! How far the publisher has got with the snapshot at work.

use crate::{engine::Saver, state::Sweep};

/// The publisher's share of snapshots.
#[derive(Debug)]
pub(super) struct Saving {
    pub saver: Saver,
    /// Symbols that the one at work still wants.
    pub sweep: Sweep,
    /// Accounts of timeframes with strategies and kinds that it still wants.
    pub accounts: Sweep,
    /// Whether one is at work, and which flush must be acknowledged before it may be used.
    pub awaits: Option<u64>,
    /// Flushes so far, and those that have been acknowledged.
    pub flushed: u64,
    pub acknowledged: u64,
}

impl Saving {
    /// None at work.
    pub fn new(saver: Saver) -> Self {
        Self { saver, sweep: Sweep::default(), accounts: Sweep::default(), awaits: None, flushed: 0, acknowledged: 0 }
    }

    /// Whether something is left to be saved.
    pub fn is_sweeping(&self) -> bool {
        self.sweep.is_on() || self.accounts.is_on()
    }

    pub fn is_on(&self) -> bool {
        self.awaits.is_some()
    }

    /// Ends the share where everything is saved, and written that was published before the barrier.
    pub fn end_if_done(&mut self) {
        if self.awaits.is_some_and(|flush| self.acknowledged >= flush) && !self.is_sweeping() {
            self.awaits = None;
            self.saver.end();
        }
    }
}
