//! Every switch of the selection and of liquidity, what every signal says of them, and the lanes at the end.

use crate::{
    LIMIT,
    compare::assert_same,
    outside::{data, engine, lines, run_within, skipped},
};
use serde_json::Value;
use std::path::Path;

/// Name, base, timeframes.
const MARKETS: [(&str, &str, &str); 3] =
    [("us_equities_1d", "1d", "1d"), ("us_equities_1s", "1s", "1s,1m,5m,1h,1d"), ("crypto_1m", "1m", "1m,5m,1h,1d")];

fn is(what: &str) -> impl Fn(&&Value) -> bool {
    move |line| line["what"] == what
}

/// In an order that says nothing of how bars of one end follow each other.
fn sorted<'a>(lines: impl Iterator<Item = &'a Value>) -> Vec<&'a Value> {
    let mut all: Vec<&Value> = lines.collect();
    let key = |line: &Value| ["symbol", "timeframe", "strategy"].map(|name| line[name].to_string());
    all.sort_by_key(|line| (line["end"].as_i64(), key(line)));
    all
}

fn read(path: &Path) -> Vec<Value> {
    lines(path).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

fn check(index: usize, min_outcomes: u32, golden: &str) {
    let (name, base, timeframes) = MARKETS[index];
    let Some(data) = data() else { return skipped(name) };
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    let mut command = engine(["replay", "--quiet", "--base", base, "--timeframes", timeframes, "--workers", "8"]);
    command.args(["--set", &format!("selection.min_outcomes={min_outcomes}"), "--input"]);
    command.arg(data.join(format!("{name}.csv.gz")));
    command.arg("--signals").arg(out("signals")).arg("--selection").arg(out("selection"));
    run_within(&mut command, LIMIT).good();
    let (signals, ours) = (read(&out("signals")), read(&out("selection")));
    let golden = read(&data.join(format!("../golden/judgement/{name}{golden}.selection.jsonl.gz")));
    for what in ["liquidity", "lane", "lane at the end"] {
        let ours = sorted(ours.iter().filter(is(what)));
        // Of lanes that have had no outcome there is nothing to say.
        let golden = sorted(golden.iter().filter(is(what)).filter(|line| line["k"] != 0));
        assert_eq!(ours.len(), golden.len(), "{name}: {what}");
        for (ours, golden) in ours.iter().zip(&golden) {
            assert_same(ours, golden, &["seq"], &format!("{name}: {ours}"));
        }
    }
    let mut said = 0;
    for golden in golden.iter().filter(|line| !line["n"].is_null()) {
        let signal = &signals[golden["n"].as_u64().unwrap() as usize];
        assert_eq!((&signal["selected"], &signal["liquid"]), (&golden["selected"], &golden["liquid"]), "{signal}");
        said += 1;
    }
    assert_eq!(said, signals.len(), "{name}");
}

#[test]
fn equities_by_the_day() {
    check(0, 1_000, "");
    check(0, 50, "_minimum50");
}

#[test]
fn equities_by_the_second() {
    check(1, 1_000, "");
    check(1, 50, "_minimum50");
}

#[test]
fn crypto_by_the_minute() {
    check(2, 1_000, "");
    check(2, 50, "_minimum50");
}
