//! The forms in which the existing system keeps its documents: as captured, and as Python makes them.

use super::{
    engine::{Engine, run_up_to},
    legacy::captures,
    series::{self, Bar, START_MS, entries},
    server::Server,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Stdio},
};
use wagehood_engine::config::{Config, Layer, Loaded, Override, WireForm, decode_document, encode_document};

const PREFIX: &str = "wagehood:realtime_config:";

/// The bytes of a captured key.
pub fn raw(captured: &Value) -> Vec<u8> {
    STANDARD.decode(captured["raw_base64"].as_str().unwrap()).unwrap()
}

/// The names and contents of the captured keys of documents; `None` where there are no captures.
fn documents() -> Option<Vec<(String, Value)>> {
    let Some(dir) = captures() else {
        eprintln!("skipped: no captures; set WAGEHOOD_DATA to the data folder that has wire/ beside it");
        return None;
    };
    let mut found = Vec::new();
    for system in ["single", "multi"] {
        for entry in std::fs::read_dir(dir.join(system)).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("key_wagehood__realtime_config__") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.display().to_string(), serde_json::from_str(&text).unwrap()));
            }
        }
    }
    Some(found)
}

/// Runs Python on a script; `None` where there is none.
pub fn python(script: &str, dir: &Path) -> Option<()> {
    let ran = Command::new("python3").arg("-c").arg(script).current_dir(dir).stdin(Stdio::null()).output();
    let Ok(ran) = ran else {
        eprintln!("skipped: no python3");
        return None;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(())
}

#[test]
fn every_captured_document_is_read_and_written_as_it_was() {
    let Some(documents) = documents() else { return };
    assert!(documents.len() > 8, "{}", documents.len());
    for (name, captured) in documents {
        let bytes = raw(&captured);
        let (form, value) = decode_document(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        if captured["decoded"].as_array().is_none_or(|list| !list.is_empty()) && captured["note"].is_null() {
            assert_eq!(value, captured["decoded"], "{name}");
        }
        let prefix = captured["prefix"].as_str().unwrap();
        assert!(matches!(form, WireForm::Pickle { protocol: 5, .. }), "{name}: {form:?}");
        let again = encode_document(form, &value).unwrap();
        assert!(again.starts_with(format!("{prefix}:").as_bytes()), "{name}");
        assert_eq!(decode_document(&again).unwrap(), (form, value), "{name}");
    }
}

/// Writes documents of three sizes in every protocol, packed and not, and what no data is.
const MAKE: &str = r#"
import gzip, json, os, pickle
def asset(k):
    return {"symbol": f"S{k:04}", "enabled": k % 7 != 3, "data_provider": "mock", "timeframes": ["1m", "5m", "1h", "1d"],
            "priority": k % 3 + 0.5, "asset_type": "stock", "last_updated": f"2026-11-22T13:40:31.{k:06}",
            "enabled_strategies": ("macd_rsi_strategy", "rsi_trend_strategy"), "trading_profile": "swing_trading",
            "strategy_overrides": {"macd_rsi_strategy": {"rsi_oversold": 20 + k % 10}}, "none": None, "big": -(1 << 40) - k}
for count in (3, 300, 3000):
    document = [asset(k) for k in range(count)]
    json.dump(document, open(f"{count}.json", "w"))
    for protocol in (2, 3, 4, 5):
        data = pickle.dumps(document, protocol)
        open(f"{count}.{protocol}.RAW", "wb").write(b"RAW:" + data)
        open(f"{count}.{protocol}.PICKLE", "wb").write(b"PICKLE:" + data)
        open(f"{count}.{protocol}.GZIP", "wb").write(b"GZIP:" + gzip.compress(data))
        open(f"{count}.{protocol}.PICKLE_GZIP", "wb").write(b"PICKLE_GZIP:" + gzip.compress(data))
    open(f"{count}.0.JSON_GZIP", "wb").write(b"JSON_GZIP:" + gzip.compress(json.dumps(document).encode()))
    open(f"{count}.0.BARE", "wb").write(json.dumps(document).encode())
    open(f"{count}.0.BARE_GZIP", "wb").write(gzip.compress(json.dumps(document).encode()))
import datetime, decimal, collections
class Evil:
    def __reduce__(self):
        return (os.system, ("touch executed",))
for name, value in {"evil": Evil(), "date": datetime.datetime(2026, 1, 1), "set": {1}, "bytes": b"x", "complex": 1j,
                    "decimal": decimal.Decimal(1), "ordered": collections.OrderedDict(a=1), "class": Evil}.items():
    for protocol in range(6):
        if name == "class" and protocol != 4: continue
        open(f"{name}.{protocol}.hostile", "wb").write(b"RAW:" + pickle.dumps([{"symbol": "A", "x": value}], protocol))
"#;

#[test]
fn pickles_of_every_protocol_and_size_are_read_and_hostile_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let script = MAKE.replace("\"class\": Evil", "\"class\": os.system");
    if python(&script, dir.path()).is_none() {
        return;
    }
    let (mut read, mut refused) = (0, 0);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let parts: Vec<&str> = name.split('.').collect();
        let bytes = std::fs::read(&path).unwrap();
        match parts[..] {
            [_, "json"] => {}
            [_, protocol, "hostile"] => {
                let problem = decode_document(&bytes).expect_err(&name).to_string();
                let named =
                    ["GLOBAL", "EMPTY_SET", "SHORT_BINBYTES", "protocol"].iter().any(|word| problem.contains(word));
                assert!(
                    named && (protocol.parse::<u8>().unwrap() > 1 || problem.contains("protocol")),
                    "{name}: {problem}"
                );
                refused += 1;
            }
            [count, protocol, _] => {
                let text = std::fs::read_to_string(dir.path().join(format!("{count}.json"))).unwrap();
                let wanted: Value = serde_json::from_str(&text).unwrap();
                let (form, value) = decode_document(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(value == wanted, "{name}");
                if let WireForm::Pickle { protocol: found, .. } = form {
                    assert_eq!(found.to_string(), protocol, "{name}");
                }
                let again = encode_document(form, &value).unwrap();
                std::fs::write(dir.path().join(format!("{name}.again")), again).unwrap();
                let key = format!("{PREFIX}watchlist");
                let Loaded { config, .. } = Config::load(&[
                    Layer::Document { key, bytes },
                    Layer::Override(Override::new("output.compat", "current")),
                ])
                .unwrap();
                assert_eq!(config.watchlist.len().to_string(), count, "{name}");
                read += 1;
            }
            _ => panic!("{name}"),
        }
    }
    assert_eq!((read, refused > 30), (3 * (4 * 4 + 3), true), "{refused}");
    assert!(!dir.path().join("executed").exists());
    // What is written back is what Python reads.
    let check = r#"
import glob, gzip, json, pickle
names = glob.glob("*.again")
for name in names:
    data = open(name, "rb").read()
    for prefix in (b"JSON_GZIP:", b"PICKLE_GZIP:", b"PICKLE:", b"RAW:", b"GZIP:"):
        if data.startswith(prefix):
            data = data[len(prefix):]
            break
    if data[:2] == b"\x1f\x8b": data = gzip.decompress(data)
    value = pickle.loads(data) if data[0] == 0x80 else json.loads(data)
    assert json.loads(json.dumps(value)) == json.load(open(name.split(".")[0] + ".json")), name
assert len(names) == 57, len(names)
"#;
    python(check, dir.path());
}

const STREAM: &str = "market_data_stream";
const TOML: &str = "[redis]\nconfig_from_redis = true\n[engine]\nclock_events = false\nworkers = 2\n\
    [[input.streams]]\nname = \"market_data_stream\"\ntimeframe = \"1m\"\n[timeframes]\nlist = [\"1m\", \"5m\"]\n";
const SYMBOLS: [&str; 11] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"];

/// Signals of one symbol, as texts without what its neighbours may change.
fn signals(server: &Server, watchlist: &str, strategies: &str) -> Vec<(String, String)> {
    let mut client = server.connect();
    client.delete_all_but(&[]);
    client.set(&format!("{PREFIX}watchlist"), &format!("JSON:{watchlist}"));
    client.set(&format!("{PREFIX}strategies"), &format!("JSON:{strategies}"));
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 700);
    let mut all = entries(bars.iter().map(Bar::legacy));
    for (k, entry) in all.iter_mut().enumerate() {
        entry.id = format!("{}-0", 1_795_354_738_528 + k);
    }
    let last = client.add(STREAM, &all);
    run_up_to(TOML, &server.unix(), &mut client, STREAM, &last);
    let line = |entry: &super::server::Entry| {
        let mut texts = entry.texts();
        texts.retain(|(name, _)| name != "published_ms");
        (entry.text("symbol").to_owned(), format!("{texts:?}"))
    };
    client.entries("signals").iter().map(line).collect()
}

#[test]
fn what_one_symbol_has_for_itself_is_as_if_all_had_it_and_changes_nothing_of_the_others() {
    let server = Server::start();
    let list = |own: &str| {
        let asset = |symbol: &&str| {
            let own = if ["C", "H"].contains(symbol) { own } else { "" };
            format!("{{\"symbol\":\"{symbol}\"{own}}}")
        };
        format!("[{}]", SYMBOLS.iter().map(asset).collect::<Vec<_>>().join(","))
    };
    let own = ",\"strategy_overrides\":{\"macd_rsi_strategy\":{\"rsi_period\":9,\"macd_fast\":8},\
        \"bollinger_breakout\":{\"bb_period\":14}},\"enabled_strategies\":[\"macd_rsi_strategy\",\"bollinger_breakout_strategy\"]";
    let global = r#"[{"name":"macd_rsi_strategy","parameters":{"rsi_period":9,"macd_fast":8}},
        {"name":"bollinger_breakout_strategy","parameters":{"bb_period":14}},{"name":"ma_crossover_strategy","enabled":false},
        {"name":"rsi_trend_strategy","enabled":false},{"name":"sr_breakout_strategy","enabled":false}]"#;
    let (plain, mixed, all) =
        (signals(&server, &list(""), "[]"), signals(&server, &list(own), "[]"), signals(&server, &list(""), global));
    let mut counts = [0, 0];
    for symbol in SYMBOLS {
        let of = |signals: &[(String, String)]| -> Vec<String> {
            signals.iter().filter(|(own, _)| own == symbol).map(|(_, text)| text.clone()).collect()
        };
        let special = ["C", "H"].contains(&symbol);
        let wanted = if special { of(&all) } else { of(&plain) };
        assert!(of(&mixed) == wanted, "{symbol}");
        counts[usize::from(special)] += wanted.len();
        assert!(!special || of(&plain) != wanted, "{symbol}");
    }
    assert!(counts[0] > 100 && counts[1] > 20, "{counts:?}");
}

#[test]
fn a_document_in_chunks_is_put_together() {
    let server = Server::start();
    let mut client = server.connect();
    let text = format!("JSON:[{{\"symbol\":\"SPY\",\"data_provider\":\"{}\"}}]", "x".repeat(2_500));
    let key = format!("{PREFIX}watchlist");
    for (k, chunk) in text.as_bytes().chunks(1_000).enumerate() {
        client.set_bytes(&format!("{key}:chunk:{k}"), chunk);
    }
    client.set(&format!("{key}:chunks"), "3");
    let args = ["config", "check", "--redis", &server.unix()];
    let ended = Engine::start(TOML, &args).wait();
    assert!(ended.stdout.starts_with("ok: 1 symbol"), "{}{}", ended.stdout, ended.stderr);
    client.set(&format!("{key}:chunks"), "4");
    let ended = Engine::start(TOML, &args).wait();
    let said = ended.stdout + &ended.stderr;
    assert!(said.contains(":chunk:3 is missing"), "{said}");
}
