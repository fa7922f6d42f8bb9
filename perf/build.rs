//! Puts the revision of the sources into the program, as `WAGEHOOD_REVISION`: figures are of a program, wherever it is
//! run.
#![allow(clippy::print_stdout)] // how a build script speaks

use std::{env, path::Path, process::Command};

/// What the program is made of.
const SOURCES: [&str; 6] = ["src", "perf/build.rs", "Cargo.toml", "Cargo.lock", "config", "perf/budgets.toml"];

fn main() {
    println!("cargo::rerun-if-changed=perf/build.rs");
    let dir = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dir = Path::new(&dir);
    // Watching the repository means to build again after every commit. It is worth that where the program may be
    // measured; the tests need not wait for it.
    let optimised = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let revision = if optimised { watch(dir) } else { "unknown: a build for tests".to_owned() };
    println!("cargo::rustc-env=WAGEHOOD_REVISION={revision}");
}

/// The revision, which is to be looked at again when it may be another one.
fn watch(dir: &Path) -> String {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(dir, &["rev-parse", "--git-path", file]).map(|path| dir.join(path));
        // What is not there would be looked at again each time.
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    revision(dir).unwrap_or_else(|| "unknown".to_owned())
}

/// The commit of a folder of sources, with `+` if they have changed since; `None` outside a repository.
pub fn revision(dir: &Path) -> Option<String> {
    // An archive may have been unpacked inside another repository.
    let top = git(dir, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != dir.canonicalize().ok()? {
        return None;
    }
    let head = git(dir, &["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(dir, &[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    Some(if changed.is_empty() { head } else { head + "+" })
}

/// The output of git; `None` if git is not installed or refuses.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    // Read only: a lock would block others who work in the repository.
    let output = Command::new("git").current_dir(dir).env("GIT_OPTIONAL_LOCKS", "0").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}
