//! What a disk takes, where it is not the system that decides: the disk of a simulation fills up and fails.

use std::{
    fmt,
    fs::File,
    io::{self, Write},
    sync::Arc,
};

/// Decides about every write to the files of snapshots.
pub trait Allowance: fmt::Debug + Send + Sync {
    /// How many of so many bytes the disk takes now.
    ///
    /// # Errors
    /// It takes none, such as [`io::ErrorKind::StorageFull`].
    fn take(&self, bytes: usize) -> io::Result<usize>;

    /// Whether what was written reaches the disk.
    ///
    /// # Errors
    /// It does not.
    fn sync(&self) -> io::Result<()>;

    /// Free space, bytes.
    fn free(&self) -> u64;
}

/// A file on a disk that may have an allowance.
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) file: File,
    pub(super) allowance: Option<Arc<dyn Allowance>>,
}

impl Allowed {
    /// Brings what was written to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if let Some(allowance) = &self.allowance {
            return allowance.sync();
        }
        self.file.sync_all()
    }
}

impl Write for Allowed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.allowance.as_ref().map_or(Ok(bytes.len()), |allowance| allowance.take(bytes.len()))?;
        self.file.write(&bytes[..len.min(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
