//! The ingestion from outside: with a real Redis server, real files, an exchange that is scripted, and kill -9.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
#![allow(dead_code)] // what is shared with other tests is used in part

#[path = "../redis/engine.rs"]
mod engine;
mod exchange;
#[path = "../outside/mod.rs"]
mod outside;
#[path = "../redis/server.rs"]
mod server;
mod stream;

mod load;
mod made_up;
mod network;
mod recorded;
mod schedules;
