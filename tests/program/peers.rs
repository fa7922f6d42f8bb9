//! The comparison with other programs, on a small file: it runs, and the indicators agree. `make peers-install` installs what
//! is compared; the tests install nothing.

use super::outside::run_within;
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Longest time of a comparison, of which most goes into imports of Python: many times what it needs.
const LIMIT: Duration = Duration::from_secs(300);

/// Says so past the harness, which keeps what good tests say to itself.
fn skipped(what: &str) {
    let line = format!("skipped: {what}; `make peers-install` installs what can be had here\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Each of these peers, by name and title, agrees or is named as not installed.
fn agree(peers: &[(&str, &str)]) {
    let names = peers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/bin/python");
    if !python.exists() {
        return skipped(&format!("indicators of {names} against the engine's"));
    }
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("perf/peers/run.py")).args(["--engine", env!("CARGO_BIN_EXE_wagehood-engine")]);
    command.arg("--file").arg(root.join("tests/sample/bars_1m.csv.gz"));
    command.args(["--rounds", "0", "--slow-rows", "900", "--only", &names]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let told = run_within(&mut command, LIMIT).good().stdout;
    for (name, title) in peers {
        if told.contains(&format!("skipped: {title}: ")) {
            skipped(title);
            continue;
        }
        let line = told.lines().find(|line| line.starts_with(&format!("- {name}: "))).expect(&told);
        assert!(line.contains("columns from the first bar on"), "{told}");
    }
}

#[test]
fn what_takes_whole_columns_has_the_same_indicators() {
    agree(&[("polars", "polars + TA-Lib"), ("pandas", "pandas + TA-Lib")]);
}

#[test]
fn what_takes_bar_by_bar_has_the_same_indicators() {
    agree(&[("talipp", "talipp"), ("nautilus", "NautilusTrader")]);
}

#[test]
fn vectorbt_has_the_same_indicators() {
    agree(&[("vectorbt", "vectorbt")]);
}

#[test]
fn backtrader_has_the_same_indicators() {
    agree(&[("backtrader", "backtrader")]);
}
