//! State belongs to a cell: a change of the configuration costs the cells that it concerns their state, and no other.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk},
    outcome::{Entry, caught_up, entries},
    server::Server,
};
use redis::Commands;
use std::time::Duration;
use wagehood_engine::model::StreamId;

const LONG: Duration = Duration::from_secs(120);
/// Symbols in the input.
const SYMBOLS: usize = 101;

/// The configuration of an engine of these symbols and timeframes, with what is to be otherwise.
fn configured(port: u16, name: &str, symbols: &[String], timeframes: &str, more: &str) -> String {
    let text = config(port, name, symbols, more);
    let text = text.replace("list = [\"1s\", \"1m\", \"5m\"]", &format!("list = [{timeframes}]"));
    // Only the snapshot of an end: what is committed then gets ahead of it.
    text.replace("snapshot_interval_s = 1\n", "snapshot_interval_s = 3600\n")
}

/// Writes so many seconds of all symbols.
fn write(link: &mut redis::Connection, walk: &mut Walk, seconds: usize) {
    (0..seconds).for_each(|_| crate::feed::write(link, walk, SYMBOLS));
}

/// The line about the state, of the last start that had one.
fn told(engine: &Engine) -> String {
    let said = engine.said();
    said.lines().rfind(|line| line.contains("cells go on from the snapshot")).unwrap_or(&said).to_owned()
}

/// The entries made of input behind this one.
fn behind(all: &[Entry], position: &str) -> Vec<Entry> {
    let id = |text: &str| StreamId::parse(text.as_bytes()).unwrap();
    all.iter().filter(|entry| id(&entry["source_id"]) > id(position)).cloned().collect()
}

/// The number of files in the state directory that were set aside.
fn set_aside(dir: &std::path::Path) -> usize {
    let files = std::fs::read_dir(dir.join("state")).unwrap().flatten();
    files.filter(|file| file.path().extension().is_some_and(|extension| extension == "unusable")).count()
}

#[test]
fn a_change_costs_the_cells_that_it_concerns_their_state_and_no_other() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (mut link, mut walk) = (server.connection(), Walk::new(8, "S", SYMBOLS, 1_000));
    let port = server.port;
    let first: Vec<String> = (0..SYMBOLS - 1).map(|i| format!("S{i}")).collect();
    let three = "\"1s\", \"5s\", \"1m\"";
    let start = |name: &str, text: &str| {
        let mut engine = Engine::new(dir.path(), name, text, &[]);
        engine.start();
        engine
    };
    let mut engine = start("moved", &configured(port, "moved", &first, three, ""));
    write(&mut link, &mut walk, 300);
    assert!(caught_up(&mut link, "moved", &STREAMS[..1], LONG), "{}", engine.said());
    engine.stop();
    // What is committed gets ahead of the snapshot.
    engine.start();
    write(&mut link, &mut walk, 60);
    assert!(caught_up(&mut link, "moved", &STREAMS[..1], LONG), "{}", engine.said());
    engine.kill();

    // One added, one removed, in another order; a budget, a threshold, the workers; a parameter of one timeframe.
    let second: Vec<String> = (0..SYMBOLS).rev().filter(|i| *i != 3).map(|i| format!("S{i}")).collect();
    let changes = "workers = 2\n";
    let more = "[styles.day]\nbudget_ms = 77\n[correlation]\nalert_confidence = 0.6\n\
                [strategies.macd_rsi.timeframes.5s]\nrsi_oversold = 35.0\n";
    let changed = |name: &str, timeframes: &str| {
        configured(port, name, &second, timeframes, more).replace("[engine]\n", &format!("[engine]\n{changes}"))
    };
    // Then a timeframe as well.
    let four = "\"1s\", \"5s\", \"10s\", \"1m\"";
    let lives = [
        (three, "198 of 300 cells", "S100:1s, S100:5s, S100:1m (new)", "and 95 more (other parameters)"),
        (four, "300 of 400 cells", "S100:10s, S99:10s, S98:10s, S97:10s and 96 more (new)", ":10s"),
    ];
    for (life, (timeframes, warm, new, others)) in lives.into_iter().enumerate() {
        let position: String = link.hget("wagehood:engine:position:moved", STREAMS[0]).unwrap();
        let before = entries(&mut link, "signals:moved").len();
        let mut engine = start("moved", &changed("moved", timeframes));
        write(&mut link, &mut walk, 200);
        assert!(caught_up(&mut link, "moved", &STREAMS[..1], LONG), "{}", engine.said());
        engine.stop();
        let line = told(&engine);
        eprintln!("{line}");
        assert!(line.contains(warm) && line.contains(new) && line.contains(others), "{line}");
        assert!(!line.contains("history=incomplete"), "{line}");
        assert_eq!(set_aside(dir.path()), 0, "{}", engine.said());

        let calm = format!("calm{life}");
        let mut undisturbed = start(&calm, &changed(&calm, timeframes));
        assert!(caught_up(&mut link, &calm, &STREAMS[..1], LONG), "{}", undisturbed.said());
        undisturbed.stop();
        let expected = behind(&entries(&mut link, &format!("signals:{calm}")), &position);
        let found = &entries(&mut link, "signals:moved")[before..];
        eprintln!("{} signals expected behind {position}", expected.len());
        assert!(expected.len() > 2_000, "{} signals prove little", expected.len());
        let differs = expected.iter().zip(found).position(|(wanted, got)| wanted != got);
        let both = differs.map(|at| (&expected[at], &found[at]));
        assert!(expected == found, "{} against {}, first {both:#?}", found.len(), expected.len());
    }
}

#[test]
fn a_cell_whose_history_is_gone_says_so_and_the_others_go_on_as_ever() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (mut link, mut walk) = (server.connection(), Walk::new(9, "S", SYMBOLS, 1_000));
    let port = server.port;
    let first: Vec<String> = (0..SYMBOLS - 1).map(|i| format!("S{i}")).collect();
    let second: Vec<String> = (1..SYMBOLS).rev().map(|i| format!("S{i}")).collect();
    let text = |name: &str, symbols: &[String]| configured(port, name, symbols, "\"1s\", \"5s\", \"1m\"", "");
    let mut calm = Engine::new(dir.path(), "calm", &text("calm", &second), &[]);
    calm.start();
    let mut engine = Engine::new(dir.path(), "moved", &text("moved", &first), &[]);
    engine.start();
    write(&mut link, &mut walk, 300);
    for name in ["calm", "moved"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{}", engine.said());
    }
    engine.stop();
    let position: String = link.hget("wagehood:engine:position:moved", STREAMS[0]).unwrap();
    let before = entries(&mut link, "signals:moved").len();
    let _: usize = link.xtrim(STREAMS[0], redis::streams::StreamMaxlen::Equals(20 * SYMBOLS)).unwrap();
    let mut engine = Engine::new(dir.path(), "moved", &text("moved", &second), &[]);
    engine.start();
    write(&mut link, &mut walk, 100);
    for name in ["calm", "moved"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{}", engine.said());
    }
    engine.stop();
    calm.stop();
    let line = told(&engine);
    eprintln!("{line}");
    assert!(line.contains("297 of 300 cells") && line.contains("S100:1s, S100:5s, S100:1m (new)"), "{line}");
    assert!(line.contains("3 of them miss some of it"), "{line}");

    let wanted = behind(&entries(&mut link, "signals:calm"), &position);
    let found = entries(&mut link, "signals:moved").split_off(before);
    let of = |all: &[Entry], new: bool| -> Vec<Entry> {
        all.iter().filter(|entry| (entry["symbol"] == "S100") == new).cloned().collect()
    };
    assert!(wanted.len() > 1_000, "{} signals prove little", wanted.len());
    assert!(of(&wanted, false) == of(&found, false), "other symbols lost something");
    let marked = |entry: &&Entry| entry.get("history").is_some_and(|text| text == "incomplete");
    let (new, old) = (of(&found, true), of(&found, false));
    eprintln!("{} signals of the new symbol, {} of the others", new.len(), old.len());
    assert_eq!((new.iter().filter(marked).count(), old.iter().filter(marked).count()), (new.len(), 0));
    assert!(!new.is_empty(), "the new symbol says nothing");
}
