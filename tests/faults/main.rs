//! Real processes, really killed: what ends up in Redis is what an undisturbed run writes, each entry once.
//!
//! `FAULTS` sets the number of faults of the long test, `SEED` where and when they strike, `SOAK_S` the length of the longest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod cells;
mod certificates;
mod chaos;
mod clock;
mod ends;
mod engine;
mod feed;
mod input;
mod left;
mod outcome;
#[path = "../outside/mod.rs"]
mod outside;
mod proxy;
mod refused;
mod sandbox;
mod saved;
mod server;
mod soak;
mod start;
mod time;
mod tls;
mod writers;

/// A number from the environment.
fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
