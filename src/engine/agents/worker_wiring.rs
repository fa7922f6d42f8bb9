//! What a worker is wired to.

use super::rows_wanted::RowsWanted;
use crate::{
    aggregate::Routes,
    config::Plan,
    engine::{Memory, Questions},
    model::{BarMessage, Directory, WorkerMessage},
    runtime::{Clock, Inlet, Outlet},
    telemetry::{Recorder, WorkerCounters},
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// What a worker is wired to.
#[derive(Debug)]
pub struct WorkerWiring {
    /// Its number among the workers of the routes.
    pub index: usize,
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Which worker owns which cell.
    pub routes: Routes,
    /// Which closed bars the publisher wants to see.
    pub wanted: RowsWanted,
    /// Names of symbols and timeframes.
    pub directory: Arc<Directory>,
    /// From the aggregator.
    pub inlet: Inlet<BarMessage>,
    /// To the publisher.
    pub outlet: Outlet<WorkerMessage>,
    /// Its counters.
    pub counters: Arc<CachePadded<WorkerCounters>>,
    /// Its histogram.
    pub recorder: Recorder,
    /// For the time at the end of a duty cycle.
    pub clock: Clock,
    /// Messages taken in a duty cycle.
    pub batch: usize,
    /// For what it holds.
    pub memory: Arc<Memory>,
    /// What others ask of its cells, where somebody may.
    pub questions: Option<Arc<Questions>>,
    /// A seed by which the lengths of histories change at random, for tests.
    pub sway: Option<u64>,
}
