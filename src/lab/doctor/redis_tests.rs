//! Runs the doctor against Redis servers of the test's own.

use super::{CpuPlan, Finding, Judgement, RedisProbe, RedisQuestions, RoundTrip, StreamState, redis_items::items};
use crate::{
    config::Config,
    redis_io::{Link, testing::Server},
    runtime::Clock,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn questions(server: &Server) -> RedisQuestions {
    RedisQuestions {
        address: server.url("").parse().unwrap(),
        position_key: "position".to_owned(),
        streams: vec![("bars".to_owned(), crate::feed::EntryForm::new("1m".parse().unwrap()))],
        connect_timeout: SECOND,
        timeout: SECOND,
        reply_bytes_max: 64 << 20,
        tls: None,
        on_disk: false,
    }
}

fn say(link: &mut Link, line: &str) {
    let mut words = line.split(' ');
    link.ask::<()>(words.next().map(redis::cmd).unwrap().arg(words.collect::<Vec<_>>())).unwrap();
}

fn examine(questions: &RedisQuestions) -> Vec<Finding> {
    let probe = RedisProbe::ask(questions, &Clock::new());
    items(Some(&probe), &CpuPlan::new(&Config::default(), None))
}

#[track_caller]
fn expect(items: &[Finding], name: &str, verdict: Judgement, words: &str) {
    let item = items.iter().find(|item| item.name == name).unwrap();
    assert!(item.verdict == verdict && item.current.contains(words), "{item:?}");
}

#[test]
fn a_server_that_cannot_say_what_its_disk_has_is_named() {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let asks = RedisQuestions { on_disk: true, ..questions(&server) };
    let knows = server.link().ask::<()>(redis::cmd("WAITAOF").arg(1).arg(0).arg(1)).is_ok();
    if knows {
        expect(&examine(&asks), "redis.on_disk", Judgement::Pass, "always");
        say(&mut server.link(), "CONFIG SET appendonly no");
        expect(&examine(&asks), "redis.on_disk", Judgement::Fail, "no appendonly");
    } else {
        expect(&examine(&asks), "redis.on_disk", Judgement::Fail, "does not know WAITAOF");
    }
    assert!(examine(&questions(&server)).iter().all(|item| item.name != "redis.on_disk"));
}

#[test]
fn a_server_is_asked_over_both_sockets_and_left_as_it_was() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start(&["--port", &port.to_string()]);
    let mut link = server.link();
    for seq in 1..=5 {
        say(&mut link, &format!("XADD bars 7-{seq} f v"));
    }
    say(&mut link, "HSET position bars 7-2");
    let probe = RedisProbe::ask(&questions(&server), &Clock::new());
    assert!(matches!(&probe.socket, RoundTrip::Measured { p50_ns, p99_ns, .. } if p50_ns <= p99_ns), "{probe:?}");
    assert!(matches!(&probe.tcp, RoundTrip::Measured { address, .. } if address.contains(&port.to_string())));
    assert!(matches!(&probe.streams[0].state, StreamState::Present { length: 5, lag: (3, false), .. }), "{probe:?}");
    let found = items(Some(&probe), &CpuPlan::new(&Config::default(), None));
    expect(&found, "server", Judgement::Pass, "redis.sock");
    expect(&found, "version", Judgement::Pass, "");
    expect(&found, "maxmemory-policy", Judgement::Pass, "noeviction");
    expect(&found, "persistence", Judgement::Warn, "a restart loses everything");
    expect(&found, "last fork", Judgement::Pass, "never");
    expect(&found, "output buffers", Judgement::Pass, "no limit");
    expect(&found, "stream bars", Judgement::Pass, "3 behind of 5");
    assert_eq!(link.ask::<u64>(&redis::cmd("DBSIZE")).unwrap(), 2);
    // Over TCP, the doctor finds the Unix domain socket by asking the server.
    let by_tcp = RedisQuestions { address: format!("redis://127.0.0.1:{port}").parse().unwrap(), ..questions(&server) };
    let probe = RedisProbe::ask(&by_tcp, &Clock::new());
    assert!(matches!(probe.socket, RoundTrip::Measured { .. }) && matches!(probe.tcp, RoundTrip::Measured { .. }));
}

#[test]
fn settings_that_lose_streams_fail() {
    let server =
        Server::start(&["--maxmemory-policy", "allkeys-lru", "--appendonly", "yes", "--appendfsync", "always"]);
    let mut link = server.link();
    let found = examine(&questions(&server));
    expect(&found, "maxmemory-policy", Judgement::Fail, "allkeys-lru, no maxmemory yet");
    expect(&found, "persistence", Judgement::Pass, "every write waits");
    expect(&found, "stream bars", Judgement::Warn, "not there");
    expect(&found, "round trip, TCP", Judgement::Unknown, "does not listen");

    say(&mut link, "CONFIG SET maxmemory-policy volatile-lru");
    say(&mut link, "CONFIG SET appendfsync everysec");
    say(&mut link, "CONFIG SET maxmemory 100000000");
    let limits = ["SET", "client-output-buffer-limit", "normal 1mb 1mb 5"];
    link.ask::<()>(redis::cmd("CONFIG").arg(&limits)).unwrap();
    say(&mut link, "XADD bars 7-1 f v");
    let found = examine(&questions(&server));
    expect(&found, "maxmemory-policy", Judgement::Pass, "the streams have no lifetime");
    expect(&found, "persistence", Judgement::Warn, "appendonly, everysec");
    expect(&found, "output buffers", Judgement::Warn, "hard 1.00 MiB, soft 1.00 MiB for 5 s");
    expect(&found, "stream bars", Judgement::Pass, "1 entries, no position saved yet");
    say(&mut link, "EXPIRE bars 1000");
    expect(&examine(&questions(&server)), "maxmemory-policy", Judgement::Fail, "lifetime");
}

#[test]
fn positions_that_cannot_be_right_are_found() {
    let server = Server::start(&[]);
    let mut link = server.link();
    for (setup, verdict, words) in [
        (
            "XADD bars 7-1 f v|HSET position bars 9-0",
            Judgement::Fail,
            "it had been read up to 9-0, but its newest entry ever is 7-1",
        ),
        ("HSET position bars 5-0", Judgement::Warn, "begins at 7-1, after position 5-0"),
        ("HSET position bars soon", Judgement::Fail, "\"soon\", which is no entry id"),
        ("DEL bars|SET bars text", Judgement::Fail, "another type of value"),
    ] {
        setup.split('|').for_each(|line| say(&mut link, line));
        expect(&examine(&questions(&server)), "stream bars", verdict, words);
    }
    say(&mut link, "DEL bars position");
    for seq in 0..2_500 {
        say(&mut link, &format!("XADD bars 7-{} f v", seq + 1));
    }
    say(&mut link, "HSET position bars 7-300");
    expect(&examine(&questions(&server)), "stream bars", Judgement::Warn, "2200 behind of 2500");
}

#[test]
fn what_an_account_may_not_ask_is_unknown_and_an_absent_server_fails() {
    let user = ["--user", "poor", "on", ">pw", "~*", "+ping", "+client", "+auth", "+exists"];
    let mut server = Server::start(&user);
    let poor = RedisQuestions { address: server.url("?user=poor&pass=pw").parse().unwrap(), ..questions(&server) };
    let found = examine(&poor);
    for name in ["version", "maxmemory-policy", "persistence", "last fork", "output buffers", "round trip, TCP"] {
        expect(&found, name, Judgement::Unknown, "");
    }
    expect(&found, "round trip, socket", found[2].verdict, "p50");
    let gone = questions(&server);
    server.kill();
    let found = examine(&gone);
    assert_eq!(found.len(), 1);
    expect(&found, "server", Judgement::Fail, "cannot connect");
}
