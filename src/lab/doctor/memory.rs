//! Memory pages: their size, their NUMA node, and whether they may be locked.

use super::{
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
    rights::{CAP_IPC_LOCK, capable, limit},
};
use crate::{
    lab::{Cpus, Sysfs},
    telemetry::human_bytes,
};

/// Locked memory that suffices for every ring and state of the largest configuration tried, bytes.
const LOCKED_BYTES: u64 = 1 << 30;

/// The items about memory.
pub(super) fn items(sys: &Sysfs, plan: &CpuPlan) -> Vec<Finding> {
    vec![huge_pages(sys), swap(sys), numa(sys, plan), memlock(sys)]
}

fn huge_pages(sys: &Sysfs) -> Finding {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let check = Check::new(Section::Memory, "huge pages", "madvise or never")
        .why("with `always` page faults clear 2 MiB at once, and compaction moves pages in use; the same in Redis")
        .fix(format!("perf/host/tune.sh apply, or echo madvise > {path}"));
    match sys.chosen(path) {
        None => check.unknown(format!("cannot read {path}")),
        Some(choice) => check.holds(choice == "madvise" || choice == "never", Judgement::Warn, choice),
    }
}

fn swap(sys: &Sysfs) -> Finding {
    let check = Check::new(Section::Memory, "swap", "none, or swappiness ≤ 1")
        .why("a page that was swapped out costs a read from the disk at the worst moment")
        .fix("swapoff -a, or perf/host/tune.sh apply, which sets vm.swappiness to 1");
    let Some(swaps) = sys.read("/proc/swaps") else { return check.unknown("cannot read /proc/swaps") };
    let areas = swaps.lines().skip(1).filter(|line| !line.trim().is_empty()).count();
    match (areas, sys.number("/proc/sys/vm/swappiness")) {
        (0, _) => check.is(Judgement::Pass, "none"),
        (_, None) => check.unknown(format!("{areas} swap areas; cannot read /proc/sys/vm/swappiness")),
        (_, Some(swappiness)) => {
            check.holds(swappiness <= 1, Judgement::Warn, format!("{areas} swap areas, swappiness {swappiness}"))
        }
    }
}

fn numa(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let base = "/sys/devices/system/node";
    let check = Check::new(Section::Memory, "NUMA", "all used cores on one node")
        .why("a ring between two sockets costs several times as much per message, and pages are moved between nodes")
        .fix("choose engine.cores from one node (`lscpu -e`); sysctl kernel.numa_balancing=0 on the rest");
    let nodes = sys.names(base).unwrap_or_default();
    let number = |name: &String| {
        name.strip_prefix("node").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let nodes: Vec<&String> = nodes.iter().filter(|name| number(name)).collect();
    let cores = |node: &&String| {
        let list = sys.read(&format!("{base}/{node}/cpulist"));
        Some(((*node).clone(), Cpus::parse(&list?)?))
    };
    let Some(cores) = nodes.iter().map(cores).collect::<Option<Vec<_>>>().filter(|nodes| !nodes.is_empty()) else {
        return check.unknown(format!("cannot read the nodes in {base}"));
    };
    let everywhere = cores.iter().fold(Cpus::default(), |all, (_, cores)| all.or(cores));
    let strange = plan.used.without(&everywhere);
    if plan.used.is_empty() || !strange.is_empty() {
        return check.unknown(format!("the node of the used cores is not known: {strange}"));
    }
    if cores.len() == 1 {
        return check.is(Judgement::Pass, "one node");
    }
    let used: Vec<String> = cores
        .iter()
        .filter(|(_, cores)| !cores.and(&plan.used).is_empty())
        .map(|(node, cores)| format!("{} on {node}", cores.and(&plan.used)))
        .collect();
    let balancing = sys.number("/proc/sys/kernel/numa_balancing");
    let moving = if balancing == Some(1) { ", and numa_balancing moves pages" } else { "" };
    check.holds(used.len() == 1 && moving.is_empty(), Judgement::Warn, format!("{}{moving}", used.join(", ")))
}

fn memlock(sys: &Sysfs) -> Finding {
    let check = Check::new(Section::Memory, "memlock limit", format!("unlimited, or ≥ {}", human_bytes(LOCKED_BYTES)))
        .why("memory that may not be locked may be taken away: page faults while trading")
        .fix("LimitMEMLOCK=infinity in the unit, or `* - memlock unlimited` in /etc/security/limits.conf");
    let Some(limit) = limit(sys, "Max locked memory") else { return check.unknown("cannot read /proc/self/limits") };
    match limit {
        None => check.is(Judgement::Pass, "unlimited"),
        Some(bytes) => {
            let exempt = capable(sys, CAP_IPC_LOCK);
            let current = human_bytes(bytes) + if exempt { ", but this process has CAP_IPC_LOCK" } else { "" };
            check.holds(bytes >= LOCKED_BYTES || exempt, Judgement::Warn, current)
        }
    }
}
