//! Sentinels: the engine finds the primary, follows it, and loses and repeats nothing when it is killed.

use super::{
    engine::{Engine, config},
    nodes::{Node, until},
    series::{self, Bar, START_MS, entries},
    server::{Client, Fields, Server, assert_same, readable},
};
use std::time::Duration;

const SYMBOLS: [&str; 3] = ["SPY", "QQQ", "IWM"];
const STREAM: &str = "market_data_stream";
const OUTPUTS: [&str; 3] = ["signals", "market_data_5m", "calculation_events_stream"];

/// Small reads and batches, so that there are many moments to be hit at.
fn toml(more: &str) -> String {
    let more = format!(
        "[engine]\nclock_events = false\nthreading = \"shared\"\n[input]\nread_count = 5\n[output]\nbatch_entries = 4\n\
         batch_interval_ms = 1\nlatest_values = false\n[redis]\nreconnect_max_ms = 200\nconnect_timeout_ms = 500\n{more}"
    );
    config(&[(STREAM, "1m")], &SYMBOLS, &["1m", "5m"], &more)
}

/// A primary, replicas, and three sentinels that know them.
struct Watched {
    nodes: Vec<Node>,
    sentinels: Vec<Node>,
}

/// A replica of the server at this port.
fn replica(primary: u16) -> Node {
    Node::start(&["--replicaof", "127.0.0.1", &primary.to_string(), "--repl-diskless-sync-delay", "0"])
}

impl Watched {
    fn start(replicas: usize) -> Self {
        let primary = Node::start(&[]);
        let mut nodes = vec![primary];
        nodes.extend((0..replicas).map(|_| replica(nodes[0].port)).collect::<Vec<_>>());
        // A sentinel asks for the replicas every ten seconds.
        until("the replicas follow", || {
            let have: usize = redis::cmd("WAIT").arg(replicas).arg(1).query(&mut nodes[0].connect().0).unwrap();
            have == replicas
        });
        let sentinels: Vec<Node> = (0..3).map(|_| Node::sentinel(nodes[0].port)).collect();
        let all = Self { nodes, sentinels };
        until("the sentinels know everybody", || {
            all.sentinels.iter().all(|sentinel| {
                let fields: Vec<(String, String)> =
                    redis::cmd("SENTINEL").arg("MASTER").arg("main").query(&mut sentinel.connect().0).unwrap();
                let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
                let numbers = [field("num-slaves"), field("num-other-sentinels")];
                numbers == [Some(replicas.to_string()), Some("2".to_owned())]
            })
        });
        all
    }

    fn url(&self) -> String {
        let places: Vec<String> = self.sentinels.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+sentinel://{}/main", places.join(","))
    }

    /// Which node is the primary, as the nodes have it that are there.
    fn primary(&self) -> Option<usize> {
        let is_primary = |node: &Node| {
            let Some(mut client) = node.try_connect() else { return false };
            let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut client.0).unwrap_or_default();
            role.first() == Some(&redis::Value::BulkString(b"master".to_vec()))
        };
        self.nodes.iter().position(is_primary)
    }

    /// Writes the input, and waits until every replica has it.
    fn fill(&self) -> String {
        let mut client = self.nodes[0].connect();
        let bars = series::bars(&SYMBOLS, START_MS, 60_000, 700);
        let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
        let replicas = self.nodes.len() - 1;
        let have: usize = redis::cmd("WAIT").arg(replicas).arg(10_000).query(&mut client.0).unwrap();
        assert_eq!(have, replicas);
        last
    }
}

fn outputs(client: &mut Client) -> Vec<Vec<Fields>> {
    // The entries have other ids in every run.
    let without_source = |fields: Fields| fields.into_iter().filter(|(name, _)| name != b"source_id").collect();
    OUTPUTS.iter().map(|stream| client.contents(stream).into_iter().map(without_source).collect()).collect()
}

/// What an engine makes of the input that nobody disturbs.
fn wanted() -> Vec<Vec<Fields>> {
    let server = Server::start();
    let mut client = server.connect();
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 700);
    let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
    super::engine::run_up_to(&toml(""), &server.unix(), &mut client, STREAM, &last);
    outputs(&mut client)
}

fn compare(watched: &Watched, wanted: &[Vec<Fields>]) {
    let mut client = watched.nodes[watched.primary().unwrap()].connect();
    for ((stream, found), wanted) in OUTPUTS.iter().zip(outputs(&mut client)).zip(wanted) {
        assert_same(stream, &readable(&found), &readable(wanted));
    }
}

#[test]
fn a_killed_primary_loses_and_repeats_nothing() {
    let wanted = wanted();
    let mut watched = Watched::start(2);
    let last = watched.fill();
    let mut engine = Engine::run(&toml("replicas = 1\n"), &watched.url());
    let mut client = watched.nodes[0].connect();
    engine.until("it was half-way", || client.len("signals") > wanted[0].len() / 3);
    watched.nodes[0].kill();
    let mut now = None;
    engine.until("another primary was there", || {
        now = watched.primary();
        now.is_some()
    });
    let mut client = watched.nodes[now.unwrap()].connect();
    let at = client.position("main", STREAM);
    assert_ne!(at.as_ref(), Some(&last), "it had ended before");
    engine.until_at(&mut client, STREAM, &last);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("publisher reconnected after"), "{}", ended.stderr);
    compare(&watched, &wanted);
}

#[test]
fn what_no_replica_had_is_made_again_by_the_next_start() {
    let wanted = wanted();
    let mut watched = Watched::start(1);
    let last = watched.fill();
    let url = watched.url();
    let mut engine = Engine::run(&toml(""), &url);
    let mut client = watched.nodes[0].connect();
    engine.until("it was a quarter through", || client.len("signals") > wanted[0].len() / 4);
    // From here on the replica hears nothing, and the engine goes on.
    let mut replica = watched.nodes[1].connect();
    redis::cmd("CONFIG").arg("SET").arg("masterauth").arg("wrong").query::<()>(&mut replica.0).unwrap();
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("replica").query::<()>(&mut client.0).unwrap();
    let before = client.len("signals");
    engine.until("more was written", || client.len("signals") > before + 5);
    watched.nodes[0].kill();
    let ended = engine.wait();
    assert_eq!(ended.status.code(), Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("which this engine has not committed last"), "{}", ended.stderr);
    let mut client = watched.nodes[1].connect();
    assert_ne!(client.position("main", STREAM).as_ref(), Some(&last));
    let mut again = Engine::run(&toml(""), &url);
    again.until_at(&mut client, STREAM, &last);
    again.stop().succeeded();
    compare(&watched, &wanted);
}

#[test]
fn a_switch_is_followed_although_the_old_primary_lives() {
    let watched = Watched::start(1);
    let mut engine = Engine::run(&toml(""), &watched.url());
    let connected = |node: usize| {
        let mut client = watched.nodes[node].connect();
        ["reader", "publisher"].iter().all(|role| client.connected(&format!("wagehood-engine:main:{role}")))
    };
    engine.until("it was connected", || connected(0));
    // A position that no replica has would be missed, and rightly so.
    let mut replica = watched.nodes[1].connect();
    engine.until("the replica had its position", || replica.position("main", "seq").is_some());
    let mut sentinel = watched.sentinels[0].connect();
    redis::cmd("SENTINEL").arg("FAILOVER").arg("main").query::<()>(&mut sentinel.0).unwrap();
    until("the other is the primary", || {
        // In the middle of a switch it may close a connection as soon as it has taken it.
        let Some(mut other) = watched.nodes[1].try_connect() else { return false };
        let role = redis::cmd("INFO").arg("replication").query::<redis::InfoDict>(&mut other.0);
        role.is_ok_and(|role| role.get::<String>("role").as_deref() == Some("master"))
    });
    let bars = series::bars(&SYMBOLS, START_MS, 60_000, 300);
    let mut client = watched.nodes[1].connect();
    let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
    // What it has committed to the old one in the last moment is lost. Then it says so and ends, and the next start goes on.
    until("everything was read", || {
        if engine.has_ended() {
            let next = Engine::run(&toml(""), &watched.url());
            let ended = std::mem::replace(&mut engine, next).wait();
            assert!(ended.stderr.contains("which this engine has not committed last"), "{}", ended.stderr);
        }
        client.position("main", STREAM).as_ref() == Some(&last)
    });
    engine.until("it was connected to the other", || connected(1));
    assert!(client.len("signals") > 0);
    engine.stop().succeeded();
}

#[test]
fn too_few_replicas_hold_the_output_up_and_are_named() {
    let mut watched = Watched::start(1);
    let last = watched.fill();
    let mut engine = Engine::run(&toml("replicas = 1\nreplicas_wait_ms = 100\n"), &watched.url());
    let mut client = watched.nodes[0].connect();
    engine.until("something was written", || client.len("signals") > 20);
    watched.nodes[1].kill();
    engine.until_said("fewer than 1 replicas");
    let held = client.position("main", STREAM);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(client.position("main", STREAM), held);
    assert_ne!(held.as_ref(), Some(&last));
    watched.nodes[1] = replica(watched.nodes[0].port);
    engine.until_at(&mut client, STREAM, &last);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("the replicas have the batch after"), "{}", ended.stderr);
}

#[test]
fn a_name_that_no_sentinel_knows_is_refused() {
    let watched = Watched::start(0);
    let url = watched.url().replace("/main", "/other");
    let ended = Engine::run(&toml("start_wait_s = 1\n"), &url).wait();
    assert!(!ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("check the name behind the sentinels in redis.url"), "{}", ended.stderr);
}
