//! The program on recorded markets against golden results that a slow program computed afresh from the definition.
//!
//! Every signal in its order, every bar, every indicator. Skipped where the recorded data is absent.
//!
//! Alone in its binary, which is built in release as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod outside;

use outside::{data, engine, lines, run, skipped, unix_ms, write_rows_before};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

const TOLERANCE: f64 = 1e-9;
/// `time.allowed_lateness_ms` of the golden results, and the default.
const LATENESS_MS: i64 = 2_000;
const STRATEGIES: [&str; 5] = ["macd_rsi", "ma_crossover", "rsi_trend", "bollinger_breakout", "sr_breakout"];

/// One row of the table of golden results.
struct Case {
    golden: &'static str,
    input: &'static str,
    /// Only the rows before this time.
    before: Option<&'static str>,
    base: &'static str,
    timeframes: &'static str,
    method: &'static str,
    cells: &'static [(&'static str, &'static str)],
}

#[test]
fn equities_by_the_second() {
    check(&Case {
        golden: "us_equities_1s",
        input: "us_equities_1s.csv.gz",
        before: None,
        base: "1s",
        timeframes: "1s,1m,5m,1h,1d",
        method: "ohlc",
        cells: &[("AIG", "1s"), ("BAC", "5m"), ("IBM", "1m")],
    });
}

#[test]
fn equities_by_the_day() {
    check(&Case {
        golden: "us_equities_1d",
        input: "us_equities_1d.csv.gz",
        before: None,
        base: "1d",
        timeframes: "1d",
        method: "ohlc",
        cells: &[("AAPL", "1d")],
    });
}

#[test]
fn crypto_by_the_minute() {
    check(&Case {
        golden: "crypto_1m",
        input: "crypto_1m.csv.gz",
        before: None,
        base: "1m",
        timeframes: "1m,5m,1h,1d",
        method: "ohlc",
        cells: &[("BTCUSD", "1h"), ("ETHUSD", "1m")],
    });
}

#[test]
fn crypto_by_vwap() {
    check(&Case {
        golden: "crypto_1m_first3days_vwap",
        input: "crypto_1m.csv.gz",
        before: Some("2018-01-04"),
        base: "1m",
        timeframes: "1m,5m,15m,1h",
        method: "vwap",
        cells: &[],
    });
}

#[test]
fn crypto_by_typical_price() {
    check(&Case {
        golden: "crypto_1m_first3days_typical",
        input: "crypto_1m.csv.gz",
        before: Some("2018-01-04"),
        base: "1m",
        timeframes: "1m,5m,15m,1h",
        method: "typical",
        cells: &[],
    });
}

fn check(case: &Case) {
    let Some(data) = data() else { return skipped(case.golden) };
    let golden = data.join("../golden");
    let dir = tempfile::tempdir().unwrap();
    let mut input = data.join(case.input);
    if let Some(before) = case.before {
        let rows = dir.path().join("rows.csv");
        write_rows_before(&input, before, &rows);
        input = rows;
    }
    let out = |name: &str| dir.path().join(name);
    let mut command = engine(["replay", "--quiet", "--base", case.base, "--timeframes", case.timeframes]);
    command.args(["--method", case.method, "--input"]).arg(&input);
    command.arg("--signals").arg(out("signals.jsonl")).arg("--bars").arg(out("bars.csv"));
    if !case.cells.is_empty() {
        let cells: Vec<_> = case.cells.iter().map(|(symbol, timeframe)| format!("{symbol}:{timeframe}")).collect();
        command.arg("--indicators").arg(out("indicators.csv")).args(["--cells", &cells.join(",")]);
    }
    let ended = run(&mut command).good();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "--quiet says nothing");

    let signals = check_signals(case, &golden, &out("signals.jsonl"));
    check_sources(case, &input, &signals);
    check_bars(&golden.join(format!("{}.bars.csv.gz", case.golden)), &out("bars.csv"));
    for (symbol, timeframe) in case.cells {
        let name = format!("{}.indicators.{symbol}.{timeframe}.csv.gz", case.golden);
        check_indicators(&golden.join(name), &out("indicators.csv"), symbol, timeframe);
    }
}

/// What the later checks need of a signal of the program.
struct Found {
    id: String,
    symbol: String,
    timeframe: String,
    bar_ts: i64,
    event_ts: i64,
    source: String,
}

/// Compares the signals one by one, and what golden results do not have with the definition.
fn check_signals(case: &Case, golden: &Path, ours: &Path) -> Vec<Found> {
    let golden: Vec<Value> = lines(&golden.join(format!("{}.signals.jsonl.gz", case.golden)))
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    assert!(golden.len() > 1_000, "{}: only {} golden signals", case.golden, golden.len());
    let mut ids = HashSet::new();
    let mut found = Vec::new();
    for (index, line) in lines(ours).enumerate() {
        let signal: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: line {}: {error}", case.golden, index + 1));
        let expected = golden.get(index).unwrap_or_else(|| panic!("{}: not among the golden: {line}", case.golden));
        let at = || format!("{}: line {}\n    ours {line}\n  golden {expected}", case.golden, index + 1);
        for field in ["symbol", "timeframe", "strategy", "kind", "side", "bar_ts"] {
            assert_eq!(signal[field], expected[field], "{field}: {}", at());
        }
        for field in ["price", "confidence", "composite_confidence", "correlation_strength"] {
            assert!(close(number(&signal[field]), number(&expected[field])), "{field}: {}", at());
        }
        assert_factors(object(&signal["factors"]), object(&expected["factors"]), &at);
        for field in ["supporting", "opposing"] {
            let ours: Vec<(&str, &str)> =
                array(&signal[field]).iter().map(|peer| (text(&peer["timeframe"]), text(&peer["strategy"]))).collect();
            let mut sorted = ours.clone();
            sorted.sort_unstable();
            let golden: Vec<(&str, &str)> =
                array(&expected[field]).iter().map(|peer| (text(&peer[0]), text(&peer[1]))).collect();
            assert_eq!(sorted, golden, "{field}: {}", at());
        }
        assert_vote(case, &signal, &at);
        let one = Found {
            id: text(&signal["signal_id"]).to_owned(),
            symbol: text(&signal["symbol"]).to_owned(),
            timeframe: text(&signal["timeframe"]).to_owned(),
            bar_ts: signal["bar_ts"].as_i64().unwrap(),
            event_ts: signal["event_ts"].as_i64().unwrap(),
            source: text(&signal["source_id"]).to_owned(),
        };
        assert!(one.event_ts >= one.bar_ts + interval_ms(&one.timeframe), "published before its bar ended: {}", at());
        assert!(ids.insert(one.id.clone()), "signal_id twice: {}", at());
        found.push(one);
    }
    assert_eq!(found.len(), golden.len(), "{}: signals are missing", case.golden);
    found
}

fn assert_factors(ours: &Map<String, Value>, golden: &Map<String, Value>, at: &dyn Fn() -> String) {
    let names = |map: &Map<String, Value>| {
        let mut names: Vec<_> = map.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(ours), names(golden), "factors: {}", at());
    for (name, value) in ours {
        assert!(close(number(value), number(&golden[name])), "factor {name}: {}", at());
    }
}

/// What the golden results leave to the definition: the order of the peers, what they say of themselves, the vote.
fn assert_vote(case: &Case, signal: &Value, at: &dyn Fn() -> String) {
    let own = text(&signal["timeframe"]);
    let mut sums = [0.0, 0.0];
    for (field, sum) in ["supporting", "opposing"].into_iter().zip(&mut sums) {
        let mut last = f64::INFINITY;
        for peer in array(&signal[field]) {
            let (timeframe, confidence) = (text(&peer["timeframe"]), number(&peer["confidence"]));
            let weighted = weight(timeframe) * confidence;
            assert!(weighted <= last * (1.0 + 1e-12), "{field}: not the strongest first: {}", at());
            assert!(timeframe != own, "{field}: of its own timeframe: {}", at());
            assert!(case.timeframes.split(',').any(|known| known == timeframe), "{field}: {}", at());
            assert!(STRATEGIES.contains(&text(&peer["strategy"])) && peer["kind"].is_string(), "{field}: {}", at());
            // Active: for three of its bars after its own, in event time.
            let (bar_ts, interval) = (peer["bar_ts"].as_i64().unwrap(), interval_ms(timeframe));
            let event_ts = signal["event_ts"].as_i64().unwrap();
            assert!(bar_ts + interval <= event_ts && event_ts < bar_ts + 4 * interval, "{field}: expired: {}", at());
            last = weighted;
            *sum += weighted;
        }
    }
    let [support, opposition] = sums;
    let composite = (number(&signal["confidence"]) + support) / (1.0 + support + opposition);
    assert!(close(number(&signal["composite_confidence"]), composite), "composite of its own peers: {}", at());
    assert!(close(number(&signal["priority"]), composite), "priority of an asset of priority 1: {}", at());
    let style = match interval_ms(own) {
        ..1_800_000 => "day",
        1_800_000..86_400_000 => "swing",
        _ => "position",
    };
    assert_eq!(signal["trading_style"], style, "{}", at());
    let id = format!("{}:{own}:{}:{}", text(&signal["symbol"]), text(&signal["strategy"]), signal["bar_ts"]);
    assert_eq!(signal["signal_id"], id.as_str(), "{}", at());
}

/// Every signal names the line of the input that made it.
fn check_sources(case: &Case, input: &Path, signals: &[Found]) {
    let file = input.file_name().unwrap().to_str().unwrap();
    let base = interval_ms(case.base);
    let mut header = lines(input);
    let columns: Vec<String> = header.next().unwrap().split(',').map(str::to_owned).collect();
    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let (ts, symbol) = (column("ts"), column("symbol"));
    let rows: Vec<(i64, String)> = header
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (unix_ms(fields[ts]).div_euclid(base) * base, fields[symbol].to_owned())
        })
        .collect();
    let mut last = 0;
    for signal in signals {
        let Found { id, symbol, timeframe, bar_ts, event_ts, source } = signal;
        let (name, line) = source.rsplit_once(':').unwrap_or_else(|| panic!("{id}: source_id {source}"));
        assert_eq!(name, file, "{id}");
        let line: usize = line.parse().unwrap();
        let (row_ts, row_symbol) = line.checked_sub(2).and_then(|index| rows.get(index)).unwrap();
        assert_eq!(bar_ts + interval_ms(timeframe), *event_ts, "{id}: the end of its bar");
        assert!(row_ts + base >= *event_ts, "{id}: {source}: before its bar was over");
        if timeframe == case.base {
            assert_eq!((row_ts, row_symbol), (bar_ts, symbol), "{id}: {source}");
        }
        if row_ts + base < event_ts + LATENESS_MS {
            assert_eq!(row_symbol, symbol, "{id}: {source}: too early for another symbol to close this bar");
        }
        assert!(line >= last, "{id}: {source}: published after what line {last} caused");
        last = line;
    }
}

/// Compares bars by symbol, timeframe and time.
fn check_bars(golden: &Path, ours: &Path) {
    type Bars = BTreeMap<(String, String, i64), Vec<f64>>;
    const HEADER: &str = "ts,symbol,timeframe,open,high,low,close,volume,vwap";
    let read = |path: &Path| {
        let mut bars = Bars::new();
        let mut lines = lines(path);
        assert_eq!(lines.next().as_deref(), Some(HEADER), "{}", path.display());
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            let key = (fields[1].to_owned(), fields[2].to_owned(), fields[0].parse().unwrap());
            let values = fields[3..].iter().map(|field| field.parse().unwrap()).collect();
            assert!(bars.insert(key, values).is_none(), "{}: twice: {line}", path.display());
        }
        bars
    };
    let bars = read(ours);
    // Without a timeframe above the base there is nothing to close, and no golden file.
    let golden = if golden.exists() { read(golden) } else { Bars::new() };
    for (key, values) in &bars {
        let expected = golden.get(key).unwrap_or_else(|| panic!("{key:?} {values:?} is not among the golden bars"));
        assert!(all_close(values, expected), "{key:?}\n    ours {values:?}\n  golden {expected:?}");
    }
    let missing: Vec<_> = golden.keys().filter(|key| !bars.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty(), "missing bars, such as {missing:?}");
}

/// Compares the indicators of a cell row by row.
fn check_indicators(golden: &Path, ours: &Path, symbol: &str, timeframe: &str) {
    let mut golden_lines = lines(golden);
    let mut our_lines = lines(ours);
    let golden_header = golden_lines.next().unwrap();
    let our_header = our_lines.next().unwrap();
    let columns: HashMap<&str, usize> = our_header.split(',').enumerate().map(|(i, name)| (name, i)).collect();
    let names: Vec<&str> = golden_header.split(',').collect();
    let cell = |line: &String| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[columns["symbol"]], fields[columns["timeframe"]]) == (symbol, timeframe)
    };
    let mut our_lines = our_lines.filter(cell);
    let mut rows = 0;
    for golden_line in golden_lines {
        let our_line = our_lines.next().unwrap_or_else(|| panic!("{symbol} {timeframe}: no row for {golden_line}"));
        let ours: Vec<&str> = our_line.split(',').collect();
        let at = |name: &str| format!("{symbol} {timeframe} {name}\n    ours {our_line}\n  golden {golden_line}");
        for (name, golden) in names.iter().zip(golden_line.split(',')) {
            let own = ours[columns[name]];
            let same = match (own.parse::<f64>(), golden.parse::<f64>()) {
                (Ok(own), Ok(golden)) => close(own, golden),
                _ => own.is_empty() && golden.is_empty(),
            };
            assert!(same, "{}", at(name));
        }
        rows += 1;
    }
    assert_eq!(our_lines.next(), None, "{symbol} {timeframe}: a row too many");
    assert!(rows > 100, "{symbol} {timeframe}: only {rows} golden rows");
}

/// The default correlation weight of a timeframe.
fn weight(timeframe: &str) -> f64 {
    const KNOWN: [(i64, f64); 5] = [(1_000, 0.2), (60_000, 0.4), (300_000, 0.6), (3_600_000, 0.8), (86_400_000, 1.0)];
    let interval = interval_ms(timeframe);
    let Some(above) = KNOWN.iter().position(|(known, _)| *known >= interval) else { return 1.0 };
    let (to, high) = KNOWN[above];
    if to == interval || above == 0 {
        return high;
    }
    let (from, low) = KNOWN[above - 1];
    let ln = |a: i64, b: i64| (a as f64 / b as f64).ln();
    low + (high - low) * ln(interval, from) / ln(to, from)
}

fn interval_ms(timeframe: &str) -> i64 {
    let (number, unit) = timeframe.split_at(timeframe.len() - 1);
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("{timeframe}"),
    };
    number.parse::<i64>().unwrap() * unit
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

fn all_close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not an array"))
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} is not an object"))
}

/// The tests' own reading of time.
#[test]
fn time_is_read_as_it_is_written() {
    assert_eq!(unix_ms("1970-01-01T00:00:00Z"), 0);
    assert_eq!(unix_ms("2018-01-01T00:00:00Z"), 1_514_764_800_000);
    assert_eq!(unix_ms("2020-02-29T23:59:59Z"), 1_583_020_799_000);
}
