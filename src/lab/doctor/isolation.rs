//! What else runs on the used cores.

use super::{
    activity::Activity,
    cpu_plan::CpuPlan,
    irqs,
    item::{Check, Finding, Judgement, Section},
};
use crate::lab::{Cpus, Sysfs};

/// Flag of kernel threads in `/proc/PID/stat`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The items about isolation.
pub(super) fn items(sys: &Sysfs, plan: &CpuPlan, before: &Activity, after: &Activity) -> Vec<Finding> {
    let advice = |parameter: &str| {
        if plan.all_pinned() {
            format!("kernel parameter {parameter}={} (needs a restart); see perf/host/README.md", plan.used)
        } else {
            format!("pin the threads first (engine.pin, engine.cores), then kernel parameter {parameter}=<those cores>")
        }
    };
    let isolated = Check::new(Section::Isolation, "isolcpus", wanted(plan))
        .why("the scheduler puts any program of the host on a core that is not isolated")
        .fix(advice("isolcpus"));
    let tickless = Check::new(Section::Isolation, "nohz_full", wanted(plan))
        .why("on other cores the timer interrupts a running thread 100 to 1000 times a second")
        .fix(advice("nohz_full"));
    let callbacks = Check::new(Section::Isolation, "rcu_nocbs", wanted(plan))
        .why("the kernel runs its deferred work on all other cores")
        .fix(advice("rcu_nocbs"));
    vec![
        covers(isolated, plan, isolated_cores(sys)),
        covers(tickless, plan, tickless_cores(sys)),
        covers(callbacks, plan, callback_cores(sys)),
        irqs::item(sys, plan, before, after),
        kernel_threads(sys, plan),
    ]
}

fn wanted(plan: &CpuPlan) -> String {
    if plan.all_pinned() { plan.used.to_string() } else { "the agents' cores".to_owned() }
}

/// Compares a set of cores with the set that it should cover.
fn covers(check: Check, plan: &CpuPlan, found: Result<Cpus, String>) -> Finding {
    match found {
        Err(reason) => check.unknown(reason),
        Ok(found) if plan.all_pinned() => {
            let missing = plan.used.without(&found);
            let current = if missing.is_empty() || found.is_empty() {
                found.to_string()
            } else {
                format!("{found}; not {missing}")
            };
            check.holds(missing.is_empty(), Judgement::Warn, current)
        }
        Ok(found) => check.is(Judgement::Warn, format!("{found}; no thread is kept on a core")),
    }
}

fn isolated_cores(sys: &Sysfs) -> Result<Cpus, String> {
    let path = "/sys/devices/system/cpu/isolated";
    let boot = sys.read(path).and_then(|text| Cpus::parse(&text)).ok_or(format!("cannot read {path}"))?;
    // Partitions made at run time, if the kernel supports them.
    let partitions = sys.read("/sys/fs/cgroup/cpuset.cpus.isolated").and_then(|text| Cpus::parse(&text));
    Ok(boot.or(&partitions.unwrap_or_default()))
}

fn tickless_cores(sys: &Sysfs) -> Result<Cpus, String> {
    let path = "/sys/devices/system/cpu/nohz_full";
    match sys.read(path) {
        Some(text) => Cpus::parse(&text).ok_or(format!("{path} holds {text:?}")),
        // A kernel without support has no such file, and ignores the parameter.
        None => match sys.read("/proc/cmdline") {
            Some(_) if sys.exists("/sys/devices/system/cpu/online") => Ok(Cpus::default()),
            _ => Err(format!("cannot read {path}")),
        },
    }
}

fn callback_cores(sys: &Sysfs) -> Result<Cpus, String> {
    let line = sys.read("/proc/cmdline").ok_or("cannot read /proc/cmdline")?;
    let online = sys.read("/sys/devices/system/cpu/possible").and_then(|text| Cpus::parse(&text)).unwrap_or_default();
    let asked = match parameter(&line, "rcu_nocbs") {
        None => Cpus::default(),
        Some("" | "all") => online,
        Some(list) => {
            let list = online.iter().last().map_or(list.to_owned(), |last| list.replace('N', &last.to_string()));
            Cpus::parse(&list).ok_or(format!("rcu_nocbs={list} in /proc/cmdline is not understood"))?
        }
    };
    // Tickless cores are also relieved of callbacks.
    Ok(asked.or(&tickless_cores(sys).unwrap_or_default()))
}

/// The last value of a kernel parameter.
fn parameter<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let own = line.split(" -- ").next().unwrap_or_default();
    let values = own.split_whitespace().filter_map(|word| word.strip_prefix(name));
    values.filter_map(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix('=') }).next_back()
}

fn kernel_threads(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let check = Check::new(Section::Isolation, "kernel threads", "only those bound to their core")
        .why("a kernel thread that may run on any core may preempt the engine")
        .fix("perf/host/tune.sh apply moves the workers (kworker/u); isolcpus= keeps the others away from the start");
    let Some(names) = sys.names("/proc") else { return check.unknown("cannot read /proc") };
    let (mut movable, mut bound, mut first, mut seen) = (0, 0, None, Cpus::default());
    for pid in names.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) {
        let Some((name, flags)) = sys.read(&format!("/proc/{pid}/stat")).and_then(|stat| name_and_flags(&stat)) else {
            continue;
        };
        if flags & PF_KTHREAD == 0 {
            continue;
        }
        let mask = sys.field(&format!("/proc/{pid}/status"), "Cpus_allowed_list");
        let Some(mask) = mask.and_then(|text| Cpus::parse(&text)) else { continue };
        if mask.and(&plan.used).is_empty() {
            continue;
        }
        seen = seen.or(&mask);
        if mask.len() == 1 {
            bound += 1;
        } else {
            movable += 1;
            first.get_or_insert(name);
        }
    }
    if plan.used.is_empty() {
        return check.unknown("it is not known which cores are used");
    }
    // Every core has some kernel threads of its own.
    let strange = plan.used.without(&seen);
    if !strange.is_empty() {
        let container = if sys.exists("/proc/2/stat") { "" } else { ": a container" };
        return check.unknown(format!("no kernel thread of {strange} is to be seen from here{container}"));
    }
    let current = match first {
        None => format!("{bound} bound"),
        Some(first) => format!("{movable} may come (such as {first}), {bound} bound"),
    };
    check.holds(movable == 0, Judgement::Warn, current)
}

/// Name and flags of a process; the name, in parentheses, may contain anything.
fn name_and_flags(stat: &str) -> Option<(String, u64)> {
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, rest.split_whitespace().nth(6)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parameter_of_the_kernel_counts_and_those_of_init_do_not() {
        let line = "quiet rcu_nocbs=1 rcu_nocbs_poll rcu_nocbs=2-3 -- rcu_nocbs=9";
        assert_eq!(parameter(line, "rcu_nocbs"), Some("2-3"));
        assert_eq!(parameter("rcu_nocbs", "rcu_nocbs"), Some(""));
        assert_eq!(parameter("quiet", "rcu_nocbs"), None);
    }

    #[test]
    fn names_with_parentheses_shift_nothing() {
        let stat = "2 (a) b) S 0 0 0 0 -1 2129984 0 0";
        assert_eq!(name_and_flags(stat), Some(("a) b".to_owned(), 2_129_984)));
    }
}
