//! Why an engine could not be started.

use super::Role;
use crate::publish::FileError;
use std::io;

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file could not be created.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system has no thread or file descriptor left.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// The histograms could not be made.
    #[error("cannot make the histograms")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// The table of rings names an agent that it leaves without what it needs.
    #[error("the {role} has no ring or no work of its own: mend the table in engine/topology.rs")]
    NoRing {
        /// The agent.
        role: Role,
    },
}
