//! The snapshots of one engine in a directory: the newest that can be trusted, and room for the next. Blocks.
//!
//! Files are called `<engine>-<origin>-<number>.snapshot`; numbers only grow. The last [`KEPT`] are kept. What can never be
//! used is *set aside* under the name with `.unusable` behind it, where the next start does not see it and a human can.
//! What only this configuration has no use for stays where it is.

use super::{
    file::{Meta, SnapshotFile},
    snapshot::Snapshot,
};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// Snapshots that are kept, and as many of those that were set aside.
pub const KEPT: usize = 3;

const SNAPSHOT: &str = "snapshot";
const UNUSABLE: &str = "unusable";
const UNFINISHED: &str = "tmp";

/// The snapshots of one engine.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    prefix: String,
    next: u64,
}

/// Why a whole snapshot is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Not by this configuration, perhaps by another: it stays.
    Here(String),
    /// By none: it is set aside.
    Ever(String),
}

/// What was found.
#[derive(Debug)]
pub struct Loaded<T> {
    /// What was made of the newest snapshot that can be used, and its file.
    pub found: Option<(T, PathBuf)>,
    /// What was passed over and why, a line each.
    pub lines: Vec<String>,
}

impl Store {
    /// The snapshots in `dir`, which is created where it is not there, of the engine `name` whose position has this
    /// `origin`. What a process that died has left unfinished is removed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path, name: &str, origin: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let mut store = Self { dir: dir.to_owned(), prefix: format!("{name}-{origin:016x}-"), next: 0 };
        for (_, path) in store.files(UNFINISHED)? {
            fs::remove_file(path)?;
        }
        let all = [store.files(SNAPSHOT)?, store.files(UNUSABLE)?];
        store.next = all.iter().flatten().map(|(number, _)| number + 1).max().unwrap_or(1);
        Ok(store)
    }

    /// The engine's files with this extension, the newest first.
    fn files(&self, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let stem = match path.extension() {
                Some(found) if found == extension => path.file_stem(),
                _ => None,
            };
            // A file that was set aside has its old extension before the new.
            let stem = stem.and_then(OsStr::to_str).map(|stem| stem.strip_suffix(".snapshot").unwrap_or(stem));
            let number = stem.and_then(|stem| stem.strip_prefix(&self.prefix)?.parse().ok());
            files.extend(number.map(|number: u64| (number, path)));
        }
        files.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(files)
    }

    /// What `open` makes of the newest snapshot that is whole and that it can use. Each is read once.
    ///
    /// # Errors
    /// A directory that cannot be read or written.
    pub fn load<T>(&self, mut open: impl FnMut(Snapshot) -> Result<T, Unfit>) -> io::Result<Loaded<T>> {
        let mut lines = Vec::new();
        for (_, path) in self.files(SNAPSHOT)? {
            let read = fs::read(&path).map_err(Into::into).and_then(Snapshot::parse);
            match read.map_err(|fault| Unfit::Ever(fault.to_string())).and_then(&mut open) {
                Ok(value) => return Ok(Loaded { found: Some((value, path)), lines }),
                Err(Unfit::Here(reason)) => lines.push(format!("snapshot {} {reason}; it stays", path.display())),
                Err(Unfit::Ever(reason)) => {
                    let aside = path.with_extension("snapshot.unusable");
                    fs::rename(&path, &aside)?;
                    lines.push(format!("snapshot {} {reason}; set aside as {}", path.display(), aside.display()));
                }
            }
        }
        self.prune(UNUSABLE);
        Ok(Loaded { found: None, lines })
    }

    /// Where they are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins the next snapshot.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&mut self, meta: &Meta) -> io::Result<SnapshotFile> {
        // Numbers of one length, so that a listing is in order.
        let path = self.dir.join(format!("{}{:010}.{SNAPSHOT}", self.prefix, self.next));
        self.next += 1;
        SnapshotFile::create(&path, meta)
    }

    /// Removes all but the newest.
    pub fn thin(&self) {
        self.prune(SNAPSHOT);
        self.prune(UNUSABLE);
    }

    fn prune(&self, extension: &str) {
        for (_, path) in self.files(extension).unwrap_or_default().into_iter().skip(KEPT) {
            // One that cannot be removed now is tried again after the next.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StreamId;
    use crate::state::{InputPosition, Part, ReaderState, push_record, put};

    const META: Meta = Meta { origin: 5, created_ms: 0 };

    fn write(store: &mut Store, line: u64) {
        let mut file = store.begin(&META).unwrap();
        let input = InputPosition { name: "in".to_owned(), id: StreamId { ms: line, seq: 0 }, number: 0 };
        let mut bytes = Vec::new();
        push_record(&mut bytes, Part::Reader, 0, |out| put(out, &ReaderState { inputs: vec![input] })).unwrap();
        file.chunk(&bytes).unwrap();
        file.finish().unwrap();
        store.thin();
    }

    fn newest(store: &Store, check: impl Fn(&Snapshot) -> Result<(), Unfit>) -> (Option<u64>, Vec<String>) {
        let open = |snapshot: Snapshot| check(&snapshot).map(|()| snapshot.reader.inputs[0].id.ms);
        let Loaded { found, lines } = store.load(open).unwrap();
        (found.map(|(line, _)| line), lines)
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_that_can_be_trusted_is_taken_and_the_rest_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("deep/state");
        let mut store = Store::open(&state, "ma/in", 5).unwrap();
        assert_eq!(newest(&store, |_| Ok(())), (None, vec![]));
        (1..=5).for_each(|line| write(&mut store, line));
        let all = names(&state);
        assert_eq!(all.len(), KEPT, "{all:?}");
        assert!(all[2].starts_with("ma_in-0000000000000005-0000000005."), "{all:?}");

        // The newest is cut, the one before is of no use here.
        let path = state.join(&all[2]);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        fs::write(state.join("ma_in-0000000000000005-0000000006.tmp"), b"half").unwrap();
        let mut store = Store::open(&state, "ma/in", 5).unwrap();
        let refuse = |snapshot: &Snapshot| match snapshot.reader.inputs[0].id.ms {
            4 => Err(Unfit::Here("is of other streams".to_owned())),
            _ => Ok(()),
        };
        let (found, lines) = newest(&store, refuse);
        assert_eq!(found, Some(3));
        assert!(lines[0].contains("is damaged") && lines[1].contains("is of other streams; it stays"), "{lines:?}");
        assert_eq!(
            newest(&store, |_| Ok(())),
            (Some(4), vec![]),
            "what is whole stays, what is damaged is not asked twice"
        );
        let ahead = |snapshot: &Snapshot| match snapshot.reader.inputs[0].id.ms {
            4 => Err(Unfit::Ever("is ahead".to_owned())),
            _ => Ok(()),
        };
        assert_eq!(newest(&store, ahead).0, Some(3));
        assert_eq!(newest(&store, |_| Ok(())), (Some(3), vec![]));
        write(&mut store, 9);
        assert_eq!(newest(&store, |_| Ok(())).0, Some(9));

        let other = Store::open(&state, "ma/in", 6).unwrap();
        assert_eq!(newest(&other, |_| Ok(())).0, None, "of another server");
    }
}
