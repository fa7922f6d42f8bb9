//! The same input gives the same files, byte for byte: however the work is spread ([`ways`]), and however often the engine
//! is stopped and started ([`snapshots`]); what limits hold back too ([`limits`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

#[path = "../outside/mod.rs"]
mod outside;

mod limits;
mod snapshots;
mod ways;
