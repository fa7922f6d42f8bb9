//! An engine that shuts itself in works as any other, and can write nowhere else.

use crate::{
    engine::{Engine, config},
    feed::{STREAMS, Walk, symbols, write},
    outcome::{caught_up, entries},
    server::Server,
    writers::wait_for,
};
use std::{fs, time::Duration};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_sandboxed_engine_publishes_the_same_and_writes_nowhere_else() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (names, mut link) = (symbols(4, 0), server.connection());
    let mut walk = Walk::new(6, "S", 4, 1_000);
    let text = |name: &str, more: &str| {
        config(server.port, name, &names, "")
            .replace("[engine]\n", &format!("[engine]\n{more}\n"))
            .replace("[state]\n", &format!("[state]\ndir = \"state-{name}\"\n"))
    };
    let mut free = Engine::new(dir.path(), "free", &text("free", ""), &[]);
    let mut shut = Engine::new(dir.path(), "shut", &text("shut", "sandbox = true"), &[]);
    free.start();
    shut.start();
    write(&mut link, &mut walk, 2_000);
    wait_for(LONG, || shut.said().contains("1 worker") || !shut.is_running());
    if !shut.is_running() && shut.said().contains("this kernel") {
        eprintln!("skipped: this kernel cannot shut a process in: {}", shut.said());
        return;
    }
    assert!(caught_up(&mut link, "shut", &STREAMS[..1], LONG), "{}", shut.said());
    let status = fs::read_to_string(format!("/proc/{}/status", shut.pid())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    // Every thread is shut in.
    for task in fs::read_dir(format!("/proc/{}/task", shut.pid())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        assert!(status.is_empty() || status.contains("Seccomp:\t2"), "{status}");
    }
    let snapshots = |name: &str| fs::read_dir(dir.path().join(format!("state-{name}"))).map_or(0, Iterator::count);
    wait_for(LONG, || snapshots("shut") > 0);
    // Another directory of the same name is not the one that it may write to. A free engine goes on there.
    for name in ["free", "shut"] {
        let path = dir.path().join(format!("state-{name}"));
        fs::rename(&path, dir.path().join(format!("old-{name}"))).unwrap();
        fs::create_dir(path).unwrap();
    }
    // Snapshots are written where something has come since the last one. The one that is being written fails in both.
    wait_for(LONG, || {
        write(&mut link, &mut walk, 20);
        shut.said().contains("no snapshot can be written") && snapshots("free") > 2
    });
    assert_eq!(snapshots("shut"), 0, "{}", shut.said());
    assert!(!shut.said().contains("written again"), "{}", shut.said());
    for name in ["free", "shut"] {
        assert!(caught_up(&mut link, name, &STREAMS[..1], LONG), "{name}");
    }
    free.stop();
    shut.stop();
    assert_eq!(shut.code, Some(0), "{}", shut.said());
    let wanted = entries(&mut link, "signals:free");
    assert!(!wanted.is_empty() && wanted == entries(&mut link, "signals:shut"), "{}", shut.said());
}
