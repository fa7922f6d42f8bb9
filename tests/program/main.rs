//! The built program from outside: arguments, messages, exit codes, and the scripts beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod cli;
mod files;
mod host_tuning;
mod interrupt;
mod notify;
#[path = "../outside/mod.rs"]
mod outside;
mod package;
mod pairs;
mod peers;
mod pictures;
mod reports;
mod revision;
