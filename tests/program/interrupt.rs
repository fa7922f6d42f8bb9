//! Benches that are interrupted or killed leave no process or folder behind.

use crate::outside::{LIMIT, engine, finish};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

/// All children that a bench starts, by the progress line that it prints once they run.
const LATENCY: [&str; 7] = ["bench", "latency", "--symbols", "10", "--no-hiccups", "--duration", "60s"];
const THROUGHPUT: [&str; 8] = ["bench", "throughput", "--form", "compact", "--entries", "60000", "--turns", "2"];

/// The processes with this parent, and their names.
fn children(parent: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let (pid, rest) = stat.split_once(" (").unwrap();
        let (name, rest) = rest.rsplit_once(") ").unwrap();
        let mut fields = rest.split(' ');
        if fields.next() != Some("Z") && fields.next() == Some(&parent.to_string()) {
            found.push((pid.parse().unwrap(), name.to_owned()));
        }
    }
    found
}

/// Whether a process exists and has not ended.
fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A bench that has printed this line, with redis-server and another process running; and its children.
fn started(args: &[&str], line: &str, dir: &Path) -> (Child, Vec<(u32, String)>) {
    let mut bench = engine(args).arg("--out").arg(dir.join("runs")).env("TMPDIR", dir).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(bench.stderr.as_mut().unwrap());
    while !said.lines().any(|said| said == line) {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "ended before {line:?}: {said}");
    }
    let mut found = Vec::new();
    wait_until("the bench starts its processes", || {
        found = children(bench.id());
        found.len() >= 2 && found.iter().any(|(_, name)| name.starts_with("redis-server"))
    });
    assert!(fs::read_dir(dir).unwrap().count() > 0, "folders of its own, below TMPDIR");
    (bench, found)
}

fn send(bench: &Child, signal: Signal) {
    kill_process(Pid::from_child(bench), signal).unwrap();
}

#[test]
fn an_interrupted_bench_ends_its_children_and_says_so() {
    for (args, line, signal, code) in [
        (&LATENCY[..], "echo, 1 of 4", Signal::INT, 130),
        (&[&LATENCY[..], &["--no-echo"]].concat(), "engine", Signal::TERM, 143),
        // The rounds are a minute apart: the bench must not wait for the next.
        (&[&LATENCY[..], &["--no-echo", "--rate", "0.016", "--shape", "burst"]].concat(), "engine", Signal::TERM, 143),
        (&THROUGHPUT[..], "drain, engine, turn 1 of 2", Signal::TERM, 143),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (bench, children) = started(args, line, dir.path());
        std::thread::sleep(Duration::from_millis(800));
        send(&bench, signal);
        let ended = finish(bench, LIMIT, "an interrupted bench").refused(code, &["interrupted by", "no results"]);
        assert!(ended.took < Duration::from_secs(10), "{args:?} ended late: {}", ended.told());
        let left: Vec<_> = children.into_iter().filter(|(pid, _)| lives(*pid)).collect();
        assert!(left.is_empty(), "{args:?} {signal:?} leaves {left:?}");
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{args:?} {signal:?} leaves {left:?}");
    }
}

#[test]
fn a_killed_bench_takes_its_children_with_it() {
    for (args, line) in
        [(&[&LATENCY[..], &["--no-echo"]].concat()[..], "engine"), (&THROUGHPUT, "drain, engine, turn 1 of 2")]
    {
        let dir = tempfile::tempdir().unwrap();
        let (bench, children) = started(args, line, dir.path());
        send(&bench, Signal::KILL);
        assert_eq!(finish(bench, LIMIT, "a killed bench").code(), None);
        wait_until("the kernel ends its processes", || children.iter().all(|(pid, _)| !lives(*pid)));
    }
}

#[test]
fn a_replay_from_a_silent_pipe_ends_at_the_first_signal_and_keeps_what_it_has_read() {
    use std::io::Write as _;
    let header = "ts,symbol,open,high,low,close,volume\n";
    // Before the header, behind it, in the middle of a line.
    for (text, code) in [("", 0), (header, 0), ("2024-01-01T00:00:00,A,1,1,1,1,1\n2024-01-01T00:0", 0)] {
        let dir = tempfile::tempdir().unwrap();
        let bars = dir.path().join("bars.csv");
        let args = ["replay", "--input", "-", "--base", "1m", "--timeframes", "1m,2m", "--bars"];
        let mut replay = engine(args).arg(&bars).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut pipe = replay.stdin.take().unwrap();
        if !text.is_empty() && text != header {
            pipe.write_all(header.as_bytes()).unwrap();
        }
        pipe.write_all(text.as_bytes()).unwrap();
        pipe.flush().unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        send(&replay, Signal::TERM);
        let ended = finish(replay, LIMIT, "a replay from a silent pipe");
        assert_eq!(ended.code(), Some(code), "{}", ended.told());
        assert!(ended.took < Duration::from_secs(8) && !ended.stderr.contains("refused"), "{}", ended.told());
        if text.contains("2024") {
            assert!(ended.stdout.contains("records accepted"), "{}", ended.told());
        }
    }
}
