//! What an engine and the supervisor that starts and stops it tell each other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// What an engine is told beside the command line.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Whether it goes on after a change of the configuration, with the files that are there.
    pub again: bool,
    /// Who starts and stops it, where it comes and goes.
    pub supervised: Option<Arc<Supervised>>,
}

/// An engine beside others of a process that come and go.
#[derive(Debug, Default)]
pub struct Supervised {
    /// Raised when it is to end.
    pub stop: Arc<AtomicBool>,
    /// Raised where it is to read its configuration again.
    pub hup: Arc<AtomicBool>,
    /// Whether its state, as a standby, has once been where its owner's was.
    pub warm: AtomicBool,
    holds: AtomicBool,
    accepted: AtomicU64,
}

impl Supervised {
    /// It has taken the lease.
    pub fn took_over(&self) {
        self.holds.store(true, Relaxed);
    }

    /// Whether it has taken the lease.
    pub fn holds(&self) -> bool {
        self.holds.load(Relaxed)
    }

    /// It has accepted so many records since it has started.
    pub fn accepts(&self, records: u64) {
        self.accepted.store(records, Relaxed);
    }

    /// The records that it has accepted since it has started.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }
}
