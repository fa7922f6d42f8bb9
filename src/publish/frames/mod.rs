//! Signals as binary frames, for readers that are many or in a hurry: one entry a batch, one record of fixed length a
//! signal, names by number.
//!
//! An entry has two fields: `frame`, and `names`, the key of a hash that says what the numbers mean. A frame is,
//! little-endian, a [`FrameHeader`](crate::model::FrameHeader) of 24 bytes (version `u16`; count `u16`; how many names it
//! needs `u32`; 0 `u64`; CRC-32 of these names `u32`; CRC-32 `u32` of the 20 bytes before it and of all records) and `count`
//! records. A record is a [`SignalRecord`], then peers, a [`PeerRecord`] each, then zeros up to a multiple of 64 bytes; all
//! records of a frame have the same length, which follows from its own.
//!
//! The hash has a field `0`, `1`, `2` … for each name, and `record:<length>` for each length of records that there has been,
//! with their description for numpy. Numbers keep their meaning for ever: new names are only added, in the transaction that
//! holds the first frame which needs them. A frame says how many it needs, and their checksum, so that a reader knows when
//! to look again, and that the hash is not another one.

mod dictionary;
mod kept;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod writer;

pub use dictionary::{Dictionary, DictionaryError};
pub use read::{SignalFrame, SignalFrameError, SignalNames};
pub use record::{PeerRecord, SignalFlags, SignalRecord};
pub use writer::SignalFrames;

/// The form's name (`0x53`) and its version.
const VERSION: u16 = 0x5301;
/// Most signals in one frame.
const MAX_SIGNALS: usize = 1_024;
/// Records are a multiple of this, bytes.
const GRAIN: usize = 64;
/// Number of no name.
const NO_NAME: u32 = u32::MAX;
