//! Results as lines of a file: collected in one reused buffer, written batch by batch. Blocks on writes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct FileError {
    /// What was being done.
    pub action: &'static str,
    /// The file; `-` is standard output.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// A file that lines are appended to.
///
/// What was appended since the last flush is lost if the sink is dropped without [`FileSink::finish`].
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    flush_bytes: usize,
    written_bytes: u64,
    is_file: bool,
}

impl FileSink {
    /// Creates or truncates a file (`-` is standard output); a batch is also written once it holds `flush_bytes`.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the file cannot be created.
    pub fn create(path: &Path, flush_bytes: usize) -> Result<Self, FileError> {
        Self::open(path, flush_bytes, false)
    }

    /// The same, but goes on behind what is in the file where it is to `append`.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the file cannot be created.
    pub fn open(path: &Path, flush_bytes: usize, append: bool) -> Result<Self, FileError> {
        let opened = if path == Path::new("-") {
            io::stdout().as_fd().try_clone_to_owned().map(File::from)
        } else if append {
            File::options().append(true).create(true).open(path)
        } else {
            File::create(path)
        };
        let made = opened.and_then(|file| Ok((file.metadata()?.is_file(), file)));
        let (is_file, file) = made.map_err(|source| FileError { action: "create", path: path.to_owned(), source })?;
        let buffer = Vec::with_capacity(flush_bytes + (flush_bytes >> 2));
        Ok(Self { path: path.to_owned(), file, buffer, flush_bytes, written_bytes: 0, is_file })
    }

    /// The buffer that lines are appended to, each with its line feed.
    #[inline]
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes the batch if it is large enough; call it now and then between lines.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system refuses; how much of the batch it took is unknown.
    #[inline]
    pub fn flush_if_full(&mut self) -> Result<(), FileError> {
        if self.buffer.len() >= self.flush_bytes { self.flush() } else { Ok(()) }
    }

    /// Writes what has been appended.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system refuses; how much of the batch it took is unknown.
    pub fn flush(&mut self) -> Result<(), FileError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.buffer).map_err(|source| self.failed("write", source))?;
        self.written_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Bytes written since the start.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Writes what has been appended and syncs the file to the disk; returns the bytes written since the start.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system refuses.
    pub fn finish(mut self) -> Result<u64, FileError> {
        self.flush()?;
        if self.is_file {
            self.file.sync_all().map_err(|source| self.failed("sync", source))?;
        }
        Ok(self.written_bytes)
    }

    fn failed(&self, action: &'static str, source: io::Error) -> FileError {
        FileError { action, path: self.path.clone(), source }
    }
}
