//! Changes of the configuration while the engine runs.

use super::{
    engine::Engine,
    series::{self, Bar, Dice, START_MS},
    server::{Client, Entry, Server},
};
use serde_json::{Value, json};
use std::{process::Command, time::Duration};

const STREAM: &str = "market_data_stream";
const WATCHLIST: &str = "wagehood:realtime_config:watchlist";
const KEPT: &str = "wagehood:engine:config:main";
const SYMBOLS: [&str; 5] = ["A", "B", "C", "D", "E"];
const PHASES: usize = 5;
const BARS: usize = 260;

fn toml(state: &str, workers: usize) -> String {
    format!(
        "[output]\ncompat = \"off\"\n[redis]\nconfig_from_redis = true\nconfig_poll_s = 1\n[state]\ndir = {state:?}\n\
         snapshot_interval_s = 1\n[engine]\nworkers = {workers}\nclock_events = false\n\
         [[input.streams]]\nname = \"market_data_stream\"\ntimeframe = \"1m\"\n[timeframes]\nlist = [\"1m\", \"5m\"]\n"
    )
}

/// The watchlist before each phase: one comes, gets a parameter of its own, another goes, one comes back.
fn watchlist(phase: usize) -> Value {
    let plain = |symbol: &str| json!({"symbol": symbol});
    let own = json!({"symbol": "C", "strategy_overrides": {"macd_rsi_strategy": {"rsi_period": 9}}});
    match phase {
        0 => json!([plain("A"), plain("B")]),
        1 => json!([plain("A"), plain("B"), plain("C")]),
        2 => json!([plain("A"), plain("B"), own]),
        3 => json!([plain("A"), own]),
        _ => json!([plain("D"), plain("A"), own, plain("B")]),
    }
}

fn put(client: &mut Client, watchlist: &Value) {
    client.set(WATCHLIST, &format!("JSON:{watchlist}"));
}

fn number(client: &mut Client) -> Option<usize> {
    client.position_field(KEPT, "number").and_then(|text| text.parse().ok())
}

fn input() -> Vec<Entry> {
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, BARS * PHASES);
    let entry = |(k, bar): (usize, &Bar)| Entry { id: format!("{}-0", 1_795_354_738_528 + k), fields: bar.legacy() };
    bars.iter().enumerate().map(entry).collect()
}

/// The signals of a run through all phases, killed so many times at random places.
fn run(workers: usize, kills: usize, changes: bool, seed: u64) -> Vec<String> {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let mut client = server.connect();
    let toml = toml(dir.path().to_str().unwrap(), workers);
    let (all, mut dice) = (input(), Dice(seed));
    let mut deaths: Vec<usize> = (0..kills).map(|_| dice.roll(all.len() as u64) as usize).collect();
    deaths.sort_unstable();
    put(&mut client, &watchlist(0));
    let mut engine = Engine::run(&toml, &server.unix());
    let per_phase = all.len().div_ceil(PHASES);
    for (phase, entries) in all.chunks(per_phase).enumerate() {
        if changes && phase > 0 {
            put(&mut client, &watchlist(phase));
            if kills > 0 && dice.roll(2) == 0 {
                // In the middle of the change, or before it was seen.
                std::thread::sleep(Duration::from_millis(dice.roll(1_500)));
                engine.kill();
                engine = Engine::run(&toml, &server.unix());
            }
            engine.until("the change was taken", || number(&mut client) == Some(phase + 1));
        }
        let mut sent = 0;
        for piece in entries.chunks(97) {
            let last = client.add(STREAM, piece);
            let from = phase * per_phase + sent;
            sent += piece.len();
            if deaths.iter().any(|death| (from..from + piece.len()).contains(death)) {
                std::thread::sleep(Duration::from_millis(dice.roll(300)));
                engine.kill();
                engine = Engine::run(&toml, &server.unix());
            } else if dice.roll(4) == 0 {
                engine.until_at(&mut client, STREAM, &last);
            }
        }
        let last = entries.last().unwrap().id.clone();
        engine.until_at(&mut client, STREAM, &last);
    }
    let ended = engine.stop().succeeded();
    assert!(!changes || kills > 0 || ended.stderr.contains("change 5 counts behind"), "{}", ended.stderr);
    // When it was published is a matter of the hour.
    let own = |entry: &Entry| {
        let mut texts = entry.texts();
        texts.retain(|(name, _)| name != "published_ms" && name != "stale");
        format!("{texts:?}")
    };
    client.entries("signals").iter().map(own).collect()
}

fn of(signals: &[String], symbol: &str) -> Vec<String> {
    let name = format!("(\"symbol\", \"{symbol}\")");
    signals.iter().filter(|signal| signal.contains(&name)).cloned().collect()
}

#[test]
fn changes_count_from_their_place_however_often_it_is_killed_and_concern_only_their_symbols() {
    let calm = run(1, 0, true, 1);
    let plain = run(1, 0, false, 1);
    super::server::assert_same("what concerns others and A", &of(&calm, "A"), &of(&plain, "A"));
    assert!(
        of(&calm, "A").len() > 50 && of(&calm, "C").len() > 20,
        "{} {}",
        of(&calm, "A").len(),
        of(&calm, "C").len()
    );
    assert!(of(&calm, "B").len() < of(&plain, "B").len() && of(&plain, "C").is_empty() && of(&calm, "E").is_empty());
    assert!(!of(&calm, "D").is_empty(), "one that comes late has what the stream holds of it");
    for (workers, seed) in [(1, 3), (8, 4)] {
        let killed = run(workers, 8, true, seed);
        super::server::assert_same(&format!("signals with {workers} workers"), &killed, &calm);
    }
}

#[test]
fn bad_documents_change_nothing_and_missing_ones_say_nothing() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let mut client = server.connect();
    let toml = toml(dir.path().to_str().unwrap(), 1);
    put(&mut client, &watchlist(0));
    let all = input();
    let mut engine = Engine::run(&toml, &server.unix());
    let last = client.add(STREAM, &all[..300]);
    engine.until_at(&mut client, STREAM, &last);
    put(&mut client, &json!([{"symbol": "A", "priority": -1}, {"symbol": "A", "moon": 1, "enabled": "perhaps"}]));
    engine.until("the bad one was refused", || client.len("alert_stream") > 0);
    let alerts = client.entries("alert_stream");
    let refused = alerts.iter().find(|alert| alert.text("type") == "error").unwrap();
    for fault in ["watchlist[0].priority", "watchlist[1].enabled"] {
        assert!(refused.text("message").contains(fault), "{}", refused.text("message"));
    }
    let last = client.add(STREAM, &all[300..600]);
    engine.until_at(&mut client, STREAM, &last);
    assert_eq!(number(&mut client), Some(1));
    client.delete_all_but(&[
        STREAM,
        "signals",
        KEPT,
        "wagehood:engine:position:main",
        "wagehood:engine:lease:main",
        "wagehood:engine:lease:main:committed",
        "wagehood:engine:lease:main:epoch",
    ]);
    let last = client.add(STREAM, &all[600..900]);
    engine.until_at(&mut client, STREAM, &last);
    let ended = engine.stop().succeeded();
    assert!(!ended.stderr.contains("taking the change"), "{}", ended.stderr);
    // A start goes on with what was last good, from the server or from the state directory.
    for from_file in [false, true] {
        if from_file {
            client.delete(KEPT);
        }
        let mut engine = Engine::run(&toml, &server.unix());
        let from = if from_file { 1_200 } else { 900 };
        let last = client.add(STREAM, &all[from..from + 300]);
        engine.until_at(&mut client, STREAM, &last);
        let ended = engine.stop().succeeded();
        assert!(ended.stderr.contains("goes on with what was last good, change 1"), "{}", ended.stderr);
        assert!(ended.stderr.contains("2 symbols from"), "{}", ended.stderr);
    }
}

#[test]
fn the_file_is_read_again_where_it_is_told_to() {
    let (server, dir) = (Server::start(), tempfile::tempdir().unwrap());
    let mut client = server.connect();
    let toml = toml(dir.path().to_str().unwrap(), 1).replace("config_from_redis = true", "config_from_redis = false");
    let with = |symbols: &str, more: &str| format!("watchlist = [{symbols}]\n{toml}{more}");
    let mut engine = Engine::run(&with("{symbol = \"A\"}", ""), &server.unix());
    let file = engine.path("engine.toml");
    let all = input();
    let last = client.add(STREAM, &all[..300]);
    engine.until_at(&mut client, STREAM, &last);
    let ask = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"));
        let out =
            command.args(["config", "reload", "--redis", &server.unix(), "--config"]).arg(&file).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    assert_eq!(ask(), (true, "nothing has changed\n".to_owned()));
    std::fs::write(&file, with("{symbol = \"A\"}, {symbol = \"B\"}", "")).unwrap();
    assert_eq!(ask(), (true, "taken\n".to_owned()));
    let last = client.add(STREAM, &all[300..600]);
    engine.until_at(&mut client, STREAM, &last);
    let later = |symbols: &str, more: &str| {
        std::fs::write(&file, with(symbols, more)).unwrap();
        ask()
    };
    let (good, said) = later("{symbol = \"A\", moon = 1}", "");
    assert!(!good && said.contains("moon: unknown key"), "{said}");
    assert_eq!(
        later("{symbol = \"A\"}, {symbol = \"B\"}", "[limits]\nmax_symbols = 77\n").1,
        "what has changed counts from the next start\n"
    );
    std::fs::write(&file, with("{symbol = \"C\"}", "")).unwrap();
    engine.hang_up();
    engine.until("the change was taken", || client.text("alert_stream", "removed: A, B"));
    let last = client.add(STREAM, &all[600..]);
    engine.until_at(&mut client, STREAM, &last);
    engine.stop().succeeded();
    let symbols: std::collections::BTreeSet<String> =
        client.entries("signals").iter().map(|signal| signal.text("symbol").to_owned()).collect();
    assert!(symbols.contains("C") && symbols.contains("A"), "{symbols:?}");
}
