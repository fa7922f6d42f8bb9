//! The assignment of a configuration's agents to cores.

use crate::{
    config::{Config, Idle},
    lab::Cpus,
};

/// The threads of a configuration and their cores.
#[derive(Debug, Clone)]
pub struct CpuPlan {
    /// The trading threads, each with the core it is pinned to, if any.
    pub threads: Vec<(String, Option<usize>)>,
    /// Core of the telemetry, which is not on the path of a signal.
    pub telemetry: Option<usize>,
    /// Whether an idle thread keeps its core.
    pub busy_spin: bool,
    /// Cores that trading threads are pinned to.
    pub pinned: Cpus,
    /// Cores on which trading threads may run: the pinned ones, or all allowed ones if any thread is not pinned.
    pub used: Cpus,
    /// Cores that the process may use; `None` if that cannot be read.
    pub allowed: Option<Cpus>,
    /// Shortest latency budget of a trading style, ns.
    pub budget_ns: u64,
}

impl CpuPlan {
    /// The plan on a machine that allows these cores.
    #[must_use]
    pub fn new(config: &Config, allowed: Option<Cpus>) -> Self {
        let engine = &config.engine;
        let shape = engine.threads(allowed.as_ref().map_or(1, Cpus::len));
        let cores = engine.pin.then_some(&engine.cores);
        let reader = cores.and_then(|cores| cores.reader);
        let mut threads = Vec::new();
        if shape.shared {
            threads.push(("pipeline".to_owned(), reader));
        } else {
            threads.push(("reader".to_owned(), reader));
            threads.push(("aggregator".to_owned(), cores.and_then(|cores| cores.aggregator)));
            for worker in 0..shape.workers {
                let core = cores.and_then(|cores| cores.workers.get(worker).copied());
                threads.push((format!("worker {worker}"), core));
            }
            threads.push(("publisher".to_owned(), cores.and_then(|cores| cores.publisher)));
        }
        let pinned: Cpus = threads.iter().filter_map(|(_, core)| *core).collect();
        let floating = threads.iter().any(|(_, core)| core.is_none());
        let used = if floating { pinned.or(&allowed.clone().unwrap_or_default()) } else { pinned.clone() };
        let styles = config.styles.table();
        Self {
            telemetry: cores.and_then(|cores| cores.telemetry),
            busy_spin: engine.idle == Idle::BusySpin,
            budget_ns: styles.iter().map(|rules| rules.budget_ms * 1_000_000).min().unwrap_or(u64::MAX),
            threads,
            pinned,
            used,
            allowed,
        }
    }

    /// Whether every trading thread is pinned.
    #[must_use]
    pub fn all_pinned(&self) -> bool {
        self.threads.iter().all(|(_, core)| core.is_some())
    }

    /// The used cores as text, with whether they were chosen.
    pub(super) fn used_text(&self) -> String {
        let kind = if self.all_pinned() { "pinned" } else { "unpinned" };
        format!("{kind}: {}", self.used)
    }
}
