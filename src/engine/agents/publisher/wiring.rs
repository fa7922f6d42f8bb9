//! What the publisher is wired to.

use super::batch::BatchRules;
use crate::{
    config::Plan,
    engine::{
        Memory, PerformanceLedger,
        notes::{Committing, LetterBytes, Note},
        output::Output,
    },
    model::WorkerMessage,
    runtime::{Clock, Halt, Inlet},
    telemetry::{PublisherCounters, Recorder},
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// What the publisher is wired to.
#[derive(Debug)]
pub struct PublisherWiring {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Where results go.
    pub output: Output,
    /// From the workers, in their order.
    pub inlets: Vec<Inlet<WorkerMessage>>,
    /// From the reader, where the position of the input is kept.
    pub notes: Option<Inlet<Note>>,
    /// Bytes of the refused records on that ring.
    pub letters: LetterBytes,
    /// Its counters.
    pub counters: Arc<CachePadded<PublisherCounters>>,
    /// Its histograms.
    pub recorder: Recorder,
    /// For the time of an acknowledgement.
    pub clock: Clock,
    /// For what the signals are worth.
    pub ledger: Arc<PerformanceLedger>,
    /// For what it holds.
    pub memory: Arc<Memory>,
    /// For whether a batch is on its way.
    pub committing: Committing,
    /// Raised when everything is written and closed.
    pub done: Halt,
    /// When a batch is written.
    pub rules: BatchRules,
}
