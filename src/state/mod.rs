//! State that survives: what is needed to go on bit for bit, in a file.
//!
//! A snapshot is made of *records*, each the state of one thing as of one place in the input: the reader, the
//! aggregator, a cell, a symbol's correlation, the publisher. A record is found by the names of its symbol and timeframe
//! and has a hash of what its numbers depend on, so that each can be taken over, or not, by itself. Stages write their
//! records with [`put`] and take them back with [`take`]; [`SnapshotFile`] puts a checksum over every chunk of them,
//! [`Store`] keeps the files of a directory and knows which is the newest that can be trusted. Which agent writes what and
//! when is the engine's affair.

mod codec;
mod file;
mod snapshot;
mod store;
mod sweep;
mod table;

pub use codec::{StateError, is_sound_time, put, take, take_borrowed};
pub use file::{CHUNK_BYTES_MAX, FileFault, Meta, SnapshotFile, read_snapshot};
pub use snapshot::{InputPosition, Part, ReaderState, Record, Snapshot, push_record};
pub use store::{KEPT, Loaded, Store, Unfit};
pub use sweep::Sweep;
pub use table::{Column, SavedTable, align};
