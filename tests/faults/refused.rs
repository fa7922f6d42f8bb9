//! A server that is there and says no: for a while, or for good.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols, write},
    outcome::{caught_up, differences, entries, first_difference},
    server::Server,
    writers::wait_for,
};
use redis::Commands;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn ask(link: &mut redis::Connection, words: &[&str]) -> redis::Value {
    let mut command = redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(link).unwrap()
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
    engine.says("the batch is kept and sent again");
    std::thread::sleep(Duration::from_secs(1));
    ask(&mut link, &["CONFIG", "SET", "maxmemory", "0"]);
    engine.says("the server takes batches again");
    assert!(caught_up(&mut link, "no", &STREAMS, LONG), "{}", engine.said());
    // Demoted to a replica of nobody that answers, and promoted again.
    write(&mut link, &mut walk, 2_000);
    ask(&mut link, &["REPLICAOF", "127.0.0.1", "1"]);
    engine.says("READONLY");
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
    assert_eq!(differences(&expected, &found), (0, 0), "{}", first_difference(&expected, &found));
    assert!(!expected.is_empty() && expected == found);
}

/// Number of the engine's reader where it waits in a blocked `XREAD`.
fn blocked_reader(link: &mut redis::Connection) -> Option<u64> {
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(link).unwrap();
    let word = |line: &str, name: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let blocked = |line: &&str| word(line, "cmd") == "xread" && word(line, "flags").contains('b');
    clients.lines().find(blocked).and_then(|line| word(line, "id").parse().ok())
}

#[test]
fn a_blocked_read_that_the_server_breaks_off_loses_and_repeats_nothing() {
    const UNBLOCKED: usize = 60;
    const DEMOTED: usize = 6;
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(8, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(4, "S", 8, 1_000));
    // Long blocks, so that it is nearly always a blocked read that is broken off.
    let text = config(server.port, "off", &names, "").replace("[input]", "[input]\nblock_ms = 900");
    let mut engine = Engine::new(dir.path(), "off", &text, &[]);
    engine.start();
    let (mut unblocked, mut demoted) = (0, 0);
    while unblocked < UNBLOCKED || demoted < DEMOTED {
        write(&mut link, &mut walk, 100);
        let mut id = None;
        wait_for(LONG, || {
            id = blocked_reader(&mut link);
            id.is_some() || !engine.is_running()
        });
        assert!(engine.is_running(), "{}", engine.said());
        if unblocked * DEMOTED < demoted * UNBLOCKED || demoted == DEMOTED {
            let unblock = ["CLIENT", "UNBLOCK", &id.unwrap().to_string(), "ERROR"];
            // The read may have ended by itself meanwhile.
            unblocked += usize::from(ask(&mut link, &unblock) == redis::Value::Int(1));
        } else {
            ask(&mut link, &["REPLICAOF", "127.0.0.1", "1"]);
            std::thread::sleep(Duration::from_millis(50));
            ask(&mut link, &["REPLICAOF", "NO", "ONE"]);
            demoted += 1;
        }
    }
    write(&mut link, &mut walk, 1_000);
    assert!(caught_up(&mut link, "off", &STREAMS, LONG), "{}", engine.said());
    assert!(engine.is_running(), "{}", engine.said());
    engine.stop();
    // Not each of them has a line of its own.
    let said = engine.said().matches("reader disconnected: UNBLOCKED ").count();
    assert!((1..=UNBLOCKED + DEMOTED).contains(&said), "{said}: {}", engine.said());
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &names, ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, LONG), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:off"));
    assert_eq!(differences(&expected, &found), (0, 0), "{}", first_difference(&expected, &found));
    assert!(!expected.is_empty() && expected == found);
    let position: u64 = link.hget("wagehood:engine:position:off", "seq").unwrap();
    eprintln!("{position} records, {said} reads broken off, {} signals", expected.len());
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
