//! The sink against real servers: committed, refused, failed in part, lost.

use super::*;
use crate::redis_io::{ServerErrorKind, testing::Server};
use ::redis::Commands as _;
use std::time::Duration;

fn sink(server: &Server) -> RedisSink {
    RedisSink::start(server.link(), RedisSinkOptions::default()).unwrap()
}

fn xadd(sink: &mut RedisSink, stream: &str, value: &[u8]) {
    sink.batch().command(5).arg("XADD").arg(stream).arg("*").arg("v").arg(value);
}

/// Closes the batch with a position.
fn commit(sink: &mut RedisSink, now_ns: u64) -> Result<(), AgentError> {
    if !sink.is_in_flight() {
        let mut command = sink.batch().command(6);
        command.arg("HSET").arg("position").arg("market_data_1s").arg("5-0").arg("seq").arg("7");
    }
    sink.commit(now_ns)
}

/// Sends and receives until something is decided.
fn decide(sink: &mut RedisSink) -> Result<(), SinkError> {
    for _ in 0..100_000 {
        match sink.exchange(1)? {
            Written::Pending => std::thread::sleep(Duration::from_micros(100)),
            Written::All => return Ok(()),
        }
    }
    panic!("nothing is decided");
}

#[test]
fn a_batch_and_its_position_are_committed_together() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    assert_eq!(sink.poll(0).unwrap(), Written::All);
    for i in 0..100u8 {
        xadd(&mut sink, "signals", &[i]);
    }
    assert_eq!(sink.pending(), 100);
    commit(&mut sink, 0).unwrap();
    xadd(&mut sink, "signals", b"next");
    assert!(commit(&mut sink, 0).is_err());
    decide(&mut sink).unwrap();
    assert_eq!(sink.poll(1).unwrap(), Written::All);
    let mut oracle = server.oracle();
    assert_eq!(oracle.xlen::<_, u32>("signals").unwrap(), 100);
    let position: Vec<(String, String)> = oracle.hgetall("position").unwrap();
    assert_eq!(position, [("market_data_1s".into(), "5-0".into()), ("seq".into(), "7".into())]);
    commit(&mut sink, 0).unwrap();
    decide(&mut sink).unwrap();
    assert_eq!(oracle.xlen::<_, u32>("signals").unwrap(), 101);
}

#[test]
fn a_batch_larger_than_the_sockets_buffers_goes_through() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    for _ in 0..64 {
        xadd(&mut sink, "signals", &vec![b'x'; 200_000]);
    }
    assert!(!sink.has_room(0));
    commit(&mut sink, 0).unwrap();
    decide(&mut sink).unwrap();
}

#[test]
fn a_refused_batch_changes_nothing_and_can_be_sent_again() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    let mut oracle = server.oracle();
    let mut limit =
        |bytes: u64| ::redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut oracle).unwrap();
    limit(1);
    xadd(&mut sink, "signals", b"x");
    commit(&mut sink, 0).unwrap();
    let error = decide(&mut sink).unwrap_err();
    let SinkError::Refused { command: 0, kind: ServerErrorKind::OutOfMemory, .. } = error else { panic!("{error}") };
    assert!(ServerErrorKind::OutOfMemory.is_transient() && !error.needs_new_link());
    assert_eq!((sink.flight, sink.poll(1).unwrap()), (Flight::Held, Written::Pending));
    assert!(commit(&mut sink, 0).is_err());
    limit(0);
    sink.send_from_start(1);
    decide(&mut sink).unwrap();
    assert_eq!(oracle.xlen::<_, u32>("signals").unwrap(), 1);
}

#[test]
fn a_key_of_another_type_is_named_by_its_command() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    let mut oracle = server.oracle();
    oracle.set::<_, _, ()>("signals", "not a stream").unwrap();
    xadd(&mut sink, "other", b"x");
    xadd(&mut sink, "signals", b"x");
    xadd(&mut sink, "signals", b"x");
    commit(&mut sink, 0).unwrap();
    let error = decide(&mut sink).unwrap_err();
    let SinkError::Partly { command: 1, failed: 2, kind: ServerErrorKind::WrongType, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(sink.poll(1).unwrap(), Written::All);
    xadd(&mut sink, "other", b"y");
    commit(&mut sink, 0).unwrap();
    decide(&mut sink).unwrap();
}

#[test]
fn keys_of_other_types_are_found_at_start() {
    let server = Server::start(&[]);
    let directory = crate::model::Directory::new(1, &["1s".parse().unwrap(), "1m".parse().unwrap()]);
    let mut link = server.link();
    let mut check = || {
        let names = crate::publish::OutputNames::default();
        crate::publish::check_outputs(&mut link, &names, &directory, "position")
    };
    let mut oracle = server.oracle();
    oracle.xadd::<_, _, _, _, ()>("signals", "*", &[("a", "b")]).unwrap();
    oracle.hset::<_, _, _, ()>("position", "a", "b").unwrap();
    check().unwrap();
    oracle.set::<_, _, ()>("market_data_1m", "x").unwrap();
    let error = check().unwrap_err().to_string();
    assert!(error.contains("\"market_data_1m\" holds a string, not a stream"), "{error}");
}

#[test]
fn a_batch_survives_the_loss_of_its_server() {
    let mut first = Server::start(&[]);
    let mut sink = sink(&first);
    xadd(&mut sink, "signals", b"x");
    first.kill();
    commit(&mut sink, 0).unwrap();
    let error = decide(&mut sink).unwrap_err();
    assert!(error.needs_new_link(), "{error}");
    let second = Server::start(&[]);
    sink.replace_link(second.link());
    assert_eq!((sink.flight, sink.poll(1).unwrap()), (Flight::Held, Written::Pending));
    sink.send_from_start(1);
    decide(&mut sink).unwrap();
}

#[test]
fn silence_is_a_loss() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    ::redis::cmd("CLIENT").arg("PAUSE").arg(300).exec(&mut server.oracle()).unwrap();
    xadd(&mut sink, "signals", b"x");
    commit(&mut sink, 1_000).unwrap();
    assert_eq!(sink.exchange(5_000_001_000).unwrap(), Written::Pending);
    let error = sink.exchange(5_000_001_001).unwrap_err();
    assert!(matches!(&error, SinkError::Lost { source, .. } if source.kind() == io::ErrorKind::TimedOut), "{error}");
    assert_eq!((sink.flight, sink.poll(5_000_001_002).unwrap()), (Flight::Held, Written::Pending));
}

#[test]
fn an_account_without_transactions_is_refused_at_start() {
    let server = Server::start(&["--user", "w", "on", ">pw", "~*", "+@all", "-multi"]);
    let address = server.url("?user=w&pass=pw").parse().unwrap();
    let link = Link::connect(&address, &crate::redis_io::LinkOptions::default()).unwrap();
    let error = RedisSink::start(link, RedisSinkOptions::default()).unwrap_err().to_string();
    assert!(error.contains("MULTI: NOPERM"), "{error}");
}
