//! A running engine, read from another thread. Not hot; it takes nothing from the engine but reads of its counters.

use super::{Memory, Questions};
use crate::{
    config::Plan,
    model::Directory,
    publish::Sources,
    runtime::Clock,
    telemetry::{EngineCounters, EngineSnapshot},
};
use std::sync::Arc;

/// What another thread can see of an engine.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Names of symbols and timeframes.
    pub directory: Arc<Directory>,
    /// Names of the inputs.
    pub sources: Arc<Sources>,
    /// Its clock.
    pub clock: Clock,
    pub(super) counters: EngineCounters,
    pub(super) memory: Arc<Memory>,
    pub(super) questions: Option<Arc<Questions>>,
    pub(super) started_ns: u64,
}

impl Probe {
    /// The counters at this moment.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        self.counters.snapshot()
    }

    /// Memory by component, bytes.
    #[must_use]
    pub fn memory(&self) -> Vec<(String, u64)> {
        self.memory.read()
    }

    /// Where the statistics of cells are asked for; `None` where no bars are kept for that.
    #[must_use]
    pub fn questions(&self) -> Option<&Questions> {
        self.questions.as_deref()
    }

    /// Time since the start, ns.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        self.clock.ns().saturating_sub(self.started_ns)
    }
}
