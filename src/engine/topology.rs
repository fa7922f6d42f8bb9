//! Who runs on which thread, and who talks to whom: the table of rings, one row each.
//!
//! Seats, rings, the memory figure of the rings and their rows in the report are made from [`Topology::rings`] and
//! [`Topology::agents`]; nothing else says which agents there are. Beside the rings, agents share only flags and gauges:
//! [`Committing`](super::Committing) and [`LetterBytes`](super::LetterBytes) between reader and publisher,
//! [`Memory`](super::Memory) towards the report, and each a [`Saver`](super::Saver) towards the thread that writes
//! snapshots.

use super::Note;
use crate::{
    aggregate::Closes,
    config::{Config, CoresConfig, EngineConfig, Idle, Plan, StatisticsConfig, Threading, Threads},
    feed::MAX_FRAME_RECORDS,
    model::{BarMessage, HORIZONS, WorkerMessage},
    runtime::IdleStrategy,
    telemetry::memory_limit,
};
use std::fmt;

/// Messages one entry can cause in the reader: a frame of bars, and heads.
const ENTRY_MESSAGES: usize = 2 * MAX_FRAME_RECORDS + 8;
/// Messages one bar can cause in a worker, beside the outcomes of every strategy.
const BAR_MESSAGES: usize = 16 + StatisticsConfig::WINDOWS_MAX;
/// Symbols that a replay without a watchlist makes room for in the spills before it starts.
const EXPECTED_SYMBOLS: usize = 1_024;

/// An agent of the pipeline, in the order in which the data passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Takes entries in.
    Reader,
    /// Makes the bars of the higher timeframes.
    Aggregator,
    /// Computes indicators and strategies of its share of the cells.
    Worker(usize),
    /// Merges, weighs and writes.
    Publisher,
}

impl Role {
    /// The core of its thread, where one is configured.
    #[must_use]
    pub fn core(self, cores: &CoresConfig) -> Option<usize> {
        match self {
            Self::Reader => cores.reader,
            Self::Aggregator => cores.aggregator,
            Self::Worker(index) => cores.workers.get(index).copied(),
            Self::Publisher => cores.publisher,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reader => f.write_str("reader"),
            Self::Aggregator => f.write_str("aggregator"),
            Self::Worker(index) => write!(f, "worker {index}"),
            Self::Publisher => f.write_str("publisher"),
        }
    }
}

/// What a ring carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// [`BarMessage`]: bars and what is said between them.
    Bars,
    /// [`WorkerMessage`]: signals, closed bars with their indicators, progress.
    Results,
    /// [`Note`]: how far the input has been read, and what was refused.
    Notes,
}

impl Payload {
    /// Size of one message, bytes.
    #[must_use]
    pub const fn message_bytes(self) -> usize {
        match self {
            Self::Bars => size_of::<BarMessage>(),
            Self::Results => size_of::<WorkerMessage>(),
            Self::Notes => size_of::<Note>(),
        }
    }
}

/// A row of the table: one ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSpec {
    /// The agent that sends.
    pub from: Role,
    /// The agent that receives.
    pub to: Role,
    /// What it carries.
    pub payload: Payload,
    /// Messages that it holds.
    pub capacity: usize,
    /// Capacity of the spill: the messages of one work item.
    pub spill: usize,
    /// A seed by which its credit changes at random, for tests.
    pub sway: Option<u64>,
}

impl RingSpec {
    /// Bytes of the ring and its spill.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        (self.capacity + self.spill) * self.payload.message_bytes()
    }
}

impl fmt::Display for RingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.from, self.to)
    }
}

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
    /// What an idle thread does.
    pub idle: IdleStrategy,
    /// Cores by agent, if threads are pinned.
    pub cores: Option<CoresConfig>,
    /// Whether the wall clock may close bars.
    pub clock_events: bool,
    /// Entries that make a batch full.
    pub batch_entries: usize,
    /// Longest wait of an entry for its batch, ns.
    pub batch_interval_ns: u64,
    /// Memory that the process is to stay below, bytes; `None` where nobody knows.
    pub memory_bytes: Option<u64>,
    /// A seed by which the sizes of all buffers that adapt change at random, for tests; `None` where they adapt.
    pub sway: Option<u64>,
}

impl Topology {
    /// The topology of this configuration on a machine with `cores` cores.
    #[must_use]
    pub fn new(config: &Config, available_cores: usize) -> Self {
        Self::of(config, available_cores, config.engine.threads(available_cores))
    }

    /// The topology of an unpaced run, such as a replay at full speed, on a machine with `cores` cores.
    #[must_use]
    pub fn unpaced(config: &Config, available_cores: usize) -> Self {
        Self::of(config, available_cores, config.engine.threads_unpaced(available_cores))
    }

    fn of(config: &Config, available_cores: usize, threads: Threads) -> Self {
        let engine = &config.engine;
        let park_us = engine.idle_park_us;
        // On few cores a thread often waits for something that needs this very core: another process, or another agent.
        let unasked = threads.shared || engine.threading == Threading::Auto;
        let crowded = unasked && EngineConfig::are_few(available_cores);
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
            memory_bytes: match config.limits.memory_mb {
                0 => memory_limit(),
                mib => Some(mib << 20),
            },
            sway: None,
        }
    }

    /// The table of rings, one row each; `marks`: whether the publisher is told how far the input has been read.
    #[must_use]
    pub fn rings(&self, plan: &Plan, marks: bool) -> Vec<RingSpec> {
        use {Payload::*, Role::*};
        let symbols = if plan.open_watchlist { EXPECTED_SYMBOLS } else { plan.assets.len() };
        // A clock event can close every open bar, each behind a head of its own.
        let close_all = 2 * symbols * plan.timeframes.len() + 16;
        let of_bar = BAR_MESSAGES + plan.roster.count() * HORIZONS.len();
        let mut rings = Vec::new();
        let mut row = |from, to, payload, spill| {
            let sway = self.sway.map(|seed| (seed + rings.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            rings.push(RingSpec { from, to, payload, capacity: self.ring_size, spill, sway });
        };
        //  from        to          payload  spill
        row(Reader, Aggregator, Bars, ENTRY_MESSAGES);
        // The first worker passes on what the intervals of the correlation across assets have brought.
        let crossings = if plan.cross_asset.is_some() { Closes::WAITING * (symbols + 2) } else { 0 };
        for index in 0..self.workers {
            row(Aggregator, Worker(index), Bars, close_all + if index == 0 { crossings } else { 0 });
            row(Worker(index), Publisher, Results, of_bar);
        }
        if marks {
            row(Reader, Publisher, Notes, ENTRY_MESSAGES);
        }
        rings
    }

    /// The agents that these rings connect, in the order of the pipeline.
    #[must_use]
    pub fn agents(rings: &[RingSpec]) -> Vec<Role> {
        let mut agents: Vec<Role> = rings.iter().flat_map(|ring| [ring.from, ring.to]).collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // Threads of their own that were asked for wake each other, which spinning saves.
        (config.engine.idle, config.engine.threading) = (Idle::Auto, Threading::Dedicated);
        assert_eq!(spins(&config, 2), config.engine.idle_spins);
    }

    #[test]
    fn a_run_that_nothing_paces_has_threads_of_its_own_that_give_their_cores_away() {
        let mut config = Config::default();
        let shape = |config: &Config, cores| {
            let topology = Topology::unpaced(config, cores);
            (topology.shared, topology.idle)
        };
        let backoff = |spins, yields| IdleStrategy::Backoff { spins, yields, park_us: config.engine.idle_park_us };
        let (parks, spins) = (backoff(0, 0), backoff(config.engine.idle_spins, config.engine.idle_yields));
        assert_eq!(shape(&config, 1), (true, parks));
        assert_eq!(shape(&config, 2), (false, parks));
        assert_eq!(shape(&config, EngineConfig::DEDICATED_FROM), (false, spins));
        // What the user has chosen stays.
        config.engine.threading = Threading::Shared;
        assert_eq!(shape(&config, 2), (true, parks));
        config.engine.threading = Threading::Dedicated;
        assert_eq!(shape(&config, 2), (false, spins));
    }

    #[test]
    fn the_table_names_every_agent_once_and_every_ring_with_its_share() {
        let config = Config::default();
        let topology = Topology { workers: 2, ring_size: 64, ..Topology::new(&config, 2) };
        let plan = config.plan();
        let rings = topology.rings(&plan, true);
        let names: Vec<String> = rings.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "reader→aggregator",
                "aggregator→worker 0",
                "worker 0→publisher",
                "aggregator→worker 1",
                "worker 1→publisher",
                "reader→publisher",
            ]
        );
        use Role::{Aggregator, Publisher, Reader, Worker};
        assert_eq!(Topology::agents(&rings), [Reader, Aggregator, Worker(0), Worker(1), Publisher]);
        // Without marks the last row is gone, and nobody with it.
        let unmarked = topology.rings(&plan, false);
        assert_eq!(unmarked, rings[..5]);
        assert_eq!(Topology::agents(&unmarked), Topology::agents(&rings));
        let cells = plan.assets.len() * plan.timeframes.len();
        assert_eq!(rings[1].bytes(), (64 + 2 * cells + 16) * size_of::<BarMessage>());
        assert!(rings.iter().all(|ring| ring.capacity == 64));
    }
}
