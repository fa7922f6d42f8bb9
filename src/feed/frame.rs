//! The compact form of many bars: a versioned, checksummed frame in one field of a stream entry.
//!
//! Decoding reads the bytes in place: it allocates nothing, copies one record at a time and does not block.
//! Encoding allocates only what the output vector lacks.
//!
//! A frame is, little-endian and without padding, a [`FrameHeader`] of 24 bytes (version `u16`, count `u16`, base interval in
//! seconds `u32`, `ingest_ns` `u64`, flags `u32` = 0, CRC-32 `u32` of the 20 bytes before it and of all records) and
//! `count` records of 80 bytes, see [`FrameRecord`]. This is what bincode's legacy configuration makes of the two
//! structures, and it is also their memory, so that other programs may write it with either.
//!
//! State that is saved has a format of its own: see [`crate::state`].

use super::{Record, Refusal};
use crate::model::{FrameHeader, Timeframe};

/// Most bars in one frame.
pub const MAX_FRAME_RECORDS: usize = 1_024;
/// Length of the symbol in a frame, bytes.
pub const FRAME_SYMBOL_LEN: usize = 16;
/// The format's name (`0x57`) and its version.
const VERSION: u16 = 0x5701;
const HEADER_LEN: usize = FrameHeader::LEN;
const RECORD_LEN: usize = 80;
/// Largest frame, bytes.
pub const MAX_FRAME_LEN: usize = HEADER_LEN + MAX_FRAME_RECORDS * RECORD_LEN;

/// Fixed-width little-endian integers, and no lengths that a corrupt byte could turn into gigabytes.
const BINCODE: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<MAX_FRAME_LEN>,
> = bincode::config::legacy().with_limit::<MAX_FRAME_LEN>();

/// One bar in a frame.
#[derive(Debug, Clone, Copy, PartialEq, bincode::Encode, bincode::Decode)]
#[repr(C)]
pub struct FrameRecord {
    /// Name of the symbol, ASCII, padded with zeros.
    pub symbol: [u8; FRAME_SYMBOL_LEN],
    /// Start of the bar, Unix ms.
    pub ts: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume.
    pub volume: f64,
    /// Volume-weighted average price; NaN if the source has none.
    pub vwap: f64,
    /// Number of trades; 0 if the source does not give it.
    pub trades: u32,
    /// Zero; ignored by readers.
    pub reserved: u32,
}

const _: () = assert!(size_of::<FrameRecord>() == RECORD_LEN);

impl FrameRecord {
    /// Packs a record; its interval and ingestion time belong to the frame.
    ///
    /// `None` if the symbol is longer than [`FRAME_SYMBOL_LEN`] bytes: such a bar must travel as flat fields.
    #[inline]
    #[must_use]
    pub fn new(record: &Record<'_>) -> Option<Self> {
        let mut symbol = [0; FRAME_SYMBOL_LEN];
        symbol.get_mut(..record.symbol.len())?.copy_from_slice(record.symbol);
        let Record { ts, open, high, low, close, volume, vwap, trades, .. } = *record;
        Some(Self { symbol, ts, open, high, low, close, volume, vwap, trades, reserved: 0 })
    }
}

/// Why a frame could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame holds 1 to [`MAX_FRAME_RECORDS`] bars.
    #[error("a frame holds 1 to {MAX_FRAME_RECORDS} bars, not {0}")]
    Count(usize),
    /// The interval is not a number of seconds that fits the header.
    #[error("a frame cannot carry bars of {0}")]
    Interval(Timeframe),
    /// The serialiser failed.
    #[error("a frame could not be serialised")]
    Encode(#[from] bincode::error::EncodeError),
}

/// Appends a frame of `records` of the interval `base` to `out`.
///
/// # Errors
/// [`FrameError::Count`] for no records or too many, [`FrameError::Interval`]; `out` is unchanged then.
pub fn encode_frame(
    base: Timeframe,
    ingest_ns: u64,
    records: &[FrameRecord],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let too_many = || FrameError::Count(records.len());
    if records.is_empty() || records.len() > MAX_FRAME_RECORDS {
        return Err(too_many());
    }
    let count = u16::try_from(records.len()).map_err(|_| too_many())?;
    let interval_s = interval_s(base).ok_or(FrameError::Interval(base))?;
    let start = out.len();
    let result = encode(
        FrameHeader { version: VERSION, count, of: interval_s, time_ns: ingest_ns, flags: 0, crc: 0 },
        records,
        out,
    );
    if result.is_err() {
        out.truncate(start);
    }
    Ok(result?)
}

fn encode(header: FrameHeader, records: &[FrameRecord], out: &mut Vec<u8>) -> Result<(), bincode::error::EncodeError> {
    let start = out.len();
    out.resize(start + HEADER_LEN + records.len() * RECORD_LEN, 0);
    let frame = &mut out[start..];
    for (record, bytes) in records.iter().zip(frame[HEADER_LEN..].as_chunks_mut::<RECORD_LEN>().0) {
        bincode::encode_into_slice(record, bytes, BINCODE)?;
    }
    header.seal(frame)
}

/// The interval in whole seconds, as the header holds it.
fn interval_s(base: Timeframe) -> Option<u32> {
    let ms = base.interval_ms();
    if ms % 1_000 == 0 { u32::try_from(ms / 1_000).ok() } else { None }
}

/// A frame that has been checked; it borrows the bytes that it arrived in.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    records: &'a [[u8; RECORD_LEN]],
    base: Timeframe,
    ingest_ns: u64,
}

impl<'a> FrameView<'a> {
    /// Checks a frame of a stream whose bars have the interval `base`; the bytes need no alignment.
    ///
    /// # Errors
    /// [`Refusal::BadFrame`] for an unknown version, a wrong length (too short, too long), no record or more than
    /// [`MAX_FRAME_RECORDS`], a wrong checksum; [`Refusal::WrongTimeframe`] for a sound frame of another interval.
    pub fn parse(bytes: &'a [u8], base: Timeframe) -> Result<Self, Refusal> {
        let (header, body) = FrameHeader::read(bytes).ok_or(Refusal::BadFrame)?;
        let (records, trailing) = body.as_chunks::<RECORD_LEN>();
        let count = usize::from(header.count);
        let shape = header.version == VERSION && header.flags == 0 && trailing.is_empty() && records.len() == count;
        if !shape || count == 0 || count > MAX_FRAME_RECORDS || !header.is_intact(bytes) {
            return Err(Refusal::BadFrame);
        }
        if interval_s(base) != Some(header.of) {
            return Err(Refusal::WrongTimeframe);
        }
        Ok(Self { records, base, ingest_ns: header.time_ns })
    }

    /// Number of bars, 1 to [`MAX_FRAME_RECORDS`].
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a frame is never empty
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// When the frame was made, Unix ns; 0 if its writer does not say.
    #[must_use]
    pub fn ingest_ns(&self) -> u64 {
        self.ingest_ns
    }

    /// The bars in order, as written: each must still pass [`validate`](fn@super::validate).
    #[inline]
    pub fn records(self) -> impl ExactSizeIterator<Item = Record<'a>> + use<'a> {
        self.records.iter().map(move |bytes| record(bytes, self.base, self.ingest_ns))
    }
}

/// Copies one record from its bytes, at any alignment.
#[inline]
fn record(bytes: &[u8; RECORD_LEN], interval: Timeframe, ingest_ns: u64) -> Record<'_> {
    let (symbol, fields) = bytes.split_at(FRAME_SYMBOL_LEN);
    let length = symbol.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let (fields, _) = fields.as_chunks::<8>();
    let number = |index: usize| f64::from_le_bytes(fields[index]);
    let [t0, t1, t2, t3, ..] = fields[7];
    Record {
        symbol: &symbol[..length],
        ts: i64::from_le_bytes(fields[0]),
        interval,
        open: number(1),
        high: number(2),
        low: number(3),
        close: number(4),
        volume: number(5),
        vwap: number(6),
        trades: u32::from_le_bytes([t0, t1, t2, t3]),
        ingest_ns,
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
