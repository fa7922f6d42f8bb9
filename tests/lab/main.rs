//! The laboratory from outside: what `bench` and the hiccup meter measure is what happens.
//!
//! Apart from the tests of the program: other work on the cores would be measured too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod hiccup;
mod throughput;
