//! What an engine is started with.

use super::{FileOutputOptions, Incidents, RedisLink, Restored, RowsWanted, SnapshotOptions, Tap, Topology};
use crate::{config::Plan, model::Directory, publish::Sources};
use std::sync::Arc;

/// The outputs.
#[derive(Debug)]
pub struct Outputs {
    /// Files.
    pub files: FileOutputOptions,
    /// A Redis server, over an open connection.
    pub redis: Option<RedisLink>,
    /// Who watches, if anybody does.
    pub tap: Option<Tap>,
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
    /// Which closed bars the outputs need.
    pub rows: RowsWanted,
    /// Whether the publisher is told how far the input has been read, to keep a position or to hold back what only rebuilds
    /// state.
    pub marks: bool,
    /// State to start from.
    pub restore: Option<Restored>,
    /// Where snapshots go, if anywhere; asks for `marks`.
    pub snapshots: Option<SnapshotOptions>,
    /// Takes lines about what has happened.
    pub incidents: Arc<Incidents>,
}
