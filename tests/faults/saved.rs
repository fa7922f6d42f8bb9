//! The commands that look into saved state, on the snapshots of a real engine; a state directory that is deleted.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols, write},
    outcome::{caught_up, entries},
    server::Server,
    writers::wait_for,
};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(120);

fn state(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"));
    command.arg("state").args(args).current_dir(dir).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir.join("state"))
        .map(|files| files.flatten().map(|file| file.path()).collect())
        .unwrap_or_default();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "snapshot"));
    all.sort();
    all
}

#[test]
fn snapshots_are_told_checked_and_exported() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(4, 0));
    let (mut link, mut walk) = (server.connection(), Walk::new(9, "S", 4, 1_000));
    let toml = config(server.port, "kept", &names, "");
    let mut engine = Engine::new(dir.path(), "kept", &toml, &[]);
    engine.start();
    for _ in 0..3_000 {
        redis::cmd("XADD").arg(STREAMS[0]).arg("*").arg(walk.record()).exec(&mut link).unwrap();
    }
    assert!(caught_up(&mut link, "kept", &STREAMS[..1], LONG), "{}", engine.said());
    engine.stop();
    let newest = snapshots(dir.path()).pop().unwrap();
    fs::write(dir.path().join("own.toml"), &toml).unwrap();
    fs::write(
        dir.path().join("other.toml"),
        format!("{toml}\n[strategies.macd_rsi.timeframes.1m]\nrsi_oversold = 35.0\n"),
    )
    .unwrap();

    let own = state(dir.path(), &["inspect", "--config", "own.toml"]);
    let said = text(&own);
    assert!(own.status.success(), "{said}");
    assert!(said.contains(newest.canonicalize().unwrap().to_str().unwrap()), "{said}");
    assert!(said.contains("of 12 cells of this configuration 12 go on from it\n"), "{said}");
    assert!(said.contains(&format!("by version {}", env!("CARGO_PKG_VERSION"))), "{said}");
    let other = text(&state(dir.path(), &["inspect", "--config", "other.toml"]));
    assert!(other.contains("8 go on from it; cold: ") && other.contains("(other parameters)"), "{other}");
    assert_eq!(snapshots(dir.path()).last(), Some(&newest), "looking changes nothing");

    let exported = state(dir.path(), &["export", "--config", "own.toml", newest.to_str().unwrap()]);
    let records: Vec<serde_json::Value> =
        text(&exported).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| records.iter().filter(|record| record["record"] == kind).collect::<Vec<_>>();
    assert_eq!((of("snapshot").len(), of("cell").len()), (1, 12));
    assert!(!of("signal").is_empty());
    let second = of("cell").into_iter().find(|cell| cell["symbol"] == "S0" && cell["timeframe"] == "1s").unwrap();
    assert_eq!(second["bars"], 750, "every fourth record is this symbol's: {second}");
    assert!(second["reading"]["rsi"].as_f64().is_some_and(|rsi| (0.0..=100.0).contains(&rsi)), "{second}");

    // One bit of one of them.
    let whole = state(dir.path(), &["verify", "--config", "own.toml"]);
    assert!(whole.status.success(), "{}", text(&whole));
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let broken = state(dir.path(), &["verify", "--config", "own.toml"]);
    assert_eq!(broken.status.code(), Some(1));
    let bad: Vec<String> =
        text(&broken).lines().filter(|line| line.contains("is damaged")).map(str::to_owned).collect();
    assert!(bad.len() == 1 && bad[0].contains(newest.file_name().unwrap().to_str().unwrap()), "{}", text(&broken));

    let nothing = state(dir.path(), &["inspect", "--set", "state.dir=nowhere"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing).contains("nowhere\n  cannot be read: "), "{nothing:?}");
}

#[test]
fn a_state_directory_that_is_deleted_is_made_again_while_the_engine_runs() {
    let (dir, server, names) = (tempfile::tempdir().unwrap(), Server::start(), symbols(2, 0));
    let mut engine = Engine::new(dir.path(), "kept", &config(server.port, "kept", &names, ""), &[]);
    engine.start();
    let written = |engine: &Engine| {
        let begun = Instant::now();
        while snapshots(dir.path()).is_empty() {
            assert!(begun.elapsed() < LONG, "{}", engine.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    written(&engine);
    fs::remove_dir_all(dir.path().join("state")).unwrap();
    written(&engine);
    engine.stop();
    assert!(!engine.said().contains("no snapshot can be written"), "{}", engine.said());
    assert!(
        engine
            .said()
            .contains(&format!("snapshots go to {}", dir.path().canonicalize().unwrap().join("state").display()))
    );
}

#[test]
fn with_snapshots_in_the_server_an_engine_moves_to_another_host_and_goes_on_there() {
    let (here, there, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Server::start());
    let (names, mut link) = (symbols(4, 0), server.connection());
    let mut walk = Walk::new(5, "S", 4, 1_000);
    let text = |name: &str| {
        let text = config(server.port, name, &names, "");
        text.replace("[state]\n", "[state]\nstore = \"redis\"\n")
    };
    let mut calm = Engine::new(here.path(), "calm", &text("calm"), &[]);
    let mut moved = Engine::new(here.path(), "moved", &text("moved"), &[]);
    calm.start();
    moved.start();
    write(&mut link, &mut walk, 3_000);
    for name in ["calm", "moved"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}");
    }
    // What a process that dies while it writes leaves behind.
    let index = "wagehood:engine:snapshot:moved";
    moved.stop();
    let half = "00000000000000aa 00000000000000bb 77 600000";
    redis::cmd("HSET").arg(index).arg("unfinished").arg(half).exec(&mut link).unwrap();
    for chunk in 0..2 {
        redis::cmd("SET").arg(format!("{index}:00000000000000bb:77:{chunk}")).arg("x").exec(&mut link).unwrap();
    }
    let _: usize = redis::cmd("XTRIM").arg(STREAMS[0]).arg("MAXLEN").arg(100).query(&mut link).unwrap();
    write(&mut link, &mut walk, 5_000);
    let mut moved = Engine::new(there.path(), "moved", &text("moved"), &[]);
    moved.start();
    for name in ["calm", "moved"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}: {}", moved.said());
    }
    calm.stop();
    moved.stop();
    assert!(moved.said().contains(&format!("({index} ")), "{}", moved.said());
    assert!(!there.path().join("state").exists());
    let wanted = entries(&mut link, "signals:calm");
    assert!(!wanted.is_empty() && wanted == entries(&mut link, "signals:moved"), "{}", moved.said());
    let left: usize = redis::cmd("EXISTS").arg(format!("{index}:00000000000000bb:77:0")).query(&mut link).unwrap();
    assert_eq!(left, 0, "what was left unfinished is removed");
    let kept: Vec<String> = redis::cmd("KEYS").arg(format!("{index}:*")).query(&mut link).unwrap();
    assert_eq!(kept.len(), 2, "two snapshots of one chunk each: {kept:?}");
}

/// What a version of the engine has left behind, and what it would have said next.
fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sample/state").join(name);
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_snapshot_of_the_version_before_is_gone_on_from() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let mut link = server.connection();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sample/state");
    let toml = fs::read_to_string(sample.join("v2.toml")).unwrap().replace("7777", &server.port.to_string());
    // The input, as it was written then.
    let (mut pipe, mut of_ms) = (redis::pipe(), std::collections::HashMap::new());
    for line in recorded("v2.input.csv.gz").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let ms = cells[0].parse::<i64>().unwrap() + 1_100;
        let number: &mut u64 = of_ms.entry(ms).or_default();
        let names = ["timestamp", "symbol", "open", "high", "low", "close", "volume"];
        let fields: Vec<(&str, &str)> = names.into_iter().zip(cells.iter().copied()).collect();
        pipe.xadd("in_1s", format!("{ms}-{number}"), &fields).ignore();
        *number += 1;
    }
    pipe.query::<()>(&mut link).unwrap();
    let position: std::collections::HashMap<String, String> =
        serde_json::from_slice(&fs::read(sample.join("v2.position.json")).unwrap()).unwrap();
    for (field, value) in &position {
        redis::cmd("HSET").arg("wagehood:engine:position:golden").arg(field).arg(value).exec(&mut link).unwrap();
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(sample.join("v2.snapshot.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    fs::create_dir(dir.path().join("state")).unwrap();
    fs::write(dir.path().join(format!("state/golden-{}-0000000001.snapshot", position["origin"])), bytes).unwrap();

    let mut engine = Engine::new(dir.path(), "golden", &toml, &[]);
    engine.start();
    assert!(caught_up(&mut link, "golden", &STREAMS[..1], LONG), "{}", engine.said());
    engine.stop();
    let said = engine.said();
    assert!(said.contains("with the state of the snapshot"), "{said}");
    assert!(!said.contains("rebuilt from the streams' history"), "{said}");
    let found = entries(&mut link, "signals");
    let wanted = recorded("v2.signals.jsonl.gz");
    let wanted: Vec<crate::outcome::Entry> = wanted.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), wanted.len(), "{said}");
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(wanted.iter().all(|(field, value)| found.get(field) == Some(value)), "{found:?}\n{wanted:?}");
    }
}

/// The lease of the tests runs so long, ms.
const LEASE_MS: u64 = 3_000;

/// A standby in another folder, with these lines in its state section; the streams are trimmed, and the holder is killed.
fn take_over(state: &str) {
    let (here, there, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Server::start());
    let (names, mut link) = (symbols(4, 0), server.connection());
    let mut walk = Walk::new(6, "S", 4, 1_000);
    let text = |name: &str| {
        config(server.port, name, &names, "").replace("timeout_ms", &format!("lease_ms = {LEASE_MS}\ntimeout_ms"))
    };
    let mut calm = Engine::new(here.path(), "calm", &text("calm"), &[]);
    let mut holder = Engine::new(here.path(), "pair", &text("pair"), &[]);
    calm.start();
    holder.start();
    write(&mut link, &mut walk, 3_000);
    assert!(caught_up(&mut link, "pair", &STREAMS[..1], LONG), "{}", holder.said());
    let own = text("pair").replace("[state]\n", &format!("[state]\n{state}\n"));
    let mut standby = Engine::new(there.path(), "pair", &own, &["--standby"]);
    standby.start();
    standby.says("its state is warm up to");
    assert!(!standby.said().contains("cannot be kept warm"), "{}", standby.said());
    // What it has read is gone, and more comes; the holder dies in the middle.
    let _: usize = redis::cmd("XTRIM").arg(STREAMS[0]).arg("MAXLEN").arg(100).query(&mut link).unwrap();
    for _ in 0..20 {
        write(&mut link, &mut walk, 100);
        std::thread::sleep(Duration::from_millis(60));
    }
    let epoch = |link: &mut redis::Connection| -> u64 {
        redis::Commands::get(link, "wagehood:engine:lease:pair:epoch").unwrap()
    };
    let before = epoch(&mut link);
    holder.kill();
    let died = Instant::now();
    write(&mut link, &mut walk, 500);
    wait_for(LONG, || epoch(&mut link) > before);
    let taken = died.elapsed();
    for name in ["calm", "pair"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}: {}", standby.said());
    }
    eprintln!(
        "the standby held the lease {} ms after the holder's end, and had caught up after {} ms",
        taken.as_millis(),
        died.elapsed().as_millis()
    );
    // A second after the lease has run out; the rest is for a machine that is busy.
    assert!(taken < Duration::from_millis(LEASE_MS + 5_000), "{taken:?}");
    calm.stop();
    standby.stop();
    let said = standby.said();
    assert!(said.contains("(of this standby, "), "{said}");
    let wanted = entries(&mut link, "signals:calm");
    assert!(!wanted.is_empty() && wanted == entries(&mut link, "signals:pair"), "{said}");
}

#[test]
fn a_standby_that_shares_no_files_takes_over_with_the_state_of_an_undisturbed_run() {
    take_over("");
}

#[test]
fn so_does_a_standby_that_keeps_no_files_at_all() {
    take_over("dir = \"\"");
}
