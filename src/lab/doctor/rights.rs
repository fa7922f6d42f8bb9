//! The rights of this process: its capabilities and limits.

use crate::lab::Sysfs;

/// Bit of the capability to lock memory, `CAP_IPC_LOCK`.
pub(super) const CAP_IPC_LOCK: u32 = 14;
/// Whether this process has a capability; false if that cannot be read.
pub(super) fn capable(sys: &Sysfs, bit: u32) -> bool {
    let set = sys.field("/proc/self/status", "CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok());
    set.is_some_and(|set| set >> bit & 1 == 1)
}

/// The soft limit of a resource; `Some(None)` if it is unlimited.
pub(super) fn limit(sys: &Sysfs, name: &str) -> Option<Option<u64>> {
    let limits = sys.read("/proc/self/limits")?;
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    }
}
