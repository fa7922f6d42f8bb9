//! The sink against real servers: committed, refused, failed in part, lost.

use super::*;
use crate::redis_io::testing::Server;
use ::redis::Commands as _;

const POSITION: &[(&[u8], &[u8])] = &[(b"market_data_1s", b"5-0"), (b"seq", b"7")];

fn sink(server: &Server) -> RedisSink {
    RedisSink::start(server.link(), RedisSinkOptions::default()).unwrap()
}

fn xadd(sink: &mut RedisSink, stream: &str, value: &[u8]) {
    sink.batch().command(5).arg("XADD").arg(stream).arg("*").arg("v").arg(value);
}

/// Polls until something is decided.
fn decide(sink: &mut RedisSink) -> Result<SinkState, SinkError> {
    for _ in 0..100_000 {
        match sink.poll(1)? {
            SinkState::InFlight => std::thread::sleep(Duration::from_micros(100)),
            state => return Ok(state),
        }
    }
    panic!("nothing is decided");
}

#[test]
fn a_batch_and_its_position_are_committed_together() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    assert_eq!(sink.poll(0).unwrap(), SinkState::Idle);
    for i in 0..100u8 {
        xadd(&mut sink, "signals", &[i]);
    }
    assert_eq!(sink.pending(), 100);
    assert!(sink.commit("position", POSITION, 0));
    xadd(&mut sink, "signals", b"next");
    assert!(!sink.commit("position", POSITION, 0));
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 100 });
    assert_eq!(sink.poll(1).unwrap(), SinkState::Idle);
    let mut oracle = server.oracle();
    assert_eq!(oracle.xlen::<_, u32>("signals").unwrap(), 100);
    let position: Vec<(String, String)> = oracle.hgetall("position").unwrap();
    assert_eq!(position, [("market_data_1s".into(), "5-0".into()), ("seq".into(), "7".into())]);
    assert!(sink.commit("position", POSITION, 0));
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 1 });
    assert_eq!(oracle.xlen::<_, u32>("signals").unwrap(), 101);
}

#[test]
fn a_batch_larger_than_the_sockets_buffers_goes_through() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    for _ in 0..64 {
        xadd(&mut sink, "signals", &vec![b'x'; 200_000]);
    }
    assert!(!sink.has_room());
    assert!(sink.commit("position", POSITION, 0));
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 64 });
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
    assert!(sink.commit("position", POSITION, 0));
    let error = decide(&mut sink).unwrap_err();
    let SinkError::Refused { command: 0, kind: ServerErrorKind::OutOfMemory, .. } = error else { panic!("{error}") };
    assert!(ServerErrorKind::OutOfMemory.is_transient() && !error.needs_new_link());
    assert_eq!(sink.poll(1).unwrap(), SinkState::Held);
    assert!(!sink.commit("position", POSITION, 0));
    limit(0);
    sink.resend(1);
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 1 });
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
    assert!(sink.commit("position", POSITION, 0));
    let error = decide(&mut sink).unwrap_err();
    let SinkError::Partly { command: 1, failed: 2, kind: ServerErrorKind::WrongType, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(sink.poll(1).unwrap(), SinkState::Idle);
    xadd(&mut sink, "other", b"y");
    assert!(sink.commit("position", POSITION, 0));
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 1 });
}

#[test]
fn keys_of_other_types_are_found_at_start() {
    let server = Server::start(&[]);
    let directory = crate::model::Directory::new(1, &["1s".parse().unwrap(), "1m".parse().unwrap()]);
    let mut link = server.link();
    let mut check = || {
        let names = crate::publish::OutputNames::default();
        crate::publish::check_outputs(&mut link, &names, &directory, "position", Duration::from_secs(5))
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
    assert!(sink.commit("position", POSITION, 0));
    let error = decide(&mut sink).unwrap_err();
    assert!(error.needs_new_link(), "{error}");
    let second = Server::start(&[]);
    sink.replace_link(second.link());
    assert_eq!(sink.poll(1).unwrap(), SinkState::Held);
    sink.resend(1);
    assert_eq!(decide(&mut sink).unwrap(), SinkState::Committed { entries: 1 });
}

#[test]
fn silence_is_a_loss() {
    let server = Server::start(&[]);
    let mut sink = sink(&server);
    ::redis::cmd("CLIENT").arg("PAUSE").arg(300).exec(&mut server.oracle()).unwrap();
    xadd(&mut sink, "signals", b"x");
    assert!(sink.commit("position", POSITION, 1_000));
    assert_eq!(sink.poll(5_000_001_000).unwrap(), SinkState::InFlight);
    let error = sink.poll(5_000_001_001).unwrap_err();
    assert!(matches!(&error, SinkError::Lost { source, .. } if source.kind() == io::ErrorKind::TimedOut), "{error}");
    assert_eq!(sink.forget(), 1);
    assert_eq!(sink.poll(1).unwrap(), SinkState::Idle);
}

#[test]
fn an_account_without_transactions_is_refused_at_start() {
    let server = Server::start(&["--user", "w", "on", ">pw", "~*", "+@all", "-multi"]);
    let address = server.url("?user=w&pass=pw").parse().unwrap();
    let link = Link::connect(&address, &crate::redis_io::LinkOptions::default()).unwrap();
    let error = RedisSink::start(link, RedisSinkOptions::default()).unwrap_err().to_string();
    assert!(error.contains("MULTI: NOPERM"), "{error}");
}
