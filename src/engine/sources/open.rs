//! Opening the files of a replay: by name, within archives, or from a pipe that a thread of its own reads.

use super::pipe::{Pipe, PipeHandle};
use crate::feed::{BarFile, Bytes, Compression, CsvError, CsvSource, TextInput, dialect::FileOptions, unpack};
use flate2::read::DeflateDecoder;
use rustix::fd::OwnedFd;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Where the bytes of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a file that can be read again.
    File,
    /// In a file of columns.
    Parquet,
    /// In a pipe.
    Pipe,
    /// In an archive: from this byte on, so many.
    Member { from: u64, bytes: u64, deflated: bool },
}

/// A file that can be opened: one that was named, or a member of an archive that was.
#[derive(Debug, Clone)]
pub struct InputFile {
    path: PathBuf,
    /// Its name without a folder, behind that of its archive if it is in one.
    name: String,
    place: Place,
}

/// An opened file.
#[derive(Debug)]
pub struct OpenedFile {
    /// Its lines.
    pub source: BarFile,
    pipe: Option<PipeHandle>,
}

impl OpenedFile {
    /// Of a pipe, a descriptor that is readable when the next bytes are there: from now on a read that finds none says so
    /// and does not wait.
    pub fn take_bell(&mut self) -> Option<Arc<OwnedFd>> {
        self.pipe.take().map(PipeHandle::opened)
    }
}

/// Counts the bytes read.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(out)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl InputFile {
    /// The files behind a path: itself, standard input for `-`, or the members of an archive.
    ///
    /// # Errors
    /// It is not there, or an archive that cannot be read.
    pub fn all(path: &Path) -> Result<Vec<Self>, CsvError> {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let one = |place| vec![Self { path: path.to_owned(), name: name.clone(), place }];
        if path == Path::new("-") {
            // A file behind standard input can be read again, as any other.
            let stdin = Path::new("/dev/stdin");
            let is_file = stdin.metadata().is_ok_and(|metadata| metadata.is_file());
            let path = if is_file { stdin } else { path }.to_owned();
            return Ok(vec![Self { path, name, place: if is_file { Place::File } else { Place::Pipe } }]);
        }
        let failed = |source| CsvError::Read { path: path.to_owned(), source };
        let metadata = path.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            // A named pipe is opened once: whoever writes to it would be gone, with what it wrote, at the second time.
            return Ok(one(Place::Pipe));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut head = [0; Compression::MAGIC_LEN];
        let mut len = 0;
        while len < head.len() {
            match file.read(&mut head[len..]).map_err(failed)? {
                0 => break,
                count => len += count,
            }
        }
        match Compression::of(&head[..len]) {
            Compression::Zip => {}
            Compression::Parquet => return Ok(one(Place::Parquet)),
            _ => return Ok(one(Place::File)),
        }
        file.rewind().map_err(failed)?;
        Self::members(path, &name, file).map_err(failed)
    }

    /// The members of an archive that may hold bars.
    fn members(path: &Path, archive: &str, file: File) -> io::Result<Vec<Self>> {
        let other = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        let mut zip = zip::ZipArchive::new(file).map_err(|error| other(error.to_string()))?;
        let mut members = Vec::new();
        for index in 0..zip.len() {
            let member = zip.by_index_raw(index).map_err(|error| other(error.to_string()))?;
            let name = member.name().map_err(|error| other(error.to_string()))?.into_owned();
            let hidden = name.starts_with("__MACOSX/") || name.rsplit('/').next().is_some_and(|n| n.starts_with('.'));
            if !member.is_file() || member.size() == 0 || hidden {
                continue;
            }
            if member.encrypted() {
                return Err(other(format!("its member {name} is encrypted: unpack it first")));
            }
            let deflated = match member.compression() {
                zip::CompressionMethod::Stored => false,
                zip::CompressionMethod::Deflated => true,
                method => return Err(other(format!("its member {name} is packed with {method}: unpack it first"))),
            };
            let Some(from) = member.data_start() else { return Err(other(format!("its member {name} is not there"))) };
            let place = Place::Member { from, bytes: member.compressed_size(), deflated };
            let own = name.rsplit('/').next().unwrap_or(&name);
            members.push(Self { path: path.to_owned(), name: format!("{archive}/{own}"), place });
        }
        if members.is_empty() {
            return Err(other("it has no members".to_owned()));
        }
        Ok(members)
    }

    /// Its name for people, and in `source_id`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can be read but once, as its bars come.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.place == Place::Pipe
    }

    /// Opens it and finds out how it is to be read. Of a pipe this waits for the first bar, until `stop` is raised.
    ///
    /// # Errors
    /// It cannot be read or is not understood.
    pub fn open(&self, options: &FileOptions, stop: &Arc<AtomicBool>) -> Result<OpenedFile, CsvError> {
        let shown = match self.place {
            Place::Member { .. } => self.path.with_file_name(&self.name),
            _ if self.name == "-" => PathBuf::from("-"),
            _ => self.path.clone(),
        };
        let failed = |source| CsvError::Read { path: shown.clone(), source };
        let read_bytes = Arc::new(AtomicU64::new(0));
        let name = self.name.rsplit('/').next().unwrap_or(&self.name).to_owned();
        let counted = |reader| -> Bytes { Box::new(Counted { reader, count: Arc::clone(&read_bytes) }) };
        let (bytes, total_bytes, pipe): (Bytes, _, _) = match self.place {
            Place::Pipe => {
                let raw: Bytes = if self.path == Path::new("-") {
                    Box::new(Counted { reader: io::stdin(), count: Arc::clone(&read_bytes) })
                } else {
                    counted(File::open(&self.path).map_err(failed)?)
                };
                let pipe = Pipe::new(raw, Arc::clone(stop)).map_err(failed)?;
                let handle = pipe.handle();
                (Box::new(pipe), None, Some(handle))
            }
            Place::Parquet => return self.open_parquet(options),
            Place::File => {
                let file = File::open(&self.path).map_err(failed)?;
                let len = file.metadata().map_err(failed)?.len();
                (unpack(counted(file)).map_err(failed)?.1, Some(len), None)
            }
            Place::Member { from, bytes, deflated } => {
                let mut file = File::open(&self.path).map_err(failed)?;
                file.seek(SeekFrom::Start(from)).map_err(failed)?;
                let count = Arc::clone(&read_bytes);
                let raw: Bytes = Box::new(Counted { reader: file.take(bytes), count });
                let raw: Bytes = if deflated { Box::new(DeflateDecoder::new(raw)) } else { raw };
                (unpack(raw).map_err(failed)?.1, Some(bytes), None)
            }
        };
        let live = self.is_live();
        let input = TextInput { path: shown.clone(), name, bytes, total_bytes, read_bytes, live };
        let source = BarFile::from(CsvSource::new(input, options)?);
        Ok(OpenedFile { source, pipe })
    }

    #[cfg(feature = "parquet")]
    fn open_parquet(&self, options: &FileOptions) -> Result<OpenedFile, CsvError> {
        let file = File::open(&self.path).map_err(|source| CsvError::Read { path: self.path.clone(), source })?;
        let source = crate::feed::ParquetSource::new(self.path.clone(), &self.name, file, options)?;
        Ok(OpenedFile { source: BarFile::Parquet(source), pipe: None })
    }

    #[cfg(not(feature = "parquet"))]
    fn open_parquet(&self, _: &FileOptions) -> Result<OpenedFile, CsvError> {
        let why = "this program was built without Parquet: build it with --features parquet";
        let source = io::Error::new(io::ErrorKind::Unsupported, why);
        Err(CsvError::Read { path: self.path.clone(), source })
    }
}
