//! The memory that this process may have, and whether it is short: what its cgroup says, or the host. Not hot.

use std::fs;

/// Reads a file of the kernel's as text.
fn file(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Memory that this process may have, bytes: the least that its cgroup or one above it allows, or what the host has.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    limit(file)
}

/// Share of the last ten seconds for which something in the cgroup of this process, or on the host, waited for memory, per
/// cent; 0 where the kernel does not say.
#[must_use]
pub fn memory_stalled_pct() -> f64 {
    stalled_pct(file)
}

/// The cgroup of the process and those above it, as folders, the innermost first; of version 1 where there is no version 2.
fn groups(read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let own = read("/proc/self/cgroup").unwrap_or_default();
    let path = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            names if names.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
            _ => return None,
        };
        Some((root, path.trim_matches('/').to_owned()))
    };
    let mut all = Vec::new();
    for (root, path) in own.lines().filter_map(path) {
        let mut rest = path.as_str();
        while !rest.is_empty() {
            all.push(format!("{root}/{rest}"));
            rest = rest.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    // In a container the own group is the root of what is seen.
    all.extend(["/sys/fs/cgroup".to_owned(), "/sys/fs/cgroup/memory".to_owned()]);
    all
}

fn limit(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |path: String| read(&path)?.trim().parse::<u64>().ok();
    let of_group = |group: String| {
        let names = ["memory.max", "memory.high", "memory.limit_in_bytes"];
        names.into_iter().filter_map(|name| number(format!("{group}/{name}"))).min()
    };
    let host = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
    });
    groups(&read).into_iter().filter_map(of_group).chain(host).min()
}

fn stalled_pct(read: impl Fn(&str) -> Option<String>) -> f64 {
    let of = |text: String| {
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?.to_owned();
        some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse::<f64>().ok()
    };
    let files = groups(&read).into_iter().map(|group| format!("{group}/memory.pressure"));
    files.chain(["/proc/pressure/memory".to_owned()]).find_map(|path| read(&path).and_then(of)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with these files.
    fn machine<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
    }

    const HOST: (&str, &str) = ("/proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_least_of_the_groups_counts_and_without_any_the_host() {
        assert_eq!(limit(machine(&[HOST])), Some(2_048 << 10));
        let nested = [
            HOST,
            ("/proc/self/cgroup", "0::/system.slice/engine.service\n"),
            ("/sys/fs/cgroup/system.slice/engine.service/memory.max", "max\n"),
            ("/sys/fs/cgroup/system.slice/engine.service/memory.high", "600000\n"),
            ("/sys/fs/cgroup/system.slice/memory.max", "500000\n"),
        ];
        assert_eq!(limit(machine(&nested)), Some(500_000));
        let container = [HOST, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/memory.max", "700000\n")];
        assert_eq!(limit(machine(&container)), Some(700_000));
        let old = [
            HOST,
            ("/proc/self/cgroup", "5:cpuset:/x\n4:cpu,memory:/a/b\n"),
            ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "400000\n"),
        ];
        assert_eq!(limit(machine(&old)), Some(400_000));
    }

    #[test]
    fn pressure_is_that_of_the_group_where_the_kernel_tells_it() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n";
        assert_eq!(stalled_pct(machine(&[])), 0.0);
        assert_eq!(stalled_pct(machine(&[("/proc/pressure/memory", text)])), 12.5);
        let group = [
            ("/proc/self/cgroup", "0::/a\n"),
            ("/sys/fs/cgroup/a/memory.pressure", "some avg10=0.25 avg60=0.00 avg300=0.00 total=9\n"),
            ("/proc/pressure/memory", text),
        ];
        assert_eq!(stalled_pct(machine(&group)), 0.25);
    }
}
