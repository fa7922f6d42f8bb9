//! The correlation across assets: every line of the matrix, what every signal says of it, and the hash in which users find it.

use crate::{
    LIMIT,
    compare::close,
    outside::{data, engine, lines, run_within, skipped},
};
use serde_json::Value;
use std::path::Path;

/// Name, base, timeframes, intervals.
const MARKETS: [[&str; 4]; 3] = [
    ["us_equities_1d", "1d", "1d", "1d"],
    ["us_equities_1s", "1s", "1s,1m,5m,1h,1d", "15m"],
    ["crypto_1m", "1m", "1m,5m,1h,1d", "15m"],
];

fn read(path: &Path) -> Vec<Value> {
    lines(path).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// Whether two correlations are the same: relative, or absolute where they are small.
fn same(ours: &Value, golden: &Value) -> bool {
    match (ours.as_f64(), golden.as_f64()) {
        (Some(a), Some(b)) => close(a, b) || (a - b).abs() <= 1e-9,
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// A line of the matrix; a symbol that no interval has seen yet has nothing.
fn check_matrix(ours: &Value, golden: &Value) {
    let names = |line: &Value, field: &str| -> Vec<String> {
        line[field].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let (mine, theirs) = (names(ours, "symbols"), names(golden, "symbols"));
    let at = |name: &String| mine.iter().position(|own| own == name);
    assert!(mine.iter().all(|name| theirs.contains(name)), "{mine:?}, {theirs:?}");
    let mut left_out = [names(ours, "left_out"), names(golden, "left_out")];
    left_out.iter_mut().for_each(|names| names.sort());
    assert_eq!(left_out[0], left_out[1]);
    for (i, one) in theirs.iter().enumerate() {
        let market = at(one).map_or(&Value::Null, |place| &ours["market"][place]);
        assert!(same(market, &golden["market"][i]), "{one}: ours {market}, golden {}", golden["market"][i]);
        for (j, other) in theirs[..=i].iter().enumerate() {
            let rho = match (at(one), at(other)) {
                (Some(a), Some(b)) => &ours["rho"][a.max(b)][a.min(b)],
                _ => &Value::Null,
            };
            assert!(same(rho, &golden["rho"][i][j]), "{one}, {other}: ours {rho}, golden {}", golden["rho"][i][j]);
        }
    }
}

fn check([name, base, timeframes, intervals]: [&str; 4]) {
    let Some(data) = data() else { return skipped(name) };
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let golden = |what: &str| read(&data.join(format!("../golden/judgement/{name}.{what}.jsonl.gz")));
    let mut before: Option<[String; 2]> = None;
    for workers in [1, 8] {
        let mut command = engine(["replay", "--quiet", "--base", base, "--timeframes", timeframes, "--input"]);
        command.arg(data.join(format!("{name}.csv.gz"))).args(["--threading", "dedicated"]);
        command.args(["--workers", &workers.to_string(), "--set", &format!("cross_asset.timeframe={intervals}")]);
        command.arg("--signals").arg(out("signals")).arg("--correlation").arg(out("correlation"));
        run_within(&mut command, LIMIT).good();
        let written = ["signals", "correlation"].map(|name| std::fs::read_to_string(out(name)).unwrap());
        if let Some(before) = &before {
            assert!(written == *before, "other bytes with {workers} workers");
            continue;
        }
        before = Some(written);
        let (matrices, signals) = (read(&out("correlation")), read(&out("signals")));
        let mut compared = 0;
        for golden in golden("correlation") {
            let interval = golden["interval"].as_u64().unwrap();
            let ours = &matrices[interval as usize - 1];
            for field in ["interval", "end"] {
                assert_eq!(ours[field], golden[field], "interval {interval}");
            }
            // The reference counts sequences from 0.
            assert_eq!(ours["seq"].as_u64(), golden["seq"].as_u64().map(|seq| seq + 1), "interval {interval}");
            check_matrix(ours, &golden);
            compared += 1;
        }
        let last = matrices.last().map_or(0, |line| line["interval"].as_u64().unwrap());
        assert!(compared as u64 == last.div_ceil(96) && compared > 0, "{compared} matrices of {last} intervals");
        let golden = golden("correlation_signals");
        assert_eq!(signals.len(), golden.len());
        let mut said = 0;
        for (ours, golden) in signals.iter().zip(&golden) {
            for field in ["market_correlation", "independent_signals"] {
                assert!(same(&ours[field], &golden[field]), "{field}: golden {golden}, ours {ours}");
                assert!(ours.get(field).is_some() != golden[field].is_null(), "{ours}");
            }
            assert_eq!(ours["concentrated"] == "true", golden["warning"] == true, "{ours}");
            said += usize::from(!golden["market_correlation"].is_null());
        }
        eprintln!("{name}: {compared} matrices, {said} of {} signals have a correlation", signals.len());
    }
}

#[test]
fn equities_by_the_day() {
    check(MARKETS[0]);
}

#[test]
fn equities_by_the_second() {
    check(MARKETS[1]);
}

#[test]
fn crypto_by_the_minute() {
    check(MARKETS[2]);
}
