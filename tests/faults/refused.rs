//! A server that is there and says no: for a while, or for good.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols},
    outcome::{caught_up, differences, entries},
    server::Server,
    writers::wait_for,
};
use redis::Commands;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn write(link: &mut redis::Connection, walk: &mut Walk, records: usize) {
    let mut pipe = redis::pipe();
    (0..records).for_each(|_| {
        pipe.xadd(STREAMS[0], "*", &walk.record()).ignore();
    });
    pipe.query::<()>(link).unwrap();
}

fn ask(link: &mut redis::Connection, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query::<redis::Value>(link).unwrap();
}

/// Processor time of a process, seconds.
fn cpu_s(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<f64> =
        stat.rsplit_once(") ").unwrap().1.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    (fields[11] + fields[12]) / 100.0
}

#[test]
fn a_server_that_refuses_for_a_while_gets_everything_once() {
    let (dir, mut server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(8, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(4, "S", 8, 1_000));
    let mut engine = Engine::new(dir.path(), "no", &config(server.port, "no", &names, ""), &[]);
    engine.start();
    write(&mut link, &mut walk, 4_000);
    assert!(caught_up(&mut link, "no", &STREAMS, LONG), "{}", engine.said());
    // Out of memory: what was queued is refused as a whole.
    write(&mut link, &mut walk, 2_000);
    ask(&mut link, &["CONFIG", "SET", "maxmemory", "1"]);
    wait_for(LONG, || engine.said().contains("the batch is kept and sent again"));
    std::thread::sleep(Duration::from_secs(1));
    ask(&mut link, &["CONFIG", "SET", "maxmemory", "0"]);
    wait_for(LONG, || engine.said().contains("the server takes batches again"));
    assert!(caught_up(&mut link, "no", &STREAMS, LONG), "{}", engine.said());
    // Demoted to a replica of nobody that answers, and promoted again.
    write(&mut link, &mut walk, 2_000);
    ask(&mut link, &["REPLICAOF", "127.0.0.1", "1"]);
    wait_for(LONG, || engine.said().contains("READONLY"));
    std::thread::sleep(Duration::from_secs(1));
    ask(&mut link, &["REPLICAOF", "NO", "ONE"]);
    assert!(caught_up(&mut link, "no", &STREAMS, LONG), "{}", engine.said());
    // Gone for a while: next to no work meanwhile, and one line for it.
    let lines = |engine: &Engine, what: &str| engine.said().matches(what).count();
    let before = lines(&engine, "disconnected: ");
    let pid = engine.pid();
    server.kill();
    std::thread::sleep(Duration::from_millis(500));
    let cpu_before = cpu_s(pid);
    std::thread::sleep(Duration::from_secs(4));
    let busy = cpu_s(pid) - cpu_before;
    let after = lines(&engine, "disconnected: ");
    server.restart();
    let mut link = server.connection();
    write(&mut link, &mut walk, 2_000);
    assert!(caught_up(&mut link, "no", &STREAMS, LONG), "{}", engine.said());
    assert!(engine.is_running());
    engine.stop();
    eprintln!("4 s without a server took {busy:.2} s of processor time, {} lines", after - before);
    assert!(busy < 1.0, "{busy} s");
    assert!(after - before <= 2, "{}", engine.said());
    assert!(engine.report().contains("reader disconnected, "), "{}", engine.report());
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &names, ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, LONG), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:no"));
    assert_eq!(differences(&expected, &found), (0, 0));
    assert!(!expected.is_empty() && expected == found);
}

#[test]
fn a_server_that_refuses_for_good_ends_the_engine_with_a_reason() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(2, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(4, "S", 2, 1_000));
    ask(&mut link, &["ACL", "SETUSER", "engine", "on", ">pw", "~*", "+@all"]);
    let text = config(server.port, "acl", &names, "").replace("redis://", "redis://engine:pw@");
    let mut engine = Engine::new(dir.path(), "acl", &text, &[]);
    engine.start();
    write(&mut link, &mut walk, 100);
    assert!(caught_up(&mut link, "acl", &STREAMS, LONG), "{}", engine.said());
    ask(&mut link, &["ACL", "SETUSER", "engine", "-multi"]);
    write(&mut link, &mut walk, 100);
    wait_for(LONG, || !engine.is_running());
    assert!(engine.said().contains("lacks a permission"), "{}", engine.said());
    assert!(!engine.said().contains("pw@"), "{}", engine.said());
    // With the right given back it goes on where it stood.
    ask(&mut link, &["ACL", "SETUSER", "engine", "+multi"]);
    engine.start();
    assert!(caught_up(&mut link, "acl", &STREAMS, LONG), "{}", engine.said());
    ask(&mut link, &["ACL", "SETUSER", "engine", "resetpass", ">other"]);
    ask(&mut link, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    wait_for(LONG, || !engine.is_running());
    assert!(engine.said().contains("check user and password"), "{}", engine.said());
    let left: u64 = link.hget("wagehood:engine:position:acl", "seq").unwrap();
    assert_eq!(left, 200);
}
