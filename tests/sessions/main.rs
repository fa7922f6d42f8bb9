//! Bars by the sessions of exchanges, against golden results of a slow program, against the package that the tables come
//! from, and against plain readings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod bars;
mod files;
#[path = "../outside/mod.rs"]
mod outside;
mod package;
mod spans;
mod stamps;

use std::path::PathBuf;

const DAY_MS: i64 = 86_400_000;

/// The folder of the golden results of sessions, where it is.
fn golden() -> Option<PathBuf> {
    let folder = outside::data()?.join("../golden/sessions");
    folder.is_dir().then_some(folder)
}
