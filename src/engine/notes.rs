//! Notes from the reader to the publisher, beside the bars: how far the input has been read, and what was refused.

use crate::{
    feed::{Refusal, streams::Gap},
    model::SourceId,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

/// Bytes of refused records on their way to the publisher at which reading pauses.
pub const LETTER_BYTES_MAX: usize = 16 << 20;

/// The fields of a refused record: names and values.
pub type RawFields = Vec<(Box<[u8]>, Box<[u8]>)>;

/// A note from the reader to the publisher, in the order of the input.
#[derive(Debug)]
pub enum Note {
    /// An entry has been taken.
    Mark(Mark),
    /// A record was refused.
    DeadLetter(Box<Letter>),
    /// Entries were removed before they were read.
    Gap {
        /// Sequence of the last record accepted before them.
        seq: u64,
        /// Which one.
        gap: Box<Gap>,
    },
    /// The barrier of a snapshot.
    Snapshot {
        /// Sequence of the last record accepted before it.
        seq: u64,
        /// Which one.
        number: u32,
    },
}

/// An entry of the input has been taken, with all its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Sequence of the last record accepted so far.
    pub seq: u64,
    /// The entry.
    pub source: SourceId,
    /// Its number among all entries ever added to its stream; 0 if unknown.
    pub number: u64,
    /// The moment at which it was taken, Unix ms.
    pub moment: i64,
    /// Whether its moment has to be journalled: a closing by the clock came before it.
    pub behind: bool,
    /// How far the ids of its stream are ahead of the time, ms; and whether that is to be journalled.
    pub offset: (i64, bool),
    /// Whether the journal already holds what it has to hold of it.
    pub journaled: bool,
    /// Whether its effects were published before this start: it rebuilds state, and nothing is published.
    pub replayed: bool,
    /// Up to when the ends of bars are expected to have come, Unix ms; `i64::MIN` where the input has no time.
    pub as_of: i64,
}

/// A refused record on its way to the dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Sequence of the last record accepted before it.
    pub seq: u64,
    /// The entry it came in.
    pub source: SourceId,
    /// Why it was refused.
    pub reason: Refusal,
    /// The fields as they were, or the line of a file as the one field `line`.
    pub fields: RawFields,
}

impl Letter {
    /// Bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>()
    }
}

/// Whether a batch is on its way. Set by the publisher, read by the reader; relaxed, because it is only a hint.
#[derive(Debug, Clone, Default)]
pub struct Committing(Arc<AtomicBool>);

impl Committing {
    /// Sets it.
    #[inline]
    pub fn set(&self, committing: bool) {
        self.0.store(committing, Relaxed);
    }

    /// Whether a batch is on its way.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Bytes of the refused records on their way. Shared by reader and publisher; relaxed, because it is only a bound.
#[derive(Debug, Clone, Default)]
pub struct LetterBytes(Arc<AtomicUsize>);

impl LetterBytes {
    /// A record has been sent.
    pub fn sent(&self, bytes: usize) {
        self.0.fetch_add(bytes, Relaxed);
    }

    /// A record has been written.
    pub fn written(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Relaxed);
    }

    /// Whether there is room for another.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.load(Relaxed) < LETTER_BYTES_MAX
    }
}
