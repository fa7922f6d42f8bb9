//! A cluster of six nodes: slots that move and primaries that are killed lose and repeat nothing.

use super::{
    engine::Engine,
    nodes::{Node, until},
    partitions::{self, Signals, compare, fill_with, named, signals_of},
    series::{Dice, fields},
    server::{Client, Entry},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use wagehood_engine::{config::PartitionMap, redis_io::slot};

/// Three primaries with a replica each: node 3 + i follows node i at first.
pub struct Cluster {
    pub nodes: Vec<Node>,
}

fn ask<T: redis::FromRedisValue>(client: &mut Client, words: &[&str]) -> Option<T> {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| _ = command.arg(*word));
    command.query(&mut client.0).ok()
}

impl Cluster {
    pub fn start() -> Self {
        Self::that_misses("2000")
    }

    /// One whose nodes are not missed on a busy machine: for tests in which none is to fail.
    fn patient() -> Self {
        Self::that_misses("10000")
    }

    /// One whose nodes are replaced where they are silent for so long, ms.
    fn that_misses(timeout_ms: &str) -> Self {
        let nodes: Vec<Node> = (0..6)
            .map(|_| {
                Node::start(&[
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    timeout_ms,
                    "--repl-diskless-sync-delay",
                    "0",
                ])
            })
            .collect();
        let all = Self { nodes };
        let mut first = all.nodes[0].connect();
        for node in &all.nodes[1..] {
            ask::<()>(&mut first, &["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]).unwrap();
        }
        for (index, (from, to)) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].iter().enumerate() {
            ask::<()>(&mut all.nodes[index].connect(), &["CLUSTER", "ADDSLOTSRANGE", from, to]).unwrap();
        }
        for index in 0..3 {
            let primary = all.id(index);
            until("the replica knows its primary", || {
                ask::<()>(&mut all.nodes[index + 3].connect(), &["CLUSTER", "REPLICATE", &primary]).is_some()
            });
        }
        all.until_whole();
        all
    }

    pub fn id(&self, index: usize) -> String {
        ask(&mut self.nodes[index].connect(), &["CLUSTER", "MYID"]).unwrap()
    }

    pub fn url(&self) -> String {
        let places: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", places.join(","))
    }

    fn info(&self, index: usize) -> String {
        let client = self.nodes[index].try_connect();
        client.and_then(|mut client| ask(&mut client, &["CLUSTER", "INFO"])).unwrap_or_default()
    }

    /// Waits until every node that is there sees the cluster whole, with a replica of each primary that follows.
    pub fn until_whole(&self) {
        until("the cluster is whole", || {
            let mut primaries = 0;
            let good = (0..6).all(|index| {
                let Some(mut client) = self.nodes[index].try_connect() else { return false };
                let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut client.0).unwrap_or_default();
                let text = |value: Option<&redis::Value>| {
                    value.and_then(|v| redis::from_redis_value::<String>(v.clone()).ok())
                };
                let state = self.info(index);
                let follows = match text(role.first()).as_deref() {
                    Some("master") => {
                        primaries += 1;
                        matches!(role.get(2), Some(redis::Value::Array(replicas)) if !replicas.is_empty())
                    }
                    Some(_) => text(role.get(3)).as_deref() == Some("connected"),
                    None => false,
                };
                follows && state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:6")
            });
            good && primaries == 3
        });
    }

    /// The node that has a slot, as most see it.
    pub fn owner(&self, slot: u16) -> Option<usize> {
        let mut votes = vec![0; self.nodes.len()];
        for node in &self.nodes {
            let Some(mut client) = node.try_connect() else { continue };
            let ranges: Vec<(u16, u16, (String, u16))> =
                ask::<Vec<Vec<redis::Value>>>(&mut client, &["CLUSTER", "SLOTS"])
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|range| {
                        let number = |value: &redis::Value| redis::from_redis_value::<u16>(value.clone()).ok();
                        let redis::Value::Array(node) = range.get(2)? else { return None };
                        Some((number(&range[0])?, number(&range[1])?, (String::new(), number(&node[1])?)))
                    })
                    .collect();
            let found = ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
            let place = found.and_then(|(_, _, (_, port))| self.nodes.iter().position(|node| node.port == *port));
            if let Some(place) = place {
                votes[place] += 1;
            }
        }
        let most = votes.iter().copied().max().filter(|&most| most > 0)?;
        votes.iter().position(|&count| count == most).filter(|&index| self.nodes[index].try_connect().is_some())
    }

    /// A connection to the node that has the slot of a key.
    pub fn client(&self, key: &str) -> Client {
        let mut found = None;
        until("a node has the slot", || {
            found = self.owner(slot(key.as_bytes())).and_then(|index| self.nodes[index].try_connect());
            found.is_some()
        });
        found.unwrap()
    }

    /// Moves a slot to another primary, key by key, with pauses, and another between the last key and the end.
    pub fn migrate(&self, slot: u16, pause: Duration, hold: Duration) {
        let way = self.begin_to_move(slot);
        while self.move_key(slot, way) {
            std::thread::sleep(pause);
        }
        std::thread::sleep(hold);
        self.end_to_move(slot, way);
    }

    /// Says that a slot is being moved, from one primary to another.
    fn begin_to_move(&self, slot: u16) -> (usize, usize) {
        let from = self.owner(slot).unwrap();
        let to = (0..6).find(|&index| index != from && self.owns_any(index)).unwrap();
        let (mut source, mut target, text) = (self.nodes[from].connect(), self.nodes[to].connect(), slot.to_string());
        ask::<()>(&mut target, &["CLUSTER", "SETSLOT", &text, "IMPORTING", &self.id(from)]).unwrap();
        ask::<()>(&mut source, &["CLUSTER", "SETSLOT", &text, "MIGRATING", &self.id(to)]).unwrap();
        (from, to)
    }

    /// Moves a key of a slot; false where none is left.
    fn move_key(&self, slot: u16, (from, to): (usize, usize)) -> bool {
        let mut source = self.nodes[from].connect();
        let keys: Vec<String> = ask(&mut source, &["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "1"]).unwrap();
        let Some(key) = keys.first() else { return false };
        let port = self.nodes[to].port.to_string();
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(port).arg(key).arg(0).arg(20_000);
        match migrate.query::<String>(&mut source.0) {
            // It was slow, and is tried again.
            Err(error) if error.code() == Some("IOERR") => {}
            moved => assert!(moved.is_ok(), "{key}: {moved:?}"),
        }
        true
    }

    /// Says that a slot has been moved.
    fn end_to_move(&self, slot: u16, (from, to): (usize, usize)) {
        let (id, text) = (self.id(to), slot.to_string());
        // The target first, so that nobody is sent in a circle.
        for node in [to, from] {
            ask::<()>(&mut self.nodes[node].connect(), &["CLUSTER", "SETSLOT", &text, "NODE", &id]).unwrap();
        }
    }

    fn owns_any(&self, index: usize) -> bool {
        [0, 6_000, 12_000].iter().any(|&slot| self.owner(slot) == Some(index))
    }

    /// Kills the primary of a slot, waits for another, and starts the dead one again as a replica.
    pub fn kill_primary(&mut self, slot: u16) {
        let dead = self.owner(slot).unwrap();
        self.nodes[dead].kill();
        until("another node has the slot", || self.owner(slot).is_some_and(|index| index != dead));
        self.nodes[dead].start_again();
        self.until_whole();
    }
}

/// Settings of an engine in a cluster.
const MORE: &str = "[output]\nlatest_values = false\nbatch_entries = 4\n\
    [redis]\nreplicas = 1\nreplicas_wait_ms = 500\nreconnect_max_ms = 200\nconnect_timeout_ms = 500\n";

/// What one engine makes of the bars on one server.
fn undisturbed() -> Signals {
    let (server, one) = (super::server::Server::start(), PartitionMap::new(1));
    let mut client = server.connect();
    let lasts = partitions::fill(&mut client, &partitions::bars(), &one);
    partitions::run(&server, &one, &lasts, &[("all", &[0])]);
    partitions::signals(&mut client, &one)
}

/// Engines of these owners, on a cluster to which `disturb` happens meanwhile; the signals are those of an undisturbed one.
fn disturbed(owners: &[&str], mut disturb: impl FnMut(&mut Cluster, &PartitionMap, u64)) {
    let wanted = undisturbed();
    let map = PartitionMap::new(6);
    let mut cluster = Cluster::start();
    let stream = |partition| named(partitions::STREAM, &map, partition);
    let lasts = fill_with(&partitions::bars(), &map, |partition, entries| {
        let mut client = cluster.client(&stream(partition));
        let last = client.add(&stream(partition), entries);
        let have: usize = redis::cmd("WAIT").arg(1).arg(10_000).query(&mut client.0).unwrap();
        assert_eq!(have, 1);
        last
    });
    // Small reads, so that there is something left to do whenever it strikes.
    let toml = |own| partitions::toml(6, own, MORE).replace("read_count = 40", "read_count = 2");
    let mut engines: Vec<Engine> = owners.iter().map(|own| Engine::run(&toml(own), &cluster.url())).collect();
    let read = |cluster: &Cluster, partition: usize| {
        let key = stream(partition);
        cluster.client(&key).try_position(&named("main", &map, partition), &key).as_ref() == Some(&lasts[partition])
    };
    let first = stream(0);
    let mut begun = || cluster.client(&first).try_position(&named("main", &map, 0), &first).is_some();
    engines[0].until("something was read", &mut begun);
    let mut unfinished = 0;
    for round in 0..3 {
        unfinished += usize::from(!(0..6).all(|partition| read(&cluster, partition)));
        disturb(&mut cluster, &map, round);
    }
    assert!(unfinished > 0, "everything was over before anything struck");
    for partition in 0..6 {
        engines[0].until("everything was read", || read(&cluster, partition));
    }
    engines.into_iter().for_each(|engine| drop(engine.stop().succeeded()));
    cluster.until_whole();
    let found = signals_of(&map, |stream| cluster.client(stream).entries(stream));
    compare("a cluster", &found, &wanted);
}

#[test]
fn slots_that_move_key_by_key_lose_and_repeat_nothing() {
    disturbed(&["0-2", "3-5"], |cluster, map, round| {
        let tag = &map.tags()[2 * round as usize];
        cluster.migrate(slot(tag.as_bytes()), Duration::from_millis(20), Duration::ZERO);
    });
}

/// A partition whose slot is being moved, and its stream.
struct Moving<'a> {
    cluster: &'a Cluster,
    way: (usize, usize),
    stream: String,
}

impl Moving<'_> {
    /// Adds entries where the stream is.
    fn add(&self, entries: &[Entry]) -> String {
        let mut last = String::new();
        for entry in entries {
            let add = |client: &mut Client| {
                let mut command = redis::cmd("XADD");
                command.arg(&self.stream).arg("*");
                entry.fields.iter().for_each(|(name, value)| _ = command.arg(&name[..]).arg(&value[..]));
                command.query::<String>(&mut client.0)
            };
            last = add(&mut self.cluster.nodes[self.way.0].connect()).unwrap_or_else(|error| {
                assert_eq!(error.code(), Some("ASK"), "{error}");
                add(&mut self.importing()).unwrap()
            });
        }
        last
    }

    /// A connection to the node that is given the slot, whose next command is served.
    fn importing(&self) -> Client {
        let mut target = self.cluster.nodes[self.way.1].connect();
        ask::<()>(&mut target, &["ASKING"]).unwrap();
        target
    }
}

/// Every key of a partition is on the node that its slot is being moved to, for seconds: what comes meanwhile is read, and
/// committed there. Before, while keys are on both nodes, everything waits.
#[test]
fn a_slot_that_stays_half_moved_is_read_and_committed_to() {
    let (wanted, map, cluster) = (undisturbed(), PartitionMap::new(6), Cluster::patient());
    let bars = partitions::bars();
    // The one with the most symbols.
    let held = (0..6).max_by_key(|&partition| bars.iter().filter(|bar| map.of(bar.symbol) == partition).count());
    let held = held.unwrap();
    let (stream, engine) = (|partition| named(partitions::STREAM, &map, partition), named("main", &map, held));
    let mut entries = Vec::new();
    let lasts = fill_with(&bars, &map, |partition, all| {
        if partition != held {
            return cluster.client(&stream(partition)).add(&stream(partition), all);
        }
        entries = all.to_vec();
        String::new()
    });
    let parts: Vec<&[Entry]> = entries.chunks(entries.len().div_ceil(20)).collect();
    let mut last = cluster.client(&stream(held)).add(&stream(held), &parts[..10].concat());
    let toml = partitions::toml(6, "all", MORE).replace("replicas = 1", "replicas = 0");
    let mut run = Engine::run(&toml, &cluster.url());
    let at = |client: &mut Client, stream: &str| client.try_position(&engine, stream);
    run.until("the first half was read", || {
        at(&mut cluster.client(&stream(held)), &stream(held)).as_ref() == Some(&last)
    });
    let slot = slot(map.tags()[held].as_bytes());
    let moving = Moving { cluster: &cluster, way: cluster.begin_to_move(slot), stream: stream(held) };
    for _ in 0..4 {
        assert!(cluster.move_key(slot, moving.way), "few keys");
    }
    moving.add(parts[10]);
    std::thread::sleep(Duration::from_millis(500));
    while cluster.move_key(slot, moving.way) {}
    // Its letter is the first one, in a stream that is nowhere yet.
    moving.add(&[Entry { id: "*".to_owned(), fields: fields([("symbol", "SPY".to_owned())]) }]);
    for part in &parts[11..18] {
        last = moving.add(part);
        let was = Instant::now();
        run.until("what came was committed on the node that is given the slot", || {
            at(&mut moving.importing(), &moving.stream).as_ref() == Some(&last)
        });
        std::thread::sleep(Duration::from_millis(400).saturating_sub(was.elapsed()));
    }
    assert_eq!(cluster.owner(slot), Some(moving.way.0), "the slot has been moved meanwhile");
    cluster.end_to_move(slot, moving.way);
    let mut client = cluster.client(&stream(held));
    last = client.add(&stream(held), &parts[18..].concat());
    for (partition, own) in lasts.iter().enumerate() {
        let wanted = if partition == held { &last } else { own };
        run.until("everything was read", || {
            let mut client = cluster.client(&stream(partition));
            client.try_position(&named("main", &map, partition), &stream(partition)).as_ref() == Some(wanted)
        });
    }
    run.stop().succeeded();
    assert_eq!(cluster.client(&stream(held)).len(&named("market_data_dead_letter", &map, held)), 1);
    compare("a slot half moved", &signals_of(&map, |stream| cluster.client(stream).entries(stream)), &wanted);
}

#[test]
fn primaries_that_are_killed_lose_and_repeat_nothing() {
    disturbed(&["all"], |cluster, map, round| {
        if round == 1 {
            cluster.kill_primary(slot(map.tags()[2].as_bytes()));
        }
    });
}

/// Migrations, kills and failovers at random: three of them, or as many as `FAULTS` says (`make faults-cluster`).
#[test]
fn whatever_happens_to_a_cluster_loses_and_repeats_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut dice = Dice(number("SEED").unwrap_or(1));
    for _ in 0..number("FAULTS").unwrap_or(3).div_ceil(3) {
        disturbed(&["0,3", "1-2", "4-5"], |cluster, map, _| {
            let slot = slot(map.tags()[dice.roll(6) as usize].as_bytes());
            match dice.roll(4) {
                0 => cluster.kill_primary(slot),
                1 => cluster.migrate(slot, Duration::from_millis(dice.roll(30)), Duration::ZERO),
                2 => cluster.migrate(slot, Duration::ZERO, Duration::from_millis(dice.roll(2_000))),
                _ => {
                    let primary = cluster.owner(slot).unwrap();
                    let id = cluster.id(primary);
                    let is_replica = |index: &usize| {
                        let nodes: String = ask(&mut cluster.nodes[*index].connect(), &["CLUSTER", "NODES"]).unwrap();
                        nodes.lines().any(|line| line.contains("myself,slave") && line.contains(&id))
                    };
                    if let Some(replica) = (0..6).find(is_replica) {
                        let _ = ask::<()>(&mut cluster.nodes[replica].connect(), &["CLUSTER", "FAILOVER"]);
                    }
                    cluster.until_whole();
                }
            }
        });
    }
}

/// The keys of latest values, and what they hold.
type LatestKeys = BTreeMap<String, Vec<u8>>;

fn latest_of(client: &mut Client) -> LatestKeys {
    let families = ["calculations", "timeframe_indicators", "composite_signals", "market_data"];
    let is_latest = |key: &String| families.iter().any(|family| key.starts_with(&format!("wagehood:{family}:")));
    let keys = client.keys().into_iter().filter(is_latest).collect::<Vec<_>>();
    keys.into_iter().filter_map(|key| Some((key.clone(), client.bytes(&key)?))).collect()
}

/// The same of all primaries.
fn latest_on(cluster: &Cluster) -> LatestKeys {
    // The role of a replica has five parts.
    let is_primary =
        |client: &mut Client| ask::<Vec<redis::Value>>(client, &["ROLE"]).is_some_and(|role| role.len() == 3);
    let mut clients: Vec<Client> = cluster.nodes.iter().filter_map(Node::try_connect).collect();
    clients.iter_mut().filter_map(|client| is_primary(client).then(|| latest_of(client))).flatten().collect()
}

/// Keys of latest values are on any nodes, and have what one engine on one server writes: an engine is killed in the middle,
/// another takes over, and a key moves meanwhile.
#[test]
fn latest_values_are_those_of_one_engine() {
    let (server, one) = (super::server::Server::start(), PartitionMap::new(1));
    let mut client = server.connect();
    let lasts = partitions::fill(&mut client, &partitions::bars(), &one);
    partitions::run(&server, &one, &lasts, &[("all", &[0])]);
    let wanted = latest_of(&mut client);
    assert!(wanted.len() > 36, "{:?}", wanted.keys());

    let (map, cluster) = (PartitionMap::new(3), Cluster::patient());
    let stream = |partition| named(partitions::STREAM, &map, partition);
    let lasts = fill_with(&partitions::bars(), &map, |partition, all| {
        cluster.client(&stream(partition)).add(&stream(partition), all)
    });
    let more = MORE.replace("latest_values = false", "").replace("replicas = 1", "replicas = 0");
    let toml = partitions::toml(3, "all", &more).replace("read_count = 40", "read_count = 10");
    let mut first = Engine::run(&toml, &cluster.url());
    first.until("latest values were written", || !latest_on(&cluster).is_empty());
    drop(first.kill());
    let key = wanted.keys().find(|key| key.contains("timeframe_indicators")).unwrap();
    let mut second = Engine::run(&toml, &cluster.url());
    second.until("something was read", || {
        cluster.client(&stream(0)).try_position(&named("main", &map, 0), &stream(0)).is_some()
    });
    cluster.migrate(slot(key.as_bytes()), Duration::from_millis(20), Duration::from_millis(300));
    for (partition, last) in lasts.iter().enumerate() {
        second.until("everything was read", || {
            let mut client = cluster.client(&stream(partition));
            client.try_position(&named("main", &map, partition), &stream(partition)).as_ref() == Some(last)
        });
    }
    second.stop().succeeded();
    let found = latest_on(&cluster);
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (key, wanted) in &wanted {
        assert_eq!(String::from_utf8_lossy(&found[key]), String::from_utf8_lossy(wanted), "{key}");
    }
}
