//! What a file's bytes are wrapped in, found by content: compression, then the encoding of its text.
//!
//! Allocates and blocks as its reader does; it hands on large pieces.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes read at a time.
const CHUNK_LEN: usize = 256 * 1024;
/// Memory that an xz file may ask for, KiB: the highest presets of the tool ask for a tenth of it.
const XZ_MEMORY_KIB: u32 = 1 << 20;

/// A source of bytes that can be handed to another thread.
pub type Bytes = Box<dyn Read + Send>;

/// The compressions that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// None.
    Plain,
    /// gzip, of any number of members.
    Gzip,
    /// Zstandard, of any number of frames.
    Zstd,
    /// xz, of any number of streams.
    Xz,
    /// bzip2, of any number of streams.
    Bzip2,
    /// A zip archive, whose members are files of their own.
    Zip,
    /// A Parquet file.
    Parquet,
}

impl Compression {
    /// Bytes that suffice to tell.
    pub const MAGIC_LEN: usize = 10;

    /// Decides by the first bytes, with which no text starts.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A frame to skip, which may stand before the others.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Self::Bzip2,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Self::Bzip2,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            _ => Self::Plain,
        }
    }

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Zip => "zip",
            Self::Parquet => "Parquet",
        }
    }
}

/// The bytes of a file, decompressed, after a look at the first of them.
///
/// # Errors
/// They cannot be read, or are of an archive or a table that cannot be read from front to back.
pub fn unpack(bytes: Bytes) -> io::Result<(Compression, Bytes)> {
    let mut reader = BufReader::with_capacity(CHUNK_LEN, bytes);
    let compression = Compression::of(reader.fill_buf()?);
    let bytes: Bytes = match compression {
        Compression::Plain => Box::new(reader),
        Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(Zstd::Between(Some(reader))),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(reader, true, XZ_MEMORY_KIB)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        Compression::Zip | Compression::Parquet => {
            let name = compression.name();
            let why = format!("{name} cannot be read from a pipe: give the file by its name");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    };
    Ok((compression, bytes))
}

/// Frames of Zstandard, one after the other.
enum Zstd {
    /// Within a frame.
    Within(Box<StreamingDecoder<BufReader<Bytes>, ruzstd::decoding::FrameDecoder>>),
    /// Before a frame or at the end; none after an error.
    Between(Option<BufReader<Bytes>>),
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Zstd")
    }
}

impl Zstd {
    /// Skips frames that hold no data; whether there is another that does.
    fn skip(reader: &mut BufReader<Bytes>) -> io::Result<bool> {
        loop {
            let head = reader.fill_buf()?;
            if head.is_empty() {
                return Ok(false);
            }
            let [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = head else { return Ok(true) };
            let mut header = [0u8; 8];
            reader.read_exact(&mut header)?;
            let [.., a, b, c, d] = header;
            let length = u64::from(u32::from_le_bytes([a, b, c, d]));
            io::copy(&mut reader.take(length), &mut io::sink())?;
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Within(decoder) => {
                    let count = decoder.read(out)?;
                    if count > 0 || out.is_empty() {
                        return Ok(count);
                    }
                    let Self::Within(decoder) = std::mem::replace(self, Self::Between(None)) else { continue };
                    *self = Self::Between(Some(decoder.into_inner()));
                }
                Self::Between(reader) => {
                    let Some(mut taken) = reader.take() else { return Ok(0) };
                    if !Self::skip(&mut taken)? {
                        return Ok(0);
                    }
                    *self = Self::Within(Box::new(StreamingDecoder::new(taken).map_err(io::Error::other)?));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write as _;

    fn unpacked(bytes: Vec<u8>) -> io::Result<(Compression, Vec<u8>)> {
        let (compression, mut reader) = unpack(Box::new(io::Cursor::new(bytes)))?;
        let mut out = Vec::new();
        reader.read_to_end(&mut out)?;
        Ok((compression, out))
    }

    fn text() -> Vec<u8> {
        (0..20_000u32).flat_map(|n| format!("{n},{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest),
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            _ => text.to_vec(),
        }
    }

    #[test]
    fn what_is_packed_once_or_in_parts_is_unpacked() {
        let text = text();
        for compression in [Compression::Plain, Compression::Gzip, Compression::Zstd, Compression::Bzip2] {
            let whole = packed(compression, &text);
            assert_eq!(unpacked(whole.clone()).unwrap(), (compression, text.clone()), "{compression:?}");
            let (front, back) = text.split_at(text.len() / 3);
            let parts = [packed(compression, front), packed(compression, back)].concat();
            assert_eq!(unpacked(parts).unwrap(), (compression, text.clone()), "{compression:?} in parts");
            if compression != Compression::Plain {
                assert!(unpacked(whole[..whole.len() - 20].to_vec()).is_err(), "{compression:?} torn");
            }
        }
        let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &packed(Compression::Zstd, b"abc")[..]].concat();
        assert_eq!(unpacked(skipped).unwrap(), (Compression::Zstd, b"abc".to_vec()));
        assert_eq!(unpacked(Vec::new()).unwrap(), (Compression::Plain, Vec::new()));
        for archive in [&b"PK\x03\x04 and more"[..], b"PAR1 and more"] {
            let error = unpacked(archive.to_vec()).unwrap_err();
            assert!(error.to_string().contains("by its name"), "{error}");
        }
    }

    /// As `printf 'a,b\n1,2\n' | xz` writes it.
    #[test]
    fn xz_is_unpacked() {
        let Ok(mut child) = std::process::Command::new("xz")
            .arg("-c")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
        else {
            return;
        };
        let text = text();
        let mut pipe = child.stdin.take().unwrap();
        let writer = std::thread::spawn({
            let text = text.clone();
            move || pipe.write_all(&text)
        });
        let bytes = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap().unwrap();
        assert_eq!(unpacked([&bytes[..], &bytes].concat()).unwrap(), (Compression::Xz, [&text[..], &text].concat()));
        assert!(unpacked(bytes[..bytes.len() - 20].to_vec()).is_err());
    }
}
