//! Moving from the existing system, and back; and the commands that change documents.

use super::{
    engine::{Ended, Engine},
    legacy::{captured, captures},
    server::{Client, Server},
    wire::raw,
};
use serde_json::Value;
use std::path::Path;

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

const STREAM: &str = "market_data_stream";
/// The existing system in this test is an engine that writes as it does; the bars are of any year.
const CURRENT: &str = "[output]\ncompat = \"current\"\n[engine]\nclock_events = false\n[timeframes]\nlist = [\"1m\"]\n\
    [publish.max_age]\nday = \"off\"\n[[input.streams]]\nname = \"market_data_stream\"\ntimeframe = \"1m\"\n\
    [[watchlist]]\nsymbol = \"SPY\"\n[[watchlist]]\nsymbol = \"QQQ\"\n[[watchlist]]\nsymbol = \"IWM\"\n";

fn ask(config: &str, server: &Server, args: &[&str]) -> Ended {
    let url = server.unix();
    Engine::start(config, &[args, &["--redis", &url]].concat()).wait()
}

/// Takes the entries that come next: a bar of each of the three symbols.
fn next_bars(client: &mut Client, rest: &mut impl Iterator<Item = super::server::Entry>, bars: usize) -> String {
    let next: Vec<_> = rest.take(3 * bars).collect();
    assert_eq!(next.len(), 3 * bars);
    client.add(STREAM, &next)
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr))
}

#[test]
fn an_engine_beside_the_existing_system_is_held_against_it() {
    let Some(dir) = captures() else { return };
    let server = Server::start();
    let mut client = server.connect();
    let mut rest = captured(&dir.join("market_data_stream.jsonl.gz")).into_iter();
    let last = next_bars(&mut client, &mut rest, 220);
    let mut old = Engine::run(CURRENT, &server.unix());
    old.until_at(&mut client, STREAM, &last);
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("shadow.toml");
    let name = file.to_str().unwrap();

    let ended = ask(CURRENT, &server, &["migrate", "shadow", "--out", name, "--dry-run"]);
    assert!(ended.status.success() && ended.stdout.contains("would write") && !file.exists(), "{}", ended.stdout);
    let ended = ask(CURRENT, &server, &["migrate", "shadow", "--out", name]);
    for part in [
        "collides: wagehood:market_data:latest_price_*: 3 of 3 keys are there",
        "collides: wagehood:calculations:*_complete: 3 of 3",
        "collides: wagehood:strategies:*_signals: 3 of 3",
        "here shadow:wagehood:market_data:latest_price_*",
        "collides: calculation_events_stream: a stream of 660 entries",
        "output.compat = \"current\"",
    ] {
        assert!(ended.stdout.contains(part), "{part} is missing\n{}\n{}", ended.stdout, ended.stderr);
    }
    let again = ask(CURRENT, &server, &["migrate", "shadow", "--out", name]);
    assert!(!again.status.success() && again.stderr.contains("cannot write"), "{}", again.stderr);
    let same = ask(CURRENT, &server, &["migrate", "compare", "--shadow", old.path("engine.toml").to_str().unwrap()]);
    assert!(!same.status.success() && same.stderr.contains("migrate shadow"), "{}", same.stderr);

    let text = std::fs::read_to_string(&file).unwrap();
    let before: Vec<String> = client.keys();
    let mut beside = Engine::run(&text, &server.unix());
    let position = |client: &mut Client| client.position_field("shadow:wagehood:engine:position:main-shadow", STREAM);
    beside.until("the engine beside has read all", || position(&mut client).as_deref() == Some(last.as_str()));
    let own = |key: &String| key.starts_with("shadow:") || before.contains(key);
    assert!(client.keys().iter().all(own), "{:?}", client.keys());

    // The latest values come behind the position.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let (good, bad) = both_ways(&server, &mut client, &file, &mut rest);
    assert!(good.status.success(), "{}", good.stdout);
    let found = report(&good);
    assert!(found["bars"].as_u64().unwrap() >= 3, "{found:#}");
    assert_eq!(found["indicators"]["sma_200"]["max_relative_difference"], 0.0, "{found:#}");
    assert!(found["indicators"]["macd.histogram"]["both"].as_u64() >= Some(3), "{found:#}");
    assert_eq!(found["levels"]["ma_crossover_strategy"]["different"], 0, "{found:#}");
    assert!(!bad.status.success(), "{}", bad.stdout);
    let found = report(&bad);
    let sma = found["indicators"]["sma_50"]["max_relative_difference"].as_f64().unwrap();
    assert!((0.4..0.6).contains(&sma), "{found:#}");
    assert_eq!(found["indicators"]["sma_50"]["at"]["symbol"], "SPY", "{found:#}");
    let levels = &found["levels"]["ma_crossover_strategy"];
    assert_eq!((&levels["different"], &levels["first"]["old"]), (&Value::from(1), &Value::from("moon")), "{found:#}");
    assert_eq!(found["skipped"]["new"].as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found["skipped"]["new"][0]["symbol"], "QQQ", "{found:#}");
    old.stop().succeeded();
    beside.stop().succeeded();
}

/// Compares while bars come: once as they are, and once while somebody spoils what the old side says.
fn both_ways(
    server: &Server,
    client: &mut Client,
    file: &Path,
    rest: &mut impl Iterator<Item = super::server::Entry>,
) -> (Ended, Ended) {
    let url = server.unix();
    let args = ["migrate", "compare", "--shadow", file.to_str().unwrap(), "--json", "--for", "4s", "--redis", &url];
    let pause = || std::thread::sleep(std::time::Duration::from_millis(700));
    let mut rest = rest.peekable();
    let start = |client: &mut Client| {
        let mut looking = Engine::start(CURRENT, &args);
        looking.until("it looks at both sides", || {
            let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut client.0).unwrap();
            list.lines().filter(|line| line.contains("cmd=mget")).count() == 2
        });
        looking
    };
    let looking = start(client);
    for _ in 0..3 {
        next_bars(client, &mut rest, 1);
        pause();
    }
    let good = looking.wait();
    let looking = start(client);
    pause();
    // Of SPY it says something else, and of QQQ something about a bar that the new side does not know.
    let start = rest.peek().unwrap().text("timestamp").to_owned();
    next_bars(client, &mut rest, 1);
    pause();
    let flat = r#"JSON:{"sma_50":100.0,"signals":{"ma_crossover_strategy":{"signal":"moon","confidence":0.7}}}"#;
    client.set("wagehood:calculations:SPY_complete", flat);
    let between = start.strip_suffix(":00").unwrap().to_owned() + ":30";
    client.set("wagehood:calculations:QQQ_complete", r#"JSON:{"sma_50":1.0}"#);
    client.set("wagehood:market_data:latest_price_QQQ", &format!(r#"JSON:{{"timestamp":"{between}"}}"#));
    pause();
    next_bars(client, &mut rest, 1);
    (good, looking.wait())
}
