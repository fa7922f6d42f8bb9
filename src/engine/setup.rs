//! What an engine is made of: the table of its agents, cores and rings.

use super::{FileOutputOptions, Incidents, RedisLink, RowsWanted, SnapshotOptions};
use crate::{
    config::{Config, CoresConfig, EngineConfig, Idle, Plan},
    model::Directory,
    publish::Sources,
    runtime::IdleStrategy,
    state::Snapshot,
};
use std::sync::Arc;

/// Threads, rings and batches.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Whether all agents share one thread.
    pub shared: bool,
    /// Strategy workers.
    pub workers: usize,
    /// Slots of each ring.
    pub ring_size: usize,
    /// Entries or messages an agent takes in one duty cycle.
    pub batch_records: usize,
    /// What a thread does that has nothing to do.
    pub idle: IdleStrategy,
    /// Cores by agent, where threads are pinned.
    pub cores: Option<CoresConfig>,
    /// Whether the wall clock may close bars.
    pub clock_events: bool,
    /// Entries that make a batch full.
    pub batch_entries: usize,
    /// Longest wait of an entry for its batch, ns.
    pub batch_interval_ns: u64,
}

impl Topology {
    /// The threads of this configuration on a machine with so many cores.
    #[must_use]
    pub fn new(config: &Config, available_cores: usize) -> Self {
        let engine = &config.engine;
        let threads = engine.threads(available_cores);
        let park_us = engine.idle_park_us;
        // What a thread waits for that is alone in the process is another process's work. On few cores it is as like as
        // not that it waits for this very core.
        let crowded = threads.shared && EngineConfig::are_few(available_cores);
        let idle = match engine.idle {
            Idle::Auto if crowded => IdleStrategy::Backoff { spins: 0, yields: 0, park_us },
            Idle::Auto | Idle::Backoff => {
                IdleStrategy::Backoff { spins: engine.idle_spins, yields: engine.idle_yields, park_us }
            }
            Idle::BusySpin => IdleStrategy::BusySpin,
            Idle::Yield => IdleStrategy::Yield { spins: engine.idle_spins },
            Idle::Sleep => IdleStrategy::Sleep { sleep_us: engine.idle_sleep_us },
        };
        Self {
            shared: threads.shared,
            workers: threads.workers,
            ring_size: engine.ring_size,
            batch_records: engine.batch_records,
            idle,
            cores: engine.pin.then(|| engine.cores.clone()),
            clock_events: engine.clock_events,
            batch_entries: config.output.batch_entries,
            batch_interval_ns: config.output.batch_interval_ms * 1_000_000,
        }
    }
}

/// What is written, where.
#[derive(Debug)]
pub struct Outputs {
    /// Files.
    pub files: FileOutputOptions,
    /// A Redis server, over a connection that has been made.
    pub redis: Option<RedisLink>,
}

/// Everything an engine is started with.
#[derive(Debug)]
pub struct Setup {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// On which threads.
    pub topology: Topology,
    /// Names of symbols and timeframes.
    pub directory: Arc<Directory>,
    /// Names of the inputs.
    pub sources: Arc<Sources>,
    /// Where the records come from.
    pub source: super::Source,
    /// Where the results go.
    pub outputs: Outputs,
    /// Which closed bars the outputs want to see.
    pub rows: RowsWanted,
    /// Whether the publisher is told how far the input has been read: to keep a position, or to hold back what only
    /// rebuilds state.
    pub marks: bool,
    /// State to go on from.
    pub restore: Option<Snapshot>,
    /// Where snapshots go, if anywhere; asks for `marks`.
    pub snapshots: Option<SnapshotOptions>,
    /// Where agents say what has happened.
    pub incidents: Arc<Incidents>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Threading;

    #[test]
    fn a_crowded_thread_parks_at_once_unless_told_otherwise() {
        let mut config = Config::default();
        let spins = |config: &Config, cores| match Topology::new(config, cores).idle {
            IdleStrategy::Backoff { spins, .. } => spins,
            other => panic!("{other:?}"),
        };
        assert_eq!(spins(&config, 2), 0);
        assert_eq!(spins(&config, EngineConfig::DEDICATED_FROM), config.engine.idle_spins);
        config.engine.idle = Idle::Backoff;
        assert_eq!(spins(&config, 2), config.engine.idle_spins);
        // Threads of their own wake each other, which spinning saves.
        (config.engine.idle, config.engine.threading) = (Idle::Auto, Threading::Dedicated);
        assert_eq!(spins(&config, 2), config.engine.idle_spins);
    }
}
