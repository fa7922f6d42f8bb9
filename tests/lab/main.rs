//! The laboratory from outside: the figures of `bench` and the hiccup meter match what happens.
//!
//! Not in the same binary as the tests of the program, because the figures would include their load.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod hiccup;
mod scale;
mod throughput;
