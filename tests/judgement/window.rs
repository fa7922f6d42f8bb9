//! Statistics of windows: every line of the golden results, and a plain reading of what the recorded data does not reach.

use crate::{
    LIMIT,
    compare::close,
    outside::{data, engine, lines, run_within, skipped},
};
use std::{collections::BTreeMap, path::Path};

/// Names of columns that are compared by their distance, not relative to their size.
const ABSOLUTE: [&str; 3] = ["change_pct", "z_score", "range_position"];

/// The rows of a table of CSV: a map from column to text each.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut lines = lines(path);
    let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    lines.map(|line| names.iter().cloned().zip(line.split(',').map(str::to_owned)).collect()).collect()
}

fn same(name: &str, ours: &str, golden: &str) -> bool {
    if ours.is_empty() || golden.is_empty() {
        return ours == golden;
    }
    let (a, b): (f64, f64) = (ours.parse().unwrap(), golden.parse().unwrap());
    // Quantiles, highs and lows are prices as they came.
    if ["q25", "q50", "q75", "high", "low"].iter().any(|exact| name.starts_with(&format!("{exact}_"))) {
        return a == b;
    }
    close(a, b) || (ABSOLUTE.iter().any(|absolute| name.starts_with(absolute)) && (a - b).abs() <= 1e-9)
}

/// A recorded file, its base, timeframes, and the cells that are golden, each with every so manieth bar.
type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str, usize)]);

const CASES: [Case; 3] = [
    ("crypto_1m", "1m", "1m,5m,1h,1d", &[("BTCUSD", "1h", 1), ("NEOUSD", "5m", 1)]),
    ("us_equities_1d", "1d", "1d", &[("AAPL", "1d", 1)]),
    ("us_equities_1s", "1s", "1s,1m,5m,1h,1d", &[("AIG", "1s", 50), ("BAC", "5m", 1), ("IBM", "1m", 1)]),
];

#[test]
fn every_line_that_is_golden() {
    let Some(data) = data() else { return skipped("every_line_that_is_golden") };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("statistics.csv");
    for (workers, (file, base, timeframes, cells)) in [8, 1, 3].into_iter().zip(CASES) {
        let names: Vec<String> = cells.iter().map(|(symbol, timeframe, _)| format!("{symbol}:{timeframe}")).collect();
        let mut command = engine(["replay", "--quiet", "--base", base, "--timeframes", timeframes]);
        command.args(["--workers", &workers.to_string(), "--threading", "dedicated", "--cells", &names.join(",")]);
        command.arg("--statistics").arg(&out).arg("--input").arg(data.join(format!("{file}.csv.gz")));
        run_within(&mut command, LIMIT).good();
        let mut ours: BTreeMap<(String, String), Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for row in table(&out) {
            ours.entry((row["symbol"].clone(), row["timeframe"].clone())).or_default().push(row);
        }
        for &(symbol, timeframe, every) in cells {
            let ours = &ours[&(symbol.to_owned(), timeframe.to_owned())];
            let path = data.join(format!("../golden/judgement/{file}.window.{symbol}.{timeframe}.csv.gz"));
            let golden = table(&path);
            assert_eq!(ours.len() / every, golden.len(), "{symbol}:{timeframe}");
            for (number, golden) in golden.iter().enumerate() {
                let ours = &ours[(number + 1) * every - 1];
                for (name, golden) in golden {
                    assert!(
                        same(name, &ours[name], golden),
                        "{symbol}:{timeframe} row {number}: {name}: ours {}, golden {golden}",
                        ours[name]
                    );
                }
            }
            eprintln!("{symbol}:{timeframe}: {} lines as golden", golden.len());
        }
    }
}

/// Opens of two sessions of New York, the second of which is short, and their minutes.
const SESSIONS: [(i64, i64); 2] = [(1_751_463_000_000, 390), (1_751_549_400_000, 210)];
const MINUTE: i64 = 60_000;

/// A minute: its time, high, low, close, volume, and whether the minute of a session before it is missing.
type Minute = (i64, f64, f64, f64, f64, bool);

/// Minutes with gaps, stretches that stand still, and stretches without volume.
fn minutes() -> Vec<Minute> {
    let (mut all, mut price, mut missing) = (Vec::new(), 100.0, false);
    for (open, count) in SESSIONS {
        for k in 0..count {
            let random = (k * 7_919 + open / MINUTE) % 101;
            if random % 11 == 3 {
                missing = !all.is_empty();
                continue;
            }
            let still = (100..160).contains(&k);
            let step = if still { 0.0 } else { (random - 50) as f64 / 100.0 };
            price += step;
            let (high, low) = (price + step.abs(), price - step.abs() / 2.0);
            let volume = if (60..140).contains(&k) { 0.0 } else { random as f64 + 1.0 };
            all.push((open + k * MINUTE, high, low, price, volume, missing));
            missing = false;
        }
    }
    all
}

#[test]
fn sessions_and_typical_prices_still_and_without_volume() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    let all = minutes();
    let row = |(ts, high, low, close, volume, _): &Minute| format!("{ts},A,{close},{high},{low},{close},{volume}\n");
    let text: String = all.iter().map(row).collect();
    std::fs::write(&input, format!("ts,symbol,open,high,low,close,volume\n{text}")).unwrap();
    let mut command = engine(["replay", "--quiet", "--base", "1m", "--timeframes", "1m", "--calendar", "xnys"]);
    command.args(["--method", "typical", "--set", "statistics.windows=[5,30]", "--cells", "A:1m", "--statistics"]);
    run_within(command.arg(&out).arg("--input").arg(&input), LIMIT).good();
    let rows = table(&out);
    assert_eq!(rows.len(), all.len());
    let typical = |(_, high, low, close, ..): &Minute| (high + low + close) / 3.0;
    let (mut still, mut quiet, mut gaps) = (0, 0, 0);
    for (i, row) in rows.iter().enumerate() {
        for n in [5, 30].into_iter().filter(|n| i + 1 >= *n) {
            let w = &all[i + 1 - n..=i];
            let ours = |name: &str| row[&format!("{name}_{n}")].parse::<f64>().unwrap_or(f64::NAN);
            let at = format!("bar {i} of {n}");
            let mut prices: Vec<f64> = w.iter().map(typical).collect();
            let mean = prices.iter().sum::<f64>() / n as f64;
            let square: f64 = prices.iter().map(|price| (price - mean).powi(2)).sum();
            prices.sort_by(f64::total_cmp);
            for (name, part) in [("q25", 0.25), ("q50", 0.5), ("q75", 0.75)] {
                assert_eq!(ours(name), prices[(part * n as f64).ceil() as usize - 1], "{name} at {at}");
            }
            let flat = prices[0] == prices[n - 1];
            still += usize::from(flat);
            assert!(close(ours("mean"), mean) && (!flat || ours("sd") == 0.0), "{at}");
            assert!(flat || close(ours("sd"), (square / n as f64).sqrt()), "{at}");
            let share = w.iter().filter(|minute| minute.5).count() as f64 / n as f64;
            gaps += usize::from(share > 0.0);
            assert_eq!(ours("gap_share"), share, "{at}");
            let ret = |k: usize| if k == 0 { 0.0 } else { all[k].3 / all[k - 1].3 - 1.0 };
            let vol = (i + 1 - n..=i).map(|k| ret(k).powi(2)).sum::<f64>().sqrt();
            let year = (252.0 * 390.0 / n as f64).sqrt();
            assert!((ours("realized_vol") - vol).abs() <= 1e-12, "{at}");
            assert!((ours("realized_vol_year") - vol * year).abs() <= 1e-9, "{at}");
            let volume: f64 = w.iter().map(|minute| minute.4).sum();
            assert!(close(ours("volume"), volume), "{at}");
            let (high, low) = w.iter().fold((f64::MIN, f64::MAX), |(h, l), m| (h.max(m.1), l.min(m.2)));
            if volume == 0.0 {
                quiet += 1;
                assert!(close(ours("vwap"), ((high + low + w[n - 1].3) / 3.0).clamp(low, high)), "{at}");
            }
            let before: f64 = if i >= n { all[i - n..i].iter().map(|minute| minute.4).sum() } else { 0.0 };
            assert_eq!(ours("relative_volume").is_nan(), before == 0.0, "{at}");
        }
    }
    assert!(still > 10 && quiet > 10 && gaps > 100, "{still} {quiet} {gaps}");
}
