//! The state directory: whether it is writable, how long a sync takes, how much space is free.

use super::item::{Check, Finding, Judgement, Section};
use crate::telemetry::{human_bytes, human_ns};
use rustix::fs::{Mode, OFlags, open, statvfs};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::Instant,
};

/// Free space below which the item warns, bytes.
const SPACE_MIN: u64 = 1 << 30;
/// Number of syncs; the slowest counts.
const SYNCS: usize = 5;
/// Sync time from which on the item warns, ns.
const SYNC_NS_MAX: u128 = 20_000_000;

/// The items about the state directory.
///
/// The sync is tried on an unnamed file, which disappears when it is closed.
#[must_use]
pub fn state_directory(dir: Option<&Path>) -> Vec<Finding> {
    let check = |name: &str, wanted: String| Check::new(Section::State, name, wanted);
    let Some(dir) = dir else {
        let check =
            check("state directory", "configured".to_owned()).why("without one, state is rebuilt from the inputs");
        return vec![check.unknown("this configuration has none")];
    };
    // The engine creates a missing directory, so check the nearest parent that exists.
    let found = dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("."));
    let place = if found == dir { dir.display().to_string() } else { format!("{}, to be made", dir.display()) };
    let dir = found;
    let writable = check("writable", "yes".to_owned())
        .why("the engine keeps its state there")
        .fix(format!("give {} to the engine's user: chown USER {0}", dir.display()));
    let writable = match try_to_write(dir) {
        Ok(()) => writable.is(Judgement::Pass, place),
        Err(error) => writable.is(Judgement::Fail, format!("{place}: {error}")),
    };
    let sync = check("sync", "≤ 20 ms".to_owned())
        .why("a snapshot is safe only once the disk has it")
        .fix("a local NVMe device; not a network file system");
    let sync = match slowest_sync(dir) {
        Ok(ns) => sync.holds(ns <= SYNC_NS_MAX, Judgement::Warn, human_ns(u64::try_from(ns).unwrap_or(u64::MAX))),
        Err(error) => sync.unknown(format!("cannot be tried: {error}")),
    };
    let space = check("space", format!("≥ {}", human_bytes(SPACE_MIN)))
        .why("no snapshot can be written to a full disk")
        .fix("make room, or move the directory");
    let space = match statvfs(dir) {
        Ok(fs) => {
            let bytes = fs.f_bavail.saturating_mul(fs.f_frsize);
            space.holds(bytes >= SPACE_MIN, Judgement::Warn, human_bytes(bytes))
        }
        Err(error) => space.unknown(format!("cannot be read: {}", io::Error::from(error))),
    };
    vec![writable, sync, space]
}

/// Makes an empty file and removes it: permissions alone say nothing of the superuser and of file systems that are read-only.
fn try_to_write(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".doctor-{}", std::process::id()));
    File::options().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)
}

fn slowest_sync(dir: &Path) -> io::Result<u128> {
    let mut file = File::from(open(dir, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?);
    let mut slowest = 0;
    for _ in 0..SYNCS {
        file.write_all(&[0; 4_096])?;
        let begin = Instant::now();
        file.sync_data()?;
        slowest = slowest.max(begin.elapsed().as_nanos());
    }
    Ok(slowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_tried_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let items = state_directory(Some(dir.path()));
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["writable", "sync", "space"]);
        assert_eq!(items[0].verdict, Judgement::Pass, "{items:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let absent = state_directory(Some(&dir.path().join("absent/deep")));
        assert_eq!(absent[0].verdict, Judgement::Pass, "{absent:?}");
        assert!(absent[0].current.ends_with("to be made"), "{absent:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        // A place where nobody may write, whichever user runs the test.
        let verdicts: Vec<Judgement> =
            state_directory(Some(Path::new("/proc"))).iter().map(|item| item.verdict).collect();
        assert_eq!(verdicts[..2], [Judgement::Fail, Judgement::Unknown]);
        assert_eq!(state_directory(None)[0].verdict, Judgement::Unknown);
    }
}
