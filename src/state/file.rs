//! A snapshot as a file: a header, chunks of records, a footer. Blocks for the file system.
//!
//! Every byte is under a CRC-32: those of the header under one, a chunk with its number and length under another, and
//! the footer, which says how many chunks there are, under a third, with the sums of the chunks. A file is written under
//! another name and gets its own when all of it is on the disk, so that a process or a machine that dies in between
//! leaves no half of one.

use crate::model::time::Iso8601;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

const MAGIC: [u8; 8] = *b"WAGESNAP";
/// Raise it when the bytes of the file or of a record's head change. A record's body has a version of its own, see
/// [`Part::version`](super::Part::version).
const FORMAT: u32 = 2;
const VERSION_LEN: usize = 24;
/// The same in all formats, so that a file of another one is told from a damaged one.
const HEADER_LEN: usize = 8 + 4 + 4 + 8 + 8 + VERSION_LEN + 4;
/// Stands where format 1 had a checksum of the whole configuration.
const RESERVED: u32 = 0;
const CHUNK_HEAD_LEN: usize = 8;
/// Stands where a chunk's length would: no chunk is so long.
const FOOTER: u32 = u32::MAX;
const FOOTER_LEN: usize = 4 + 4 + 8 + 4;
/// Longest chunk, bytes.
pub const CHUNK_BYTES_MAX: usize = 1 << 28;

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Identity of the position that the engine keeps with its server: another server's means another.
    pub origin: u64,
    /// When it was begun, Unix ms.
    pub created_ms: i64,
}

impl Meta {
    /// When it was begun, to the second, for people.
    #[must_use]
    pub fn made_at(&self) -> String {
        format!("{}Z", Iso8601(self.created_ms / 1_000 * 1_000))
    }
}

/// Why a file is no snapshot that can be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system cannot read it.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It ends too early, goes on too long, or a checksum does not hold.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    /// Another version of the engine wrote it.
    #[error("was written by {0}, this is {own}", own = version_text())]
    Version(String),
    /// The records that every snapshot has are of another version.
    #[error("has records of another version of the engine")]
    Records,
}

fn version_text() -> String {
    format!("version {} (format {FORMAT})", env!("CARGO_PKG_VERSION"))
}

fn version_bytes() -> [u8; VERSION_LEN] {
    let mut bytes = [0; VERSION_LEN];
    for (byte, own) in bytes.iter_mut().zip(env!("CARGO_PKG_VERSION").bytes()) {
        *byte = own;
    }
    bytes
}

fn header(meta: &Meta) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&FORMAT.to_le_bytes());
    header.extend_from_slice(&RESERVED.to_le_bytes());
    header.extend_from_slice(&meta.origin.to_le_bytes());
    header.extend_from_slice(&meta.created_ms.to_le_bytes());
    header.extend_from_slice(&version_bytes());
    let sum = crc32fast::hash(&header);
    header.extend_from_slice(&sum.to_le_bytes());
    header
}

fn chunk_sum(number: u32, len: u32, bytes: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&number.to_le_bytes());
    sum.update(&len.to_le_bytes());
    sum.update(bytes);
    sum.finalize()
}

/// A snapshot being written.
#[derive(Debug)]
pub struct SnapshotFile {
    file: BufWriter<File>,
    written: PathBuf,
    path: PathBuf,
    chunks: u32,
    bytes: u64,
    sums: crc32fast::Hasher,
    finished: bool,
}

impl SnapshotFile {
    /// Begins a file that will be called `path`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path, meta: &Meta) -> io::Result<Self> {
        let written = path.with_extension("tmp");
        let mut file = BufWriter::new(File::create(&written)?);
        file.write_all(&header(meta))?;
        let path = path.to_owned();
        Ok(Self { file, written, path, chunks: 0, bytes: 0, sums: crc32fast::Hasher::new(), finished: false })
    }

    /// Appends a chunk of whole records.
    ///
    /// # Errors
    /// Those of the file system; a chunk above [`CHUNK_BYTES_MAX`].
    pub fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).ok().filter(|&len| len as usize <= CHUNK_BYTES_MAX);
        let len = len.ok_or_else(|| io::Error::other("a chunk of the snapshot is too long"))?;
        let sum = chunk_sum(self.chunks, len, bytes).to_le_bytes();
        self.file.write_all(&len.to_le_bytes())?;
        self.file.write_all(&sum)?;
        self.file.write_all(bytes)?;
        self.sums.update(&sum);
        self.chunks += 1;
        self.bytes += u64::from(len);
        Ok(())
    }

    /// Brings the file to the disk and gives it its name; returns its length in bytes.
    ///
    /// # Errors
    /// Those of the file system; nothing has its name then.
    pub fn finish(mut self) -> io::Result<u64> {
        let mut footer = Vec::with_capacity(FOOTER_LEN);
        footer.extend_from_slice(&FOOTER.to_le_bytes());
        footer.extend_from_slice(&self.chunks.to_le_bytes());
        footer.extend_from_slice(&self.bytes.to_le_bytes());
        self.sums.update(&footer);
        footer.extend_from_slice(&self.sums.clone().finalize().to_le_bytes());
        self.file.write_all(&footer)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.written, &self.path)?;
        self.finished = true;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(HEADER_LEN as u64 + u64::from(self.chunks) * CHUNK_HEAD_LEN as u64 + self.bytes + FOOTER_LEN as u64)
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if !self.finished {
            // What nobody will finish; where even that fails, the next start cleans up.
            let _ = fs::remove_file(&self.written);
        }
    }
}

/// Checks the bytes of a file; gives what it is of, and its chunks one after the other.
///
/// # Errors
/// [`FileFault::Damaged`], [`FileFault::Version`].
pub fn read_snapshot(bytes: &[u8]) -> Result<(Meta, Vec<&[u8]>), FileFault> {
    let damaged = FileFault::Damaged;
    let (head, mut rest) = bytes.split_at_checked(HEADER_LEN).ok_or(damaged("it ends in its header"))?;
    let (fields, sum) = head.split_at(HEADER_LEN - 4);
    if head[..8] != MAGIC {
        return Err(damaged("it does not begin like a snapshot"));
    }
    if crc32fast::hash(fields).to_le_bytes() != *sum {
        return Err(damaged("the checksum of its header does not hold"));
    }
    let version = &fields[HEADER_LEN - 4 - VERSION_LEN..];
    if u32_at(fields, 8) != FORMAT || *version != version_bytes() {
        let text = String::from_utf8_lossy(version);
        return Err(FileFault::Version(format!(
            "version {} (format {})",
            text.trim_end_matches('\0'),
            u32_at(fields, 8)
        )));
    }
    if u32_at(fields, 12) != RESERVED {
        return Err(damaged("its header says more than it may"));
    }
    let meta = Meta { origin: u64_at(fields, 16), created_ms: u64_at(fields, 24).cast_signed() };
    let (mut chunks, mut total, mut sums) = (Vec::new(), 0u64, crc32fast::Hasher::new());
    loop {
        let (len, sum) = match rest.get(..CHUNK_HEAD_LEN) {
            Some(head) => (u32_at(head, 0), u32_at(head, 4)),
            None => return Err(damaged("it ends before its last chunk")),
        };
        if len == FOOTER {
            break;
        }
        let Some(chunk) = rest.get(CHUNK_HEAD_LEN..CHUNK_HEAD_LEN + len as usize) else {
            return Err(damaged("it ends in a chunk"));
        };
        if chunk_sum(chunks.len() as u32, len, chunk) != sum {
            return Err(damaged("the checksum of a chunk does not hold"));
        }
        sums.update(&sum.to_le_bytes());
        total += u64::from(len);
        chunks.push(chunk);
        rest = &rest[CHUNK_HEAD_LEN + chunk.len()..];
    }
    if rest.len() != FOOTER_LEN {
        return Err(damaged("it has not the length that it should have"));
    }
    let (fields, sum) = rest.split_at(FOOTER_LEN - 4);
    sums.update(fields);
    let holds = sums.finalize().to_le_bytes() == *sum;
    if !holds || u32_at(fields, 4) as usize != chunks.len() || u64_at(fields, 8) != total {
        return Err(damaged("the checksum of its footer does not hold"));
    }
    Ok((meta, chunks))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: Meta = Meta { origin: 7, created_ms: -3 };

    fn file(chunks: &[&[u8]]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.snapshot");
        let mut file = SnapshotFile::create(&path, &META).unwrap();
        chunks.iter().for_each(|chunk| file.chunk(chunk).unwrap());
        let len = file.finish().unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, len);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        bytes
    }

    #[test]
    fn what_is_written_reads_back() {
        let some: [&[&[u8]]; 3] = [&[], &[b"one"], &[b"", b"two", b"three"]];
        for chunks in some {
            let bytes = file(chunks);
            let (meta, found) = read_snapshot(&bytes).unwrap();
            assert_eq!((meta, found.as_slice()), (META, chunks));
        }
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_addition_is_seen() {
        let bytes = file(&[b"some records", b"", b"more"]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(read_snapshot(&bad).is_err(), "bit {bit} of byte {at}");
            }
            assert!(read_snapshot(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(read_snapshot(&[bytes.as_slice(), b"x"].concat()).is_err());
    }

    #[test]
    fn a_file_of_another_format_is_told_from_a_damaged_one() {
        let mut old = file(&[b"some records"]);
        old[8..12].copy_from_slice(&(FORMAT - 1).to_le_bytes());
        // What the checksum of the configuration was.
        old[12..16].copy_from_slice(&0xabcdu32.to_le_bytes());
        let sum = crc32fast::hash(&old[..HEADER_LEN - 4]).to_le_bytes();
        old[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&sum);
        let fault = read_snapshot(&old).unwrap_err();
        assert!(matches!(&fault, FileFault::Version(found) if found.contains("format 1")), "{fault}");
    }

    #[test]
    fn chunks_out_of_order_and_chunks_left_out_are_seen() {
        let bytes = file(&[b"abcd", b"efgh"]);
        let (first, second) = (HEADER_LEN, HEADER_LEN + CHUNK_HEAD_LEN + 4);
        let swapped = [&bytes[..first], &bytes[second..second + 12], &bytes[first..second], &bytes[second + 12..]];
        assert!(read_snapshot(&swapped.concat()).is_err());
        assert!(read_snapshot(&[&bytes[..first], &bytes[second..]].concat()).is_err());
    }

    #[test]
    fn one_that_is_not_finished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = SnapshotFile::create(&dir.path().join("a.snapshot"), &META).unwrap();
        file.chunk(b"one").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
