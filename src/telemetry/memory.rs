//! The kernel's figures on the memory and scheduling of this process, read from `/proc/self`. Not hot.

use std::fs;

/// The kernel's figures on the process.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Maximum of the resident memory so far, bytes.
    pub rss_bytes_max: u64,
    /// Page faults served without a read.
    pub minor_faults: u64,
    /// Page faults that read from a disk.
    pub major_faults: u64,
    /// Times that a thread which still lives gave up its core to wait.
    pub voluntary_switches: u64,
    /// Times that the system took the core from a thread which still lives.
    pub involuntary_switches: u64,
}

impl ProcessUsage {
    /// Reads the figures; 0 for what cannot be read.
    #[must_use]
    pub fn read() -> Self {
        let mut usage = Self::default();
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            usage.rss_bytes = field(&status, "VmRSS:") * 1024;
            usage.rss_bytes_max = field(&status, "VmHWM:") * 1024;
        }
        if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
            (usage.minor_faults, usage.major_faults) = faults(&stat);
        }
        // The status file of the process counts only the switches of its first thread.
        for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            if let Ok(status) = fs::read_to_string(task.path().join("status")) {
                usage.voluntary_switches += field(&status, "voluntary_ctxt_switches:");
                usage.involuntary_switches += field(&status, "nonvoluntary_ctxt_switches:");
            }
        }
        usage
    }
}

/// Resident memory of this process, or of another one, bytes; 0 where it cannot be read.
#[must_use]
pub fn resident_bytes(process: Option<u32>) -> u64 {
    let name = process.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    fs::read_to_string(format!("/proc/{name}/status")).map_or(0, |status| field(&status, "VmRSS:") * 1024)
}

/// The number after a key at the start of a line.
fn field(status: &str, key: &str) -> u64 {
    let rest = status.lines().find_map(|line| line.strip_prefix(key));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Minor and major faults; the second field, the program's name in parentheses, may contain anything.
fn faults(stat: &str) -> (u64, u64) {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let number = |index| rest.split_whitespace().nth(index).and_then(|text| text.parse().ok()).unwrap_or(0);
    (number(7), number(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let usage = ProcessUsage::read();
        assert!(usage.rss_bytes > 1 << 20 && usage.rss_bytes_max >= usage.rss_bytes);
        assert!(usage.minor_faults > 0);
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_nothing() {
        assert_eq!(faults("7 (a) b) S 1 2 3 4 5 6 11 12 13 14"), (11, 13));
        assert_eq!(
            field("nonvoluntary_ctxt_switches:\t5\nvoluntary_ctxt_switches:\t3\n", "voluntary_ctxt_switches:"),
            3
        );
    }
}
