//! The operations thread of a running engine, from outside: what it answers, to whom, and what clients cannot do to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod answers;
mod browser;
mod client;
mod clients;
mod observability;
#[path = "../outside/mod.rs"]
mod outside;
mod running;
#[path = "../redis/server.rs"]
#[allow(dead_code)]
mod server;
mod told;
mod written;
