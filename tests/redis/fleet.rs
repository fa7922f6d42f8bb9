//! Members that share the partitions: who comes, goes, dies or is drained changes nothing of what is published.

use super::{
    engine::{Ended, Engine},
    partitions::{STREAM, Signals, bars, compare, fill, named, run, signals, toml},
    server::{Client, Entry, Server},
};
use redis::Commands as _;
use std::collections::{BTreeMap, BTreeSet};
use wagehood_engine::config::PartitionMap;

const COUNT: usize = 4;
/// What the keys of members and assignment begin with.
const KEYS: &str = "wagehood:engine:partitions:{main}";

/// The configuration of a member.
fn of_member(name: &str) -> String {
    let own = "own = \"auto\"\n";
    let more = format!("{own}member = {name:?}\nmember_ttl_ms = 10000\n");
    toml(COUNT, "auto", "[output]\nbatch_entries = 4\n").replacen(own, &more, 1)
}

fn start(name: &str, server: &Server) -> Engine {
    Engine::run(&of_member(name), &server.unix())
}

/// A command about partitions, on this server.
fn command(server: &Server, args: &[&str]) -> Ended {
    let url = server.unix();
    let args = [&["partitions"], args, &["--redis", &url]].concat();
    Engine::start(&toml(COUNT, "auto", ""), &args).wait()
}

/// By member that lives: how far it is with which partitions.
fn members(client: &mut Client) -> BTreeMap<String, BTreeMap<usize, String>> {
    let names: Vec<String> = client.0.smembers(format!("{KEYS}:members")).unwrap();
    let mut all = BTreeMap::new();
    for name in names {
        let Some(text) = client.bytes(&format!("{KEYS}:member:{name}")) else { continue };
        let card: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let seats = card["partitions"].as_object().unwrap().iter();
        let seats = seats.map(|(partition, seat)| (partition.parse().unwrap(), seat["stage"].as_str().unwrap().into()));
        all.insert(name, seats.collect());
    }
    all
}

/// By member: how many partitions it owns, once every partition has one owner and nobody is on the way.
fn settled(client: &mut Client) -> Option<BTreeMap<String, usize>> {
    let members = members(client);
    let seats: Vec<(&usize, &String)> = members.values().flatten().collect();
    let owned: BTreeSet<usize> = seats.iter().map(|(partition, _)| **partition).collect();
    let all_own = seats.iter().all(|(_, stage)| *stage == "owns");
    (all_own && seats.len() == COUNT && owned.len() == COUNT)
        .then(|| members.iter().map(|(name, seats)| (name.clone(), seats.len())).collect())
}

/// Waits until these members own everything, with shares that differ by one partition at most.
fn until_shared(engine: &mut Engine, client: &mut Client, names: &[&str]) -> BTreeMap<String, usize> {
    let mut found = None;
    engine.until(&format!("{names:?} share the partitions"), || {
        found = settled(client).filter(|shares| {
            let (least, most) = (shares.values().min(), shares.values().max());
            shares.keys().eq(names) && most.zip(least).is_some_and(|(most, least)| most - least <= 1)
        });
        found.is_some()
    });
    found.unwrap()
}

/// What one engine that nobody disturbs makes of the input, and the input, by partition; the server is empty again.
struct World {
    map: PartitionMap,
    wanted: Signals,
    entries: Vec<Vec<Entry>>,
    written: usize,
}

impl World {
    fn new(server: &Server, client: &mut Client) -> Self {
        let map = PartitionMap::new(COUNT);
        let lasts = fill(client, &bars(), &map);
        run(server, &map, &lasts, &[("all", &[0, 1, 2, 3])]);
        let wanted = signals(client, &map);
        let entries = (0..COUNT).map(|partition| client.entries(&named(STREAM, &map, partition))).collect();
        client.delete_all_but(&[]);
        Self { map, wanted, entries, written: 0 }
    }

    /// Writes the input on, up to this tenth of it, with the ids that it had.
    fn write(&mut self, client: &mut Client, tenths: usize) {
        for (partition, entries) in self.entries.iter().enumerate() {
            let at = |tenths: usize| entries.len() * tenths / 10;
            client.add(&named(STREAM, &self.map, partition), &entries[at(self.written)..at(tenths)]);
        }
        self.written = tenths;
    }

    fn is_read(&self, client: &mut Client) -> bool {
        (0..COUNT).all(|partition| {
            let position = client.position(&named("main", &self.map, partition), &named(STREAM, &self.map, partition));
            let written = self.entries[partition].len() * self.written / 10;
            position.as_ref() == Some(&self.entries[partition][written - 1].id)
        })
    }

    fn until_read(&self, engine: &mut Engine, client: &mut Client) {
        engine.until(&format!("{} tenths were read", self.written), || self.is_read(client));
    }

    fn compare(&self, what: &str, client: &mut Client) {
        compare(what, &signals(client, &self.map), &self.wanted);
    }
}

#[test]
fn members_that_die_end_and_join_change_no_signal() {
    let server = Server::start();
    let mut client = server.connect();
    let mut world = World::new(&server, &mut client);
    world.write(&mut client, 2);
    let mut engines: BTreeMap<&str, Engine> = ["a", "b", "c"].map(|name| (name, start(name, &server))).into();
    let shares = until_shared(engines.get_mut("a").unwrap(), &mut client, &["a", "b", "c"]);
    world.write(&mut client, 4);
    let heavy = ["a", "b", "c"].into_iter().find(|name| shares[*name] == 2).unwrap();
    engines.remove(heavy).unwrap().kill();

    let left: Vec<&str> = engines.keys().copied().collect();
    until_shared(engines.get_mut(left[0]).unwrap(), &mut client, &left);
    world.until_read(engines.get_mut(left[0]).unwrap(), &mut client);
    engines.insert("d", start("d", &server));
    world.write(&mut client, 6);
    until_shared(engines.get_mut("d").unwrap(), &mut client, &[left[0], left[1], "d"]);

    world.write(&mut client, 8);
    let drained = command(&server, &["drain", left[0], "--wait", "30s"]).succeeded();
    assert!(drained.stdout.contains(&format!(" goes from {} to ", left[0])), "{}", drained.stdout);
    assert!(members(&mut client)[left[0]].is_empty());
    assert!(settled(&mut client).is_some());
    let ended = engines.remove(left[0]).unwrap().stop().succeeded();
    assert!(ended.stderr.contains(", which is warm: finishing what has been read"), "{}", ended.stderr);

    world.write(&mut client, 10);
    let last = engines.get_mut("d").unwrap();
    until_shared(last, &mut client, &[left[1], "d"]);
    world.until_read(last, &mut client);
    for engine in engines.into_values() {
        engine.stop().succeeded();
    }
    assert!(members(&mut client).is_empty(), "who ends is struck out");
    world.compare("three members, one killed, one drained, one added", &mut client);
}

#[test]
fn a_rolling_upgrade_of_all_processes_loses_and_repeats_nothing() {
    let server = Server::start();
    let mut client = server.connect();
    let mut world = World::new(&server, &mut client);
    world.write(&mut client, 1);
    let mut engines: BTreeMap<&str, Engine> = ["a", "b"].map(|name| (name, start(name, &server))).into();
    until_shared(engines.get_mut("a").unwrap(), &mut client, &["a", "b"]);
    for (name, tenths) in [("a", 3), ("b", 6)] {
        world.write(&mut client, tenths);
        command(&server, &["drain", name, "--wait", "30s"]).succeeded();
        engines.remove(name).unwrap().stop().succeeded();
        world.write(&mut client, tenths + 1);
        engines.insert(name, start(name, &server));
        until_shared(engines.get_mut(name).unwrap(), &mut client, &["a", "b"]);
    }
    world.write(&mut client, 10);
    world.until_read(engines.get_mut("a").unwrap(), &mut client);
    engines.into_values().for_each(|engine| drop(engine.stop().succeeded()));
    world.compare("a rolling upgrade", &mut client);
}

#[test]
fn people_place_partitions() {
    let server = Server::start();
    let mut client = server.connect();
    let alone = command(&server, &["rebalance"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(alone.stderr.contains("nobody shares these partitions"), "{}", alone.stderr);
    let mut world = World::new(&server, &mut client);
    world.write(&mut client, 5);
    let (mut a, mut b) = (start("a", &server), start("b", &server));
    until_shared(&mut a, &mut client, &["a", "b"]);

    let taken = start("a", &server).wait();
    assert_eq!(taken.status.code(), Some(6), "{}", taken.stderr);
    assert!(taken.stderr.contains("give this process another partitions.member"), "{}", taken.stderr);
    let refused = |args: &[&str]| {
        let refused = command(&server, args);
        assert_eq!(refused.status.code(), Some(1), "{}", refused.stdout);
        refused.stderr
    };
    assert!(refused(&["move", "4", "--to", "a"]).contains("there is no partition 4: there are 4"));
    assert!(refused(&["move", "0", "--to", "x"]).contains("no member is named \"x\"; there are: a, b"));

    let of_a = || members(&mut server.connect())["a"].keys().copied().next().unwrap();
    let (moved, before) = (of_a(), members(&mut client));
    let dry = command(&server, &["move", &moved.to_string(), "--to", "b", "--dry-run"]).succeeded();
    assert!(dry.stdout.starts_with(&format!("partition {moved} would go from a to b")), "{}", dry.stdout);
    assert_eq!(members(&mut client), before);
    let done = command(&server, &["move", &moved.to_string(), "--to", "b", "--wait", "30s"]).succeeded();
    assert!(done.stdout.contains(&format!("partition {moved} goes from a to b")), "{}", done.stdout);
    assert!(done.stdout.contains(&format!("partition {moved} is with b after ")), "{}", done.stdout);
    assert_eq!(members(&mut client)["b"].len(), 3);
    a.until_said("which is warm: finishing what has been read");

    let shown = command(&server, &["show", "--json"]).succeeded();
    let told: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(told["members"][1]["assigned"].as_array().unwrap().len(), 3, "{told}");
    let table = command(&server, &["show"]).succeeded();
    assert!(table.stdout.contains("2 members that share them"), "{}", table.stdout);
    command(&server, &["rebalance", "--wait", "30s"]).succeeded();
    until_shared(&mut a, &mut client, &["a", "b"]);

    world.write(&mut client, 10);
    world.until_read(&mut b, &mut client);
    for engine in [a, b] {
        engine.stop().succeeded();
    }
    world.compare("partitions placed by hand", &mut client);
}

#[test]
fn an_engine_that_fails_does_not_end_the_others() {
    let server = Server::start();
    let mut client = server.connect();
    let mut world = World::new(&server, &mut client);
    // The signals of one partition cannot be written.
    client.set(&named("signals", &world.map, 2), "x");
    world.write(&mut client, 5);
    let mut engine = start("a", &server);
    engine.until_said("partition 2: its engine has failed, 2 in a row");
    let others = members(&mut client)["a"].iter().filter(|(_, stage)| *stage == "owns").count();
    assert_eq!(others, 3);
    client.delete(&named("signals", &world.map, 2));
    world.write(&mut client, 10);
    world.until_read(&mut engine, &mut client);
    engine.stop().succeeded();
    world.compare("one that failed at first", &mut client);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let server = Server::start();
    let refused = |more: &str, args: &[&str], code: i32, words: &str| {
        let url = server.unix();
        let args = [&["run", "--redis", &url], args].concat();
        let ended = Engine::start(&toml(COUNT, "auto", "").replacen("count = 4\n", more, 1), &args).wait();
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    };
    refused("count = 1\n", &[], 4, "there is nothing to share");
    refused("count = 4\n", &["--accept-loss"], 1, "--accept-loss and --from are for one start");
    refused("count = 4\n", &["--signals", "s.jsonl"], 1, "--signals is of one engine");
}
