//! What this host is, as far as it matters to latency: `host.toml`. What cannot be read is `unknown`.

use crate::lab::Sysfs;
use std::{collections::BTreeMap, path::Path, process::Command};
use toml::{Table, Value};

const UNKNOWN: &str = "unknown";

/// The host's name, fit for a folder's.
pub fn name() -> String {
    let name = Sysfs::default().read("/proc/sys/kernel/hostname").unwrap_or_else(|| UNKNOWN.to_owned());
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// A line of `/proc/cpuinfo`, whose keys are padded.
fn from_cpuinfo(sys: &Sysfs, key: &str) -> Option<String> {
    let text = sys.read("/proc/cpuinfo")?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// A parameter that the kernel was started with.
fn parameter(sys: &Sysfs, name: &str) -> Option<String> {
    let line = sys.read("/proc/cmdline")?;
    let value = |word: &str| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    Some(line.split_whitespace().find_map(value).unwrap_or_else(|| "none".to_owned()))
}

/// The revision of the sources in the current folder, with `+` where they have been changed since.
fn revision() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    Some(if changed { head + "+" } else { head })
}

/// The profile that a program was built with, by the folder it is in.
fn profile(exe: &Path) -> String {
    let folder = exe.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    if cfg!(debug_assertions) { format!("{folder} (with assertions)") } else { folder }
}

/// Everything as a table.
pub fn facts(name: &str, exe: &Path, redis: BTreeMap<String, String>) -> Table {
    let sys = Sysfs::default();
    let cpu = |file: &str| sys.read(&format!("/sys/devices/system/cpu/{file}"));
    let none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let facts = [
        ("host", Some(name.to_owned())),
        ("cpu", from_cpuinfo(&sys, "model name")),
        ("mhz", from_cpuinfo(&sys, "cpu MHz")),
        ("memory", sys.field("/proc/meminfo", "MemTotal")),
        ("kernel", sys.read("/proc/sys/kernel/osrelease")),
        ("clock_source", sys.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        ("governor", cpu("cpu0/cpufreq/scaling_governor")),
        ("smt", cpu("smt/control")),
        ("isolated", cpu("isolated").map(none)),
        ("nohz_full", parameter(&sys, "nohz_full")),
        ("rcu_nocbs", parameter(&sys, "rcu_nocbs")),
        ("transparent_hugepages", sys.chosen("/sys/kernel/mm/transparent_hugepage/enabled")),
        ("load_before", sys.read("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" "))),
        ("revision", revision()),
        ("profile", Some(profile(exe))),
        ("version", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    let text = |value: String| Value::String(value);
    let mut table: Table = facts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), text(value.unwrap_or_else(|| UNKNOWN.to_owned()))))
        .collect();
    let cores = crate::runtime::available_cores().into_iter().map(|core| Value::Integer(core as i64)).collect();
    table.insert("cores".to_owned(), Value::Array(cores));
    if !redis.is_empty() {
        let redis = redis.into_iter().map(|(key, value)| (key, text(value))).collect();
        table.insert("redis".to_owned(), Value::Table(redis));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_tells_about_itself() {
        let table = facts("here", Path::new("/nowhere/fast/program"), BTreeMap::new());
        assert_eq!(table["host"].as_str(), Some("here"));
        assert!(table["profile"].as_str().unwrap().starts_with("fast"));
        assert!(table["kernel"].as_str().unwrap().contains('.') && !table["cores"].as_array().unwrap().is_empty());
        assert!(!table.contains_key("redis"));
    }

    #[test]
    fn parameters_of_the_kernel_are_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        std::fs::write(dir.path().join("proc/cmdline"), "quiet nohz_full=2-3 rcu_nocbs_poll\n").unwrap();
        let sys = Sysfs::at(dir.path());
        let found = ["nohz_full", "rcu_nocbs"].map(|name| parameter(&sys, name).unwrap());
        assert_eq!(found, ["2-3", "none"]);
    }
}
