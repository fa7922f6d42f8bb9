//! The cores of this configuration: whether they exist, are physical cores of their own, and stay awake.

use super::{
    activity::Activity,
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
};
use crate::lab::{Cpus, Sysfs};
use std::collections::BTreeMap;

const CPU: &str = "/sys/devices/system/cpu";
/// Wake-up time that does no harm, µs.
const EXIT_US_MAX: i64 = 10;

/// The items about cores.
pub(super) fn items(sys: &Sysfs, plan: &CpuPlan, before: &Activity, after: &Activity) -> Vec<Finding> {
    vec![
        exist(sys, plan),
        allowed(plan),
        shared(plan),
        siblings(sys, plan),
        quota(sys, plan),
        governor(sys, plan),
        c_states(sys, plan),
        steal(plan, before, after),
    ]
}

fn check(name: &str, wanted: impl Into<String>) -> Check {
    Check::new(Section::Cores, name, wanted)
}

fn exist(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = check("exist", "every core of engine.cores online")
        .why("a thread whose core does not exist runs on any core")
        .fix("correct [engine.cores]; `lscpu -e` lists the cores");
    let Some(online) = sys.read(&format!("{CPU}/online")).and_then(|text| Cpus::parse(&text)) else {
        return check.unknown(format!("cannot read {CPU}/online"));
    };
    let absent = configured(plan).without(&online);
    if absent.is_empty() {
        let current =
            if plan.all_pinned() { plan.used_text() } else { format!("{}; online: {online}", plan.used_text()) };
        return check.is(Judgement::Pass, current);
    }
    check.is(Judgement::Fail, format!("{absent} not online (online: {online})"))
}

/// The pinned cores, with that of the telemetry.
fn configured(plan: &CpuPlan) -> Cpus {
    let mut cores = plan.pinned.clone();
    plan.telemetry.into_iter().for_each(|core| cores.insert(core));
    cores
}

fn allowed(plan: &CpuPlan) -> Finding {
    let check = check("allowed", "every core of engine.cores in the affinity mask")
        .why("the system refuses to pin a thread to a core outside its process's mask")
        .fix("widen the mask: CPUAffinity= of the unit, --cpuset-cpus of the container, taskset, the cpuset of the cgroup");
    let Some(allowed) = &plan.allowed else {
        return check.unknown("cannot read Cpus_allowed_list in /proc/self/status");
    };
    let refused = configured(plan).without(allowed);
    if refused.is_empty() {
        return check.is(Judgement::Pass, format!("mask: {allowed}"));
    }
    check.is(Judgement::Fail, format!("{refused} outside the mask {allowed}"))
}

fn shared(plan: &CpuPlan) -> Finding {
    let check = check("shared", "a core for each thread")
        .why("threads that share a core wait milliseconds for their time slices, or without end if one of them spins")
        .fix(if plan.threads.len() == 1 {
            "engine.pin = true and engine.cores.reader = the core of the one thread"
        } else {
            "engine.pin = true and a core of its own for each of engine.cores; or engine.threading = \"shared\""
        });
    // Threads that spin never give the core to each other.
    let bad = if plan.busy_spin { Judgement::Fail } else { Judgement::Warn };
    let mut by_core: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (name, core) in &plan.threads {
        if let Some(core) = core {
            by_core.entry(*core).or_default().push(name);
        }
    }
    let crowded: Vec<String> = by_core
        .iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(core, names)| format!("core {core}: {}", names.join(", ")))
        .collect();
    if !crowded.is_empty() {
        return check.is(bad, crowded.join("; "));
    }
    let count = plan.threads.len();
    let threads = format!("{count} thread{}", if count == 1 { "" } else { "s" });
    if plan.all_pinned() {
        return check.is(Judgement::Pass, format!("{threads}, each on its own"));
    }
    match &plan.allowed {
        None => check.unknown(format!("{threads}, on an unknown number of cores")),
        Some(allowed) if count > allowed.len() => {
            check.is(bad, format!("{threads} unpinned on {} cores", allowed.len()))
        }
        Some(_) => check.is(Judgement::Warn, format!("{threads} not pinned to any core")),
    }
}

fn siblings(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = check("SMT siblings", "none online beside a used core")
        .why("two hyper-threads share one core's caches and units: each halves and disturbs the other")
        .fix("pin to one of each pair and switch the other off: echo 0 > /sys/devices/system/cpu/cpuN/online");
    let (mut beside, mut twins, mut unread) = (Cpus::default(), Cpus::default(), Cpus::default());
    for core in plan.used.iter() {
        let list = sys.read(&format!("{CPU}/cpu{core}/topology/thread_siblings_list"));
        let Some(siblings) = list.and_then(|text| Cpus::parse(&text)) else {
            unread.insert(core);
            continue;
        };
        let others = siblings.without(&Cpus::from_iter([core]));
        if !others.and(&plan.pinned).is_empty() && plan.pinned.contains(core) {
            twins.insert(core);
        }
        beside = beside.or(&others);
    }
    if !twins.is_empty() {
        return check.is(Judgement::Warn, format!("agents on both threads of one core: {twins}"));
    }
    if !beside.is_empty() {
        return check.is(Judgement::Warn, format!("{beside} beside {}", plan.used));
    }
    nothing_unread(check, plan, &unread, "thread_siblings_list", || "none".to_owned())
}

/// Passes if there are cores, and all of them could be read.
fn nothing_unread(check: Check, plan: &CpuPlan, unread: &Cpus, file: &str, good: impl Fn() -> String) -> Finding {
    if plan.used.is_empty() {
        return check.unknown("it is not known which cores are used");
    }
    if unread.is_empty() {
        check.is(Judgement::Pass, good())
    } else {
        check.unknown(format!("cannot read {file} of {unread}"))
    }
}

fn quota(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = check("cgroup quota", "none")
        .why("when the quota of a period is used up, the whole process stops until the period ends, up to 100 ms")
        .fix("CPUQuota= (empty) in the unit; no --cpus and no CPU limit for the container, a cpuset instead");
    let Some(groups) = sys.read("/proc/self/cgroup") else { return check.unknown("cannot read /proc/self/cgroup") };
    let mut limits = Vec::new();
    let mut read_any = false;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let v1 = controllers.split(',').any(|controller| controller == "cpu");
        if !v1 && !controllers.is_empty() {
            continue;
        }
        let bases: &[&str] = if v1 {
            &["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
        } else {
            &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        };
        for group in ancestors(path) {
            for base in bases {
                let Some(limit) = limit_of(sys, &format!("{base}{group}"), v1) else { continue };
                read_any = true;
                limits.extend(limit.map(|cores| (cores, group.to_owned())));
            }
        }
        // The root group of version 2 has no cpu.max: it has no limit by definition.
        read_any |= !v1 && path == "/" && has_cpu_controller(sys);
    }
    let tightest = limits.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    match tightest {
        Some((cores, group)) => {
            let threads = plan.threads.len();
            let verdict = if plan.busy_spin && cores < threads as f64 { Judgement::Fail } else { Judgement::Warn };
            let group = if group.is_empty() { "/" } else { &group };
            check.is(verdict, format!("{cores:.2} cores for {threads} threads, in {group}"))
        }
        None if read_any => check.is(Judgement::Pass, "none"),
        None => check.unknown("no CPU controller of this process's cgroups can be read"),
    }
}

fn has_cpu_controller(sys: &Sysfs) -> bool {
    let controllers = sys.read("/sys/fs/cgroup/cgroup.controllers");
    controllers.is_some_and(|text| text.split(' ').any(|controller| controller == "cpu"))
}

/// The group and its parents; the root (an empty text) is last.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect::<Vec<_>>();
    let mut ends: Vec<usize> = ends.into_iter().rev().collect();
    ends.dedup();
    ends.into_iter().map(move |end| &path[..end])
}

/// The limit of one group, cores. `Some(None)`: no limit. `None`: no such group.
fn limit_of(sys: &Sysfs, dir: &str, v1: bool) -> Option<Option<f64>> {
    let (quota, period) = if v1 {
        (sys.number(&format!("{dir}/cpu.cfs_quota_us"))?, sys.number(&format!("{dir}/cpu.cfs_period_us"))?)
    } else {
        let text = sys.read(&format!("{dir}/cpu.max"))?;
        let (quota, period) = text.split_once(' ')?;
        (quota.parse().unwrap_or(-1), period.parse().ok()?)
    };
    Some((quota > 0 && period > 0).then(|| quota as f64 / period as f64))
}

fn governor(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = check("governor", "performance")
        .why("other governors raise the clock only after the load has started, and lower it between two bars")
        .fix("perf/host/tune.sh apply, or cpupower frequency-set -g performance");
    let (mut by_name, mut unread) = (BTreeMap::<String, Cpus>::new(), Cpus::default());
    for core in plan.used.iter() {
        match sys.read(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor")) {
            Some(governor) => by_name.entry(governor).or_default().insert(core),
            None => unread.insert(core),
        }
    }
    let others: Vec<String> = by_name
        .iter()
        .filter(|(governor, _)| *governor != "performance")
        .map(|(governor, cores)| format!("{governor} on {cores}"))
        .collect();
    if !others.is_empty() {
        return check.is(Judgement::Warn, others.join(", "));
    }
    if by_name.is_empty() && !plan.used.is_empty() {
        return check.unknown("no cpufreq here: firmware or hypervisor set the clock");
    }
    nothing_unread(check, plan, &unread, "scaling_governor", || "performance".to_owned())
}

fn c_states(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = check("C-states", format!("none that takes over {EXIT_US_MAX} µs to leave"))
        .why("a core that sleeps deeply wakes up late: the first bar after a pause pays")
        .fix("perf/host/tune.sh apply switches the deep ones off; idle = \"busy-spin\" never sleeps at all");
    if plan.busy_spin && plan.all_pinned() {
        return check.is(Judgement::Pass, "of no account: the agents spin and never sleep");
    }
    let (mut deepest, mut unread): (Option<(i64, String, usize)>, _) = (None, Cpus::default());
    for core in plan.used.iter() {
        let base = format!("{CPU}/cpu{core}/cpuidle");
        let states = sys.names(&base).unwrap_or_default();
        let mut read_any = false;
        for state in states.iter().filter(|name| name.starts_with("state")) {
            let Some(latency) = sys.number(&format!("{base}/{state}/latency")) else { continue };
            read_any = true;
            let off = sys.number(&format!("{base}/{state}/disable")).is_some_and(|disable| disable != 0);
            if !off && deepest.as_ref().is_none_or(|(most, ..)| latency > *most) {
                let name = sys.read(&format!("{base}/{state}/name")).unwrap_or_else(|| state.clone());
                deepest = Some((latency, name, core));
            }
        }
        if !read_any {
            unread.insert(core);
        }
    }
    let driver = sys.read(&format!("{CPU}/cpuidle/current_driver")).unwrap_or_else(|| "unknown".to_owned());
    match deepest {
        Some((latency, name, core)) if latency > EXIT_US_MAX => {
            check.is(Judgement::Warn, format!("{name} takes {latency} µs to leave, core {core} (driver {driver})"))
        }
        // A guest cannot see what the hypervisor does with a halted core.
        _ if driver == "haltpoll" => {
            check.unknown("the driver is haltpoll: the hypervisor decides how deep a core sleeps")
        }
        Some((latency, name, _)) => nothing_unread(check, plan, &unread, "cpuidle", || {
            format!("{name} at most, {latency} µs (driver {driver})")
        }),
        None => check.unknown(format!("no states can be read (driver {driver})")),
    }
}

fn steal(plan: &CpuPlan, before: &Activity, after: &Activity) -> Finding {
    let check = check("steal", "≤ 0.1%")
        .why("time in which the hypervisor ran another guest on this core")
        .fix("a host with dedicated cores: another instance type, or vCPUs pinned by the hypervisor");
    match after.steal(before, &plan.used) {
        _ if plan.used.is_empty() => check.unknown("it is not known which cores are used"),
        None => check.unknown("cannot read the used cores in /proc/stat"),
        Some((part, fresh)) => {
            let verdict = match part {
                _ if part <= 0.001 => Judgement::Pass,
                _ if part <= 0.05 => Judgement::Warn,
                _ => Judgement::Fail,
            };
            check.is(
                verdict,
                format!("{:.2}% {}", part.min(1.0) * 100.0, if fresh { "during the test" } else { "since boot" }),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_followed_to_the_root() {
        assert_eq!(ancestors("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", ""]);
        assert_eq!(ancestors("/").collect::<Vec<_>>(), [""]);
    }
}
