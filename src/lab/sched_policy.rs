//! The scheduling of a thread: its policy, and its priority or niceness.

use super::Sysfs;
use std::{collections::BTreeMap, fmt};

/// Policy, priority and niceness of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedPolicy {
    /// Number of the policy in the kernel's numbering.
    policy: i64,
    /// Real-time priority; 0 for other policies.
    priority: i64,
    /// Niceness.
    nice: i64,
}

impl SchedPolicy {
    /// Parses a `stat` file below `/proc`.
    pub fn parse(stat: &str) -> Option<Self> {
        // The fields after the name, which may contain anything: state is the first, nice the 17th, policy the 39th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse().ok();
        Some(Self { nice: number(16)?, priority: number(37)?, policy: number(38)? })
    }

    /// Whether its threads need not wait for most others: a real-time policy, or a niceness of at most 0.
    pub fn is_prompt(self) -> bool {
        match self.policy {
            0 => self.nice <= 0,
            policy => matches!(policy, 1 | 2 | 6),
        }
    }
}

impl fmt::Display for SchedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.policy {
            0 => "other",
            1 => "fifo",
            2 => "rr",
            3 => "batch",
            5 => "idle",
            6 => "deadline",
            number => return write!(f, "policy {number}, nice {}", self.nice),
        };
        if self.priority > 0 {
            write!(f, "{name}, priority {}", self.priority)
        } else {
            write!(f, "{name}, nice {}", self.nice)
        }
    }
}

/// Scheduling of all threads of a process, `self` or a process id: one policy, or each with the names of its threads.
pub fn of_process(sys: &Sysfs, process: &str) -> Option<String> {
    let mut threads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for thread in sys.names(&format!("/proc/{process}/task"))? {
        // Threads may end meanwhile.
        let Some(stat) = sys.read(&format!("/proc/{process}/task/{thread}/stat")) else { continue };
        let Some(policy) = SchedPolicy::parse(&stat) else { continue };
        let name = stat.split_once('(').and_then(|(_, rest)| Some(rest.rsplit_once(')')?.0.to_owned()));
        threads.entry(policy.to_string()).or_default().push(name.unwrap_or_default());
    }
    if threads.len() <= 1 {
        return threads.pop_first().map(|(policy, _)| policy);
    }
    let each = |(policy, mut names): (String, Vec<String>)| {
        names.sort();
        names.dedup();
        format!("{policy} ({})", names.join(", "))
    };
    Some(threads.into_iter().map(each).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(name: &str, nice: i64, priority: i64, policy: i64) -> String {
        let fields = (1..=39).map(|field| match field {
            1 => "S".to_owned(),
            17 => nice.to_string(),
            38 => priority.to_string(),
            39 => policy.to_string(),
            _ => "0".to_owned(),
        });
        format!("12 ({name}) {}", fields.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn policies_are_named_with_what_counts_in_them() {
        let shown = |nice, priority, policy| {
            let policy = SchedPolicy::parse(&stat("a) (b", nice, priority, policy)).unwrap();
            (policy.to_string(), policy.is_prompt())
        };
        assert_eq!(shown(0, 0, 0), ("other, nice 0".to_owned(), true));
        assert_eq!(shown(5, 0, 0), ("other, nice 5".to_owned(), false));
        assert_eq!(shown(0, 10, 1), ("fifo, priority 10".to_owned(), true));
        assert_eq!(shown(0, 0, 3), ("batch, nice 0".to_owned(), false));
        assert_eq!(SchedPolicy::parse("12 (a) S 1"), None);
    }

    #[test]
    fn threads_that_differ_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let sys = Sysfs::at(dir.path());
        assert_eq!(of_process(&sys, "7"), None);
        let put = |thread: &str, text: String| {
            let folder = dir.path().join("proc/7/task").join(thread);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("stat"), text).unwrap();
        };
        put("7", stat("main", 0, 0, 0));
        put("8", stat("main", 0, 0, 0));
        assert_eq!(of_process(&sys, "7").as_deref(), Some("other, nice 0"));
        put("9", stat("reader", 0, 10, 1));
        assert_eq!(of_process(&sys, "7").as_deref(), Some("fifo, priority 10 (reader); other, nice 0 (main)"));
    }
}
