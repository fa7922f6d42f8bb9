//! Moving from the existing system, and back; and the commands that change documents.

use super::{engine::Engine, legacy::captures, server::Server, wire::raw};
use serde_json::Value;

const PREFIX: &str = "wagehood:realtime_config:";
const TOML: &str = "[redis]\nconfig_from_redis = true\n";

#[test]
fn what_is_applied_is_taken_back_byte_for_byte() {
    let Some(dir) = captures() else { return };
    let server = Server::start();
    let mut client = server.connect();
    let names = ["watchlist", "strategies", "indicators", "system", "timeframe_configs", "strategy_matrix"];
    let mut before = Vec::new();
    for (k, name) in names.iter().enumerate() {
        let path = dir.join(format!("multi/key_wagehood__realtime_config__{name}.json"));
        let captured: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let key = format!("{PREFIX}{name}");
        client.set_bytes(&key, &raw(&captured));
        // One of them never expires.
        if k > 0 {
            client.expire(&key, 3_000 + k as i64);
        }
        before.push((key.clone(), raw(&captured), client.ttl(&key)));
    }
    let ask = |args: &[&str]| {
        let url = server.unix();
        let ended = Engine::start(TOML, &[args, &["--redis", &url]].concat()).wait();
        (ended.status.success(), ended.stdout + &ended.stderr)
    };
    let (good, said) = ask(&["migrate", "inspect"]);
    assert!(
        good && said.contains("watchlist: RAW: and a pickle of protocol 5") && said.contains("expires in 3"),
        "{said}"
    );
    let (good, said) = ask(&["migrate", "plan"]);
    assert!(good && said.contains("used: ") && said.contains("dropped: ") && said.contains("results: "), "{said}");
    let (good, said) = ask(&["migrate", "apply"]);
    assert!(!good && said.contains("nothing was changed"), "{said}");
    let same = |client: &mut super::server::Client, lasting: bool| {
        for (key, bytes, ttl) in &before {
            assert_eq!(client.bytes(key).as_ref(), Some(bytes), "{key}");
            let now = client.ttl(key);
            let kept =
                if lasting { now == -1 } else { (now - ttl).abs() <= 1 || (*ttl > 0 && now <= *ttl && now > ttl - 60) };
            assert!(kept, "{key}: {now} of {ttl}");
        }
    };
    same(&mut client, false);
    let (good, said) = ask(&["migrate", "apply", "--force"]);
    assert!(good && said.contains("kept 6 documents"), "{said}");
    same(&mut client, true);
    let (good, said) = ask(&["migrate", "rollback"]);
    assert!(good && said.contains("6 documents are as they were"), "{said}");
    same(&mut client, false);
    assert!(client.keys().iter().all(|key| key.starts_with(PREFIX)), "{:?}", client.keys());
    assert!(!ask(&["migrate", "rollback"]).0);
}

#[test]
fn commands_change_documents_in_their_form_or_not_at_all() {
    let server = Server::start();
    let mut client = server.connect();
    let key = format!("{PREFIX}watchlist");
    // [{"symbol": "SPY"}], as Python pickles it.
    let pickle = b"RAW:\x80\x05\x95\x14\0\0\0\0\0\0\0]\x94}\x94\x8c\x06symbol\x94\x8c\x03SPY\x94sa.";
    client.set_bytes(&key, pickle);
    client.expire(&key, 60);
    let ask = |args: &[&str]| {
        let url = server.unix();
        let ended = Engine::start(TOML, &[args, &["--redis", &url]].concat()).wait();
        (ended.status.success(), ended.stdout + &ended.stderr)
    };
    let (good, said) = ask(&["watchlist", "add", "QQQ", "priority=2", "--dry-run"]);
    assert!(good && said.contains("would change") && said.contains("\"QQQ\""), "{said}");
    assert_eq!(client.bytes(&key).as_deref(), Some(&pickle[..]));
    let (good, said) = ask(&["watchlist", "add", "QQQ", "priority=-2"]);
    assert!(!good && said.contains("priority: found -2") && said.contains("nothing was written"), "{said}");
    assert_eq!(client.bytes(&key).as_deref(), Some(&pickle[..]));
    let (good, said) = ask(&["watchlist", "add", "QQQ", "priority=2"]);
    assert!(good && said.contains("+ {\"symbol\":\"QQQ\""), "{said}");
    assert!(client.bytes(&key).unwrap().starts_with(b"RAW:\x80\x05"));
    assert_eq!(client.ttl(&key), -1);
    for args in [
        &["watchlist", "disable", "SPY"][..],
        &["timeframes", "add", "QQQ:5m", "buffer_size=64"],
        &["strategies", "set", "macd_rsi", "rsi_oversold=25", "5m.rsi_oversold=20"],
        &["strategies", "disable", "ma_crossover"],
    ] {
        let (good, said) = ask(args);
        assert!(good && said.contains("changed "), "{args:?}: {said}");
    }
    let (_, said) = ask(&["watchlist", "list"]);
    assert!(said.contains("\"enabled\":false") && said.contains("\"buffer_size\":64"), "{said}");
    let (good, said) = ask(&["config", "show", "--set", "output.compat=off"]);
    assert!(good, "{said}");
    assert!(!ask(&["watchlist", "remove", "MOON"]).0);
}
