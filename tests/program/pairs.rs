//! Bars that an exchange has published in two intervals: the coarse ones are what a replay makes of the fine ones. The
//! samples are the first days of BTCUSDT on Binance.

use crate::outside::engine;
use std::path::{Path, PathBuf};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sample/pairs").join(name)
}

/// A bar: its time, Unix ms, then open, high, low, close and volume.
type Bar = (i64, [f64; 5]);

/// The bars of a file whose columns are time, symbol, open, high, low, close, volume.
fn published(name: &str) -> Vec<Bar> {
    let text = std::fs::read_to_string(sample(name)).unwrap();
    let bar = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let ts = cells[0].parse().unwrap_or_else(|_| {
            let date: jiff::civil::Date = cells[0].parse().unwrap();
            date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()
        });
        (ts, std::array::from_fn(|k| cells[2 + k].parse().unwrap()))
    };
    text.lines().skip(1).map(bar).collect()
}

/// What a replay makes of a file.
fn made(name: &str, base: &str, timeframe: &str) -> Vec<Bar> {
    let input = sample(name);
    let args = ["replay", "--base", base, "--timeframes", timeframe, "--bars", "-", "--input"];
    let output = engine(args).arg(&input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("ts,symbol,timeframe,open,high,low,close,volume,vwap"));
    let bar = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[1], cells[2]), ("BTCUSDT", timeframe), "{line}");
        (cells[0].parse().unwrap(), std::array::from_fn(|k| cells[3 + k].parse().unwrap()))
    };
    lines.map(bar).collect()
}

#[test]
fn fine_bars_make_the_coarse_ones_that_were_published() {
    for (fine, base, coarse, timeframe) in
        [("btcusdt_1d.csv", "1d", "btcusdt_1w.csv", "1w"), ("btcusdt_1h.csv", "1h", "btcusdt_4h.csv", "4h")]
    {
        let (found, wanted) = (made(fine, base, timeframe), published(coarse));
        assert_eq!(found.len(), wanted.len(), "{coarse}: {found:?}");
        for ((ts, found), (wanted_ts, wanted)) in found.into_iter().zip(wanted) {
            assert_eq!((ts, &found[..4]), (wanted_ts, &wanted[..4]), "{coarse}");
            // Decimals do not add up exactly in binary.
            assert!((found[4] - wanted[4]).abs() < 1e-9, "{coarse}: {} and {}", found[4], wanted[4]);
        }
    }
}
