//! Whatever bytes come from outside: nothing panics, memory and time stay in proportion to the input, and what is let in
//! keeps what is promised of it and survives being written and read again.
//!
//! What guides: an input is kept, and mutated in its turn, if it is new. `make test` and `make fuzz` take the outcome that
//! a check gives for that. `make fuzz-coverage` builds program and checks with a counter on every edge
//! (SanitizerCoverage, through [`coverage.sh`](coverage.sh); stable Rust, in a folder of its own, `target/fuzz`): there
//! an input is new that reaches an edge for the first time, or more often than any before (in ranges: 1, 2, 3, 4–7, …).
//! It keeps these inputs in `FUZZ_KEPT` (`target/fuzz/kept`), from which the next run goes on. `FUZZ_GUIDE=outcomes` has
//! such a build go by outcomes all the same, to compare the two.
//!
//! `FUZZ_S=60 cargo test --test fuzz -- --nocapture` runs all targets for a minute together and prints a table; without
//! `FUZZ_S` each has two seconds. `SEED` repeats the mutations of a run, `FUZZ_TARGET` picks one target, and with
//! `FUZZ_INPUT` too that one input. An input that fails is written to a file, with the command that repeats it; once the
//! fault is mended it belongs into `corpus`, whose files every run begins with. A new target is a line in [`TARGETS`] and a
//! folder of seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod edges;
mod feed;
mod harness;
mod memory;
mod mutate;
mod outcome;
mod payload;
mod request;
mod resp;
mod settings;
mod signals;
mod snapshots;

use harness::{Options, Outcome, Target};
use std::{path::Path, time::Duration};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const TARGETS: [Target; 12] = [
    feed::ENTRY,
    payload::PAYLOAD,
    feed::FRAME,
    resp::RESP,
    feed::CSV,
    settings::TOML,
    settings::DOCUMENTS,
    settings::PICKLES,
    snapshots::SNAPSHOT,
    request::REQUEST,
    signals::FRAMES,
    signals::JSON,
];

/// Time of a target where nobody asks for more, ms.
const SHORT_MS: u64 = 2_000;

fn env<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn whatever_comes_in_does_no_harm() {
    let one = std::env::var("FUZZ_TARGET").ok();
    let picked: Vec<&Target> =
        TARGETS.iter().filter(|target| one.as_ref().is_none_or(|name| name == target.name)).collect();
    assert!(!picked.is_empty(), "FUZZ_TARGET: there are {:?}", TARGETS.map(|target| target.name));
    if let Some(file) = std::env::var_os("FUZZ_INPUT") {
        return picked.iter().for_each(|target| harness::replay(target, Path::new(&file)));
    }
    let time = env("FUZZ_S")
        .map_or(Duration::from_millis(SHORT_MS), |s: f64| Duration::from_secs_f64(s / picked.len() as f64));
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let options = Options {
        seed: env("SEED").unwrap_or_else(now),
        time,
        guide: std::env::var("FUZZ_GUIDE").ok(),
        kept: std::env::var_os("FUZZ_KEPT").filter(|dir| !dir.is_empty()).map(Into::into),
    };
    eprintln!("SEED={}", options.seed);
    let mut rows = vec![Outcome::HEADER.map(str::to_owned)];
    rows.extend(picked.iter().map(|target| harness::run(target, &options).row()));
    let widths: Vec<usize> = (0..rows[0].len()).map(|i| rows.iter().map(|row| row[i].len()).max().unwrap()).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        eprintln!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
