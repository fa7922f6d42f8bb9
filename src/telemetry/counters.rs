//! The engine's counters, grouped by the thread that writes them. Updating one is hot, see [`Counter`]; reading is not.
//!
//! # Grammar of the names
//! `<owner>_<what>[_<unit>]`, with labels in the order of the field's indices: `reader_refused{reason}`,
//! `worker_signals{strategy, timeframe}`, `publisher_bytes`. The owner is the group; the rest is the field. Units come
//! last (`_ns`, `bytes`); a field without a unit counts events since the start. High-water marks and longest times end
//! in `_max`. All other counters only grow, so that rates are differences.

use super::counter::{Counter, Readout};
use super::thread_usage::ThreadUsage;
use crate::model::Refusal;
use crate::model::{HORIZONS, HeldBack};
use crate::model::{MAX_TIMEFRAMES, Strategy};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Declares a group of counters with one writer, and the struct of plain numbers that it reads as.
macro_rules! counters {
    ($(#[$doc:meta])* $group:ident, $plain:ident, $owner:literal {
        $($(#[doc = $field_doc:literal])* $field:ident : $shape:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $group { $($(#[doc = $field_doc])* pub $field: $shape),* }

        #[doc = concat!("What [`", stringify!($group), "`] read at one moment.")]
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct $plain { $($(#[doc = $field_doc])* pub $field: <$shape as Readout>::Plain),* }

        impl $group {
            /// A group of zeros, on its own cache lines.
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

            /// Hands on every number: name of its metric, what it is, its indices in its table, the number.
            pub fn each(&self, tell: &mut dyn FnMut(&'static str, &'static str, &[usize], u64)) {
                $(<$shape as Readout>::each(&self.$field, &mut Vec::new(), &mut |indices, number| {
                    tell(concat!($owner, "_", stringify!($field)), concat!($($field_doc),*), indices, number);
                });)*
            }

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
    /// The batch was full.
    Full,
    /// Its oldest signal had waited for the flush interval.
    Timer,
    /// No other signal was about to join it.
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
        /// Signals of strategies outside, taken or refused; they are among the records.
        external_in: Counter,
        /// Those that received a sequence.
        external_taken: Counter,
        /// Records that received a sequence.
        accepted: Counter,
        /// Records of bars that were still forming, each replaced by a later one of the same bar.
        replaced: Counter,
        /// Records that came before their bar was over, and within a second after their own time.
        young: Counter,
        /// Records refused, by [`Refusal::index`].
        refused: [Counter; Refusal::COUNT],
        /// Refused records that were no dead letters, because there were so many of their reason.
        letters_left_out: Counter,
        /// Bytes read.
        bytes: Counter,
        /// Stream entries, or lines of a file, read.
        entries: Counter,
        /// Reads from the source that returned something.
        reads: Counter,
        /// Clock events injected or read.
        clock_events: Counter,
        /// Time for which the reader was blocked by the next stage, ns.
        blocked_ns: Counter,
        /// Entries that waited until no entry of another stream could come before them.
        held: Counter,
        /// Entries that a read asks for of each stream, now.
        read_limit: Counter,
        /// Times that it grew, because a read came back full.
        read_limit_raised: Counter,
        /// Times that it shrank, because reads brought less than a quarter, or were too large.
        read_limit_lowered: Counter,
    }
}

counters! {
    /// Written by the reader of one input stream.
    StreamCounters, StreamSnapshot, "stream" {
        /// Entries taken.
        entries: Counter,
        /// Backlog of the stream, entries, at the last check.
        lag_entries: Counter,
        /// Age of the next entry to be taken, ms, at the last check: the time since the entry before it was added; 0
        /// if none waits.
        lag_ms: Counter,
        /// Entries that the server removed before they were read.
        trimmed: Counter,
        /// How long after its bar's end the last record came, ms; 0 where the ids of the stream are no times.
        delay_ms: Counter,
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
        /// Cells, by timeframe index.
        cells: [Counter; MAX_TIMEFRAMES],
        /// Those whose indicators all have a value, now, by timeframe index.
        defined: [Counter; MAX_TIMEFRAMES],
        /// Those whose indicators more history would not change, now, by timeframe index.
        settled: [Counter; MAX_TIMEFRAMES],
        /// Signals found, by strategy and timeframe index.
        signals: StrategyTable,
        /// Times that the condition of a custom strategy held while its confidence was undefined: it gave no signal.
        custom_undefined: Counter,
        /// Histories that are shorter than configured, now, because memory is short.
        histories_short: Counter,
        /// Histories that became shorter.
        histories_shortened: Counter,
        /// Histories that became longer again.
        histories_lengthened: Counter,
        /// Statistics of windows that were computed because something read them.
        statistics_computed: Counter,
        /// Statistics of windows that had been computed at the same bar when something read them.
        statistics_served: Counter,
        /// Statistics of windows that were not computed at a bar, because nothing read them.
        statistics_skipped: Counter,
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
        /// Published signals that are stale.
        stale: Counter,
        /// Outcomes of signals, by horizon, those left out included.
        outcomes: [Counter; HORIZONS.len()],
        /// Outcomes of signals that nothing is known of, because state was lost.
        outcomes_unknown: Counter,
        /// Lanes that went off or came on again.
        lane_switches: Counter,
        /// Cells that became liquid, or ceased to be.
        liquidity_switches: Counter,
        /// Outcomes of signals that had a calibrated confidence, at the longest horizon.
        calibrated: Counter,
        /// Brier score of the calibrated confidence of late, millionths.
        calibrated_brier_ppm: Counter,
        /// That of the share that had been won before.
        base_brier_ppm: Counter,
        /// Expected calibration error of the calibrated confidence, millionths.
        calibration_error_ppm: Counter,
        /// Published signals among many of their timeframe and side that are worth hardly more than one.
        concentrated: Counter,
        /// Intervals of the correlation across assets.
        intervals: Counter,
        /// Symbols that have a correlation, now.
        cross_ready: Counter,
        /// Symbols that are left out of it, having had no bar for long, now.
        cross_left_out: Counter,
        /// Symbols that there is no room for in it.
        cross_beyond: Counter,
        /// Batches written.
        batches: Counter,
        /// Batches written, by [`FlushCause`].
        flushes: [Counter; 4],
        /// Bytes written.
        bytes: Counter,
        /// Refused records written to the dead-letter stream.
        dead_letters: Counter,
        /// Batches sent again, because they were refused or lost under way.
        resent: Counter,
        /// Waits that were over before enough replicas had a batch.
        short_of_replicas: Counter,
        /// Commands of latest values that were written beside the batches.
        latest_apart: Counter,
        /// Commands of latest values that were not.
        latest_failed: Counter,
        /// Time for which a full batch waited for the one under way, ns.
        blocked_ns: Counter,
        /// Entries that make a batch full, now.
        batch_limit: Counter,
        /// Times that it grew, because a full batch was as quick as most.
        batch_limit_raised: Counter,
        /// Times that it shrank, because a batch was slow or refused.
        batch_limit_lowered: Counter,
    }
}

counters! {
    /// Written by the owner of a connection.
    LinkCounters, LinkSnapshot, "link" {
        /// Number of reconnections.
        reconnects: Counter,
        /// Attempts to reconnect.
        attempts: Counter,
        /// Time without a connection, ns.
        down_ns: Counter,
        /// 1 while there is no connection, else 0.
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
        /// Size of the last snapshot, bytes.
        bytes: Counter,
        /// Time from the first record of the last snapshot until it was safe on disk, ns.
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
        /// Messages for which even the spill had to grow: its capacity is too small.
        overflowed: Counter,
        /// Messages that may be in flight, now.
        credit: Counter,
        /// Times that it doubled, because the sender was blocked.
        credit_raised: Counter,
        /// Times that it was halved, because most of it was not used.
        credit_lowered: Counter,
    }
}

counters! {
    /// Written by the receiving end of a ring.
    InletCounters, InletSnapshot, "ring" {
        /// Messages taken out.
        received: Counter,
        /// Largest number of waiting messages seen.
        waiting_max: Counter,
        /// The same since the credit was looked at last.
        waiting_lately_max: Counter,
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
        /// The part of it for which the agent was blocked by the next stage, ns.
        blocked_ns: Counter,
        /// Longest duty cycle that found work, ns.
        duty_ns_max: Counter,
        /// Times the thread parked.
        parks: Counter,
        /// Times the thread gave up its core to wait, at the last check. This and the figures below are 0 for an agent
        /// that shares its thread.
        voluntary_switches: Counter,
        /// Times the system took the core from the thread, at the last check.
        involuntary_switches: Counter,
        /// Page faults served without a read, from the first duty cycle to the last check.
        minor_faults: Counter,
        /// Page faults that read from a disk, from the first duty cycle to the last check.
        major_faults: Counter,
        /// The core on which it ran at the last check.
        last_core: Counter,
    }
}

impl AgentCounters {
    /// Counts one duty cycle that found `work` items and took `elapsed_ns`.
    #[inline]
    pub fn busy(&self, work: u32, elapsed_ns: u64) {
        self.duty_cycles.bump();
        self.busy_cycles.bump();
        self.work.add(u64::from(work));
        self.busy_ns.add(elapsed_ns);
        self.duty_ns_max.raise(elapsed_ns);
    }

    /// Counts one duty cycle that found no work, or no room; `elapsed_ns` includes the idling after it.
    #[inline]
    pub fn idle(&self, elapsed_ns: u64, blocked: bool) {
        self.duty_cycles.bump();
        self.idle_ns.add(elapsed_ns);
        self.blocked_ns.add(if blocked { elapsed_ns } else { 0 });
    }

    /// Stores the kernel's figures for the calling thread, which owns these counters, less those at its start.
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
    /// Capacity, messages.
    pub capacity: usize,
    /// Written by the sender.
    pub outlet: CachePadded<OutletCounters>,
    /// Written by the receiver.
    pub inlet: CachePadded<InletCounters>,
}

/// The counters of one ring, read at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RingSnapshot {
    /// Sender and receiver, such as `reader→worker 0`.
    pub name: String,
    /// Capacity, messages.
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
