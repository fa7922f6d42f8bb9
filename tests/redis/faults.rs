//! Servers that are not there, not willing, or not as they should be: said clearly, and never with the password.

use super::{
    engine::{Ended, Engine, NO_CLOCK, config},
    series::{self, Bar, START_MS, entries},
    server::{Client, Server},
};

const PASSWORD: &str = "hunter2-x9";
const STREAM: &str = "market_data_stream";

fn toml() -> String {
    // What is not there is not waited for here.
    let more = format!("{NO_CLOCK}[redis]\nstart_wait_s = 0\n");
    config(&[(STREAM, "1m")], &["SPY"], &["1m", "5m"], &more)
}

/// Fails with this code and these words, and without the password.
#[track_caller]
fn fails(code: i32, ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "no {word:?} in: {}", ended.stderr);
    }
    secret(ended);
}

#[track_caller]
fn secret(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

fn run(url: &str) -> Ended {
    Engine::run(&toml(), url).wait()
}

/// `redis.on_disk`: each batch waits for the disk; a server that cannot say what its disk has is refused at the start. Where the
/// server under test is older than Redis 7.2, the refusal is all that there is to see.
#[test]
fn a_batch_waits_for_the_disk_or_the_start_says_why_not() {
    let server = Server::start();
    let mut client = server.connect();
    let set = |client: &mut Client, name: &str, value: &str| {
        redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut client.0).unwrap();
    };
    let bars: Vec<Bar> = series::bars(&["SPY"], START_MS, 60_000, 400);
    let last = client.add(STREAM, &entries(bars.iter().map(Bar::legacy)));
    let toml = toml() + "on_disk = true\nreplicas_wait_ms = 200\n";
    let refused = Engine::run(&toml, &server.tcp()).wait();
    fails(4, &refused, &["WAITAOF", "redis.on_disk needs Redis 7.2 or newer, or Valkey, with appendonly yes"]);
    assert_eq!(client.len("signals"), 0);
    let asked: Result<(i64, i64), _> = redis::cmd("WAITAOF").arg(0).arg(0).arg(1).query(&mut client.0);
    if asked.is_err() {
        println!("the server has no WAITAOF: its refusal alone was tested");
        return;
    }
    set(&mut client, "appendonly", "yes");
    set(&mut client, "appendfsync", "no");
    let mut engine = Engine::run(&toml, &server.tcp());
    engine.until_said("do not all have the last batch");
    let held = client.position("main", STREAM);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(client.position("main", STREAM), held, "something was written behind a batch that no disk has");
    set(&mut client, "appendfsync", "always");
    engine.until_at(&mut client, STREAM, &last);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("the disks have the batch after"), "{}", ended.stderr);
}

#[test]
fn a_server_that_is_not_there() {
    let ended = run(&format!("redis://:{PASSWORD}@127.0.0.1:1/2"));
    fails(9, &ended, &["cannot connect to redis://:***@127.0.0.1:1/2", "refused"]);
    let ended = run(&format!("redis://joe:{PASSWORD}@127.0.0.1:1"));
    fails(9, &ended, &["cannot connect to redis://joe:***@127.0.0.1:1/0"]);
    let ended = run(&format!("redis+unix:///nowhere/redis.sock?pass={PASSWORD}"));
    fails(9, &ended, &["cannot connect to", "/nowhere/redis.sock", "No such file"]);
}

#[test]
fn a_url_that_is_none() {
    for url in [
        "http://:PW@localhost",
        "redis://:PW@localhost:port",
        "redis://:PW@localhost/db",
        "redis://:PW@",
        "joe:PW@localhost",
        ":PW@localhost:6379",
        "/run/redis.sock?pass=PW",
    ] {
        fails(4, &run(&url.replace("PW", PASSWORD)), &["redis.url", "redis+unix:///path"]);
    }
}

#[test]
fn passwords_wrong_missing_and_right() {
    let server = Server::with_password("the-right-one");
    let port = server.port();
    fails(
        4,
        &run(&format!("redis://:{PASSWORD}@127.0.0.1:{port}")),
        &["WRONGPASS", "check user and password", ":***@"],
    );
    fails(4, &run(&format!("redis://127.0.0.1:{port}")), &["NOAUTH", "put it into the URL"]);

    let server = Server::with_password(PASSWORD);
    let mut client = server.connect();
    let last = client.add(STREAM, &entries(series::bars(&["SPY"], START_MS, 60_000, 20).iter().map(Bar::legacy)));
    for url in [server.tcp(), server.unix()] {
        client.delete_all_but(&[STREAM]);
        secret(&super::engine::run_up_to(&toml(), &url, &mut client, STREAM, &last));
    }
    let url = format!("start_wait_s = 0\nurl = {:?}\n", server.tcp());
    let written = toml().replace("start_wait_s = 0\n", &url);
    for command in ["show", "check"] {
        let ended = Engine::start(&written, &["config", command]).wait().succeeded();
        secret(&ended);
    }
    let wrong = ["config", "check", "--set", &format!("redis.ulr={}", server.tcp())].map(str::to_owned);
    let ended = Engine::start(&written, &wrong.each_ref().map(String::as_str)).wait();
    assert!(!ended.status.success());
    secret(&ended);
}

#[test]
fn an_account_that_may_not_write() {
    let server = Server::start();
    let mut client = server.connect();
    client.add(STREAM, &entries(series::bars(&["SPY"], START_MS, 60_000, 20).iter().map(Bar::legacy)));
    let rule = format!("ACL SETUSER viewer on >{PASSWORD} ~* +@all -xadd");
    let mut command = redis::Cmd::new();
    rule.split(' ').for_each(|part| _ = command.arg(part));
    command.exec(&mut client.0).unwrap();
    let ended = run(&format!("redis://viewer:{PASSWORD}@127.0.0.1:{}", server.port()));
    fails(4, &ended, &["NOPERM", "ACL GETUSER", "viewer:***@"]);
    assert_eq!(client.position("main", STREAM), None, "nothing was written, and so nothing is done");
}

#[test]
fn keys_of_another_type_are_named() {
    let server = Server::start();
    let mut client = server.connect();
    let position = "wagehood:engine:position:main";
    let outputs = ["signals", "market_data_5m", "calculation_events_stream", "alert_stream", "market_data_dead_letter"];
    for key in outputs.into_iter().chain([position, STREAM]) {
        client.delete_all_but(&[]);
        client.set(key, "a string");
        fails(4, &run(&server.tcp()), &[key, "string", "another program uses this key"]);
    }
    client.delete_all_but(&[]);
    redis::cmd("HSET").arg(position).arg(STREAM).arg("yesterday").exec(&mut client.0).unwrap();
    fails(1, &run(&server.unix()), &[position, "yesterday", STREAM]);

    let csv = tempfile::NamedTempFile::new().unwrap();
    series::write_csv(csv.path(), &series::bars(&["SPY"], START_MS, 60_000, 20));
    client.delete_all_but(&[]);
    client.set("signals", "a string");
    let args = ["replay", "--input", csv.path().to_str().unwrap(), "--redis", &server.unix(), "--redis-prefix", ""]
        .map(str::to_owned);
    fails(4, &Engine::start(&toml(), &args.each_ref().map(String::as_str)).wait(), &["signals", "string"]);
}
