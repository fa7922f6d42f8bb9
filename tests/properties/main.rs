//! The engine's stages against the naive reading of the definition, on generated inputs; and laws that follow from it.
//!
//! `PROPTEST_CASES` sets the number of cases of every property.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "../naive/mod.rs"]
mod naive;

mod aggregation;
mod assignment;
mod cells;
mod clock;
mod correlation;
mod cross;
mod custom;
mod lanes;
mod laws;
mod plan;
mod series;
mod stages;
mod window;

use proptest::test_runner::{Config, RngSeed};

/// So many cases, unless the environment asks for another number; no files are left behind.
pub fn cases(n: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(n);
    Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() }
}

/// So many cases that are the same every time: what they reach can be counted on.
pub fn same_cases(n: u32) -> Config {
    Config { rng_seed: RngSeed::Fixed(0), cases: n, ..cases(n) }
}
