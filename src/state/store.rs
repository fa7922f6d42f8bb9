//! The snapshots of one engine in a directory: the newest that can be trusted, and room for the next. Blocks.
//!
//! Files are called `<engine>-<origin>-<number>.snapshot`; numbers only grow. The last [`KEPT`] are kept, fewer where
//! the disk is full. What can never be used is *set aside* under the name with `.unusable` behind it, where the next
//! start does not see it and a human can. What only this configuration or this version has no use for stays where it
//! is.

use super::{
    allowance::Allowance,
    file::{FileFault, Meta, SnapshotFile, read_file},
    snapshot::Snapshot,
};
use crate::model::StreamId;
use rustix::fs::statvfs;
use std::{
    ffi::OsStr,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf, absolute},
    sync::Arc,
    time::{Duration, Instant},
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
    /// Whether it only looks, because another process writes here.
    only_reads: bool,
    /// What the disk takes, where it is not the system that decides.
    allowance: Option<Arc<dyn Allowance>>,
}

/// Why a whole snapshot is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// This configuration cannot use it, but another may: it stays.
    Here(String),
    /// No configuration can use it: it is set aside.
    Ever(String),
}

/// What the disk below a directory is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Time to bring a page to it.
    pub sync: Duration,
    /// Free space, bytes.
    pub free: u64,
}

/// What was found.
#[derive(Debug)]
pub struct FoundSnapshot<T, P = PathBuf> {
    /// What was made of the newest snapshot that can be used, and where it is.
    pub found: Option<(T, P)>,
    /// Which files were skipped and why, one line each.
    pub lines: Vec<String>,
}

impl Store {
    /// The snapshots in `dir`, which is created where it is not there, of the engine `name` whose position has this
    /// `origin`. What a process that died has left unfinished is removed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path, name: &str, origin: u64) -> io::Result<Self> {
        let mut store = Self::reader(dir, name, origin)?;
        store.only_reads = false;
        create_dir(&store.dir)?;
        for (_, path) in store.files(UNFINISHED)? {
            fs::remove_file(path)?;
        }
        let all = [store.files(SNAPSHOT)?, store.files(UNUSABLE)?];
        store.next = all.iter().flatten().map(|(number, _)| number + 1).max().unwrap_or(1);
        Ok(store)
    }

    /// The same, which changes nothing there: another process may be writing.
    ///
    /// # Errors
    /// A working directory that is gone.
    pub fn reader(dir: &Path, name: &str, origin: u64) -> io::Result<Self> {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let prefix = format!("{name}-{origin:016x}-");
        // Whatever becomes of the working directory.
        Ok(Self { dir: absolute(dir)?, prefix, next: 0, only_reads: true, allowance: None })
    }

    /// Writes a file of a page, brings it to the disk and removes it again. Rights alone do not tell: a file system may
    /// be mounted read-only, or full.
    ///
    /// # Errors
    /// Those of the file system: no snapshot can be written.
    #[allow(clippy::disallowed_methods, reason = "it measures the disk, in real time")]
    pub fn try_writing(&self) -> io::Result<Disk> {
        let path = self.dir.join(format!("{}try.{SNAPSHOT}", self.prefix));
        let mut file = self.create(&path, &Meta { origin: 0, created_ms: 0 })?;
        file.chunk(&[0; 4_096])?;
        let begun = Instant::now();
        file.finish()?;
        let sync = begun.elapsed();
        fs::remove_file(path)?;
        Ok(Disk { sync, free: self.free()? })
    }

    /// The same on a disk that takes what an allowance says, where there is one.
    #[must_use]
    pub fn within(self, allowance: Option<Arc<dyn Allowance>>) -> Self {
        Self { allowance, ..self }
    }

    fn create(&self, path: &Path, meta: &Meta) -> io::Result<SnapshotFile> {
        SnapshotFile::create_within(path, meta, self.allowance.clone())
    }

    fn free(&self) -> io::Result<u64> {
        if let Some(allowance) = &self.allowance {
            return Ok(allowance.free());
        }
        Ok(statvfs(&self.dir).map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))?)
    }

    /// The engine's files with this extension, the newest first.
    fn files(&self, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        if self.only_reads && !self.dir.is_dir() {
            return Ok(files);
        }
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let stem = match path.extension() {
                Some(found) if found == extension => path.file_stem(),
                _ => None,
            };
            // A file that was set aside keeps its old extension before the new one.
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
    pub fn load<T>(&self, mut open: impl FnMut(Snapshot) -> Result<T, Unfit>) -> io::Result<FoundSnapshot<T>> {
        let mut lines = Vec::new();
        for (_, path) in self.files(SNAPSHOT)? {
            let read = read_file(&path).map_err(Into::into).and_then(Snapshot::parse);
            let unfit = |fault: FileFault| match fault.is_of_version() {
                true => Unfit::Here(fault.to_string()),
                false => Unfit::Ever(fault.to_string()),
            };
            match read.map_err(unfit).and_then(&mut open) {
                Ok(value) => return Ok(FoundSnapshot { found: Some((value, path)), lines }),
                Err(Unfit::Here(reason)) => lines.push(format!("snapshot {} {reason}; it stays", path.display())),
                Err(Unfit::Ever(_)) if self.only_reads => {}
                Err(Unfit::Ever(reason)) => {
                    let aside = path.with_extension("snapshot.unusable");
                    fs::rename(&path, &aside)?;
                    lines.push(format!("snapshot {} {reason}; set aside as {}", path.display(), aside.display()));
                }
            }
        }
        if !self.only_reads {
            self.prune(UNUSABLE);
        }
        Ok(FoundSnapshot { found: None, lines })
    }

    /// A snapshot in `dir` of an engine of this name that had read some of its input, whatever its position; `None` also
    /// where the directory cannot be read.
    #[must_use]
    pub fn any(dir: &Path, name: &str) -> Option<PathBuf> {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let of = |path: &Path| {
            let rest = path.file_stem()?.to_str()?.strip_prefix(&name)?.strip_prefix('-')?;
            let (origin, number) = rest.split_once('-')?;
            let hexadecimal = origin.len() == 16 && origin.bytes().all(|byte| byte.is_ascii_hexdigit());
            (hexadecimal && number.parse::<u64>().is_ok() && path.extension()? == SNAPSHOT).then_some(())
        };
        // One that had read nothing had committed nothing either.
        let had_read = |path: &PathBuf| {
            let snapshot = read_file(path).ok().and_then(|bytes| Snapshot::parse(bytes).ok());
            snapshot.is_none_or(|snapshot| snapshot.reader.inputs.iter().any(|input| input.id != StreamId::default()))
        };
        let paths = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
        paths.filter(|path| of(path).is_some()).find(had_read)
    }

    /// Where they are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Begins the next snapshot, in a directory that is made again where somebody has deleted it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&mut self, meta: &Meta) -> io::Result<SnapshotFile> {
        // Numbers of equal length, so that a listing is sorted.
        let path = self.dir.join(format!("{}{:010}.{SNAPSHOT}", self.prefix, self.next));
        self.next += 1;
        match self.create(&path, meta) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_dir(&self.dir)?;
                self.create(&path, meta)
            }
            other => other,
        }
    }

    /// Gives up old files until a snapshot of so many bytes has room: those that were set aside, then snapshots, the
    /// oldest first; the newest stays. What was removed.
    ///
    /// # Errors
    /// A directory that cannot be read, a file that cannot be removed.
    pub fn make_room(&self, bytes: u64) -> io::Result<Vec<PathBuf>> {
        self.give_up(usize::MAX, || Ok(self.free()? >= bytes))
    }

    /// Gives up the oldest file, as [`make_room`](Self::make_room) does.
    ///
    /// # Errors
    /// As for [`make_room`](Self::make_room).
    pub fn give_up_oldest(&self) -> io::Result<Vec<PathBuf>> {
        self.give_up(1, || Ok(false))
    }

    fn give_up(&self, most: usize, is_enough: impl Fn() -> io::Result<bool>) -> io::Result<Vec<PathBuf>> {
        let (mut old, snapshots) = (self.files(UNUSABLE)?, self.files(SNAPSHOT)?);
        old.reverse();
        old.extend(snapshots.into_iter().skip(1).rev());
        let mut removed = Vec::new();
        for (_, path) in old.into_iter().take(most) {
            if is_enough()? {
                break;
            }
            fs::remove_file(&path)?;
            removed.push(path);
        }
        Ok(removed)
    }

    /// Removes all but the newest.
    pub fn thin(&self) {
        self.prune(SNAPSHOT);
        self.prune(UNUSABLE);
    }

    fn prune(&self, extension: &str) {
        for (_, path) in self.files(extension).unwrap_or_default().into_iter().skip(KEPT) {
            // If one cannot be removed now, the next snapshot tries again.
            let _ = fs::remove_file(path);
        }
    }
}

/// A directory that only its owner reads, with all above it that is missing.
fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{InputPosition, ReaderState, RecordOf, push_record, put};

    const META: Meta = Meta { origin: 5, created_ms: 0 };

    fn write(store: &mut Store, line: u64) {
        let mut file = store.begin(&META).unwrap();
        let input = InputPosition { name: "in".to_owned(), id: StreamId { ms: line, seq: 0 }, number: 0, offset_ms: 0 };
        let mut bytes = Vec::new();
        push_record(&mut bytes, RecordOf::Reader, 0, |out| put(out, &ReaderState { inputs: vec![input] })).unwrap();
        file.chunk(&bytes).unwrap();
        file.finish().unwrap();
        store.thin();
    }

    fn newest(store: &Store, check: impl Fn(&Snapshot) -> Result<(), Unfit>) -> (Option<u64>, Vec<String>) {
        let open = |snapshot: Snapshot| check(&snapshot).map(|()| snapshot.reader.inputs[0].id.ms);
        let FoundSnapshot { found, lines } = store.load(open).unwrap();
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

        assert!(Store::any(&state, "ma/in").is_some() && Store::any(&state, "ma").is_none());
        let other = Store::open(&state, "ma/in", 6).unwrap();
        assert_eq!(newest(&other, |_| Ok(())).0, None, "of another server");
    }

    #[test]
    fn a_directory_that_is_deleted_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut store = Store::open(&state, "main", 5).unwrap();
        write(&mut store, 1);
        fs::remove_dir_all(&state).unwrap();
        write(&mut store, 2);
        assert_eq!(newest(&store, |_| Ok(())).0, Some(2));
    }

    #[test]
    fn the_oldest_make_room_for_the_next_and_the_newest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), "main", 5).unwrap();
        (1..=3).for_each(|line| write(&mut store, line));
        let aside = dir.path().join("main-0000000000000005-0000000000.snapshot.unusable");
        fs::write(&aside, b"old").unwrap();
        let all = names(dir.path());
        // A disk on which every file that is left takes a hundred bytes of a thousand.
        let make_room = |bytes: u64| {
            let free = || 1_000 - 100 * names(dir.path()).len() as u64;
            store.give_up(usize::MAX, || Ok(free() >= bytes)).unwrap()
        };
        assert_eq!(make_room(600), Vec::<PathBuf>::new());
        assert_eq!(make_room(700), [aside]);
        assert_eq!(store.give_up_oldest().unwrap(), [dir.path().join(&all[1])]);
        assert_eq!(make_room(2_000), [dir.path().join(&all[2])]);
        assert_eq!(newest(&store, |_| Ok(())).0, Some(3));
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_refused_at_once() {
        // Whichever user runs the test.
        assert!(Store::open(Path::new("/proc/self/state"), "main", 5).is_err());
        let dir = tempfile::tempdir().unwrap();
        let disk = Store::open(dir.path(), "main", 5).unwrap().try_writing().unwrap();
        assert!(disk.free > 0);
        assert_eq!(names(dir.path()), Vec::<String>::new(), "the try leaves nothing");
    }
}
