//! Limits of signals a second: the best of every place of the log, whoever computes them.

use crate::{
    outside::{engine, run},
    snapshots::write_walk,
};
use serde_json::Value;
use std::{collections::HashMap, fs, path::Path};

/// The signals of a replay, by lines of the file.
fn replay(input: &Path, workers: usize, limits: &str) -> Vec<Value> {
    let out = input.with_extension("jsonl");
    let mut command = engine(["replay", "--quiet", "--base", "1s", "--timeframes", "1s,5s,1m"]);
    command.args(["--workers", &workers.to_string(), "--threading", "dedicated"]);
    command.args(["--set", "timeframes.5s.trading_style=swing", "--set", limits]);
    command.arg("--input").arg(input).arg("--signals").arg(&out);
    run(&mut command).good();
    fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lines_of_one_time_are_decided_on_together() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.csv");
    write_walk(&input, 17, 500, 3);
    let text = fs::read_to_string(&input).unwrap();
    let mut times = vec![""];
    for line in text.lines() {
        let time = line.split(',').next().filter(|time| time.parse::<i64>().is_ok());
        times.push(time.unwrap_or(times[times.len() - 1]));
    }
    let time_of = |signal: &Value| {
        let (_, line) = signal["source_id"].as_str().unwrap().split_once(':').unwrap();
        times[line.parse::<usize>().unwrap()]
    };
    let all = replay(&input, 1, "output.max_signals_per_s.day=0");
    // Bars of a second make every time a second of its own.
    let mut by_time: HashMap<&str, Vec<(usize, f64)>> = HashMap::new();
    for (number, signal) in all.iter().enumerate().filter(|(_, signal)| signal["timeframe"] != "5s") {
        by_time.entry(time_of(signal)).or_default().push((number, signal["priority"].as_f64().unwrap()));
    }
    let mut held = vec![false; all.len()];
    for place in by_time.values_mut() {
        place.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        place.iter().skip(2).for_each(|(number, _)| held[*number] = true);
    }
    let wanted: Vec<&Value> = all.iter().zip(&held).filter(|(_, held)| !**held).map(|(signal, _)| signal).collect();
    assert!(wanted.len() > 100 && wanted.len() + 50 < all.len(), "{} of {}", wanted.len(), all.len());
    for workers in [1, 8] {
        let ours = replay(&input, workers, "output.max_signals_per_s.day=2");
        assert_eq!(ours.iter().collect::<Vec<_>>(), wanted, "{workers} workers");
    }
}
