//! The forms that results may have: each says what the others say.

use super::{
    engine::{Ended, Engine, NO_CLOCK, config, run_up_to},
    series::{self, Bar, START_MS, entries},
    server::{Client, Server, assert_same, readable},
};
use redis::Commands;
use serde_json::Value;
use std::collections::BTreeMap;

const SYMBOLS: [&str; 3] = ["SPY", "QQQ", "IWM"];
const STREAM: &str = "market_data_stream";
const NAMES: &str = "wagehood:engine:names:main";

fn toml(output: &str) -> String {
    config(&[(STREAM, "1m")], &SYMBOLS, &["1m", "5m", "1h"], &format!("{NO_CLOCK}[output]\n{output}"))
}

fn input(client: &mut Client) -> String {
    client.add(STREAM, &entries(series::bars(&SYMBOLS, START_MS, 60_000, 600).iter().map(Bar::legacy)))
}

/// Runs an engine with this output on what is in the stream, from its beginning.
fn run(server: &Server, client: &mut Client, output: &str, last: &str) -> Ended {
    client.delete_all_but(&[STREAM]);
    run_up_to(&toml(output), &server.unix(), client, STREAM, last)
}

#[test]
fn events_in_json_say_what_their_fields_say() {
    let server = Server::start();
    let mut client = server.connect();
    let last = input(&mut client);
    run(&server, &mut client, "", &last);
    let fields = client.entries("calculation_events_stream");
    run(&server, &mut client, "calculation_events_format = \"json\"\n", &last);
    let json = client.entries("calculation_events_stream");
    assert!(fields.len() > 1_000 && json.len() == fields.len(), "{} {}", fields.len(), json.len());
    for (fields, json) in fields.iter().zip(&json) {
        assert_eq!(json.names(), ["event"]);
        let event = json.json("event");
        for name in ["event_id", "symbol", "timestamp"] {
            assert_eq!(event[name], fields.text(name));
        }
        assert_eq!(event["results"], fields.json("results"));
    }
}

#[test]
fn latest_values_in_a_hash_are_those_of_the_keys() {
    let server = Server::start();
    let mut client = server.connect();
    let last = input(&mut client);
    run(&server, &mut client, "", &last);
    let keys = ["calculations:{}_complete", "composite_signals:{}_composite_signal", "market_data:latest_price_{}"];
    let mut wanted: BTreeMap<(&str, String), Value> = BTreeMap::new();
    for symbol in SYMBOLS {
        for (field, key) in ["complete", "composite", "price"].into_iter().zip(keys) {
            wanted.insert((symbol, field.to_owned()), client.json(&format!("wagehood:{}", key.replace("{}", symbol))));
        }
        for timeframe in ["1m", "5m", "1h"] {
            let key = format!("wagehood:timeframe_indicators:{symbol}_{timeframe}");
            wanted.insert((symbol, timeframe.to_owned()), client.json(&key));
        }
    }
    run(&server, &mut client, "latest_format = \"hash\"\n", &last);
    let mut found = BTreeMap::new();
    for symbol in SYMBOLS {
        let hash: BTreeMap<String, String> = client.0.hgetall(format!("wagehood:latest:{symbol}")).unwrap();
        found.extend(hash.iter().map(|(name, text)| ((symbol, name.clone()), serde_json::from_str(text).unwrap())));
        assert!((1..=600).contains(&client.ttl(&format!("wagehood:latest:{symbol}"))));
    }
    assert_eq!(found, wanted);
    let others = ["calculations:", "timeframe_indicators:", "composite_signals:", "market_data:"];
    let is_other = |key: &String| others.iter().any(|name| key.starts_with(&format!("wagehood:{name}")));
    assert_eq!(client.keys().into_iter().filter(is_other).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn frames_keep_so_many_signals_and_their_names_through_every_start() {
    let server = Server::start();
    let mut client = server.connect();
    let last = input(&mut client);
    run(&server, &mut client, "", &last);
    let wanted = client.contents("signals");
    assert!(wanted.len() > 200, "{}", wanted.len());
    let frames = "signals_format = \"frame\"\n";
    // Piece by piece: how much a batch holds is up to the machine, but each piece is one at least.
    let bars = client.entries(STREAM);
    client.delete_all_but(&[]);
    let limited = toml(&format!("{frames}batch_entries = 10\n[output.streams]\nsignals_maxlen = 100\n"));
    let (first, rest) = bars.split_at(bars.len() / 10);
    let mut added = client.add(STREAM, first);
    let mut engine = Engine::run(&limited, &server.unix());
    for piece in rest.chunks(first.len()) {
        engine.until_at(&mut client, STREAM, &added);
        added = client.add(STREAM, piece);
    }
    engine.until_at(&mut client, STREAM, &added);
    engine.stop().succeeded();
    let kept = client.contents("signals");
    let entries_kept = client.len("signals");
    assert!(entries_kept < 100 && (100..wanted.len()).contains(&kept.len()), "{} in {entries_kept}", kept.len());
    assert_same("the newest signals", &readable(&kept), &readable(&wanted[wanted.len() - kept.len()..]));

    // Another start: the same names, and more where there are more symbols.
    let names = |client: &mut Client| -> BTreeMap<String, String> { client.0.hgetall(NAMES).unwrap() };
    let before = names(&mut client);
    let more = series::bars(&["SPY", "DIA"], START_MS + 600 * 60_000, 60_000, 400);
    let last = client.add(STREAM, &entries(more.iter().map(Bar::legacy)));
    let wider = toml(frames)
        .replace("[[watchlist]]\nsymbol = \"SPY\"", "[[watchlist]]\nsymbol = \"DIA\"\n[[watchlist]]\nsymbol = \"SPY\"");
    run_up_to(&wider, &server.unix(), &mut client, STREAM, &last);
    let after = names(&mut client);
    assert!(before.iter().all(|(number, name)| after.get(number) == Some(name)), "{before:?}\n{after:?}");
    assert!(after.values().any(|name| name == "DIA") && !before.values().any(|name| name == "DIA"));
    let all = client.contents("signals");
    assert_same("what was there", &readable(&all[..kept.len()]), &readable(&kept));
    assert!(all.len() > kept.len());

    // Without the names what is there cannot be read: nobody goes on as if nothing were the matter.
    client.delete(NAMES);
    let refused = Engine::run(&wider, &server.unix()).wait();
    assert!(!refused.status.success() && refused.stderr.contains(NAMES), "{}", refused.stderr);
    client.delete("signals");
    let mut engine = Engine::run(&wider, &server.unix());
    engine.until("it runs", || client.connected("wagehood-engine:main:reader"));
    engine.stop().succeeded();
}
