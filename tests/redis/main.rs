//! The engine from outside, on a real Redis server: what it reads, what it writes, what it refuses, and what is left
//! when it is stopped or killed in the middle.
//!
//! Every test starts a server of its own. `WAGEHOOD_DATA` names the folder of recorded data; the captures of the
//! existing system are looked for in `wire` beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod age;
mod client;
mod clock;
mod cluster;
mod compat;
mod delays;
mod delivery;
mod documents;
mod engine;
mod equality;
mod external;
mod faults;
mod fleet;
mod forming;
mod forms;
mod history;
mod legacy;
mod limits;
mod migrate;
mod nodes;
mod output;
mod partitions;
mod performance;
mod refusals;
mod reload;
mod replay;
mod sentinel;
mod series;
mod server;
mod sessions;
mod statistics;
mod streams;
mod wire;
