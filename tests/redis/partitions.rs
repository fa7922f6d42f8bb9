//! Partitions: the signals of a symbol do not depend on how many there are, on who owns them, or on who owned them before.

use super::{
    engine::{Engine, config, signal_line, without_source},
    series::{self, Bar, Dice, START_MS, fields},
    server::{Client, Entry, Server, assert_same},
};
use std::collections::{BTreeMap, BTreeSet};
use wagehood_engine::{config::PartitionMap, redis_io::slot};

const SYMBOLS: [&str; 9] = ["BTCUSD", "ETHUSD", "SOLUSD", "SPY", "QQQ", "IWM", "AAPL", "MSFT", "NVDA"];
pub const STREAM: &str = "market_data_1s";

/// Signals by symbol, in the order in which they were published.
pub type Signals = BTreeMap<String, Vec<String>>;

/// An engine of so many partitions that owns these.
pub fn toml(count: usize, own: &str, more: &str) -> String {
    let more = format!(
        "[partitions]\ncount = {count}\nown = {own:?}\n[engine]\nthreading = \"shared\"\nworkers = 1\n\
         [input]\nread_count = 40\n[state]\nstore = \"redis\"\nsnapshot_interval_s = 1\n{more}"
    );
    let clock = "timeframe = \"1s\"\nclock = \"heartbeat\"\n";
    config(&[(STREAM, "1s")], &SYMBOLS, &["1s", "5s", "1m"], &more).replacen("timeframe = \"1s\"\n", clock, 1)
}

/// The name of a stream or of an engine in a partition.
pub fn named(name: &str, map: &PartitionMap, partition: usize) -> String {
    if map.count == 1 { name.to_owned() } else { format!("{name}:{{{}}}", map.tags()[partition]) }
}

/// Ten minutes of bars, now and then a minute without any of a symbol.
pub fn bars() -> Vec<Bar> {
    let quiet = |bar: &Bar| {
        let minute = (bar.ts - START_MS) / 60_000;
        !(minute + bar.symbol.len() as i64 + i64::from(bar.symbol.as_bytes()[0])).rem_euclid(7).eq(&0)
    };
    series::bars(&SYMBOLS, START_MS, 1_000, 600).into_iter().filter(quiet).collect()
}

/// Writes the bars to the streams of the partitions, with a heartbeat every few seconds that differs between partitions;
/// gives the last id of each.
pub fn fill(client: &mut Client, bars: &[Bar], map: &PartitionMap) -> Vec<String> {
    fill_with(bars, map, |partition, entries| client.add(&named(STREAM, map, partition), entries))
}

/// The same, where `add` writes the entries of a partition.
pub fn fill_with(bars: &[Bar], map: &PartitionMap, mut add: impl FnMut(usize, &[Entry]) -> String) -> Vec<String> {
    let (mut dice, mut lasts) = (Dice(map.count as u64), Vec::new());
    for partition in 0..map.count {
        let (mut all, mut due_ms) = (Vec::new(), START_MS + 3_000);
        let beat = |ms: i64| Entry { id: "*".to_owned(), fields: fields([("heartbeat", ms.to_string())]) };
        for bar in bars {
            while bar.ts >= due_ms {
                all.push(beat(due_ms));
                due_ms += 1_000 * (1 + dice.roll(9) as i64);
            }
            if map.of(bar.symbol) == partition {
                all.push(Entry { id: "*".to_owned(), fields: bar.flat() });
            }
        }
        all.push(beat(START_MS + 660_000));
        lasts.push(add(partition, &all));
    }
    lasts
}

pub fn signals(client: &mut Client, map: &PartitionMap) -> Signals {
    signals_of(map, |stream| client.entries(stream))
}

/// The signals of all partitions, whose entries `read` gives.
pub fn signals_of(map: &PartitionMap, mut read: impl FnMut(&str) -> Vec<Entry>) -> Signals {
    let mut all = Signals::new();
    for partition in 0..map.count {
        for entry in read(&named("signals", map, partition)) {
            let symbol = entry.text("symbol").to_owned();
            assert_eq!(map.of(&symbol), partition, "{symbol}");
            all.entry(symbol).or_default().push(without_source(&signal_line(&entry)));
        }
    }
    all
}

fn all_read(client: &mut Client, map: &PartitionMap, lasts: &[String], owned: &[usize]) -> bool {
    owned.iter().all(|&partition| {
        let position = client.position(&named("main", map, partition), &named(STREAM, map, partition));
        position.as_ref() == Some(&lasts[partition])
    })
}

/// Runs the engines of these owners to the end of their input.
pub fn run(server: &Server, map: &PartitionMap, lasts: &[String], owners: &[(&str, &[usize])]) {
    let mut client = server.connect();
    let start = |(own, owned)| (Engine::run(&toml(map.count, own, ""), &server.unix()), owned);
    let engines: Vec<_> = owners.iter().copied().map(start).collect();
    for (mut engine, owned) in engines {
        engine.until("everything was read", || all_read(&mut client, map, lasts, owned));
        engine.stop_at_any_time();
    }
}

pub fn compare(what: &str, found: &Signals, wanted: &Signals) {
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{what}");
    for (symbol, wanted) in wanted {
        assert_same(&format!("{what}, {symbol}"), &found[symbol], wanted);
    }
}

#[test]
fn the_signals_of_a_symbol_are_the_same_for_any_number_and_any_owners() {
    let (bars, one) = (bars(), PartitionMap::new(1));
    let server = Server::start();
    let mut client = server.connect();
    let lasts = fill(&mut client, &bars, &one);
    run(&server, &one, &lasts, &[("all", &[0])]);
    let wanted = signals(&mut client, &one);
    let count: usize = wanted.values().map(Vec::len).sum();
    assert!(count > 200 && wanted.len() == SYMBOLS.len(), "only {count} signals of {} symbols", wanted.len());

    /// Partitions, and what each engine owns of them.
    type Way<'a> = (usize, &'a [(&'a str, &'a [usize])]);
    let ways: [Way<'_>; 3] = [
        (3, &[("all", &[0, 1, 2])]),
        (8, &[("0-4", &[0, 1, 2, 3, 4]), ("5-7", &[5, 6, 7])]),
        (5, &[("4", &[4]), ("0,2", &[0, 2]), ("1,3", &[1, 3])]),
    ];
    for (count, owners) in ways {
        client.delete_all_but(&[]);
        let map = PartitionMap::new(count);
        let lasts = fill(&mut client, &bars, &map);
        run(&server, &map, &lasts, owners);
        compare(&format!("{count} partitions of {} owners", owners.len()), &signals(&mut client, &map), &wanted);
    }
}

#[test]
fn partitions_change_owners_in_the_middle() {
    let (bars, map) = (bars(), PartitionMap::new(4));
    let server = Server::start();
    let mut client = server.connect();
    let lasts = fill(&mut client, &bars, &map);
    run(&server, &map, &lasts, &[("all", &[0, 1, 2, 3])]);
    let wanted = signals(&mut client, &map);
    let streams: Vec<String> = (0..4).map(|partition| named(STREAM, &map, partition)).collect();
    client.delete_all_but(&streams.iter().map(String::as_str).collect::<Vec<_>>());

    let mut dice = Dice(11);
    let mut unfinished = 0;
    let owners = [["0-1", "2-3"], ["0,3", "1-2"], ["0", "1-3"], ["1,3", "0,2"]];
    for owners in owners {
        let position = |client: &mut Client| client.position(&named("main", &map, 0), &streams[0]);
        let before = position(&mut client);
        let mut engines = owners.map(|own| Engine::run(&toml(4, own, "[output]\nbatch_entries = 4\n"), &server.unix()));
        engines[0].until("something new was read", || {
            let now = position(&mut client);
            now != before || now.as_ref() == Some(&lasts[0])
        });
        std::thread::sleep(std::time::Duration::from_micros(dice.roll(20_000)));
        unfinished += usize::from(!all_read(&mut client, &map, &lasts, &[0, 1, 2, 3]));
        for engine in engines {
            drop(if dice.roll(2) == 0 { engine.kill() } else { engine.stop_at_any_time() });
        }
    }
    assert!(unfinished > 0, "never ended in the middle");
    run(&server, &map, &lasts, &[("0-2", &[0, 1, 2]), ("3", &[3])]);
    compare("changing owners", &signals(&mut client, &map), &wanted);
}

#[test]
fn what_an_engine_commits_is_in_the_slot_of_its_partition() {
    let map = PartitionMap::new(2);
    let server = Server::start();
    let mut client = server.connect();
    let lasts = fill(&mut client, &bars(), &map);
    run(&server, &map, &lasts, &[("all", &[0, 1])]);
    let slots: Vec<u16> = map.tags().iter().map(|tag| slot(tag.as_bytes())).collect();
    let latest = ["calculations", "timeframe_indicators", "composite_signals", "market_data"];
    for key in client.keys() {
        let is_latest = latest.iter().any(|family| key.starts_with(&format!("wagehood:{family}:")));
        let of_all = is_latest || key == "wagehood:engine:partitions";
        assert_eq!(slots.contains(&slot(key.as_bytes())), !of_all, "{key}");
    }
    assert!(client.keys().iter().any(|key| key == "wagehood:calculations:SPY_complete"));
    assert!(client.len(&named("market_data_1m", &map, 0)) > 0);
}

#[test]
fn the_number_is_for_life_and_a_partition_has_one_owner() {
    let (server, map) = (Server::start(), PartitionMap::new(3));
    let mut client = server.connect();
    let lasts = fill(&mut client, &bars()[..50], &map);
    let mut engine = Engine::run(&toml(3, "0-1", ""), &server.unix());
    engine.until("its partitions were read", || all_read(&mut client, &map, &lasts, &[0, 1]));

    let second = Engine::run(&toml(3, "1-2", ""), &server.unix()).wait();
    assert_eq!(second.status.code(), Some(6), "{}", second.stderr);
    assert!(second.stderr.contains("partition 1: another engine of this name is at work"), "{}", second.stderr);
    for count in [1, 2, 4] {
        let other = Engine::run(&toml(count, "0", ""), &server.unix()).wait();
        assert_eq!(other.status.code(), Some(4), "{count}: {}", other.stderr);
        assert!(other.stderr.contains("Set partitions.count = 3"), "{}", other.stderr);
    }

    let shown = Engine::start(&toml(3, "all", ""), &["partitions", "show", "--json", "--redis", &server.unix()]).wait();
    let told: serde_json::Value = serde_json::from_str(&shown.succeeded().stdout).unwrap();
    let mut symbols = BTreeSet::new();
    for (partition, of) in told["partitions"].as_array().unwrap().iter().enumerate() {
        assert_eq!(of["tag"], map.tags()[partition]);
        assert_eq!(of["owner"].is_string(), partition < 2, "{of}");
        let read = &of["streams"][0]["read"];
        // The engine that was refused may have read some of the other before.
        assert!(partition == 2 || read.as_str() == Some(&lasts[partition]), "{of}");
        for symbol in of["symbols"].as_array().unwrap() {
            assert_eq!(map.of(symbol.as_str().unwrap()), partition);
            symbols.insert(symbol.as_str().unwrap().to_owned());
        }
    }
    assert_eq!(symbols.len(), SYMBOLS.len());
    let table =
        Engine::start(&toml(3, "all", ""), &["partitions", "show", "--redis", &server.unix()]).wait().succeeded();
    assert!(table.stdout.starts_with("3 partitions, version 1") && table.stdout.contains("nobody"), "{}", table.stdout);
    engine.stop().succeeded();
}

#[test]
fn ingestion_fills_the_partitions() {
    let (server, map) = (Server::start(), PartitionMap::new(3));
    let mut client = server.connect();
    let toml =
        toml(3, "all", "[ingest]\nprovider = \"mock\"\ntimeframe = \"1s\"\nform = \"fields\"\nheartbeat_ms = 100\n");
    let ingest = Engine::start(&toml, &["ingest", "--redis", &server.unix()]);
    let mut engine = Engine::run(&toml, &server.unix());
    engine.until("every partition was read", || {
        (0..3).all(|partition| {
            let position = client.position(&named("main", &map, partition), &named(STREAM, &map, partition));
            position.is_some() && client.len(&named(STREAM, &map, partition)) > 30
        })
    });
    let mut seen = BTreeSet::new();
    for partition in 0..3 {
        let entries = client.entries(&named(STREAM, &map, partition));
        assert!(entries.iter().any(|entry| entry.names().contains(&"heartbeat")), "partition {partition}");
        for entry in entries.iter().filter(|entry| entry.names().contains(&"symbol")) {
            assert_eq!(map.of(entry.text("symbol")), partition);
            seen.insert(entry.text("symbol").to_owned());
        }
    }
    assert_eq!(seen.len(), SYMBOLS.len(), "{seen:?}");
    assert_eq!(client.len(STREAM), 0);
    engine.stop().succeeded();
    ingest.stop().succeeded();
}
