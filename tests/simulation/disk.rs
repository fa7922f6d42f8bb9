//! The disk of the snapshots, which fills up at any byte and does not always keep what it takes.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use wagehood_engine::state::Allowance;

const PLENTY: u64 = 1 << 40;

#[derive(Debug)]
pub struct Disk {
    /// Bytes that it takes yet.
    left: AtomicU64,
    is_broken: AtomicBool,
}

impl Default for Disk {
    fn default() -> Self {
        Self { left: AtomicU64::new(PLENTY), is_broken: AtomicBool::new(false) }
    }
}

impl Disk {
    /// It takes so many bytes more, and keeps none of them where it is broken.
    pub fn fill(&self, left: u64, is_broken: bool) {
        self.left.store(left, Relaxed);
        self.is_broken.store(is_broken, Relaxed);
    }

    /// It is as new.
    pub fn mend(&self) {
        self.fill(PLENTY, false);
    }
}

impl Allowance for Disk {
    fn take(&self, bytes: usize) -> io::Result<usize> {
        let left = self.left.load(Relaxed);
        if left == 0 && bytes > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = left.min(bytes as u64);
        if left < PLENTY {
            self.left.store(left - taken, Relaxed);
        }
        Ok(taken as usize)
    }

    fn sync(&self) -> io::Result<()> {
        if self.is_broken.load(Relaxed) { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }

    fn free(&self) -> u64 {
        self.left.load(Relaxed)
    }
}
