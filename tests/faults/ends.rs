//! Ends that something is in the way of: in time, with a code that says how, and nothing lost.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols, write},
    outcome::{caught_up, entries},
    server::{Server, free_port},
    writers::wait_for,
};
use redis::Commands;
use std::{
    collections::BTreeSet,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(60);
/// Two seconds to end in, and what a busy machine adds.
const SHUTDOWN: &str = "\n[engine]\nname = \"ends\"\nthreading = \"shared\"\nidle_park_us = 500\nshutdown_s = 2\n";
const IN_TIME: Duration = Duration::from_secs(12);

fn text(port: u16) -> String {
    let text = config(port, "ends", &symbols(4, 0), "");
    let (_, rest) = text.split_once("[input]").unwrap();
    format!("{SHUTDOWN}[input]{rest}")
}

#[track_caller]
fn ends(engine: &mut Engine, code: i32, words: &[&str]) {
    let began = Instant::now();
    wait_for(LONG, || !engine.is_running());
    let said = engine.said();
    assert!(began.elapsed() < IN_TIME, "{:?}: {said}", began.elapsed());
    assert_eq!(engine.code, Some(code), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no {word:?} in {said}"));
}

#[test]
fn what_cannot_be_written_is_given_up_in_time_and_read_again() {
    let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::start());
    let (mut link, mut walk) = (server.connection(), Walk::new(9, "S", 4, 1_000));
    write(&mut link, &mut walk, 2_000);
    let mut engine = Engine::new(dir.path(), "ends", &text(server.port), &[]);
    engine.start();
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    // Out of memory: no batch is taken.
    refused_from_here(&engine, &server, || write(&mut link, &mut walk, 2_000));
    engine.signal("TERM");
    ends(&mut engine, 8, &["gave up after 2 s (engine.shutdown_s)", "the next start reads it again"]);
    limit_of(&server, 0);
    // Gone altogether.
    engine.start();
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    refused_from_here(&engine, &server, || write(&mut link, &mut walk, 2_000));
    server.kill();
    std::thread::sleep(Duration::from_millis(500));
    engine.signal("TERM");
    ends(&mut engine, 8, &["disconnected"]);
    server.restart();
    let mut link = server.connection();
    write(&mut link, &mut walk, 1_000);
    // Its time is over while nobody takes what it has: as with a signal.
    engine.start_with(&["--duration", "4s"]);
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    refused_from_here(&engine, &server, || write(&mut link, &mut walk, 2_000));
    ends(&mut engine, 8, &["gave up after 2 s"]);
    limit_of(&server, 0);
    engine.start();
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    engine.stop();
    assert_eq!(engine.code, Some(0), "{}", engine.said());
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &symbols(4, 0), ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, LONG), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:ends"));
    assert!(!expected.is_empty() && expected == found, "{} {}", expected.len(), found.len());
}

/// Has the server take no batch of what is written here: the engine stands still until that is so.
fn refused_from_here(engine: &Engine, server: &Server, mut write: impl FnMut()) {
    engine.signal("STOP");
    write();
    limit_of(server, 1);
    engine.signal("CONT");
    std::thread::sleep(Duration::from_millis(1_500));
}

fn limit_of(server: &Server, bytes: u64) {
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).query::<()>(&mut server.connection()).unwrap();
}

#[test]
fn a_start_that_hangs_or_waits_is_ended_by_a_signal_as_well() {
    let dir = tempfile::tempdir().unwrap();
    // A server that takes connections and says nothing, with more patience than the end has.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let patient = text(port).replace("timeout_ms = 1000", "timeout_ms = 600000\nstart_wait_s = 1000");
    let mut engine = Engine::new(dir.path(), "ends", &patient, &[]);
    engine.start();
    let _held = silent.accept().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    engine.signal("TERM");
    ends(&mut engine, 0, &["stopped before the start was complete"]);
    let absent = text(free_port()).replace("timeout_ms = 1000", "timeout_ms = 1000\nstart_wait_s = 1");
    let mut engine = Engine::new(dir.path(), "absent", &absent, &[]);
    engine.start();
    ends(&mut engine, 9, &["waited 1 s for it (redis.start_wait_s)"]);
    assert!(!engine.said().contains("refused (os error 111): Connection refused"), "{}", engine.said());
}

#[test]
fn what_a_batch_was_committed_without_is_named_entry_by_entry() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (mut link, mut walk) = (server.connection(), Walk::new(10, "S", 4, 1_000));
    write(&mut link, &mut walk, 2_000);
    let mut engine = Engine::new(dir.path(), "ends", &text(server.port), &[]);
    engine.start();
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    let before = entries(&mut link, "signals:ends");
    let _: () = link.set("signals:ends", "a string").unwrap();
    write(&mut link, &mut walk, 2_000);
    ends(&mut engine, 4, &["lost: XADD of signals:ends was not written", "are named in the dead letters"]);
    let letters = entries(&mut link, "dead:ends");
    let lost: Vec<_> = letters.iter().filter(|letter| letter["reason"] == "not_written").collect();
    assert!(!lost.is_empty() && lost.iter().all(|letter| letter["source_stream"] == "signals:ends"), "{letters:?}");
    assert!(lost.iter().all(|letter| letter["error"].starts_with("WRONGTYPE") && letter["command"] == "XADD"));
    engine.start();
    ends(&mut engine, 4, &["holds a string, not a stream"]);
    let _: () = link.del("signals:ends").unwrap();
    engine.start();
    assert!(caught_up(&mut link, "ends", &STREAMS, LONG), "{}", engine.said());
    engine.stop();
    let after = entries(&mut link, "signals:ends");
    // Together they are what an undisturbed engine writes, each once.
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &symbols(4, 0), ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, LONG), "{}", calm.said());
    calm.stop();
    let id = |entry: &crate::outcome::Entry| entry["signal_id"].clone();
    let found: Vec<String> = before.iter().chain(lost).chain(&after).map(id).collect();
    let expected: Vec<String> = entries(&mut link, "signals:calm").iter().map(id).collect();
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    assert!(found == expected, "{} {}", found.len(), expected.len());
}

#[test]
fn replies_that_the_server_cuts_off_become_smaller_and_the_advice_is_given_once() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (mut link, mut walk) = (server.connection(), Walk::new(11, "S", 4, 1_000));
    write(&mut link, &mut walk, 5_000);
    let limit = ["SET", "client-output-buffer-limit", "normal 40000 40000 0"];
    redis::cmd("CONFIG").arg(&limit).query::<()>(&mut link).unwrap();
    let mut engine = Engine::new(dir.path(), "ends", &text(server.port), &[]);
    engine.start();
    wait_for(LONG, || {
        let position: Option<String> = link.hget("wagehood:engine:position:ends", STREAMS[0]).unwrap();
        let last: Vec<(String, Vec<String>)> = link.xrevrange_count(STREAMS[0], "+", "-", 1).unwrap();
        position.as_deref() == last.first().map(|(id, _)| id.as_str())
    });
    engine.stop();
    let said = engine.said();
    assert_eq!(engine.code, Some(0), "{said}");
    assert_eq!(said.matches("client-output-buffer-limit \"normal 0 0 0\"").count(), 1, "{said}");
}

#[test]
fn a_standby_is_ready_says_what_it_waits_for_and_is_alive() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut holder = Engine::new(dir.path(), "holder", &text(server.port), &[]);
    holder.start();
    wait_for(LONG, || server.connection().exists("wagehood:engine:lease:ends").unwrap());
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut standby = Engine::new(dir.path(), "standby", &text(server.port), &["--standby"]);
    standby.env = vec![
        ("NOTIFY_SOCKET".to_owned(), path.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), "600000".to_owned()),
    ];
    standby.start();
    let mut said: Vec<String> = Vec::new();
    let hear = |said: &mut Vec<String>| {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap();
        said.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    };
    while said.iter().filter(|text| text.contains("WATCHDOG=1")).count() < 4 {
        hear(&mut said);
    }
    let ready = said.iter().position(|text| text.starts_with("READY=1\nSTATUS=standby: process ")).unwrap();
    assert!(said[..ready].iter().all(|text| !text.contains("READY=1")), "{said:?}");
    holder.stop();
    while said.last().unwrap() != "READY=1" {
        hear(&mut said);
    }
    standby.stop();
    assert_eq!(standby.code, Some(0), "{}", standby.said());
}

#[test]
fn nobody_gets_a_line_of_theirs_into_the_log_by_way_of_a_lease() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let value = "epoch=1 host=\u{1b}[31mevil\nerror: pid=7 since=now machine=elsewhere started=1";
    let _: () = server.connection().set("wagehood:engine:lease:ends", value).unwrap();
    let mut engine = Engine::new(dir.path(), "ends", &text(server.port), &[]);
    engine.start();
    ends(&mut engine, 6, &["another engine of this name is at work", "\\u{1b}[31mevil"]);
    assert!(!engine.said().contains('\u{1b}'), "{}", engine.said());
}
