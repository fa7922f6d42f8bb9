//! `[engine]`, `[time]` and `[limits]`: the program itself.

use super::{
    rules::{Flag, choice, choice_enum, int, text},
    section::{List, Optional, nested, section},
};
use crate::model::MAX_SYMBOLS;

choice_enum! {
    /// How the agents are assigned to threads.
    Threading {
        /// Dedicated if there are enough cores, else shared.
        Auto = "auto",
        /// One thread per agent.
        Dedicated = "dedicated",
        /// All agents on one thread, in turn.
        Shared = "shared",
    }
}

choice_enum! {
    /// What an idle thread does.
    Idle {
        /// Backs off; parks at once if all agents share a thread for lack of cores.
        Auto = "auto",
        /// Spins, then yields, then parks until it is woken.
        Backoff = "backoff",
        /// Spins: lowest latency, but takes a whole core.
        BusySpin = "busy-spin",
        /// Yields the core to any other thread.
        Yield = "yield",
        /// Sleeps.
        Sleep = "sleep",
    }
}

section! {
    /// The agents, their threads and rings.
    EngineConfig {
        /// Name of this engine: part of the keys of its position and status.
        name: String = text(),
        /// How the agents are assigned to threads.
        threading: Threading = choice(),
        /// Number of strategy workers; 0 lets the engine choose.
        workers: usize = int(0, EngineConfig::MAX_WORKERS),
        /// Capacity of each ring, messages.
        ring_size: usize = int(2, 1_048_576),
        /// Maximum number of records that an agent takes in one duty cycle.
        batch_records: usize = int(1, 65_536),
        /// Whether the clock closes the bars of symbols that have gone quiet.
        clock_events: bool = Flag,
        /// Whether the probe fires on every closed bar of each symbol's shortest timeframe.
        probe: bool = Flag,
        /// Whether the process gives up the rights that it does not need.
        sandbox: bool = Flag,
        /// What an idle thread does.
        idle: Idle = choice(),
        /// Number of spins before a thread that backs off yields.
        idle_spins: u32 = int(0, 1_000_000),
        /// Number of yields before a thread that backs off parks.
        idle_yields: u32 = int(0, 1_000_000),
        /// Longest park of a thread that backs off, µs.
        idle_park_us: u64 = int(1, 1_000_000),
        /// Sleep of a sleeping thread, µs.
        idle_sleep_us: u64 = int(1, 1_000_000),
        /// How long an engine that is told to end may take to write what it has read, s.
        shutdown_s: u64 = int(1, 3_600),
        /// Whether threads are pinned to the cores below.
        pin: bool = Flag,
        /// Core of each agent.
        cores: CoresConfig = nested(),
    }
}

section! {
    /// Core numbers by agent; an agent without one is not pinned.
    CoresConfig {
        /// Core of the reader.
        reader: Option<usize> = Optional(&int(0, 1_023)),
        /// Core of the aggregator.
        aggregator: Option<usize> = Optional(&int(0, 1_023)),
        /// Cores of the workers, one each; empty to pin none.
        workers: Vec<usize> = List(int(0, 1_023)),
        /// Core of the publisher.
        publisher: Option<usize> = Optional(&int(0, 1_023)),
        /// Core of the telemetry.
        telemetry: Option<usize> = Optional(&int(0, 1_023)),
    }
}

/// The threads of an engine, once the number of cores is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Whether all agents share one thread.
    pub shared: bool,
    /// Strategy workers.
    pub workers: usize,
}

impl EngineConfig {
    const MAX_WORKERS: i64 = 64;
    /// Number of cores from which on `auto` gives each agent a thread: reader, aggregator, three workers, publisher.
    pub const DEDICATED_FROM: usize = 6;

    /// Whether there are too few cores for each agent to have a thread.
    #[must_use]
    pub const fn are_few(cores: usize) -> bool {
        cores < Self::DEDICATED_FROM
    }

    /// Resolves `auto` and 0 for a machine with this number of cores.
    #[must_use]
    pub fn threads(&self, available_cores: usize) -> Threads {
        self.resolve(Self::are_few(available_cores))
    }

    /// The same for a run at full speed: `auto` gives each agent a thread from two cores on, because throughput
    /// counts and no thread waits for long.
    #[must_use]
    pub fn threads_unpaced(&self, available_cores: usize) -> Threads {
        self.resolve(available_cores < 2)
    }

    /// Resolves `auto` to this value, and 0.
    fn resolve(&self, auto_shared: bool) -> Threads {
        let shared = match self.threading {
            Threading::Auto => auto_shared,
            Threading::Dedicated => false,
            Threading::Shared => true,
        };
        let workers = match (self.workers, self.cores.workers.len(), shared) {
            (0, 0, true) => 1,
            (0, 0, false) => 3,
            (0, pinned, _) => pinned,
            (workers, _, _) => workers,
        };
        Threads { shared, workers }
    }
}

section! {
    /// The clocks of the symbols.
    TimeConfig {
        /// How long after its end, on its symbol's clock, a bar stays open, ms.
        allowed_lateness_ms: i64 = int(0, 86_400_000),
        /// How much longer a bar stays open while its stream is silent, ms.
        stall_ms: i64 = int(0, 86_400_000),
        /// How far a record's bar may begin after the time of its entry, ms.
        max_future_ms: i64 = int(0, 604_800_000),
    }
}

section! {
    /// Limits on resources.
    LimitsConfig {
        /// Memory that the process may use before histories become shorter, MiB; 0 for what its cgroup or the host allows.
        memory_mb: u64 = int(0, 16_777_216),
        /// Maximum number of symbols, on the watchlist or added.
        max_symbols: usize = int(1, MAX_SYMBOLS as i64),
        /// Maximum size of a stream entry, bytes; larger ones are refused.
        max_entry_bytes: usize = int(256, 67_108_864),
        /// Maximum size of the buffer for replies, bytes.
        read_buffer_max_bytes: usize = int(4_096, 1_073_741_824),
        /// Maximum size of the buffer for one batch of output, bytes.
        write_buffer_max_bytes: usize = int(4_096, 1_048_576),
    }
}
