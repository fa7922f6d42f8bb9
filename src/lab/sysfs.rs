//! The files by which a system tells about itself, under a root that a test may put anywhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The tree of `/proc`, `/sys` and `/run`.
#[derive(Debug, Clone)]
pub struct Sysfs {
    root: PathBuf,
}

impl Default for Sysfs {
    /// This system's.
    fn default() -> Self {
        Self::at("/")
    }
}

impl Sysfs {
    /// The tree under another root.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file without the white space at its ends; nothing where it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        // Names of interrupts and programs are bytes, not always UTF-8.
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The number in a file.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<i64> {
        self.read(path)?.parse().ok()
    }

    /// Names in a directory, sorted; nothing where it cannot be read.
    #[must_use]
    pub fn names(&self, path: &str) -> Option<Vec<String>> {
        let entries = fs::read_dir(self.path(path)).ok()?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        Some(names)
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        Path::exists(&self.path(path))
    }

    /// The value of a line `key: value` of a file.
    #[must_use]
    pub fn field(&self, path: &str, key: &str) -> Option<String> {
        let text = self.read(path)?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    /// The choice in brackets of a file such as `always [madvise] never`.
    #[must_use]
    pub fn chosen(&self, path: &str) -> Option<String> {
        let text = self.read(path)?;
        let (_, rest) = text.split_once('[')?;
        Some(rest.split_once(']')?.0.to_owned())
    }
}
