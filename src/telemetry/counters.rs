//! The engine's counters, grouped by the thread that writes them. Updating one is hot, see [`Counter`]; reading is not.
//!
//! # Grammar of the names
//! `<owner>_<what>[_<unit>]`, with the labels in the order of the field's indices: `reader_refused{reason}`,
//! `worker_signals{strategy, timeframe}`, `publisher_bytes`. The owner is the group, the rest is the field. Units come
//! last (`_ns`, `bytes`); a field without a unit counts events since the start. High-water marks and longest times end
//! in `_max`; everything else only grows, so that rates are differences.

use super::counter::{Counter, Readout};
use super::thread_usage::ThreadUsage;
use crate::model::HeldBack;
use crate::model::Refusal;
use crate::model::{MAX_TIMEFRAMES, Strategy};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Declares a group of counters with one writer and the plain numbers it reads off to.
macro_rules! counters {
    ($(#[$doc:meta])* $group:ident, $plain:ident, $owner:literal {
        $($(#[$field_doc:meta])* $field:ident : $shape:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $group { $($(#[$field_doc])* pub $field: $shape),* }

        #[doc = concat!("What [`", stringify!($group), "`] read at one moment.")]
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct $plain { $($(#[$field_doc])* pub $field: <$shape as Readout>::Plain),* }

        impl $group {
            /// A group of zeros, on cache lines of its own.
            #[must_use]
            pub fn shared() -> Arc<CachePadded<Self>> {
                Arc::default()
            }

            /// Reads all counters of the group.
            #[must_use]
            pub fn read(&self) -> $plain {
                $plain { $($field: self.$field.read()),* }
            }
        }

        impl $plain {
            /// Names of the group's metrics, without their labels.
            pub const NAMES: &'static [&'static str] = &[$(concat!($owner, "_", stringify!($field))),*];

            /// Adds another thread's numbers to these.
            pub fn sum(&mut self, more: &Self) {
                $(<$shape as Readout>::sum(&mut self.$field, &more.$field);)*
            }
        }
    };
}

/// Counters by strategy and timeframe.
pub type StrategyTable = [[Counter; MAX_TIMEFRAMES]; Strategy::SLOTS];

/// Why a batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushCause {
    /// It was full.
    Full,
    /// Its oldest signal had waited for the flush interval.
    Timer,
    /// Nothing else was waiting to join it.
    Idle,
    /// The engine was stopping.
    Halt,
}

impl FlushCause {
    /// Names by index.
    pub const NAMES: [&'static str; 4] = ["full", "timer", "idle", "halt"];
}

counters! {
    /// Written by the reader of one input.
    ReaderCounters, ReaderSnapshot, "reader" {
        /// Records decoded or refused.
        records_in: Counter,
        /// Records that took a sequence.
        accepted: Counter,
        /// Records refused, by [`Refusal::index`].
        refused: [Counter; Refusal::COUNT],
        /// Bytes read.
        bytes: Counter,
        /// Stream entries or lines of a file read.
        entries: Counter,
        /// Reads from the source that returned something.
        reads: Counter,
        /// Clock events injected or read.
        clock_events: Counter,
        /// Time for which the agents behind took nothing, ns.
        blocked_ns: Counter,
        /// Entries that waited until no other stream could precede them.
        held: Counter,
    }
}

counters! {
    /// Written by the reader of one input stream.
    StreamCounters, StreamSnapshot, "stream" {
        /// Entries taken.
        entries: Counter,
        /// Entries behind the newest, as of the last look.
        lag_entries: Counter,
        /// Time since the entry before the next one to be taken was added, ms, as of the last look; 0 where none waits.
        lag_ms: Counter,
        /// Entries that were removed before they were read.
        trimmed: Counter,
    }
}

counters! {
    /// Written by an aggregator.
    AggregatorCounters, AggregatorSnapshot, "aggregator" {
        /// Base bars received.
        bars_in: Counter,
        /// Bars closed, by timeframe index.
        closed: [Counter; MAX_TIMEFRAMES],
    }
}

counters! {
    /// Written by a strategy worker.
    WorkerCounters, WorkerSnapshot, "worker" {
        /// Closed bars evaluated.
        bars: Counter,
        /// Signals found, by strategy and timeframe index.
        signals: StrategyTable,
    }
}

counters! {
    /// Written by the publisher.
    PublisherCounters, PublisherSnapshot, "publisher" {
        /// Signals published, by strategy and timeframe index.
        published: StrategyTable,
        /// Signals held back, by [`HeldBack::index`].
        held_back: [Counter; HeldBack::COUNT],
        /// Signals that also went to the alert stream.
        alerts: Counter,
        /// Batches written.
        batches: Counter,
        /// Batches written, by [`FlushCause`].
        flushes: [Counter; 4],
        /// Bytes written.
        bytes: Counter,
        /// Refused records written to the dead-letter stream.
        dead_letters: Counter,
        /// Batches sent again, because they were refused or lost on their way.
        resent: Counter,
        /// Time for which a full batch waited for the one on its way, ns.
        blocked_ns: Counter,
    }
}

counters! {
    /// Written by whoever owns a connection.
    LinkCounters, LinkSnapshot, "link" {
        /// Times it was made again.
        reconnects: Counter,
        /// Attempts to make it again.
        attempts: Counter,
        /// Time without a connection, ns.
        down_ns: Counter,
        /// 1 while there is none.
        down: Counter,
    }
}

counters! {
    /// Written by the thread that writes snapshots.
    StateCounters, StateSnapshot, "state" {
        /// Snapshots written.
        snapshots: Counter,
        /// Snapshots that could not be written.
        failures: Counter,
        /// Length of the last one.
        bytes: Counter,
        /// From the first record of the last one to its safe arrival on the disk, ns.
        duration_ns: Counter,
    }
}

counters! {
    /// Written by the sending end of a ring.
    OutletCounters, OutletSnapshot, "ring" {
        /// Messages sent and announced.
        sent: Counter,
        /// Messages that found the ring full and waited in the spill.
        blocked: Counter,
        /// Messages for which even the spill had to grow: its bound is too small.
        overflowed: Counter,
    }
}

counters! {
    /// Written by the receiving end of a ring.
    InletCounters, InletSnapshot, "ring" {
        /// Messages taken out.
        received: Counter,
        /// Most messages that were seen waiting.
        waiting_max: Counter,
    }
}

counters! {
    /// Written by the thread that drives an agent.
    AgentCounters, AgentSnapshot, "agent" {
        /// Duty cycles.
        duty_cycles: Counter,
        /// Duty cycles that found work.
        busy_cycles: Counter,
        /// Items of work done.
        work: Counter,
        /// Time spent in duty cycles that found work, ns.
        busy_ns: Counter,
        /// Time spent otherwise, ns; 0 for an agent that shares its thread.
        idle_ns: Counter,
        /// Of that, time in which what is behind took nothing, ns.
        blocked_ns: Counter,
        /// Longest duty cycle that found work, ns.
        duty_ns_max: Counter,
        /// Times the thread parked.
        parks: Counter,
        /// Times the thread gave up its core to wait, as of the last look; this and below 0 for an agent that shares its
        /// thread.
        voluntary_switches: Counter,
        /// Times it was made to give up its core, as of the last look.
        involuntary_switches: Counter,
        /// Page faults served without a read, from the first duty cycle to the last look.
        minor_faults: Counter,
        /// Page faults that read from a disk, from the first duty cycle to the last look.
        major_faults: Counter,
        /// The core it ran on at the last look.
        last_core: Counter,
    }
}

impl AgentCounters {
    /// Accounts one duty cycle that found `work` items and took `elapsed_ns`.
    #[inline]
    pub fn busy(&self, work: u32, elapsed_ns: u64) {
        self.duty_cycles.bump();
        self.busy_cycles.bump();
        self.work.add(u64::from(work));
        self.busy_ns.add(elapsed_ns);
        self.duty_ns_max.raise(elapsed_ns);
    }

    /// Accounts one duty cycle that found nothing, or no room, and with the idling after it took `elapsed_ns`.
    #[inline]
    pub fn idle(&self, elapsed_ns: u64, blocked: bool) {
        self.duty_cycles.bump();
        self.idle_ns.add(elapsed_ns);
        self.blocked_ns.add(if blocked { elapsed_ns } else { 0 });
    }

    /// Notes what the kernel says of the calling thread, whose counters these are, against what it said at its start.
    pub fn look(&self, start: &ThreadUsage) {
        let now = ThreadUsage::read();
        self.voluntary_switches.set(now.voluntary_switches - start.voluntary_switches);
        self.involuntary_switches.set(now.involuntary_switches - start.involuntary_switches);
        self.minor_faults.set(now.minor_faults - start.minor_faults);
        self.major_faults.set(now.major_faults - start.major_faults);
        self.last_core.set(now.core);
    }
}

/// Both ends of one ring.
#[derive(Debug, Default)]
pub struct RingCounters {
    /// Messages that fit.
    pub capacity: usize,
    /// Written by the sender.
    pub outlet: CachePadded<OutletCounters>,
    /// Written by the receiver.
    pub inlet: CachePadded<InletCounters>,
}

/// What the counters of one ring read at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RingSnapshot {
    /// Who talks to whom, such as `reader→worker 0`.
    pub name: String,
    /// Messages that fit.
    pub capacity: usize,
    /// The sender's.
    pub outlet: OutletSnapshot,
    /// The receiver's.
    pub inlet: InletSnapshot,
}

impl RingSnapshot {
    /// Messages sent and not yet received.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.outlet.sent.saturating_sub(self.inlet.received)
    }
}
