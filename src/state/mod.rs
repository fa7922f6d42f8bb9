//! State that survives a restart: everything needed to continue bit for bit, in a file.
//!
//! A snapshot is made of *records*, each the state of one thing as of one place in the input: the reader, the
//! aggregator, a cell, a symbol's correlation, the publisher. A record is found by the names of its symbol and
//! timeframe and has a hash of what its numbers depend on, so that each can be restored, or not, by itself. Stages
//! write their records with [`put`] and take them back with [`take`]; [`SnapshotFile`] puts a checksum over every chunk
//! of them, [`Store`] keeps the files of a directory and finds the newest one that can be used. The engine decides
//! which agent writes what, and when.

mod allowance;
mod codec;
mod file;
mod snapshot;
mod store;
mod sweep;
mod table;

pub use allowance::Allowance;
pub use codec::{StateError, is_sound_time, put, take};
pub use file::{CHUNK_BYTES_MAX, Contents, Encoder, FileFault, Meta, SnapshotFile, read_file, read_snapshot};
pub use snapshot::{InputPosition, ReaderState, RecordOf, SavedRecord, Snapshot, push_record};
pub use store::{Disk, FoundSnapshot, KEPT, Store, Unfit};
pub use sweep::Sweep;
pub use table::{Column, SavedTable, align};
