//! Snapshots of a running engine, taken without stopping it.
//!
//! The reader puts a *barrier* between two entries of the input. It travels down the rings behind the messages of the
//! entries before it; each agent saves its state as of the barrier when it meets it, so that together they are the state
//! at one place of the input although no two of them were there at the same time.
//!
//! Where an agent owns many things (cells, symbols), it saves each before the next message that would change it, and the
//! rest when it has nothing else to do: the cost of a snapshot is spread, and no message waits for more than one cell.
//! The bytes go to a thread of its own, which writes the file; the file gets its name when every agent has said its last
//! and the output that belongs to it has been acknowledged, so that no snapshot is ahead of what has been published.
//!
//! State belongs to a cell, not to a configuration: a record is keyed by the names of its symbol and timeframe, with a hash
//! of what its numbers depend on ([`Keys`]). A start takes over what matches ([`Restored`]); what does not is cold, and is
//! made again of the streams' history by an engine that reads it silently up to the place of the snapshot and leaves a
//! snapshot in memory there.

mod keys;
mod remote;
mod restored;
mod saver;
mod writer;

pub use keys::{Keys, Of};
pub use remote::{Connect, RemoteStore};
pub use restored::{CellState, Cold, PublisherState, Restored, Why};
pub use saver::{Saver, SaverEnd, saver};
pub use writer::{SnapshotProgress, SnapshotWriter};

use crate::state::{Meta, Snapshot, Store};
use std::sync::{Arc, OnceLock};

/// The first snapshot of an engine that writes none to a directory.
pub type InMemory = Arc<OnceLock<Snapshot>>;

/// Where snapshots go.
#[derive(Debug)]
pub enum Target {
    /// Into a directory.
    Directory(Store),
    /// Into the server.
    Remote(RemoteStore),
    /// Nowhere: the first is kept for whoever started the engine.
    Memory(InMemory),
}

/// Where snapshots go, and when.
#[derive(Debug)]
pub struct SnapshotOptions {
    /// Where they go.
    pub target: Target,
    /// What they are of; the time of their making is filled in.
    pub meta: Meta,
    /// Names of the inputs, in the configuration's order.
    pub inputs: Vec<String>,
    /// Time between two, ns.
    pub interval_ns: u64,
}
