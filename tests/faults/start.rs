//! Starts that find the server not ready.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols},
    outcome::{caught_up, entries},
    server::{Server, free_port},
    writers::wait_for,
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(60);

/// What a connection meets.
#[derive(Clone, Copy)]
enum Door {
    /// This error to every command.
    Says(&'static str),
    /// Nothing, ever.
    Silence,
    /// The end of the connection.
    Slams,
    /// The server.
    Open,
}

/// A port before a server at which connections meet these, one after the other, and the server from then on.
fn doors(server: u16, script: Vec<Door>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut script = script.into_iter();
        for client in listener.incoming().flatten() {
            let door = script.next().unwrap_or(Door::Open);
            std::thread::spawn(move || meet(client, door, server));
        }
    });
    port
}

fn meet(mut client: TcpStream, door: Door, server: u16) {
    let mut buf = [0; 4096];
    match door {
        Door::Slams => {}
        Door::Silence => while matches!(client.read(&mut buf), Ok(1..)) {},
        Door::Says(error) => {
            while matches!(client.read(&mut buf), Ok(1..)) {
                if client.write_all(format!("-{error}\r\n").as_bytes()).is_err() {
                    break;
                }
            }
        }
        Door::Open => {
            let Ok(mut up) = TcpStream::connect(("127.0.0.1", server)) else { return };
            let (mut from, mut to) = (client.try_clone().unwrap(), up.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
            let _ = std::io::copy(&mut up, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn write(link: &mut redis::Connection, records: usize) {
    crate::feed::write(link, &mut Walk::new(6, "S", 8, 1_000), records);
}

#[test]
fn an_engine_that_is_there_before_its_server_waits_for_it() {
    let (dir, port, names) = (tempfile::tempdir().unwrap(), free_port(), symbols(8, 0));
    let mut engine = Engine::new(dir.path(), "early", &config(port, "early", &names, ""), &[]);
    engine.start();
    std::thread::sleep(Duration::from_secs(2));
    assert!(engine.is_running(), "{}", engine.said());
    let server = Server::start_at(port, Vec::new());
    let mut link = server.connection();
    write(&mut link, 4_000);
    assert!(caught_up(&mut link, "early", &STREAMS, LONG), "{}", engine.said());
    engine.stop();
    let said = engine.said();
    // The server may have been seen loading, or hanging up, on its way.
    assert!((1..=3).contains(&said.matches("waiting for Redis: ").count()), "{said}");
    assert!(said.starts_with("waiting for Redis: cannot connect to redis://127.0.0.1:"), "{said}");
    assert!(said.contains("Redis is ready after ") && !entries(&mut link, "signals:early").is_empty(), "{said}");
}

#[test]
fn a_server_that_says_it_will_be_ready_is_waited_for_longer_than_one_that_is_not_there() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(8, 0));
    let mut link = server.connection();
    write(&mut link, 4_000);
    let loading = Door::Says("LOADING Redis is loading the dataset in memory");
    let mut script = vec![loading; 15];
    script.extend([Door::Says("BUSY Redis is busy running a script."); 3]);
    script.extend([Door::Says("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."); 3]);
    // In the midst of the start, too: the lease is taken, and then the server goes away again and again.
    script.extend([Door::Slams, Door::Silence, Door::Open, loading, Door::Slams, Door::Open, loading, Door::Open]);
    script.extend([Door::Slams, Door::Open]);
    let text = config(doors(server.port, script), "late", &names, "")
        .replace("timeout_ms = 1000", "timeout_ms = 300\nstart_wait_s = 1");
    let mut engine = Engine::new(dir.path(), "late", &text, &[]);
    let began = Instant::now();
    engine.start();
    assert!(caught_up(&mut link, "late", &STREAMS, LONG), "{}", engine.said());
    assert!(began.elapsed() > Duration::from_secs(1), "that was no longer than the limit");
    engine.stop();
    let said = engine.said();
    for state in ["LOADING", "BUSY", "MASTERDOWN", "hung up", "did not answer in time"] {
        let lines = said.lines().filter(|line| line.starts_with("waiting for Redis: ") && line.contains(state)).count();
        // A busy machine may be slow to answer in between, which is a line of its own.
        assert!((1..=8).contains(&lines), "{state}: {lines}\n{said}");
    }
    assert!(said.matches("Redis is ready after ").count() >= 2, "{said}");
    // Undisturbed it writes the same.
    let mut calm = Engine::new(dir.path(), "calm", &config(server.port, "calm", &names, ""), &[]);
    calm.start();
    assert!(caught_up(&mut link, "calm", &STREAMS, LONG), "{}", calm.said());
    calm.stop();
    let (expected, found) = (entries(&mut link, "signals:calm"), entries(&mut link, "signals:late"));
    assert!(!expected.is_empty() && expected == found);
}

#[test]
fn a_wrong_address_is_told_in_time_and_a_stop_is_heard() {
    let (dir, names) = (tempfile::tempdir().unwrap(), symbols(1, 0));
    let text = config(free_port(), "wrong", &names, "").replace("timeout_ms", "start_wait_s = 1\ntimeout_ms");
    let mut engine = Engine::new(dir.path(), "wrong", &text, &[]);
    let began = Instant::now();
    engine.start();
    wait_for(LONG, || !engine.is_running());
    assert!(began.elapsed() >= Duration::from_secs(1));
    let said = engine.said();
    assert!(said.contains("Connection refused") && said.contains("waited 1 s for it (redis.start_wait_s)"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    let mut patient = Engine::new(dir.path(), "patient", &text.replace("start_wait_s = 1", "start_wait_s = 1000"), &[]);
    patient.start();
    patient.says("waiting for Redis");
    patient.signal("TERM");
    let began = Instant::now();
    wait_for(LONG, || !patient.is_running());
    assert!(began.elapsed() < Duration::from_secs(2) && patient.said().contains("stopped while waiting"));
    // Nothing to wait for: a server that takes the password for wrong, at whatever time.
    let server = Server::start();
    redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("s3cret").query::<()>(&mut server.connection()).unwrap();
    let text = config(server.port, "stranger", &names, "").replace("redis://", "redis://:hunter2@");
    let mut stranger = Engine::new(dir.path(), "stranger", &text, &[]);
    let began = Instant::now();
    stranger.start();
    wait_for(LONG, || !stranger.is_running());
    let said = stranger.said();
    assert!(
        began.elapsed() < Duration::from_secs(5) && said.contains("WRONGPASS") && said.lines().count() == 1,
        "{said}"
    );
}
