//! Every outcome and every figure of the recorded markets.

use crate::{
    LIMIT,
    compare::{assert_same, close},
    outside::{data, engine, lines, run_within, skipped},
};
use serde_json::{Map, Value};
use std::path::Path;

struct Case {
    name: &'static str,
    base: &'static str,
    timeframes: &'static str,
    /// Symbols whose mean return is the market's.
    market: &'static str,
    /// Golden results of the calibrated confidence.
    calibrated: &'static str,
}

const DAILY: Case =
    Case { name: "us_equities_1d", base: "1d", timeframes: "1d", market: "", calibrated: "us_equities_1d" };
const SECONDS: Case =
    Case { name: "us_equities_1s", base: "1s", timeframes: "1s,1m,5m,1h,1d", market: "", calibrated: "us_equities_1s" };
const CRYPTO: Case =
    Case { name: "crypto_1m", base: "1m", timeframes: "1m,5m,1h,1d", market: "", calibrated: "crypto_1m" };
/// The file without the `j` is of an older definition: there a bar knows of the market what came after its last base bar.
const WITH_MARKET: Case =
    Case { market: "BTCUSD,ETHUSD,LTCUSD,NEOUSD,IOTUSD,XRPUSD,EOSUSD", calibrated: "j_crypto_1m_market", ..CRYPTO };

#[test]
fn equities_by_the_day() {
    check(&DAILY);
}

#[test]
fn equities_by_the_second() {
    check(&SECONDS);
}

#[test]
fn crypto_by_the_minute() {
    check(&CRYPTO);
}

#[test]
fn crypto_with_a_market() {
    check(&WITH_MARKET);
}

fn json(line: &str) -> Value {
    // Of the golden results NaN is the only thing that is no JSON.
    serde_json::from_str(&line.replace("NaN", "null")).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn check(case: &Case) {
    let Some(data) = data() else { return skipped(case.name) };
    let dir = tempfile::tempdir().unwrap();
    let out = |name: &str| dir.path().join(name);
    for workers in [1, 8] {
        let mut command = engine(["replay", "--quiet", "--base", case.base, "--timeframes", case.timeframes]);
        command.args(["--workers", &workers.to_string(), "--threading", "dedicated", "--input"]);
        command.arg(data.join(format!("{}.csv.gz", case.name)));
        command.arg("--signals").arg(out("signals")).arg("--outcomes").arg(out("outcomes"));
        command.arg("--performance").arg(out("performance"));
        let market: Vec<String> =
            case.market.split(',').filter(|name| !name.is_empty()).map(|name| format!("\"{name}\"")).collect();
        command.arg("--model").arg(out("model"));
        command.args(["--set", &format!("calibration.market=[{}]", market.join(","))]);
        run_within(&mut command, LIMIT).good();
        let golden = |what: &str| data.join(format!("../golden/judgement/{}.{what}", case.name));
        let signals: Vec<Value> = lines(&out("signals")).map(|line| json(&line)).collect();
        check_calibrated(&signals, &data.join(format!("../golden/judgement/{}.calibrated.jsonl.gz", case.calibrated)));
        if !case.market.is_empty() {
            // Outcomes and figures are those without it, but for what was said.
            continue;
        }
        check_model(&out("model"), &golden("model.json"));
        check_outcomes(&signals, &out("outcomes"), &golden("outcomes.jsonl.gz"));
        check_performance(&out("performance"), &golden("performance.json.gz"));
    }
}

/// The calibrated confidence of every signal, and from how many outcomes it was learned.
fn check_calibrated(signals: &[Value], golden: &Path) {
    let golden: Vec<Value> = lines(golden).map(|line| json(&line)).collect();
    assert_eq!(signals.len(), golden.len());
    let mut learned = std::collections::HashMap::new();
    for (ours, golden) in signals.iter().zip(&golden) {
        for field in ["symbol", "timeframe", "strategy", "bar_ts"] {
            assert_eq!(ours[field], golden[field], "{ours}");
        }
        let (a, b) = (ours["calibrated_confidence"].as_f64().unwrap(), golden["calibrated"].as_f64().unwrap());
        assert!(close(a, b), "ours {a}, golden {b}: {ours}");
        let n = ours["calibration_n"].as_u64().unwrap();
        assert_eq!(ours["calibrated"], n >= 200, "{ours}");
        let before = learned.insert(ours["symbol"].to_string(), n).unwrap_or(0);
        assert!(before <= n, "{ours}");
    }
}

/// Every weight.
fn check_model(ours: &Path, golden: &Path) {
    let read = |path: &Path| json(&lines(path).collect::<String>());
    let (ours, golden) = (read(ours), read(golden));
    let mut count = 0;
    for (name, golden) in golden.as_object().unwrap() {
        // With us what has learned nothing is left out.
        let start = Value::from(vec![0.0, 1.0]);
        assert_same(ours.get(name).unwrap_or(&start), golden, &[], name);
        count += 1;
    }
    assert!(count > 50 && ours.as_object().unwrap().keys().all(|name| golden.get(name).is_some()));
}

fn check_outcomes(signals: &[Value], ours: &Path, golden: &Path) {
    let mut ours = lines(ours).enumerate();
    let mut count = 0;
    // By strategy, timeframe and symbol: outcomes and wins after ten bars, as they were known at each sequence.
    for golden in lines(golden).map(|line| json(&line)) {
        let (number, line) = ours.next().expect("as many outcomes as are golden");
        let ours = json(&line);
        let at = format!("outcome {number}: {line}");
        let n = golden["n"].as_u64().unwrap() as usize;
        assert_eq!(ours["signal_id"], signals[n]["signal_id"], "{at}");
        let own: Map<String, Value> = golden
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .filter(|(name, _)| !["n", "seq"].contains(&&**name))
            .collect();
        assert_same(&ours, &Value::Object(own), &[], &at);
        count += 1;
    }
    assert!(count > 10_000 && ours.next().is_none(), "{count} outcomes are golden");
    check_what_was_known(signals, golden);
}

/// With each signal stands what was known of its symbol, timeframe and strategy before it.
fn check_what_was_known(signals: &[Value], golden: &Path) {
    use std::collections::HashMap;
    let text = |value: &Value, field: &str| value[field].as_str().unwrap().to_owned();
    let lane = |value: &Value| [text(value, "symbol"), text(value, "timeframe"), text(value, "strategy")];
    let mut known: HashMap<[String; 3], Vec<(i64, bool)>> = HashMap::new();
    for outcome in lines(golden).map(|line| json(&line)).filter(|outcome| outcome["h"] == 10) {
        if let Some(ret) = outcome["ret"].as_f64() {
            known.entry(lane(&outcome)).or_default().push((outcome["exit_ts"].as_i64().unwrap(), ret > 0.0));
        }
    }
    for signal in signals {
        // Of one lane both come in the order of time, and an outcome counts for the signals of its own bar.
        let event_ts = signal["event_ts"].as_i64().unwrap();
        let none = Vec::new();
        let of_lane = known.get(&lane(signal)).unwrap_or(&none);
        let n = of_lane.partition_point(|(exit_ts, _)| *exit_ts <= event_ts);
        let wins = of_lane[..n].iter().filter(|(_, won)| *won).count();
        assert_eq!(signal["win_rate_n"], n, "{signal}");
        match signal["win_rate"].as_f64() {
            Some(win_rate) => assert!(close(win_rate, wins as f64 / n as f64), "{signal}"),
            None => assert_eq!(n, 0, "{signal}"),
        }
    }
}

fn check_performance(ours: &Path, golden: &Path) {
    let read = |path: &Path| -> Map<String, Value> {
        json(&lines(path).collect::<Vec<_>>().join("\n")).as_object().unwrap().clone()
    };
    let (ours, golden) = (read(ours), read(golden));
    let keys = |of: &Map<String, Value>| {
        let mut keys: Vec<String> = of.keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&ours), keys(&golden));
    assert!(golden.len() > 60, "{} keys are golden", golden.len());
    for (key, golden) in &golden {
        assert_same(&ours[key], golden, &[], key);
    }
}
