//! Two engines of one name, and a holder that is stopped and wakes up again.

use crate::{
    engine::{Engine, config},
    env,
    feed::{Random, STREAMS, Writer, symbols},
    outcome::{caught_up, differences, entries},
    server::Server,
};
use std::time::{Duration, Instant};

const LEASE: &str = "";

#[test]
fn the_loser_says_who_holds_the_lease() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(2, 2));
    let text = config(server.port, "one", &names, LEASE);
    let mut first = Engine::new(dir.path(), "one", &text, &["--signals", "signals.jsonl"]);
    // What an earlier run has left in the file is kept by whoever holds the lease, and by nobody else.
    std::fs::write(dir.path().join("signals.jsonl"), "of an earlier run\n").unwrap();
    let kept = || {
        let names =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("signals-")).count()
    };
    first.start();
    assert!(caught_up(&mut server.connection(), "one", &STREAMS, Duration::from_secs(20)));
    wait_for(Duration::from_secs(20), || {
        redis::Commands::exists(&mut server.connection(), "wagehood:engine:lease:one").unwrap()
    });
    let mut second = Engine::new(dir.path(), "second", &text, &["--signals", "signals.jsonl"]);
    wait_for(Duration::from_secs(20), || kept() == 1);
    // The file of the living engine has something in it.
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(dir.path().join("signals.jsonl"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"of this run\n"))
        .unwrap();
    second.start();
    wait_for(Duration::from_secs(20), || !second.is_running());
    assert_eq!(kept(), 1, "{}", second.said());
    let said = second.said();
    assert!(said.contains("another engine of this name is at work: process ") && said.contains("--standby"), "{said}");
    // A clean end gives the lease up, a kill leaves it to whoever sees that the process is gone.
    first.stop();
    second.start();
    std::thread::sleep(Duration::from_millis(500));
    assert!(second.is_running(), "{}", second.said());
    second.kill();
    first.start();
    std::thread::sleep(Duration::from_millis(1_000));
    assert!(first.is_running(), "{}", first.said());
}

#[test]
fn a_stopped_holder_that_wakes_up_writes_nothing() {
    let seconds = env("FIGHT_S", 20);
    let mut random = Random(env("SEED", 1));
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(24, 16));
    let text = config(server.port, "fought", &names, "").replace("timeout_ms", "lease_ms = 700\ntimeout_ms");
    let mut engines = ["a", "b"].map(|name| Engine::new(dir.path(), name, &text, &["--standby"]));
    let writer = Writer::start(server.port, 7, [24, 16], [2_000, 500]);
    let (began, mut stops) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        engines.iter_mut().for_each(Engine::keep);
        std::thread::sleep(Duration::from_millis(300 + random.below(500)));
        let victim = random.below(2) as usize;
        engines[victim].signal("STOP");
        stops += 1;
        std::thread::sleep(Duration::from_millis(200 + random.below(1_500)));
        engines[victim].signal("CONT");
    }
    let records = writer.stop();
    let mut link = server.connection();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !caught_up(&mut link, "fought", &STREAMS, Duration::from_millis(500)) {
        engines.iter_mut().for_each(Engine::keep);
        assert!(Instant::now() < deadline, "nobody catches up:\n{}\n{}", engines[0].said(), engines[1].said());
    }
    let epochs: u64 = redis::Commands::get(&mut link, "wagehood:engine:lease:fought:epoch").unwrap();
    engines.iter_mut().for_each(Engine::kill);
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &names, ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, Duration::from_secs(60)), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:fought"));
    let (lost, repeated) = differences(&expected, &found);
    eprintln!(
        "{records} records, {stops} stops, {epochs} epochs: {} signals expected, {lost} lost, {repeated} repeated",
        expected.len()
    );
    assert!(epochs > 1, "the lease never changed hands");
    assert!(expected == found, "{}\n{}", engines[0].said(), engines[1].said());
}

#[track_caller]
pub fn wait_for(timeout: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + timeout;
    while !done() {
        assert!(Instant::now() < deadline, "it does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}
