//! Any schedule of cuts, slow history, and kill -9 of ingestion, engine and exchange: the stream is what the exchange has
//! published, and the signals are those of an engine that nothing has disturbed.
//!
//! `FAULTS` sets the number of faults, `SEED` where and when they strike.

use super::{
    engine::Engine,
    exchange::{Exchange, truth},
    server::Server,
    stream::{read, signals},
};
use std::time::Duration;

const SYMBOLS: [&str; 3] = ["AAAUSDT", "BBBUSDT", "CCCUSDT"];

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// splitmix64.
fn roll(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

#[test]
fn whatever_strikes_nothing_is_lost_and_nothing_repeated() {
    let (faults, mut seed) = (env("FAULTS", 12), env("SEED", 1));
    for provider in ["binance", "alpaca"] {
        survive(provider, faults / 2, &mut seed);
    }
}

fn survive(provider: &str, faults: u64, seed: &mut u64) {
    let (server, exchange) = (Server::start(), Exchange::start(1_000));
    let mut client = server.connect();
    let mut toml = format!(
        "[[input.streams]]\nname = \"bars\"\ntimeframe = \"1s\"\nclock = \"heartbeat\"\n[timeframes]\nlist = [\"1s\", \
         \"2s\"]\n[engine]\nthreading = \"shared\"\nprobe = true\n{}",
        exchange.settings(provider, "")
    );
    if provider == "alpaca" {
        toml.push_str(&exchange.key_files());
    }
    let (url, symbols) = (server.unix(), SYMBOLS.join(","));
    let feed = ["ingest", "--provider", provider, "--base", "1s", "--symbols", &symbols, "--redis", &url];
    let run = ["run", "--symbols", &symbols, "--redis", &url];
    let (mut ingest, mut engine) = (Engine::start(&toml, &feed), Engine::start(&toml, &run));
    ingest.until("the first bars came", || !read(&mut client, "bars", "1s").bars.is_empty());
    let mut done = Vec::new();
    for _ in 0..faults {
        std::thread::sleep(Duration::from_millis(100 + roll(seed, 1_400)));
        exchange.script().history_delay = Duration::from_millis(roll(seed, 900));
        let fault = roll(seed, 6);
        done.push(fault);
        match fault {
            0 | 1 => exchange.cut(),
            2 => {
                ingest.kill();
                std::thread::sleep(Duration::from_millis(roll(seed, 1_500)));
                ingest = Engine::start(&toml, &feed);
            }
            3 => {
                engine.kill();
                engine = Engine::start(&toml, &run);
            }
            4 => {
                exchange.script().down = true;
                exchange.cut();
                std::thread::sleep(Duration::from_millis(roll(seed, 1_200)));
                exchange.script().down = false;
            }
            _ => exchange.script().history_fails = (1 + roll(seed, 2) as u32, 503, ""),
        }
    }
    {
        let mut script = exchange.script();
        (script.history_delay, script.history_fails) = (Duration::ZERO, (0, 0, ""));
    }
    // A second of the quiet that follows, of every symbol.
    let calm_ms = exchange.state.time_ms() + 1_500;
    ingest.until("everything was there", || {
        let all = read(&mut client, "bars", "1s");
        all.starts().values().filter(|starts| starts.last().is_some_and(|last| *last > calm_ms)).count()
            == SYMBOLS.len()
    });
    ingest.stop().succeeded();
    let all = read(&mut client, "bars", "1s");
    all.assert_once_in_order(1_000);
    let starts = all.starts();
    assert_eq!(starts.len(), SYMBOLS.len());
    for (symbol, starts) in starts {
        let holes: Vec<_> = starts.windows(2).filter(|two| two[1] != two[0] + 1_000).collect();
        assert!(holes.is_empty(), "{provider} {done:?} {symbol}: {holes:?}");
    }
    assert!(all.bars.iter().all(|bar| bar.ohlcv == truth(&bar.symbol, bar.ts)), "{provider} {done:?}");
    let last = client.last_id("bars").unwrap();
    engine.until_at(&mut client, "bars", &last);
    engine.stop().succeeded();
    let calm =
        "[output.streams]\nsignals = \"calm\"\n[output]\nbars = false\nalerts = false\ncalculation_events = \"off\"\n";
    let mut engine = Engine::start(&(toml.replace("[engine]\n", "[engine]\nname = \"calm\"\n") + calm), &run);
    engine.until("it has read everything", || client.position("calm", "bars").as_deref() == Some(&last));
    engine.stop().succeeded();
    let (found, wanted) = (signals(&mut client, "signals"), signals(&mut client, "calm"));
    let probes = wanted.iter().filter(|signal| signal.iter().any(|(_, text)| text == "probe")).count();
    assert_eq!(probes, all.bars.len(), "one of each bar");
    assert!(found == wanted, "{provider} {done:?}: {} and {} signals", found.len(), wanted.len());
    eprintln!(
        "{provider}: {} faults {done:?}, {} bars, {} signals: 0 lost, 0 repeated",
        done.len(),
        all.bars.len(),
        found.len()
    );
}
