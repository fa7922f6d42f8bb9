//! What readers of the existing system find: its keys, their forms and lifetimes, its events, its levels.

use super::{
    engine::{Engine, NO_CLOCK, config, run_up_to},
    legacy::{captured, captures},
    output::lifetime,
    server::{Client, Server},
    wire::python,
};
use serde_json::Value;
use std::path::Path;
use wagehood_engine::config::{WireForm, decode_document};

const SYMBOLS: [&str; 3] = ["SPY", "QQQ", "IWM"];
const STREAM: &str = "market_data_stream";

/// Runs an engine over the captured entries for readers of a version.
fn run(server: &Server, client: &mut Client, dir: &Path, compat: &str) {
    let last = client.add(STREAM, &captured(&dir.join("market_data_stream.jsonl.gz")));
    let more = format!("[output]\ncompat = {compat:?}\n{NO_CLOCK}");
    let toml = config(&[(STREAM, "1m")], &SYMBOLS, &["1m", "5m", "1h", "1d"], &more);
    run_up_to(&toml, &server.unix(), client, STREAM, &last);
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// How close numbers are that recursive indicators have made which begin otherwise: those of the existing system begin with
/// the first bar, ours with a mean.
const CLOSE: f64 = 1e-3;

/// The same, with numbers that are close; what is no number, and so every level, is equal.
fn alike(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= CLOSE * a.abs().max(b.abs()).max(1.0)
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, value)| a.get(key).is_some_and(|own| alike(own, value)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (a, b) => a == b,
    }
}

/// A value that every version reads.
#[track_caller]
fn unpickled(client: &mut Client, key: &str) -> Value {
    let bytes = client.bytes(key).unwrap_or_else(|| panic!("there is no {key}"));
    let (form, value) = decode_document(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"));
    assert_eq!(form, WireForm::Pickle { prefix: "RAW:", packed: false, protocol: 5 }, "{key}");
    value
}

fn results(client: &mut Client) -> Vec<(String, Value)> {
    let events = client.entries("calculation_events_stream");
    events.iter().map(|event| (event.text("symbol").to_owned(), event.json("results"))).collect()
}

/// The table of the levels, read from a flat map.
fn naive(flat: &Value) -> Option<Value> {
    let value = |name: &str| flat[name].as_f64();
    let mut levels = serde_json::Map::new();
    let mut put = |name: &str, signal: Option<&str>, confidence: f64, metadata: Value| {
        levels.insert(
            name.to_owned(),
            serde_json::json!({"signal": signal, "confidence": confidence, "metadata": metadata}),
        );
    };
    let rsi = value("rsi_14");
    if let (Some(line), Some(signal), Some(rsi)) =
        (flat["macd"]["macd_line"].as_f64(), flat["macd"]["signal_line"].as_f64(), rsi)
    {
        let (level, confidence) = if line > signal && rsi < 30.0 {
            (Some("buy"), 0.8)
        } else if line < signal && rsi > 70.0 {
            (Some("sell"), 0.8)
        } else if line > signal && (30.0..=70.0).contains(&rsi) {
            (Some("weak_buy"), 0.5)
        } else if line < signal && (30.0..=70.0).contains(&rsi) {
            (Some("weak_sell"), 0.5)
        } else {
            (None, 0.0)
        };
        let metadata = serde_json::json!({"macd_bullish": line > signal, "rsi_value": rsi, "macd_histogram": flat["macd"]["histogram"]});
        put("macd_rsi_strategy", level, confidence, metadata);
    }
    if let (Some(fast), Some(slow)) = (value("sma_50"), value("sma_200")) {
        let level = if fast > slow {
            Some("buy")
        } else if fast < slow {
            Some("sell")
        } else {
            None
        };
        put(
            "ma_crossover_strategy",
            level,
            0.7,
            serde_json::json!({"fast_ma": fast, "slow_ma": slow, "ma_diff": fast - slow}),
        );
    }
    if let (Some(rsi), Some(trend)) = (rsi, value("sma_50")) {
        let (level, confidence) = if rsi < 30.0 {
            (Some("buy"), 0.8)
        } else if rsi > 70.0 {
            (Some("sell"), 0.8)
        } else {
            (None, 0.0)
        };
        put("rsi_trend_strategy", level, confidence, serde_json::json!({"rsi_value": rsi, "trend_sma": trend}));
    }
    let bands = &flat["bollinger_bands"];
    if let (Some(upper), Some(middle), Some(lower)) =
        (bands["upper_band"].as_f64(), bands["middle_band"].as_f64(), bands["lower_band"].as_f64())
    {
        let width = (upper - lower) / middle;
        let (level, confidence) = if width < 0.1 { (Some("prepare"), 0.6) } else { (None, 0.0) };
        let metadata = serde_json::json!({"band_width": width, "squeeze": width < 0.1, "bb_data": bands});
        put("bollinger_breakout_strategy", level, confidence, metadata);
    }
    if levels.is_empty() {
        return None;
    }
    let note = "Support/Resistance calculation requires level detection";
    levels.insert(
        "sr_breakout_strategy".to_owned(),
        serde_json::json!({"signal": null, "confidence": 0.0, "metadata": {"note": note}}),
    );
    Some(Value::Object(levels))
}

/// What the captured entries of a stream say.
fn captured_results(path: &Path) -> Vec<(String, Value)> {
    let captured = json(path);
    let all = ["middle_3", "last_3"].into_iter().flat_map(|part| captured[part].as_array().unwrap().clone());
    let read = |entry: Value| {
        let field = |name: &str| {
            let fields = entry["fields"].as_array().unwrap();
            fields.iter().find(|pair| pair[0] == name).unwrap()[1].as_str().unwrap().to_owned()
        };
        (field("symbol"), serde_json::from_str(&field("results")).unwrap())
    };
    all.map(read).collect()
}

#[test]
fn readers_of_the_version_in_use_find_everything() {
    let Some(dir) = captures() else { return };
    let server = Server::start();
    let mut client = server.connect();
    run(&server, &mut client, &dir, "current");
    for (name, ttl) in [("strategies:SPY_signals", 600), ("calculations:SPY_complete", 300)] {
        let wanted = json(&dir.join(format!("single/key_wagehood__{}.json", name.replace(':', "__"))));
        let key = format!("wagehood:{name}");
        let found = unpickled(&mut client, &key);
        assert!(alike(&found, &wanted["decoded"]), "{key}: {found:#}\n{:#}", wanted["decoded"]);
        assert!((1..=lifetime(ttl, "1m")).contains(&client.ttl(&key)), "{key}");
    }
    let price = unpickled(&mut client, "wagehood:market_data:latest_price_SPY");
    let wanted = json(&dir.join("single/key_wagehood__market_data__latest_price_SPY.json"));
    for field in ["symbol", "price", "open_price", "high_price", "low_price", "close_price", "metadata"] {
        assert!(alike(&price[field], &wanted["decoded"][field]), "{field}: {price}");
    }
    assert!(client.ttl("wagehood:market_data:latest_price_SPY") > 60, "longer than a bar takes to come");
    let complete = unpickled(&mut client, "wagehood:calculations:SPY_complete");
    for name in ["sma_50", "sma_200", "ema_12", "ema_26", "rsi_14", "macd", "bollinger_bands"] {
        assert_eq!(unpickled(&mut client, &format!("wagehood:indicators:SPY_{name}")), complete[name], "{name}");
    }
    let results = results(&mut client);
    for (symbol, wanted) in captured_results(&dir.join("single/stream_calculation_events_stream.json")) {
        let same = results.iter().any(|(own, found)| *own == symbol && alike(found, &wanted));
        assert!(same, "{symbol}: {wanted:#}");
    }
    let mut levels = 0;
    for (symbol, found) in &results {
        let wanted = naive(found).unwrap_or_default();
        assert!(alike(&found["signals"], &wanted), "{symbol}: {found:#}\n{wanted:#}");
        levels += usize::from(!wanted.is_null());
    }
    assert!(levels > 600, "{levels}");
    python_reads(&mut client);
}

#[test]
fn readers_of_several_timeframes_find_everything() {
    let Some(dir) = captures() else { return };
    let server = Server::start();
    let mut client = server.connect();
    run(&server, &mut client, &dir, "multi");
    let key = "wagehood:multi_timeframe_calculations:SPY_multi_timeframe";
    let (found, wanted) = (
        unpickled(&mut client, key),
        json(&dir.join("multi/key_wagehood__multi_timeframe_calculations__SPY_multi_timeframe.json")),
    );
    let wanted = &wanted["decoded"];
    for part in ["legacy_indicators", "legacy_signals", "timestamp"] {
        assert!(alike(&found[part], &wanted[part]), "{part}: {found:#}\n{wanted:#}");
    }
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&found), keys(wanted));
    assert_eq!(found["symbol_config"]["timeframes"], wanted["symbol_config"]["timeframes"]);
    assert_eq!(keys(&found["symbol_config"]), keys(&wanted["symbol_config"]));
    let composite = json(&dir.join("multi/key_wagehood__composite_signals__SPY_composite_signal.json"));
    let own = unpickled(&mut client, "wagehood:composite_signals:SPY_composite_signal");
    assert_eq!(keys(&own), keys(&composite["decoded"]));
    for timeframe in ["1m", "5m", "1h"] {
        let key = format!("wagehood:timeframe_indicators:SPY_{timeframe}");
        let found = unpickled(&mut client, &key);
        assert!(timeframe == "1h" || found["ema_12"].is_f64(), "{key}: {found}");
        let interval_s = timeframe.parse::<wagehood_engine::model::Timeframe>().unwrap().interval_ms() / 1_000;
        assert!(client.ttl(&key) > interval_s, "{key} outlives its bar");
    }
    for (_, event) in results(&mut client) {
        assert!(event["timeframe_results"].is_object() && event["legacy_indicators"].is_object(), "{event}");
        assert!(alike(&event["legacy_signals"], &naive(&event["legacy_indicators"]).unwrap_or_default()), "{event}");
    }
    python_reads(&mut client);
}

#[test]
fn readers_of_json_find_the_newest_of_a_symbol() {
    let Some(dir) = captures() else { return };
    let server = Server::start();
    let mut client = server.connect();
    run(&server, &mut client, &dir, "later");
    assert_eq!(client.json("wagehood:symbol:latest:QQQ"), client.json("wagehood:calculations:QQQ_complete"));
}

/// Python's own reader takes every pickled value, and finds data alone.
fn python_reads(client: &mut Client) {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for key in client.keys() {
        let Some(bytes) = client.bytes(&key).filter(|bytes| bytes.starts_with(b"RAW:")) else { continue };
        let (_, value) = decode_document(&bytes).unwrap();
        std::fs::write(dir.path().join(format!("{count}.pickle")), &bytes[4..]).unwrap();
        std::fs::write(dir.path().join(format!("{count}.json")), value.to_string()).unwrap();
        count += 1;
    }
    assert!(count > 10, "{count}");
    let script = r#"
import glob, json, pickle
class Data(pickle.Unpickler):
    def find_class(self, module, name): raise ValueError(name)
for name in glob.glob("*.pickle"):
    assert Data(open(name, "rb")).load() == json.load(open(name.replace("pickle", "json"))), name
"#;
    python(script, dir.path());
}

#[test]
fn a_document_of_the_existing_system_asks_who_reads() {
    let server = Server::start();
    let mut client = server.connect();
    // [{"symbol": "SPY"}], as Python pickles it.
    let pickle = b"RAW:\x80\x05\x95\x14\0\0\0\0\0\0\0]\x94}\x94\x8c\x06symbol\x94\x8c\x03SPY\x94sa.";
    client.set_bytes("wagehood:realtime_config:watchlist", pickle);
    let toml = "[redis]\nconfig_from_redis = true\n";
    let check = |more: &[&str]| {
        let url = server.unix();
        let args = [&["config", "check", "--redis", &url][..], more].concat();
        Engine::start(toml, &args).wait()
    };
    let said = check(&[]).stdout;
    assert!(said.contains("output.compat: is missing") && said.contains("\"multi\""), "{said}");
    let said = check(&["--set", "output.compat=current"]).stdout;
    assert!(said.starts_with("ok: 1 symbol"), "{said}");
}
