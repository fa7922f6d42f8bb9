//! An agent's end of the way to the snapshot's file.

use super::{Keys, Of};
use crate::state::{StateError, push_record};
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use std::{collections::VecDeque, sync::Arc};

/// Size from which on a chunk is handed over, bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may be under way before an agent saves no more than it must.
const CHUNKS: usize = 64;

/// Records of one agent.
#[derive(Debug)]
pub struct Chunk {
    /// The snapshot.
    pub number: u32,
    /// Whole records.
    pub bytes: Vec<u8>,
    /// Whether the agent has nothing more to say for this snapshot.
    pub last: bool,
}

/// Where an agent's records go. Never blocks; buffers come back and are used again, so that after the first snapshots
/// it allocates only when things change faster than the file is written.
#[derive(Debug)]
pub struct Saver {
    full: Producer<Chunk>,
    empty: Consumer<Vec<u8>>,
    bytes: Vec<u8>,
    number: u32,
    keys: Arc<Keys>,
    /// Chunks that found no room.
    waiting: VecDeque<Chunk>,
}

/// The writer's end.
#[derive(Debug)]
pub struct SaverEnd {
    pub(super) full: Consumer<Chunk>,
    pub(super) empty: Producer<Vec<u8>>,
}

/// Both ends of a way for records with these keys.
#[must_use]
pub fn saver(keys: &Arc<Keys>) -> (Saver, SaverEnd) {
    let (full, full_end) = RingBuffer::new(CHUNKS);
    let (empty_end, empty) = RingBuffer::new(CHUNKS);
    let keys = Arc::clone(keys);
    let saver = Saver { full, empty, bytes: Vec::new(), number: 0, keys, waiting: VecDeque::new() };
    (saver, SaverEnd { full: full_end, empty: empty_end })
}

impl Saver {
    /// Begins the agent's share of a snapshot.
    pub fn begin(&mut self, number: u32) {
        self.number = number;
    }

    /// Adds a record, whose body `write` appends; names and hashes are in the keys.
    ///
    /// # Errors
    /// Those of `write`.
    #[cold]
    pub fn record(
        &mut self,
        of: Of,
        write: impl FnOnce(&Keys, &mut Vec<u8>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let (part, hash) = self.keys.part(of);
        push_record(&mut self.bytes, part, hash, |out| write(&self.keys, out))?;
        if self.bytes.len() >= CHUNK_BYTES {
            self.hand_over(false);
        }
        Ok(())
    }

    /// Ends the agent's share.
    pub fn end(&mut self) {
        self.hand_over(true);
    }

    /// Gives a share up: its snapshot will never be whole, and is not used.
    pub fn abandon(&mut self) {
        self.bytes.clear();
    }

    fn hand_over(&mut self, last: bool) {
        let empty = self.empty.pop().unwrap_or_default();
        let bytes = std::mem::replace(&mut self.bytes, empty);
        self.waiting.push_back(Chunk { number: self.number, bytes, last });
        self.flush();
    }

    /// Moves on what waits; whether nothing does any more.
    pub fn flush(&mut self) -> bool {
        while let Some(chunk) = self.waiting.pop_front() {
            if let Err(PushError::Full(chunk)) = self.full.push(chunk) {
                if self.full.is_abandoned() {
                    // Nobody will write it: the writer has said why.
                    self.waiting.clear();
                    return true;
                }
                self.waiting.push_front(chunk);
                return false;
            }
        }
        true
    }
}
