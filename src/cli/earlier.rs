//! What an earlier run has written is not written over. Blocks for moments.

use crate::model::time::Iso8601;
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Renames a file that has something in it, so that another one can take its place; says under which name it is kept:
/// `signals.jsonl` that was last written at noon becomes `signals-2026-11-30T120000Z.jsonl`. Pipes and devices stay.
///
/// # Errors
/// The file cannot be renamed.
pub fn keep(path: &Path) -> Result<Option<PathBuf>> {
    // One that cannot be looked at cannot be written either: that is told when it is opened.
    let Ok(about) = fs::metadata(path) else { return Ok(None) };
    if !about.is_file() || about.len() == 0 {
        return Ok(None);
    }
    let written = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let seconds = i64::try_from(written.as_secs()).unwrap_or(0);
    let stamp = Iso8601(seconds * 1_000).to_string().replace(':', "");
    let kept = (1..).map(|number| named(path, &stamp, number)).find(|kept| !kept.exists());
    let kept = kept.context("no name is free")?;
    fs::rename(path, &kept)
        .with_context(|| format!("cannot keep {} as {}; --force writes over it", path.display(), kept.display()))?;
    Ok(Some(kept))
}

fn named(path: &Path, stamp: &str, number: u32) -> PathBuf {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let more = if number == 1 { String::new() } else { format!("-{number}") };
    let mut name = format!("{}-{stamp}Z{more}", text(path.file_stem()));
    if let Some(extension) = path.extension() {
        name = format!("{name}.{}", extension.to_string_lossy());
    }
    path.with_file_name(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn nothing_is_lost_however_often_it_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signals.jsonl");
        assert_eq!(keep(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(keep(&path).unwrap(), None);
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_751_976_000);
        for (number, name) in
            ["signals-2025-07-08T120000Z.jsonl", "signals-2025-07-08T120000Z-2.jsonl"].iter().enumerate()
        {
            fs::write(&path, number.to_string()).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(noon).unwrap();
            assert_eq!(keep(&path).unwrap(), Some(dir.path().join(name)));
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), number.to_string());
            assert!(!path.exists());
        }
        assert_eq!(keep(Path::new("/dev/null")).unwrap(), None);
    }
}
