//! The identity of a process, to tell it from others and to see whether it has ended. Blocks on small files of `/proc`.
#![allow(clippy::disallowed_methods, reason = "the age of a process, looked at once at the start")]

use crate::model::time::Iso8601;
use rustix::process::{Pid, test_kill_process};
use std::{fs, path::Path, time::SystemTime};

/// A process on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// Boot id of the machine and its PID namespace; empty if unknown.
    machine: String,
    pid: u32,
    /// When it started, in ticks since boot.
    started: u64,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        let pid = std::process::id();
        Self { machine: machine(), pid, started: stat(Path::new("/proc"), pid).ticks() }
    }

    /// A process as named in a lease.
    pub(super) fn parse(machine: &str, pid: &str, started: &str) -> Option<Self> {
        Some(Self { machine: machine.to_owned(), pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether it runs; `None` if it is on another machine.
    pub(super) fn is_alive(&self) -> Option<bool> {
        self.is_alive_by(Path::new("/proc"))
    }

    fn is_alive_by(&self, proc: &Path) -> Option<bool> {
        let known = !self.machine.is_empty() && self.machine == machine();
        known.then(|| match stat(proc, self.pid) {
            Stat::Started(ticks) => ticks == self.started,
            Stat::Ended => false,
            // Hidden from this user (hidepid): what can be asked is whether there is such a process, and if so it
            // counts as this one. It may be another by now; then the lease expires, as it does on another machine.
            Stat::Unreadable => Pid::from_raw(self.pid.cast_signed())
                .is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH)),
        })
    }

    /// Its lease value: fields separated by blanks.
    pub(super) fn lease_value(&self, epoch: u64) -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = Iso8601(i64::try_from(now.as_secs()).unwrap_or(0) * 1_000);
        let Self { machine, pid, started } = self;
        format!("epoch={epoch} host={} pid={pid} since={since}Z machine={machine} started={started}", host.trim())
    }
}

fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}/{}", boot.trim(), space.display())
}

/// What the system tells of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stat {
    /// It runs, and was started then, ticks since the boot.
    Started(u64),
    /// It has ended and is not yet buried.
    Ended,
    /// Nothing: there is none, or it may not be seen.
    Unreadable,
}

impl Stat {
    fn ticks(self) -> u64 {
        if let Self::Started(ticks) = self { ticks } else { 0 }
    }
}

/// What `proc`, the folder of processes, tells of one.
fn stat(proc: &Path, pid: u32) -> Stat {
    let Ok(stat) = fs::read_to_string(proc.join(format!("{pid}/stat"))) else { return Stat::Unreadable };
    // The name may contain anything, so fields are counted from its end.
    let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    if matches!(fields.next(), Some("Z" | "X")) {
        return Stat::Ended;
    }
    fields.nth(18).and_then(|ticks| ticks.parse().ok()).map_or(Stat::Unreadable, Stat::Started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_told_from_the_dead() {
        let own = Process::current();
        assert_eq!(own.is_alive(), Some(true));
        assert_eq!(Process { started: own.started + 1, ..own.clone() }.is_alive(), Some(false));
        assert_eq!(Process { machine: "elsewhere".to_owned(), ..own.clone() }.is_alive(), None);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let _ = child.wait();
        assert_eq!(stat(Path::new("/proc"), pid), Stat::Unreadable);
        assert_eq!(Process { pid, ..own.clone() }.is_alive(), Some(false));
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let _ = sleeper.kill();
        let (pid, proc) = (sleeper.id(), Path::new("/proc"));
        while stat(proc, pid) != Stat::Ended {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(Process { pid, ..own.clone() }.is_alive(), Some(false), "ended, not yet buried");
        let _ = sleeper.wait();
        let text = own.lease_value(7);
        assert!(text.starts_with("epoch=7 host=") && text.contains(&format!(" pid={} ", own.pid)), "{text}");
    }

    #[test]
    fn a_process_that_may_not_be_seen_counts_as_running_while_there_is_one_of_its_number() {
        let hidden = tempfile::tempdir().unwrap();
        let own = Process::current();
        assert_eq!(own.is_alive_by(hidden.path()), Some(true));
        // The first process belongs to somebody else, unless these tests are root's.
        assert_eq!(Process { pid: 1, ..own.clone() }.is_alive_by(hidden.path()), Some(true));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let _ = child.wait();
        assert_eq!(Process { pid, ..own }.is_alive_by(hidden.path()), Some(false));
    }
}
