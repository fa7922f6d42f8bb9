//! What the program says of its signals, against golden results that a slow program computed afresh from the definition.
//!
//! Skipped where the recorded data is absent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "../outside/mod.rs"]
mod outside;

mod compare;
mod correlation;
mod golden;
mod prefix;
mod selection;
mod window;

use std::time::Duration;

/// Longest time for one run: seconds, unless the machine has much else to do.
const LIMIT: Duration = Duration::from_secs(900);
