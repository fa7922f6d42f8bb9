//! A description of the host, as far as it matters to latency: `host.toml`. A value that cannot be read is `unknown`.

use crate::lab::{
    Sysfs,
    sched_policy::{SchedPolicy, of_process},
};
use std::{collections::BTreeMap, path::Path};
use toml::{Table, Value};

const UNKNOWN: &str = "unknown";

/// The host name, made fit for a folder name.
pub fn name() -> String {
    let name = Sysfs::default().read("/proc/sys/kernel/hostname").unwrap_or_else(|| UNKNOWN.to_owned());
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The value of a line of `/proc/cpuinfo`, whose keys are padded.
fn from_cpuinfo(sys: &Sysfs, key: &str) -> Option<String> {
    let text = sys.read("/proc/cpuinfo")?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// The value of a kernel parameter of this boot.
fn parameter(sys: &Sysfs, name: &str) -> Option<String> {
    let line = sys.read("/proc/cmdline")?;
    let value = |word: &str| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    Some(line.split_whitespace().find_map(value).unwrap_or_else(|| "none".to_owned()))
}

/// How the threads of a run were scheduled, by program: `[scheduling]` of `host.toml`. Ended programs are left out.
pub type Scheduling = BTreeMap<&'static str, String>;

/// Scheduling of the threads of a process.
pub fn scheduling_of(pid: u32) -> Option<String> {
    of_process(&Sysfs::default(), &pid.to_string())
}

/// Scheduling of one thread of this process: the calling thread, or the thread with this id.
pub fn scheduling_of_thread(thread: Option<u64>) -> Option<String> {
    let folder = thread.map_or_else(|| "thread-self".to_owned(), |thread| format!("self/task/{thread}"));
    Some(SchedPolicy::parse(&Sysfs::default().read(&format!("/proc/{folder}/stat"))?)?.to_string())
}

/// Adds to the table what is known only after the run.
pub fn add_scheduling(host: &mut Table, scheduling: Scheduling) {
    if !scheduling.is_empty() {
        let scheduling = scheduling.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
        host.insert("scheduling".to_owned(), Value::Table(scheduling));
    }
}

/// The build profile of a program, taken from the folder that it is in.
fn profile(exe: &Path) -> String {
    let folder = exe.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    if cfg!(debug_assertions) { format!("{folder} (with assertions)") } else { folder }
}

/// The whole description as a table.
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
        ("revision", Some(env!("WAGEHOOD_REVISION").to_owned())),
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
        let own = scheduling_of_thread(None).unwrap();
        assert!(scheduling_of(std::process::id()).unwrap().contains(&own), "{own}");
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
