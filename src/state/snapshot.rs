//! The records of a snapshot, found by what they are of: names, not places in a configuration.

use super::{
    codec::{StateError, take},
    file::{Contents, FileFault, Meta, read_snapshot},
};
use crate::model::StreamId;
use std::{collections::HashMap, ops::Range};
use wincode::{SchemaRead, SchemaWrite};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordOf<'a> {
    /// The reader: [`ReaderState`], then the admission's state.
    Reader,
    /// The aggregator: its sequence, then the open bars.
    Aggregator,
    /// The cell of a symbol and a timeframe.
    Cell(&'a str, &'a str),
    /// The active signals and latest values of a symbol.
    Symbol(&'a str),
    /// The publisher: its sequence, then its place in the order of the input.
    Publisher,
    /// The bars behind the signals of the cell of a symbol and a timeframe.
    Trail(&'a str, &'a str),
    /// The running sums of returns.
    Drifts,
    /// How good the calibrated confidence is of late.
    Quality,
    /// What the signals of a symbol are worth, and which of them wait for their outcome.
    Worth(&'a str),
    /// What the signals of a timeframe and a strategy or kind are worth.
    Account(&'a str, &'a str),
    /// What had been used of the limits of signals of a second.
    Rate,
    /// The last bars of a cell, for the statistics of its windows.
    Recent(&'a str, &'a str),
    /// The closes that the correlation across assets waits for.
    Closes,
    /// The correlation across assets, but the covariances.
    Cross,
    /// The covariances of a symbol with those before it.
    CrossRow(&'a str),
}

impl<'a> RecordOf<'a> {
    /// Version of the layout and meaning of such a record's body, as it is written. Raise it when either changes, and
    /// keep a reader for the version before: what [`oldest`](Self::oldest) is not newer than can be taken over.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Reader => 4,
            Self::Aggregator | Self::Symbol(_) => 3,
            Self::Cell(..) | Self::Publisher => 2,
            Self::Trail(..) | Self::Worth(_) => 3,
            Self::Account(..) | Self::Drifts | Self::Quality | Self::Recent(..) => 1,
            Self::Rate | Self::Closes | Self::Cross | Self::CrossRow(_) => 1,
        }
    }

    /// The oldest version of such a record that can be read.
    #[must_use]
    pub const fn oldest(self) -> u8 {
        match self {
            Self::Reader | Self::Aggregator | Self::Cell(..) | Self::Publisher | Self::Symbol(_) => 2,
            Self::Trail(..) | Self::Worth(_) | Self::Account(..) => 1,
            Self::Drifts | Self::Quality | Self::Recent(..) => 1,
            Self::Rate | Self::Closes | Self::Cross | Self::CrossRow(_) => 1,
        }
    }

    const fn key(self) -> (u8, &'a str, &'a str) {
        match self {
            Self::Reader => (1, "", ""),
            Self::Aggregator => (2, "", ""),
            Self::Cell(symbol, timeframe) => (3, symbol, timeframe),
            Self::Symbol(symbol) => (4, symbol, ""),
            Self::Publisher => (5, "", ""),
            Self::Trail(symbol, timeframe) => (6, symbol, timeframe),
            Self::Worth(symbol) => (7, symbol, ""),
            Self::Account(timeframe, name) => (8, timeframe, name),
            Self::Drifts => (9, "", ""),
            Self::Quality => (10, "", ""),
            Self::Rate => (20, "", ""),
            Self::Recent(symbol, timeframe) => (12, symbol, timeframe),
            Self::Closes => (21, "", ""),
            Self::Cross => (22, "", ""),
            Self::CrossRow(symbol) => (23, symbol, ""),
        }
    }
}

impl<'a> RecordOf<'a> {
    /// The part of a key, unless the tag is unknown.
    fn of_key(key: &'a [u8]) -> Option<Self> {
        let (&tag, names) = key.split_first()?;
        let mut names = names.split(|&byte| byte == 0xff).map(|name| str::from_utf8(name).ok());
        let (symbol, timeframe) = (names.next()??, names.next()??);
        Some(match tag {
            1 => Self::Reader,
            2 => Self::Aggregator,
            3 => Self::Cell(symbol, timeframe),
            4 => Self::Symbol(symbol),
            5 => Self::Publisher,
            6 => Self::Trail(symbol, timeframe),
            7 => Self::Worth(symbol),
            8 => Self::Account(symbol, timeframe),
            9 => Self::Drifts,
            10 => Self::Quality,
            20 => Self::Rate,
            12 => Self::Recent(symbol, timeframe),
            21 => Self::Closes,
            22 => Self::Cross,
            23 => Self::CrossRow(symbol),
            _ => return None,
        })
    }
}

/// A record found in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedRecord<'a> {
    /// Version of its layout.
    pub version: u8,
    /// Hash of what its numbers depend on; 0 where its columns have hashes of their own, or nothing matters.
    pub hash: u64,
    /// The body.
    pub bytes: &'a [u8],
}

impl SavedRecord<'_> {
    /// Whether it is of a version of this part that can be read.
    #[must_use]
    pub fn is_readable(&self, part: RecordOf<'_>) -> bool {
        (part.oldest()..=part.version()).contains(&self.version)
    }
}

/// Tag, version, lengths of the two names, of the body, and the hash.
const HEAD_LEN: usize = 1 + 1 + 2 + 2 + 4 + 8;

/// Appends a record whose body `write` appends.
///
/// # Errors
/// Those of `write`, and names or a body that are too long; `out` is then as it was.
pub fn push_record(
    out: &mut Vec<u8>,
    part: RecordOf<'_>,
    hash: u64,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let start = out.len();
    let (tag, symbol, timeframe) = part.key();
    let name_len = |name: &str| u16::try_from(name.len()).map_err(|_| StateError::Shape("a name"));
    let (symbol_len, timeframe_len) = (name_len(symbol)?, name_len(timeframe)?);
    out.extend_from_slice(&[tag, part.version()]);
    out.extend_from_slice(&symbol_len.to_le_bytes());
    out.extend_from_slice(&timeframe_len.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&hash.to_le_bytes());
    out.extend_from_slice(symbol.as_bytes());
    out.extend_from_slice(timeframe.as_bytes());
    let body = out.len();
    let written = write(out);
    let len = u32::try_from(out.len() - body).map_err(|_| StateError::Shape("a record"));
    match written.and(len) {
        Ok(len) => {
            out[start + 6..start + 10].copy_from_slice(&len.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// How far one input had been read.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct InputPosition {
    /// Its name.
    pub name: String,
    /// The last entry taken.
    pub id: StreamId,
    /// The entry's number among all that were ever added to its stream; 0 where it is not known.
    pub number: u64,
    /// How far the ids of its entries were ahead of the time, ms.
    pub offset_ms: i64,
}

/// Where in the input a snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ReaderState {
    /// By input.
    pub inputs: Vec<InputPosition>,
}

impl ReaderState {
    /// Takes off the front what a record of this version begins with.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn read(version: u8, bytes: &mut &[u8]) -> Result<Self, StateError> {
        if version >= 3 {
            return take(bytes);
        }
        let older: Vec<(String, StreamId, u64)> = take(bytes)?;
        let inputs = older.into_iter().map(|(name, id, number)| InputPosition { name, id, number, offset_ms: 0 });
        Ok(Self { inputs: inputs.collect() })
    }
}

/// What a record is of, as bytes: tag and names.
type Key = Box<[u8]>;

fn key_of((tag, symbol, timeframe): (u8, &[u8], &[u8])) -> Key {
    // No name has this byte in it, being UTF-8.
    [&[tag], symbol, &[0xff], timeframe].concat().into_boxed_slice()
}

#[derive(Debug)]
struct Found {
    version: u8,
    hash: u64,
    range: Range<usize>,
}

/// A snapshot that has been read and whose checksums hold.
#[derive(Debug)]
pub struct Snapshot {
    /// What it is of.
    pub meta: Meta,
    /// Version of the program that wrote it.
    pub writer: String,
    /// Where it was taken.
    pub reader: ReaderState,
    bytes: Vec<u8>,
    records: HashMap<Key, Found>,
}

impl Snapshot {
    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// [`FileFault`]; if all checksums hold, only for a record that is cut off or occurs twice.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, FileFault> {
        let Contents { meta, writer, chunks } = read_snapshot(&bytes)?;
        let base = bytes.as_ptr().addr();
        let mut records = HashMap::new();
        for chunk in chunks {
            index(chunk, chunk.as_ptr().addr() - base, &mut records)?;
        }
        Self::of(meta, writer, bytes, records)
    }

    /// A snapshot from memory: its records, one after the other.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn of_records(meta: Meta, bytes: Vec<u8>) -> Result<Self, FileFault> {
        let mut records = HashMap::new();
        index(&bytes, 0, &mut records)?;
        Self::of(meta, env!("CARGO_PKG_VERSION").to_owned(), bytes, records)
    }

    fn of(meta: Meta, writer: String, bytes: Vec<u8>, records: HashMap<Key, Found>) -> Result<Self, FileFault> {
        let mut snapshot = Self { meta, writer, reader: ReaderState { inputs: Vec::new() }, bytes, records };
        snapshot.reader = snapshot
            .whole(RecordOf::Reader)
            .and_then(|mut record| ReaderState::read(record.version, &mut record.bytes))
            .map_err(|error| {
                if let StateError::Version = error { FileFault::Records } else { FileFault::Damaged(INDISTINCT) }
            })?;
        Ok(snapshot)
    }

    /// The record of a part, whatever its version and hash; `None` if there is none.
    #[must_use]
    pub fn record(&self, part: RecordOf<'_>) -> Option<SavedRecord<'_>> {
        let (tag, symbol, timeframe) = part.key();
        let found = self.records.get(&key_of((tag, symbol.as_bytes(), timeframe.as_bytes())))?;
        Some(SavedRecord { version: found.version, hash: found.hash, bytes: &self.bytes[found.range.clone()] })
    }

    /// All records of known parts, in the order of the file.
    #[must_use]
    pub fn records(&self) -> Vec<(RecordOf<'_>, SavedRecord<'_>)> {
        let mut all: Vec<_> = self.records.iter().collect();
        all.sort_unstable_by_key(|(_, found)| found.range.start);
        let known = all.into_iter().filter_map(|(key, found)| {
            let record =
                SavedRecord { version: found.version, hash: found.hash, bytes: &self.bytes[found.range.clone()] };
            Some((RecordOf::of_key(key)?, record))
        });
        known.collect()
    }

    /// The body of a record that every snapshot has.
    ///
    /// # Errors
    /// [`StateError::Shape`] where there is none, [`StateError::Version`] where it is of a version that cannot be read.
    pub fn whole(&self, part: RecordOf<'_>) -> Result<SavedRecord<'_>, StateError> {
        let record = self.record(part).ok_or(StateError::Shape("a part that the snapshot has not got"))?;
        if record.is_readable(part) { Ok(record) } else { Err(StateError::Version) }
    }

    /// The bytes it was read from.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

const INDISTINCT: &str = "its records cannot be told apart";

/// Finds the records in a chunk that lies at this offset.
fn index(chunk: &[u8], offset: usize, records: &mut HashMap<Key, Found>) -> Result<(), FileFault> {
    let damaged = || FileFault::Damaged(INDISTINCT);
    let mut rest = chunk;
    while let Some((head, body)) = rest.split_first_chunk::<HEAD_LEN>() {
        let &[tag, version, s0, s1, t0, t1, l0, l1, l2, l3, ref hash @ ..] = head;
        let (symbol_len, timeframe_len) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([t0, t1]));
        let (symbol, body) = body.split_at_checked(symbol_len.into()).ok_or_else(damaged)?;
        let (timeframe, body) = body.split_at_checked(timeframe_len.into()).ok_or_else(damaged)?;
        let named = std::str::from_utf8(symbol).is_ok() && std::str::from_utf8(timeframe).is_ok();
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (record, behind) = body.split_at_checked(len).ok_or_else(damaged)?;
        let from = offset + (chunk.len() - body.len());
        let found = Found { version, hash: u64::from_le_bytes(*hash), range: from..from + record.len() };
        if !named || records.insert(key_of((tag, symbol, timeframe)), found).is_some() {
            return Err(damaged());
        }
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::put;

    const META: Meta = Meta { origin: 1, created_ms: 0 };

    fn records(parts: &[(RecordOf<'_>, u64, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_record(&mut bytes, RecordOf::Reader, 0, |out| put(out, &ReaderState { inputs: Vec::new() })).unwrap();
        for (part, hash, body) in parts {
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(body);
                Ok(())
            };
            push_record(&mut bytes, *part, *hash, write).unwrap();
        }
        bytes
    }

    #[test]
    fn records_are_found_by_the_names_of_what_they_are_of() {
        let all = [
            (RecordOf::Cell("A", "1m"), 7, &b"one"[..]),
            (RecordOf::Cell("A1", "m"), 8, b""),
            (RecordOf::Symbol("A"), 0, b"two"),
        ];
        let snapshot = Snapshot::of_records(META, records(&all)).unwrap();
        for (part, hash, bytes) in all {
            assert_eq!(snapshot.record(part), Some(SavedRecord { version: part.version(), hash, bytes }), "{part:?}");
        }
        let listed: Vec<_> = snapshot.records().into_iter().map(|(part, record)| (part, record.bytes)).collect();
        assert_eq!(listed[1..], all.map(|(part, _, bytes)| (part, bytes)), "behind the reader's, in their order");
        for absent in [RecordOf::Cell("A", "5m"), RecordOf::Symbol("A1"), RecordOf::Publisher] {
            assert_eq!(snapshot.record(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn records_that_are_cut_or_there_twice_are_damage() {
        let twice = records(&[(RecordOf::Symbol("A"), 1, b"one"), (RecordOf::Symbol("A"), 2, b"two")]);
        assert!(Snapshot::of_records(META, twice).is_err());
        let bytes = records(&[(RecordOf::Symbol("A"), 1, b"one")]);
        let whole = records(&[]).len();
        for len in (0..bytes.len()).filter(|&len| len != whole) {
            assert!(Snapshot::of_records(META, bytes[..len].to_vec()).is_err(), "cut at {len}");
        }
    }
}
