//! A process, so that it can be told from any other and be seen to have ended. Blocks for small files of `/proc`.
#![allow(clippy::disallowed_methods, reason = "the age of a process, looked at once at the start")]

use crate::model::time::Iso8601;
use std::{fs, time::SystemTime};

/// A process of some machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// Boot of the machine and its namespace of process numbers; empty where they are not told.
    machine: String,
    pid: u32,
    /// When it was started, ticks since the boot.
    started: u64,
}

impl Process {
    /// The process that asks.
    pub(super) fn current() -> Self {
        let pid = std::process::id();
        Self { machine: machine(), pid, started: started(pid).unwrap_or(0) }
    }

    /// A process as its lease names it.
    pub(super) fn parse(machine: &str, pid: &str, started: &str) -> Option<Self> {
        Some(Self { machine: machine.to_owned(), pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether it runs; `None` where it runs on another machine.
    pub(super) fn is_alive(&self) -> Option<bool> {
        let known = !self.machine.is_empty() && self.machine == machine();
        known.then(|| started(self.pid) == Some(self.started))
    }

    /// What a lease says of it: blank-separated fields.
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

/// When a running process was started, ticks since the boot; a process that has ended and is not yet buried counts as
/// ended.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, so what follows it is counted from its end.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
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
        assert_eq!(started(pid), None);
        let text = own.lease_value(7);
        assert!(text.starts_with("epoch=7 host=") && text.contains(&format!(" pid={} ", own.pid)), "{text}");
    }
}
