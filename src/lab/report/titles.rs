//! Names of runs that tell them apart.

use std::path::{Path, PathBuf};

/// A name for each path: that of the folder, of a file with its folder before it, and as many folders more as it takes until
/// no two names are the same.
#[must_use]
pub fn titles(paths: &[&Path]) -> Vec<String> {
    // `.` has a name too.
    let whole: Vec<PathBuf> =
        paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf())).collect();
    let named = |path: &Path, parts: usize| {
        let all: Vec<_> = path.iter().filter(|part| *part != "/").collect();
        all[all.len().saturating_sub(parts)..].iter().collect::<PathBuf>().display().to_string()
    };
    let first = |path: &Path| if path.is_file() { 2 } else { 1 };
    whole
        .iter()
        .map(|path| {
            let others = || whole.iter().filter(|other| *other != path);
            let most = path.iter().count();
            let apart = |parts: &usize| others().all(|other| named(other, *parts) != named(path, *parts));
            named(path, (first(path)..=most).find(apart).unwrap_or(most))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_told_apart_by_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["one/day.hgrm", "two/day.hgrm", "a/run", "b/run", "c/other"].map(|name| dir.path().join(name));
        for path in &paths {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.extension().is_some() { fs::write(path, "").unwrap() } else { fs::create_dir(path).unwrap() }
        }
        let refs: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        assert_eq!(titles(&refs), ["one/day.hgrm", "two/day.hgrm", "a/run", "b/run", "other"]);
        assert_eq!(titles(&[refs[2], refs[2]]).len(), 2, "the same twice");
    }
}
