//! A cluster of six nodes: slots that move and primaries that are killed lose and repeat nothing.

use super::{
    engine::Engine,
    nodes::{Node, until},
    partitions::{self, Signals, compare, fill_with, named, signals_of},
    series::Dice,
    server::Client,
};
use std::time::Duration;
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
        let nodes: Vec<Node> = (0..6)
            .map(|_| {
                Node::start(&[
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "2000",
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

    /// Moves a slot to another primary, key by key, with pauses.
    pub fn migrate(&self, slot: u16, pause: Duration) {
        let from = self.owner(slot).unwrap();
        let to = (0..6).find(|&index| index != from && self.owns_any(index)).unwrap();
        let (mut source, mut target, text) = (self.nodes[from].connect(), self.nodes[to].connect(), slot.to_string());
        ask::<()>(&mut target, &["CLUSTER", "SETSLOT", &text, "IMPORTING", &self.id(from)]).unwrap();
        ask::<()>(&mut source, &["CLUSTER", "SETSLOT", &text, "MIGRATING", &self.id(to)]).unwrap();
        loop {
            let keys: Vec<String> = ask(&mut source, &["CLUSTER", "GETKEYSINSLOT", &text, "1"]).unwrap();
            let Some(key) = keys.first() else { break };
            let port = self.nodes[to].port.to_string();
            ask::<String>(&mut source, &["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).unwrap();
            std::thread::sleep(pause);
        }
        let id = self.id(to);
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
        cluster.migrate(slot(tag.as_bytes()), Duration::from_millis(20));
    });
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
            match dice.roll(3) {
                0 => cluster.kill_primary(slot),
                1 => cluster.migrate(slot, Duration::from_millis(dice.roll(30))),
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
