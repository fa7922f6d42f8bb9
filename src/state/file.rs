//! A snapshot as a file: a header, chunks of records, a footer. Blocks for the file system.
//!
//! A CRC-32 covers every byte: one the header, one each chunk with its number and length, and one the footer, which
//! holds the number of chunks and their checksums. A file is written under a temporary name and renamed once all of it
//! is on the disk, so that a process or machine that dies in between leaves no partial snapshot.

use super::allowance::{Allowance, Allowed};
use crate::model::time::Iso8601;
use rustix::fs::{Mode, OFlags, open};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

const MAGIC: [u8; 8] = *b"WAGESNAP";
/// Raise it when the bytes of the file or of a record's head change. A record's body has a version of its own, see
/// [`RecordOf::version`](super::RecordOf::version): the version of the program decides nothing.
const FORMAT: u32 = 2;
const VERSION_LEN: usize = 24;
/// The same in all formats, so that a file of another format can be told from a damaged one.
const HEADER_LEN: usize = 8 + 4 + 4 + 8 + 8 + VERSION_LEN + 4;
/// Stands where format 1 had a checksum of the whole configuration.
const RESERVED: u32 = 0;
const CHUNK_HEAD_LEN: usize = 8;
/// Takes the place of a chunk's length; no chunk is that long.
const FOOTER: u32 = u32::MAX;
const FOOTER_LEN: usize = 4 + 4 + 8 + 4;
/// Longest chunk, bytes.
pub const CHUNK_BYTES_MAX: usize = 1 << 28;

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Identity of the position that the engine keeps on its server; another server has another identity.
    pub origin: u64,
    /// When the snapshot was started, Unix ms.
    pub created_ms: i64,
}

impl Meta {
    /// When the snapshot was started, to the second, for people.
    #[must_use]
    pub fn made_at(&self) -> String {
        format!("{}Z", Iso8601(self.created_ms / 1_000 * 1_000))
    }
}

/// Why a file cannot be used as a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system cannot read it.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is too short or too long, or a checksum is wrong.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    /// Its bytes are laid out in another way.
    #[error("has format {found}, written by version {writer}; this is version {own}, which reads format {FORMAT}", own = env!("CARGO_PKG_VERSION"))]
    Format {
        /// The format.
        found: u32,
        /// The version that wrote it.
        writer: String,
    },
    /// The records that every snapshot has are of a version that this program cannot read.
    #[error("has records of another version of the engine")]
    Records,
}

impl FileFault {
    /// Whether another version of the program may be able to use the file.
    #[must_use]
    pub fn is_of_version(&self) -> bool {
        matches!(self, Self::Format { .. } | Self::Records)
    }
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

/// A file that was not there before, for this user alone. Whatever has the name is removed, and never written through.
fn create_new(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()
        }
        other => other,
    }
}

/// The bytes of a file that is no link.
///
/// # Errors
/// Those of the file system.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::from(open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A snapshot being written, wherever its bytes go.
#[derive(Debug)]
pub struct Encoder<W> {
    to: W,
    chunks: u32,
    bytes: u64,
    sums: crc32fast::Hasher,
}

impl<W: Write> Encoder<W> {
    /// Begins one.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut to: W, meta: &Meta) -> io::Result<Self> {
        to.write_all(&header(meta))?;
        Ok(Self { to, chunks: 0, bytes: 0, sums: crc32fast::Hasher::new() })
    }

    /// Appends a chunk of whole records.
    ///
    /// # Errors
    /// Those of the writer; a chunk above [`CHUNK_BYTES_MAX`].
    pub fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).ok().filter(|&len| len as usize <= CHUNK_BYTES_MAX);
        let len = len.ok_or_else(|| io::Error::other("a chunk of the snapshot is too long"))?;
        let sum = chunk_sum(self.chunks, len, bytes).to_le_bytes();
        self.to.write_all(&len.to_le_bytes())?;
        self.to.write_all(&sum)?;
        self.to.write_all(bytes)?;
        self.sums.update(&sum);
        self.chunks += 1;
        self.bytes += u64::from(len);
        Ok(())
    }

    /// Bytes so far, without the footer.
    #[must_use]
    pub fn len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.chunks) * CHUNK_HEAD_LEN as u64 + self.bytes
    }

    /// Whether there is no chunk yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks == 0
    }

    /// Appends the footer; gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let mut footer = Vec::with_capacity(FOOTER_LEN);
        footer.extend_from_slice(&FOOTER.to_le_bytes());
        footer.extend_from_slice(&self.chunks.to_le_bytes());
        footer.extend_from_slice(&self.bytes.to_le_bytes());
        self.sums.update(&footer);
        footer.extend_from_slice(&self.sums.finalize().to_le_bytes());
        self.to.write_all(&footer)?;
        Ok(self.to)
    }
}

/// A snapshot being written to a file.
#[derive(Debug)]
pub struct SnapshotFile {
    /// Until it is finished.
    file: Option<Encoder<BufWriter<Allowed>>>,
    written: PathBuf,
    path: PathBuf,
}

impl SnapshotFile {
    /// Starts a file that will be named `path`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path, meta: &Meta) -> io::Result<Self> {
        Self::create_within(path, meta, None)
    }

    /// The same on a disk that takes what an allowance says.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create_within(path: &Path, meta: &Meta, allowance: Option<Arc<dyn Allowance>>) -> io::Result<Self> {
        let written = path.with_extension("tmp");
        let file = Allowed { file: create_new(&written)?, allowance };
        let file = Some(Encoder::new(BufWriter::new(file), meta)?);
        Ok(Self { file, written, path: path.to_owned() })
    }

    /// Appends a chunk of whole records.
    ///
    /// # Errors
    /// As for [`Encoder::chunk`].
    pub fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.chunk(bytes))
    }

    /// Flushes the file to the disk and renames it; returns its length in bytes.
    ///
    /// # Errors
    /// Those of the file system; then no file has its name.
    pub fn finish(mut self) -> io::Result<u64> {
        let Some(file) = self.file.take() else { return Ok(0) };
        let len = file.len() + FOOTER_LEN as u64;
        let named = file.finish().and_then(|mut file| {
            file.flush()?;
            file.get_ref().sync()?;
            fs::rename(&self.written, &self.path)
        });
        if named.is_err() {
            let _ = fs::remove_file(&self.written);
        }
        named?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(len)
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nothing will finish this file. If it cannot be removed either, the next start cleans up.
            let _ = fs::remove_file(&self.written);
        }
    }
}

/// What the bytes of a file hold.
#[derive(Debug)]
pub struct Contents<'a> {
    /// What it is of.
    pub meta: Meta,
    /// Version of the program that wrote it.
    pub writer: String,
    /// Its chunks, one after the other.
    pub chunks: Vec<&'a [u8]>,
}

/// Checks the bytes of a file.
///
/// # Errors
/// [`FileFault::Damaged`], [`FileFault::Format`].
pub fn read_snapshot(bytes: &[u8]) -> Result<Contents<'_>, FileFault> {
    let damaged = FileFault::Damaged;
    let (head, mut rest) = bytes.split_at_checked(HEADER_LEN).ok_or(damaged("it ends in its header"))?;
    let (fields, sum) = head.split_at(HEADER_LEN - 4);
    if head[..8] != MAGIC {
        return Err(damaged("it does not begin like a snapshot"));
    }
    if crc32fast::hash(fields).to_le_bytes() != *sum {
        return Err(damaged("the checksum of its header does not hold"));
    }
    let writer = String::from_utf8_lossy(&fields[HEADER_LEN - 4 - VERSION_LEN..]).trim_end_matches('\0').to_owned();
    if u32_at(fields, 8) != FORMAT {
        return Err(FileFault::Format { found: u32_at(fields, 8), writer });
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
    Ok(Contents { meta, writer, chunks })
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
            let found = read_snapshot(&bytes).unwrap();
            assert_eq!((found.meta, found.chunks.as_slice()), (META, chunks));
            assert_eq!(found.writer, env!("CARGO_PKG_VERSION"));
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

    fn with_sum(mut bytes: Vec<u8>) -> Vec<u8> {
        let sum = crc32fast::hash(&bytes[..HEADER_LEN - 4]).to_le_bytes();
        bytes[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&sum);
        bytes
    }

    #[test]
    fn a_file_of_another_release_reads_as_long_as_its_format_is_this_one() {
        let mut other = file(&[b"some records"]);
        let from = HEADER_LEN - 4 - VERSION_LEN;
        other[from..from + VERSION_LEN].copy_from_slice(b"99.1.2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let other = with_sum(other);
        let found = read_snapshot(&other).unwrap();
        assert_eq!((found.writer.as_str(), found.chunks.as_slice()), ("99.1.2", &[&b"some records"[..]][..]));
    }

    #[test]
    fn a_planted_link_is_not_written_through_and_the_file_is_its_owners_alone() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("a.snapshot"), dir.path().join("victim"));
        fs::write(&victim, b"precious").unwrap();
        symlink(&victim, dir.path().join("a.tmp")).unwrap();
        symlink(&victim, &path).unwrap();
        let mut file = SnapshotFile::create(&path, &META).unwrap();
        file.chunk(b"one").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        assert!(read_snapshot(&read_file(&path).unwrap()).is_ok());
        symlink(&path, dir.path().join("link")).unwrap();
        assert!(read_file(&dir.path().join("link")).is_err(), "what is read is no link either");
    }

    #[test]
    fn a_file_of_another_format_is_told_from_a_damaged_one() {
        let mut old = file(&[b"some records"]);
        old[8..12].copy_from_slice(&(FORMAT - 1).to_le_bytes());
        // What the checksum of the configuration was.
        old[12..16].copy_from_slice(&0xabcdu32.to_le_bytes());
        let old = with_sum(old);
        let fault = read_snapshot(&old).unwrap_err();
        assert!(matches!(&fault, FileFault::Format { found: 1, .. }) && fault.is_of_version(), "{fault}");
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
