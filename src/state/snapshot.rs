//! The records of a snapshot, found by what they are of.

use super::{
    codec::{StateError, take},
    file::{FileFault, Meta, read_snapshot},
};
use crate::model::StreamId;
use bincode::{Decode, Encode};
use std::{collections::HashMap, ops::Range};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The door: [`ReaderState`], then that of the admission.
    Reader,
    /// The open bars.
    Aggregator,
    /// A cell: indices of symbol and timeframe.
    Cell(u16, u8),
    /// A symbol's correlation and latest values: its index.
    Symbol(u16),
    /// The publisher's place in the order.
    Publisher,
}

impl Part {
    const fn tag(self) -> (u8, u16, u8) {
        match self {
            Self::Reader => (1, 0, 0),
            Self::Aggregator => (2, 0, 0),
            Self::Cell(symbol, timeframe) => (3, symbol, timeframe),
            Self::Symbol(symbol) => (4, symbol, 0),
            Self::Publisher => (5, 0, 0),
        }
    }

    const fn of(tag: (u8, u16, u8)) -> Option<Self> {
        match tag {
            (1, 0, 0) => Some(Self::Reader),
            (2, 0, 0) => Some(Self::Aggregator),
            (3, symbol, timeframe) => Some(Self::Cell(symbol, timeframe)),
            (4, symbol, 0) => Some(Self::Symbol(symbol)),
            (5, 0, 0) => Some(Self::Publisher),
            _ => None,
        }
    }
}

const HEAD_LEN: usize = 8;

/// Appends a record whose bytes `write` appends.
///
/// # Errors
/// Those of `write`; `out` is then as it was.
pub fn push_record(
    out: &mut Vec<u8>,
    part: Part,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let start = out.len();
    let (tag, symbol, timeframe) = part.tag();
    out.extend_from_slice(&[tag, timeframe]);
    out.extend_from_slice(&symbol.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let written = write(out);
    let len = u32::try_from(out.len() - start - HEAD_LEN).map_err(|_| StateError::Shape("a record"));
    match written.and(len) {
        Ok(len) => {
            out[start + 4..start + HEAD_LEN].copy_from_slice(&len.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// How far one input had been read.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct InputPosition {
    /// Its name.
    pub name: String,
    /// The last entry taken.
    pub id: StreamId,
    /// The entry's number among all that were ever added to its stream; 0 where it is not known.
    pub number: u64,
}

/// Where in the input a snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReaderState {
    /// By input.
    pub inputs: Vec<InputPosition>,
}

/// A snapshot that has been read and whose checksums hold.
#[derive(Debug)]
pub struct Snapshot {
    /// What it is of.
    pub meta: Meta,
    /// Where it was taken.
    pub reader: ReaderState,
    bytes: Vec<u8>,
    records: HashMap<Part, Range<usize>>,
}

impl Snapshot {
    /// Takes the bytes of a file apart.
    ///
    /// # Errors
    /// [`FileFault`]: of a file whose checksums hold, only where a record is cut or there twice.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, FileFault> {
        let (meta, chunks) = read_snapshot(&bytes)?;
        let damaged = || FileFault::Damaged("its records cannot be told apart");
        let base = bytes.as_ptr().addr();
        let mut records = HashMap::new();
        for chunk in chunks {
            let mut rest = chunk;
            while let Some((&[tag, timeframe, s0, s1, l0, l1, l2, l3], body)) = rest.split_first_chunk::<HEAD_LEN>() {
                let part = Part::of((tag, u16::from_le_bytes([s0, s1]), timeframe)).ok_or_else(damaged)?;
                let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
                let (record, behind) = body.split_at_checked(len).ok_or_else(damaged)?;
                let from = record.as_ptr().addr() - base;
                if records.insert(part, from..from + len).is_some() {
                    return Err(damaged());
                }
                rest = behind;
            }
            if !rest.is_empty() {
                return Err(damaged());
            }
        }
        let mut record = records.get(&Part::Reader).map(|range| &bytes[range.clone()]).ok_or_else(damaged)?;
        let reader = take(&mut record).map_err(|_| damaged())?;
        Ok(Self { meta, reader, bytes, records })
    }

    /// The record of a part.
    ///
    /// # Errors
    /// [`StateError::Shape`] where there is none.
    pub fn part(&self, part: Part) -> Result<&[u8], StateError> {
        let range = self.records.get(&part).ok_or(StateError::Shape("a part that the snapshot has not got"))?;
        Ok(&self.bytes[range.clone()])
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
