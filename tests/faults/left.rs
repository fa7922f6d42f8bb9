//! Streams, positions and counts that are not as an engine left them: it refuses, says what it sees, and offers ways to go on.

use crate::{
    engine::{Engine, config},
    feed::{START_MS, STREAMS, Walk, symbols},
    outcome::{caught_up, entries},
    proxy::Proxy,
    server::Server,
    writers::wait_for,
};
use redis::{Commands, streams::StreamMaxlen};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const LEASE: &str = "wagehood:engine:lease:left";
const POSITION: &str = "wagehood:engine:position:left";

/// An engine that has read something and was stopped, and its server.
struct Left {
    dir: tempfile::TempDir,
    server: Server,
    engine: Engine,
    link: redis::Connection,
    walk: Walk,
}

/// Writes records with ids that end in this number: milliseconds from the start of the series on.
fn write(link: &mut redis::Connection, walk: &mut Walk, ids: std::ops::Range<u64>) {
    if ids.is_empty() {
        return;
    }
    let mut pipe = redis::pipe();
    for ms in ids {
        pipe.xadd(STREAMS[0], format!("{}-0", START_MS + 1_000_000 + ms), &walk.record()).ignore();
    }
    pipe.query::<()>(link).unwrap();
}

/// A configuration without the clock: the ids are of another year, so that whatever is quiet would be over at once.
fn timeless(port: u16, name: &str) -> String {
    config(port, name, &symbols(4, 0), "").replacen("[engine]\n", "[engine]\nclock_events = false\n", 1)
}

impl Left {
    fn new() -> Self {
        Self::on(Server::start(), |port| port)
    }

    /// The engine reaches the server at the port that `way` gives.
    fn on(server: Server, way: impl FnOnce(u16) -> u16) -> Self {
        let (dir, mut link, mut walk) =
            (tempfile::tempdir().unwrap(), server.connection(), Walk::new(8, "S", 4, 1_000));
        write(&mut link, &mut walk, 10_000..12_000);
        let text = timeless(way(server.port), "left");
        let mut engine = Engine::new(dir.path(), "left", &text, &[]);
        engine.start();
        assert!(caught_up(&mut link, "left", &STREAMS, LONG), "{}", engine.said());
        wait_for(LONG, || link.exists(format!("{LEASE}:committed")).unwrap());
        engine.stop();
        assert_eq!(engine.code, Some(0));
        assert!(!entries(&mut link, "signals:left").is_empty());
        Self { dir, server, engine, link, walk }
    }

    fn signals(&mut self) -> Vec<crate::outcome::Entry> {
        entries(&mut self.link, "signals:left")
    }

    /// Starts it, and has it refuse with these words; nothing is written.
    #[track_caller]
    fn refuses(&mut self, words: &[&str]) {
        let before = (self.signals(), self.link.dbsize());
        self.engine.start();
        wait_for(LONG, || !self.engine.is_running());
        let said = self.engine.said();
        assert_eq!(self.engine.code, Some(5), "{said}");
        for word in words.iter().chain(&["--accept-loss", "--from ID", "not what this engine left"]) {
            assert!(said.contains(word), "no {word:?} in {said}");
        }
        assert!(before.0 == self.signals());
    }

    /// Starts it with these arguments, and waits until it reads: only then has it compared its streams and hears a signal.
    /// The lease says less, and may be that of a start that was refused.
    #[track_caller]
    fn begins(&mut self, args: &[&str]) {
        let begun = |engine: &Engine| engine.said().matches(" symbols from in_1s").count();
        let before = begun(&self.engine);
        self.engine.start_with(args);
        wait_for(LONG, || begun(&self.engine) > before || !self.engine.is_running());
    }

    /// Waits until it has looked at each of its streams once more.
    fn looks(&mut self) {
        let mut looked = || {
            let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut self.link).unwrap();
            let calls = stats.split("cmdstat_xinfo|stream:calls=").nth(1).and_then(|rest| rest.split(',').next());
            calls.map_or(0, |calls| calls.parse::<usize>().unwrap())
        };
        // The first of them may have been sent before.
        let enough = looked() + STREAMS.len() + 1;
        wait_for(LONG, || looked() >= enough);
    }

    /// Starts it with these arguments, waits until all is read, and stops it.
    #[track_caller]
    fn goes_on(&mut self, args: &[&str]) {
        self.begins(args);
        let there = caught_up(&mut self.link, "left", &STREAMS, LONG);
        assert!(there && self.engine.is_running(), "{}", self.engine.said());
        self.engine.stop();
        assert_eq!(self.engine.code, Some(0), "{}", self.engine.said());
    }
}

trait DbSize {
    fn dbsize(&mut self) -> usize;
}

impl DbSize for redis::Connection {
    fn dbsize(&mut self) -> usize {
        redis::cmd("DBSIZE").query(self).unwrap()
    }
}

#[test]
fn a_position_that_was_deleted_is_missed_and_nothing_is_written_twice() {
    let mut left = Left::new();
    let before = left.signals();
    let last: String = left.link.hget(POSITION, STREAMS[0]).unwrap();
    let _: () = left.link.del(POSITION).unwrap();
    left.refuses(&[POSITION, "was committed"]);
    // The snapshots say it as well.
    let _: () = left.link.del(format!("{LEASE}:committed")).unwrap();
    left.refuses(&[POSITION, "is a snapshot of an engine of this name"]);
    left.goes_on(&["--from", &last]);
    assert!(before == left.signals(), "{}", left.engine.said());
    write(&mut left.link, &mut left.walk, 12_000..14_000);
    left.goes_on(&[]);
    let after = left.signals();
    // An engine that was never disturbed writes the same.
    let mut calm = Engine::new(left.dir.path(), "calm", &timeless(left.server.port, "calm"), &[]);
    calm.start();
    assert!(caught_up(&mut left.link, "calm", &STREAMS, LONG));
    calm.stop();
    assert!(after.len() > before.len() && after == entries(&mut left.link, "signals:calm"));
    // Accepting the loss instead writes all of it again, as it says.
    let _: () = left.link.del(POSITION).unwrap();
    left.goes_on(&["--accept-loss"]);
    assert_eq!(left.signals().len(), 2 * after.len());
    assert!(left.engine.said().contains("in_1s is read as new"), "{}", left.engine.said());
    left.goes_on(&["--accept-loss"]);
    assert!(left.engine.said().contains("--accept-loss and --from change nothing"));
    assert_eq!(left.signals().len(), 2 * after.len());
}

#[test]
fn a_stream_that_was_made_again_is_seen_whatever_its_ids() {
    // Lower ids, newer ids, an older beginning, the same ids but for the last, none at all.
    for (ids, word) in [
        (0..500, "but its newest entry ever is"),
        (20_000..20_500, "has only had 500"),
        (9_000..13_000, "and now begins at"),
        (0..0, "is not there any more"),
    ] {
        let mut left = Left::new();
        let before = left.signals();
        let _: () = left.link.del(STREAMS[0]).unwrap();
        write(&mut left.link, &mut left.walk, ids.clone());
        left.refuses(&[STREAMS[0], word, "run without a break"]);
        left.goes_on(&["--accept-loss"]);
        let said = left.engine.said();
        assert!(said.contains("warning: accepted: in_1s") && said.contains("in_1s is read as new"), "{said}");
        let read: String = left.engine.report();
        assert!(read.contains("records accepted"), "{read}");
        if ids.end > 0 {
            assert!(left.signals().len() > before.len(), "{word}");
        }
        // What was accepted once is as it was left.
        write(&mut left.link, &mut left.walk, 30_000..30_100);
        left.goes_on(&[]);
    }
}

#[test]
fn a_server_that_was_emptied_is_told_from_a_first_start() {
    let mut left = Left::new();
    let _: () = redis::cmd("FLUSHALL").query(&mut left.link).unwrap();
    write(&mut left.link, &mut left.walk, 20_000..20_500);
    left.refuses(&[POSITION, "is a snapshot of an engine of this name", "not known whether"]);
    left.goes_on(&["--accept-loss"]);
    left.goes_on(&[]);
}

#[test]
fn a_running_engine_does_not_go_on_over_what_was_emptied_or_made_again() {
    // All of it: the position has gone with the rest.
    let mut left = Left::new();
    left.begins(&[]);
    let _: () = redis::cmd("FLUSHALL").query(&mut left.link).unwrap();
    wait_for(LONG, || !left.engine.is_running());
    let said = left.engine.said();
    assert!(left.engine.code == Some(5) && said.contains("has vanished"), "{:?} {said}", left.engine.code);
    // Only the stream, with lower ids: it would be deaf.
    let mut left = Left::new();
    left.begins(&[]);
    let _: () = left.link.del(STREAMS[0]).unwrap();
    left.engine.says("in_1s is not there any more");
    write(&mut left.link, &mut left.walk, 0..10);
    wait_for(LONG, || !left.engine.is_running());
    let said = left.engine.said();
    assert!(left.engine.code == Some(5) && said.contains("its newest entry ever is"), "{said}");
    // With newer ones it is told, and read on.
    let mut left = Left::new();
    left.begins(&[]);
    write(&mut left.link, &mut left.walk, 14_000..14_100);
    assert!(caught_up(&mut left.link, "left", &STREAMS, LONG), "{}", left.engine.said());
    left.looks();
    let _: () = left.link.del(STREAMS[0]).unwrap();
    write(&mut left.link, &mut left.walk, 20_000..20_500);
    assert!(caught_up(&mut left.link, "left", &STREAMS, LONG), "{}", left.engine.said());
    left.engine.says("in_1s was deleted and made again");
    wait_for(LONG, || entries(&mut left.link, "dead:left").iter().any(|letter| letter["reason"] == "trimmed"));
    left.engine.stop();
    assert_eq!(left.engine.code, Some(0));
}

#[test]
fn a_lost_count_of_leases_is_made_good() {
    let mut left = Left::new();
    for _ in 0..3 {
        left.goes_on(&[]);
    }
    let epoch: u64 = left.link.get(format!("{LEASE}:epoch")).unwrap();
    let batch: String = left.link.hget(POSITION, "batch").unwrap();
    assert!(batch.starts_with(&format!("{epoch}-")));
    let _: () = left.link.del(format!("{LEASE}:epoch")).unwrap();
    left.goes_on(&[]);
    let after: u64 = left.link.get(format!("{LEASE}:epoch")).unwrap();
    assert_eq!(after, epoch + 1);
    let said = left.engine.said();
    assert!(said.contains(&format!("{LEASE}:epoch was lost: it counted 0")), "{said}");
}

#[test]
fn a_server_that_does_not_count_entries_is_named_and_what_it_may_have_trimmed_is_told() {
    let mut left = Left::on(Server::start(), |port| Proxy::uncounted(port).port);
    assert!(left.engine.said().contains("this server does not count the entries"), "{}", left.engine.said());
    let position: String = left.link.hget(POSITION, STREAMS[0]).unwrap();
    // Trimmed as far as it was read, and once too far.
    write(&mut left.link, &mut left.walk, 20_000..20_500);
    let _: u64 = left.link.xtrim(STREAMS[0], StreamMaxlen::Equals(501)).unwrap();
    left.goes_on(&[]);
    assert!(entries(&mut left.link, "dead:left").is_empty(), "{}", left.engine.said());
    let position_after: String = left.link.hget(POSITION, STREAMS[0]).unwrap();
    assert_ne!(position, position_after);
    write(&mut left.link, &mut left.walk, 30_000..30_500);
    let _: u64 = left.link.xtrim(STREAMS[0], StreamMaxlen::Equals(200)).unwrap();
    left.goes_on(&[]);
    let letters = entries(&mut left.link, "dead:left");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!(
        (&*letter["reason"], &*letter["entries"], &*letter["after_id"]),
        ("trimmed", "unknown", &*position_after)
    );
    assert!(left.engine.said().contains("perhaps lost: entries of in_1s"), "{}", left.engine.said());
    assert_eq!(left.engine.said().matches("does not count the entries").count(), 3, "at every start");
}
