//! The made-up market into Redis, and the engine behind it: the commands of the README, and kill -9.

use super::{
    engine::Engine,
    server::Server,
    stream::{read, signals},
};
use redis::Value;
use wagehood_engine::feed::{self, decode_entry};

/// The same for both processes.
fn config(more: &str) -> String {
    format!(
        "[[input.streams]]\nname = \"market_data_1s\"\ntimeframe = \"1s\"\nclock = \"heartbeat\"\n[timeframes]\nlist = [\"1s\", \
         \"5s\", \"1m\"]\n[engine]\nthreading = \"shared\"\n[ingest]\nheartbeat_ms = 100\n{more}"
    )
}

#[test]
fn the_three_commands_of_the_readme() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## Live data in five minutes").expect("the README has the section");
    let commands: Vec<&str> = section.split("```").nth(1).unwrap().lines().skip(1).collect();
    let args = |line: &str, url: &str| -> Vec<String> {
        let line = line.split('#').next().unwrap().trim_end().trim_end_matches('&');
        line.split_whitespace().skip(1).map(|arg| arg.replace("redis://127.0.0.1:6379", url)).collect()
    };
    let server = Server::start();
    let mut client = server.connect();
    let started: Vec<Engine> = commands
        .iter()
        .filter(|line| line.starts_with("wagehood-engine "))
        .map(|line| {
            let args = args(line, &server.unix());
            Engine::start("", &args.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect();
    let [mut ingest, mut engine] = <[Engine; 2]>::try_from(started).ok().expect("two commands of the program");
    let reader = commands.iter().find(|line| line.starts_with("redis-cli ")).expect("a reader");
    ingest.until("heartbeats came", || read(&mut client, "market_data_1s", "1s").beats.len() > 3);
    engine.until("signals came", || client.len("signals") > 0);
    // The reader's command, with the beginning of the stream for its end: the first signal is there already.
    let mut command = redis::Cmd::new();
    args(reader, "").iter().for_each(|arg| _ = command.arg(if arg == "$" { "0" } else { arg }));
    let reply: Value = command.query(&mut client.0).unwrap();
    assert!(format!("{reply:?}").contains("signal_id"), "{reply:?}");
    engine.stop().succeeded();
    ingest.stop().succeeded();
    read(&mut client, "market_data_1s", "1s").assert_once_in_order(1_000);
}

/// Each symbol has every second from where it begins on, in both forms, in one stream or several.
fn assert_whole(server: &Server, streams: &[&str], symbols: usize) {
    let mut client = server.connect();
    let mut found = 0;
    for stream in streams {
        let all = read(&mut client, stream, "1s");
        all.assert_once_in_order(1_000);
        for (symbol, starts) in all.starts() {
            assert!(starts.windows(2).all(|two| two[1] == two[0] + 1_000), "{symbol}: a second is missing: {starts:?}");
            found += 1;
        }
    }
    assert_eq!(found, symbols, "each symbol is in one stream");
}

#[test]
fn killed_again_and_again_both_lose_nothing_and_repeat_nothing() {
    let server = Server::start();
    let mut client = server.connect();
    let (toml, url) = (config(""), server.unix());
    let feed = ["ingest", "--provider", "mock", "--symbols", "5", "--past", "30m", "--rate", "1000", "--redis", &url];
    let run = ["run", "--symbols", "5", "--redis", &url];
    let mut before = 0;
    for round in 0..4 {
        let (mut ingest, mut engine) = (Engine::start(&toml, &feed), Engine::start(&toml, &run));
        ingest.until("more bars came", || client.len("market_data_1s") > before + 5);
        engine.until("the engine read on", || client.position("main", "market_data_1s").is_some());
        before = client.len("market_data_1s");
        // In the middle of whatever they do.
        std::thread::sleep(std::time::Duration::from_millis(37 * (round + 1)));
        ingest.kill();
        engine.kill();
    }
    // The last ones run until all of the past is there and end as they should.
    let mut ingest = Engine::start(&toml, &feed);
    ingest.until("the past was over", || read(&mut client, "market_data_1s", "1s").bars.len() > 5 * 1_700);
    ingest.stop().succeeded();
    assert_whole(&server, &["market_data_1s"], 5);
    let last = client.last_id("market_data_1s").unwrap();
    let mut engine = Engine::start(&toml, &run);
    engine.until_at(&mut client, "market_data_1s", &last);
    engine.stop().succeeded();
    // One that nothing has disturbed.
    let calm =
        "[output.streams]\nsignals = \"calm\"\n[output]\nbars = false\nalerts = false\ncalculation_events = \"off\"\n";
    let calm = toml.replace("[engine]\n", "[engine]\nname = \"calm\"\n") + calm;
    let mut engine = Engine::start(&calm, &run);
    engine.until("it has read everything", || client.position("calm", "market_data_1s").as_deref() == Some(&last));
    engine.stop().succeeded();
    let (found, wanted) = (signals(&mut client, "signals"), signals(&mut client, "calm"));
    assert!(wanted.len() > 20, "only {} signals", wanted.len());
    assert_eq!(found.len(), wanted.len());
    assert!(found == wanted, "the signals differ");
}

#[test]
fn symbols_share_streams_and_any_program_can_read_them() {
    let server = Server::start();
    let mut client = server.connect();
    let second = "[[input.streams]]\nname = \"market_data_1s:{1}\"\ntimeframe = \"1s\"\n";
    let toml = format!(
        "{}form = \"fields\"\n",
        config(second).replace("name = \"market_data_1s\"", "name = \"market_data_1s:{0}\"")
    );
    // The table of the second stream has to stand before that of the ingestion.
    let toml = toml.replace(second, "").replace("[timeframes]\n", &format!("{second}[timeframes]\n"));
    let feed = ["ingest", "--provider", "mock", "--symbols", "8", "--past", "20s", "--redis", &server.unix()];
    let streams = ["market_data_1s:{0}", "market_data_1s:{1}"];
    let mut ingest = Engine::start(&toml, &feed);
    ingest.until("bars came to both", || streams.iter().all(|stream| client.len(stream) > 30));
    ingest
        .until("times are told", || client.json("wagehood:health:ingest:mock")["commit_us"]["max"].as_u64() > Some(0));
    // Another of the name is refused, and tells why.
    let second = Engine::start(&toml, &feed).wait();
    assert_eq!(second.status.code(), Some(6), "{}", second.stderr);
    ingest.stop().succeeded();
    assert_whole(&server, &streams, 8);
    let health = client.json("wagehood:health:ingest:mock");
    assert_eq!(
        (&health["provider"], &health["symbols"], &health["gaps_left"]),
        (&"mock".into(), &8.into(), &0.into()),
        "{health}"
    );
    let times = ["p50", "p99", "max"].map(|of| health["commit_us"][of].as_u64().unwrap());
    assert!(times.is_sorted(), "{times:?}");
    let entry = client.entries(streams[0]).into_iter().next().unwrap();
    assert_eq!(entry.text("source"), "mock");
    assert_eq!(entry.json("metadata")["timeframe"], "1s");
}

#[test]
fn a_rate_that_would_run_ahead_of_the_clock_is_refused() {
    let server = Server::start();
    let url = server.unix();
    let ended =
        Engine::start("", &["ingest", "--provider", "mock", "--symbols", "10", "--rate", "1000", "--redis", &url]);
    let ended = ended.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--past"), "{}", ended.stderr);
}

#[test]
fn as_a_child_of_the_engine_it_is_started_again_and_ends_with_it() {
    let server = Server::start();
    let mut client = server.connect();
    let lease = "wagehood:ingest:lease:mock";
    let url = server.unix();
    let run = ["run", "--feed", "mock", "--symbols", "5", "--redis", &url];
    // The streams have heartbeats without being told.
    let toml = config("").replace("clock = \"heartbeat\"\n", "");
    let held = |client: &mut super::server::Client| client.keys().iter().any(|key| key == lease);
    let mut engine = Engine::start(&toml, &run);
    engine.until("bars of five seconds closed", || client.len("market_data_5s") >= 5);
    // Its child is killed.
    let value: String = redis::cmd("GET").arg(lease).query(&mut client.0).unwrap();
    let pid = value.split(' ').find_map(|field| field.strip_prefix("pid=")).unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    let before = read(&mut client, "market_data_1s", "1s").bars.len();
    engine.until("bars came again", || read(&mut client, "market_data_1s", "1s").bars.len() > before + 10);
    let ended = engine.stop().succeeded();
    assert!(ended.stderr.contains("the ingestion has ended"), "{}", ended.stderr);
    assert!(!held(&mut client), "the child has ended before its parent");
    assert_whole(&server, &["market_data_1s"], 5);
    // And where its parent is killed.
    let mut engine = Engine::start(&toml, &run);
    engine.until("the child is there", || held(&mut client));
    engine.kill();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while held(&mut client) {
        assert!(std::time::Instant::now() < deadline, "the child outlives its parent");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn bars_of_which_only_longer_ones_are_made_wait_for_corrections() {
    let server = Server::start();
    let mut client = server.connect();
    let waits = "[styles.swing]\nsettle_s = 2\n[styles.position]\nsettle_s = 90\n";
    let toml = config(waits).replace("\"1s\", \"5s\", \"1m\"", "\"1h\", \"1d\"");
    let feed = ["ingest", "--provider", "mock", "--symbols", "3", "--past", "20s", "--redis", &server.unix()];
    let mut ingest = Engine::start(&toml, &feed);
    ingest.until("the past came, and what follows it", || {
        let all = read(&mut client, "market_data_1s", "1s");
        all.bars.len() > 3 * 22 && all.beats.len() > 3
    });
    ingest.stop().succeeded();
    let all = read(&mut client, "market_data_1s", "1s");
    all.assert_once_in_order(1_000);
    for entry in client.entries("market_data_1s") {
        let written: i64 = entry.id.split('-').next().unwrap().parse().unwrap();
        let fields = entry.fields.iter().map(|(name, value)| (&name[..], &value[..]));
        let end = match decode_entry(fields, "1s".parse().unwrap()).unwrap() {
            feed::Entry::Frame(frame) => frame.records().map(|record| record.ts + 1_000).max().unwrap(),
            feed::Entry::Bar(record) => record.ts + 1_000,
            feed::Entry::Heartbeat(beat) => beat.end,
        };
        assert!(end + 2_000 <= written, "{end} was written at {written}");
    }
}
