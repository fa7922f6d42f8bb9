//! What an intake is wired to, and what it is told of every record.

use crate::{
    config::Plan,
    engine::{
        notes::{LetterBytes, Note},
        refusals::RefusalLog,
    },
    model::{BarMessage, Directory, SourceId},
    runtime::Outlet,
    telemetry::ReaderCounters,
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Where and when a record came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The entry.
    pub source: SourceId,
    /// Its number among all entries ever added to its stream; 0 if unknown.
    pub number: u64,
    /// Whether the journal already holds what it has to hold of it.
    pub journaled: bool,
    /// The wall of the entry of a stream, Unix ms: the time in its id, less what the ids are ahead of the time.
    pub wall_ms: Option<i64>,
    /// How far they are ahead, ms; and whether that is another from this entry on, which is to be journalled.
    pub offset: (i64, bool),
    /// Monotonic time of arrival, ns.
    pub arrival_ns: u64,
    /// Whether the entry's effects were published before the engine was started.
    pub replayed: bool,
}

/// What an intake is wired to.
#[derive(Debug)]
pub struct IntakeWiring {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// To the aggregator.
    pub bars: Outlet<BarMessage>,
    /// To the publisher, if it keeps a position.
    pub notes: Option<Outlet<Note>>,
    /// Bytes of the refused records on that ring.
    pub letters: LetterBytes,
    /// Names of the symbols.
    pub directory: Arc<Directory>,
    /// The reader's counters.
    pub counters: Arc<CachePadded<ReaderCounters>>,
    /// Samples of what was refused.
    pub refusals: Arc<RefusalLog>,
}
