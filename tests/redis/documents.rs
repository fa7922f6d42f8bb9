//! The configuration of the existing system, kept in Redis.

use super::{
    engine::{Engine, run_up_to},
    legacy::captures,
    series::{self, Bar, START_MS, entries},
    server::Server,
    wire::raw,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STREAM: &str = "market_data_stream";
const TOML: &str = "[output]\ncompat = \"off\"\n[redis]\nconfig_from_redis = true\n[engine]\nclock_events = false\n\
    [[input.streams]]\nname = \"market_data_stream\"\ntimeframe = \"1m\"\n[timeframes]\nlist = [\"1m\"]\n";
const PREFIX: &str = "wagehood:realtime_config:";

fn timeframe(name: &str, style: &str, enabled: bool) -> Value {
    json!({"name": name, "trading_style": style, "update_frequency_seconds": 1, "enabled": enabled, "buffer_size": 300})
}

fn asset(symbol: &str, enabled: bool, priority: u32, timeframes: &Value) -> Value {
    json!({
        "symbol": symbol, "enabled": enabled, "data_provider": "mock", "timeframes": timeframes,
        "priority": priority, "asset_type": "stock", "last_updated": "2026-11-22T13:40:31.610056",
    })
}

#[test]
fn what_is_shown_and_examined_is_what_would_run() {
    let server = Server::start();
    let mut client = server.connect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    std::fs::write(
        &file,
        format!(
            "[input]\nfeed = \"redis\"\n[redis]\nurl = \"{}\"\n{}",
            server.tcp(),
            TOML.replace("[output]\ncompat = \"off\"\n[redis]\n", "") + "[output]\ncompat = \"off\"\n"
        ),
    )
    .unwrap();
    let ask = |args: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_wagehood-engine"))
            .args(args)
            .arg("--config")
            .arg(&file)
            .output();
        let out = out.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.success(), text(&out.stdout) + &text(&out.stderr))
    };
    let put = |client: &mut super::server::Client, watchlist: &Value| {
        client.set(&format!("{PREFIX}watchlist"), &format!("JSON:{watchlist}"));
    };
    put(&mut client, &json!([asset("SPY", true, 2, &json!(["1m"])), asset("QQQ", true, 1, &json!(["1m"]))]));
    for redis in [vec!["--redis"], vec!["--redis", &server.unix()]] {
        let (good, said) = ask(&[&["config", "check"], &redis[..]].concat());
        assert!(good && said.starts_with("ok: 2 symbols, 1 timeframe (1m), "), "{said}");
    }
    let (good, said) = ask(&["config", "show", "--redis"]);
    assert!(good && said.contains("symbol = \"SPY\"  # redis wagehood:realtime_config:watchlist"), "{said}");
    let (good, said) = ask(&["config", "check", "--redis", "--set", "redis.config_from_redis=false"]);
    assert!(!good && said.contains("no symbol is enabled"), "{said}");
    let (_, said) = ask(&["doctor", "--seconds", "1"]);
    assert!(said.contains("redis://127.0.0.1") && !said.contains("examined without"), "{said}");
    // What is wrong with them is found by all of them, as by a start.
    put(&mut client, &json!([{"symbol": 7}]));
    for command in
        [&["config", "check", "--redis"][..], &["config", "show", "--redis"], &["doctor", "--seconds", "1"], &["run"]]
    {
        let (good, said) = ask(command);
        assert!(!good && said.contains("realtime_config:watchlist: watchlist[0].symbol: found 7"), "{said}");
    }
    drop(client);
    drop(server);
    let (good, said) = ask(&["doctor", "--seconds", "1"]);
    assert!(!good && said.contains("examined without the documents") && said.contains("refused"), "{said}");
}

#[test]
fn the_watchlist_in_redis_is_what_counts() {
    let server = Server::start();
    let mut client = server.connect();
    let styled = json!({
        "1m": timeframe("1m", "day_trading", true),
        "15m": timeframe("15m", "swing_trading", true),
        "1h": timeframe("1h", "swing_trading", false),
    });
    let watchlist = json!([
        asset("SPY", true, 2, &styled),
        asset("QQQ", true, 1, &json!(["1m", "5m"])),
        asset("IWM", false, 1, &json!(["1m"])),
    ]);
    client.set(&format!("{PREFIX}watchlist"), &format!("JSON:{watchlist}"));
    let strategies = json!([
        {"name": "bollinger_breakout_strategy", "enabled": false, "parameters": {}, "min_confidence": 0.6},
        {"name": "macd_rsi_strategy", "enabled": true, "parameters": {"rsi_oversold": 35, "min_confidence": 0.5}},
    ]);
    client.set(&format!("{PREFIX}strategies"), &format!("JSON:{strategies}"));
    let symbols = ["SPY", "QQQ", "IWM"];
    let bars = series::bars(&symbols, START_MS, 60_000, 900);
    let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
    let ended = run_up_to(TOML, &server.unix(), &mut client, STREAM, &last);

    let disabled = bars.iter().filter(|bar| bar.symbol == "IWM").count();
    ended.counted("record refused: unknown_symbol", disabled);
    let signals = client.entries("signals");
    let cells = |symbol: &str| -> BTreeSet<String> {
        let own = signals.iter().filter(|signal| signal.text("symbol") == symbol);
        own.map(|signal| format!("{} {}", signal.text("timeframe"), signal.text("trading_style"))).collect()
    };
    assert_eq!(cells("SPY"), ["15m swing", "1m day"].map(str::to_owned).into());
    assert_eq!(cells("QQQ"), ["1m day", "5m day"].map(str::to_owned).into());
    for signal in &signals {
        let priority = if signal.text("symbol") == "SPY" { 2.0 } else { 1.0 };
        assert_eq!(signal.number("priority"), priority * signal.number("composite_confidence"));
        assert_ne!(signal.text("strategy"), "bollinger_breakout");
    }
    for document in ["watchlist", "strategies"] {
        assert_eq!(client.ttl(&format!("{PREFIX}{document}")), -1, "it never expires");
    }
}

#[test]
fn the_documents_of_the_existing_system() {
    let Some(dir) = captures() else {
        eprintln!("skipped: no captures; set WAGEHOOD_DATA to the data folder that has wire/ beside it");
        return;
    };
    let bars = series::bars(&["SPY", "QQQ", "IWM"], START_MS, 60_000, 200);
    for (system, as_written) in [("single", true), ("multi", true), ("multi", false)] {
        let server = Server::start();
        let mut client = server.connect();
        for document in ["watchlist", "strategies", "indicators", "system"] {
            let path = dir.join(system).join(format!("key_wagehood__realtime_config__{document}.json"));
            let captured: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            // The bytes as the system wrote them, or what they hold as text.
            let key = format!("{PREFIX}{document}");
            if as_written {
                client.set_bytes(&key, &raw(&captured));
            } else {
                client.set(&key, &format!("JSON:{}", captured["decoded"]));
            }
        }
        let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
        let ended = run_up_to(TOML, &server.tcp(), &mut client, STREAM, &last);
        ended.counted("records accepted", bars.len());
        for timeframe in ["1m", "5m", "1h"] {
            client.json(&format!("wagehood:timeframe_indicators:IWM_{timeframe}"));
        }
    }
}

#[test]
fn what_executes_and_nonsense_are_refused() {
    let server = Server::start();
    let mut client = server.connect();
    let key = format!("{PREFIX}watchlist");
    for (text, words) in [
        ("RAW:\u{80}\u{5}]q", "a pickle"),
        ("GZIP:\u{1f}", "not gzip"),
        ("[]", "symbol"),
        ("hello", "no known form"),
        ("JSON:[{", "not JSON"),
        ("JSON:[{\"symbol\": 5}]", "symbol"),
    ] {
        client.set(&key, text);
        let ended = Engine::run(TOML, &server.unix()).wait();
        assert_eq!(ended.status.code(), Some(4), "{text:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{text:?}: {}", ended.stderr);
    }
}
