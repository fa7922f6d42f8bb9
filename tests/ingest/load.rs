//! Many symbols at once: nothing is dropped, memory stays, and how long it takes is told. `make ingest-load` runs it for long.

use super::{
    engine::Engine, exchange::Exchange, network::assert_true, outside::resident_kb, server::Server, stream::read,
};
use std::time::{Duration, Instant};

/// Trades that the exchange makes of each second of a symbol.
const TRADES: u64 = 5;

/// How long it goes on, s.
fn seconds() -> u64 {
    std::env::var("INGEST_LOAD_S").ok().map_or(3, |text| text.parse().unwrap())
}

/// Else it is one test among others, which want the machine too.
fn is_long() -> bool {
    seconds() >= 10
}

/// Runs a provider for a while on an exchange with so many symbols, each with a bar a second; tells how it went.
#[track_caller]
fn load(provider: &str, symbols: usize) {
    let (exchange, server) = (Exchange::start(1_000), Server::start());
    let names: Vec<String> = (0..symbols).map(|k| format!("S{k:04}USDT")).collect();
    // What is late on a busy machine would be another bar than the exchange's.
    let settings = exchange.settings(provider, "").replace("grace_ms = 400", "grace_ms = 2500");
    let keys = if provider == "alpaca" { exchange.key_files() } else { String::new() };
    let toml = format!(
        "[[input.streams]]\nname = \"bars\"\ntimeframe = \"1s\"\nclock = \"heartbeat\"\n[timeframes]\nlist = [\"1s\"]\n\
         {settings}{keys}"
    );
    let url = server.unix();
    let names_list = names.join(",");
    let args = ["ingest", "--provider", provider, "--base", "1s", "--symbols", &names_list, "--redis", &url];
    let mut ingest = Engine::start(&toml, &args);
    let mut client = server.connect();
    ingest.until("the first bar of each symbol", || {
        client.len("bars") > 0 && read(&mut client, "bars", "1s").starts().len() == symbols
    });
    let (before, first_kb, started) =
        (read(&mut client, "bars", "1s").bars.len(), resident_kb(ingest.child.id()), Instant::now());
    let mut largest_kb = first_kb;
    while started.elapsed() < Duration::from_secs(seconds()) {
        std::thread::sleep(Duration::from_millis(500));
        largest_kb = largest_kb.max(resident_kb(ingest.child.id()));
    }
    let all = read(&mut client, "bars", "1s");
    let rate = (all.bars.len() - before) as f64 / started.elapsed().as_secs_f64();
    let times = client.json(&format!("wagehood:health:ingest:{provider}"))["commit_us"].clone();
    let ended = ingest.stop().succeeded();
    let messages = rate * if provider == "alpaca" { TRADES as f64 } else { 2.0 };
    eprintln!(
        "{provider}, {symbols} symbols: {messages:.0} messages/s, {rate:.0} bars/s; message to commit {times} µs; resident {first_kb} \
         to {largest_kb} KiB\n  {}",
        ended.stderr.lines().last().unwrap_or_default()
    );
    let all = read(&mut client, "bars", "1s");
    assert_true(&all, &names, 1_000);
    assert!(
        ended.stderr.contains(" 0 late (0 late trades), 0 refused") && ended.stderr.contains(" 0 left"),
        "{}",
        ended.stderr
    );
    // What a symbol needs, it has from the first bar on; buffers double at times.
    assert!(largest_kb < first_kb * 2 + 16_384, "from {first_kb} to {largest_kb} KiB");
}

#[test]
fn bars_of_a_hundred_symbols() {
    load("binance", 100);
}

#[test]
fn bars_of_a_thousand_symbols() {
    load("binance", if is_long() { 1_000 } else { 200 });
}

/// At full length 20,000 messages a second, for a minute.
#[test]
fn bars_of_the_trades_of_thousands_of_symbols() {
    load("alpaca", if is_long() { 4_000 } else { 200 });
}
