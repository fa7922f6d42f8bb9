//! What this host is, as far as it matters to latency: `host.toml`. What cannot be read is `unknown`.

use std::{collections::BTreeMap, fs, path::Path, process::Command};
use toml::{Table, Value};

fn read(path: &str) -> String {
    let text = fs::read_to_string(path).map(|text| text.trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}

/// The host's name, fit for a folder's.
pub fn name() -> String {
    let name = read("/proc/sys/kernel/hostname");
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn from_cpuinfo(key: &str) -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
}

/// The revision of the sources in the current folder, with `+` where they have been changed since.
fn revision() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    if changed { head + "+" } else { head }
}

/// The profile that a program was built with, by the folder it is in.
fn profile(exe: &Path) -> String {
    let folder = exe.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    if cfg!(debug_assertions) { format!("{folder} (with assertions)") } else { folder }
}

/// Everything as a table.
pub fn facts(name: &str, exe: &Path, redis: BTreeMap<String, String>) -> Table {
    let text = |value: String| Value::String(value);
    let cores = crate::runtime::available_cores();
    let isolated = match read("/sys/devices/system/cpu/isolated") {
        none if none.is_empty() => "none".to_owned(),
        cores => cores,
    };
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| {
        table.insert(key.to_owned(), value);
    };
    put("host", text(name.to_owned()));
    put("cpu", text(from_cpuinfo("model name")));
    put("mhz", text(from_cpuinfo("cpu MHz")));
    put("cores", Value::Array(cores.into_iter().map(|core| Value::Integer(core as i64)).collect()));
    put("isolated", text(isolated));
    put("governor", text(read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")));
    put("kernel", text(read("/proc/sys/kernel/osrelease")));
    put("clock_source", text(read("/sys/devices/system/clocksource/clocksource0/current_clocksource")));
    put("load_before", text(read("/proc/loadavg")));
    put("revision", text(revision()));
    put("profile", text(profile(exe)));
    put("version", text(env!("CARGO_PKG_VERSION").to_owned()));
    if !redis.is_empty() {
        put("redis", Value::Table(redis.into_iter().map(|(key, value)| (key, text(value))).collect()));
    }
    table
}
