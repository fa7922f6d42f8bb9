//! The revision built into the program is that of its own sources.

#[path = "../../perf/build.rs"]
#[allow(dead_code)] // a build script has a `main`
mod build;

use std::{fs, path::Path, process::Command};

fn git(dir: &Path, args: &[&str]) {
    let names = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(dir).args(names).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_is_the_commit_and_marks_later_changes_of_the_sources() {
    let dir = tempfile::tempdir().unwrap();
    let revision = || build::revision(dir.path());
    assert_eq!(revision(), None, "an archive");
    git(dir.path(), &["init", "-q"]);
    assert_eq!(revision(), None, "no commit");
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("src/main.rs"), "fn main() {}").unwrap();
    git(dir.path(), &["add", "."]);
    git(dir.path(), &["commit", "-qm", "first"]);
    let first = revision().unwrap();
    assert!(first.len() == 12 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    // Files that are no sources of the program.
    fs::write(dir.path().join("notes.txt"), "").unwrap();
    assert_eq!(revision(), Some(first.clone()));
    for (name, text) in [("src/main.rs", "fn main() { }"), ("src/new.rs", "")] {
        fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(revision(), Some(format!("{first}+")), "{name}");
        git(dir.path(), &["add", "."]);
        git(dir.path(), &["commit", "-qm", "more"]);
        assert!(!revision().unwrap().ends_with('+') && revision().unwrap() != first, "{name}");
        git(dir.path(), &["reset", "-q", "--hard", &first]);
    }
    // Unpacked inside another repository.
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    assert_eq!(build::revision(&inner), None);
}
