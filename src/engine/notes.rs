//! What the reader tells the publisher beside the bars: how far the input has been read, and what was refused.

use crate::{feed::Refusal, model::SourceId};

/// A note from the reader to the publisher, in the order of the input.
#[derive(Debug)]
pub enum Note {
    /// An entry has been taken.
    Mark(Mark),
    /// A record was refused.
    DeadLetter(Box<DeadLetter>),
}

/// An entry of the input has been taken, with all its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Sequence of the last record accepted so far.
    pub seq: u64,
    /// The entry.
    pub source: SourceId,
    /// Whether its effects were published before the engine was started: state is rebuilt, nothing is published.
    pub replayed: bool,
}

/// Names and values of a refused record, as they came.
pub type RawFields = Vec<(Box<[u8]>, Box<[u8]>)>;

/// A refused record on its way to the dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Sequence of the last record accepted before it.
    pub seq: u64,
    /// The entry it came in.
    pub source: SourceId,
    /// Why it was refused.
    pub reason: Refusal,
    /// The fields as they were, or the line of a file as the one field `line`.
    pub fields: RawFields,
}
