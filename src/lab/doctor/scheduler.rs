//! What the scheduler allows this process. The engine inherits what the doctor runs with.

use super::{
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
    rights::{capable, limit},
};
use crate::lab::{Sysfs, sched_policy::SchedPolicy};

/// Bit of the capability to set any priority, `CAP_SYS_NICE`.
const CAP_SYS_NICE: u32 = 23;

/// The items about the scheduler.
pub(super) fn items(sys: &Sysfs, plan: &CpuPlan) -> Vec<Finding> {
    vec![real_time_limit(sys), throttling(sys, plan), policy(sys)]
}

fn real_time_limit(sys: &Sysfs) -> Finding {
    let check = Check::new(Section::Scheduler, "RT limit", "≥ 1, or unlimited")
        .why("threads with real-time priority do not wait for other programs on their core")
        .fix("LimitRTPRIO=50 in the unit, or `* - rtprio 50` in /etc/security/limits.conf");
    if capable(sys, CAP_SYS_NICE) {
        return check.is(Judgement::Pass, "any priority: this process has CAP_SYS_NICE");
    }
    match limit(sys, "Max realtime priority") {
        None => check.unknown("cannot read /proc/self/limits"),
        Some(None) => check.is(Judgement::Pass, "unlimited"),
        Some(Some(limit)) => check.holds(limit > 0, Judgement::Warn, limit.to_string()),
    }
}

fn throttling(sys: &Sysfs, plan: &CpuPlan) -> Finding {
    let path = "/proc/sys/kernel/sched_rt_runtime_us";
    let check = Check::new(Section::Scheduler, "RT throttling", "-1 (off) where threads spin at real-time priority")
        .why("a real-time thread that never sleeps is stopped for the rest of each second, 50 ms by default")
        .fix("perf/host/tune.sh apply, or sysctl kernel.sched_rt_runtime_us=-1");
    let (Some(runtime), period) = (sys.number(path), sys.number("/proc/sys/kernel/sched_rt_period_us")) else {
        return check.unknown(format!("cannot read {path}"));
    };
    if runtime < 0 {
        return check.is(Judgement::Pass, "off");
    }
    let current = format!("{runtime} of each {} µs", period.map_or("?".to_owned(), |period| period.to_string()));
    if plan.busy_spin {
        check.is(Judgement::Warn, current)
    } else {
        check.is(Judgement::Pass, format!("{current}; no thread spins"))
    }
}

fn policy(sys: &Sysfs) -> Finding {
    let check = Check::new(Section::Scheduler, "policy", "other, fifo or rr; nice ≤ 0")
        .why("batch, idle and nice threads wait for all other threads")
        .fix("start the engine without nice, chrt -b and chrt -i; CPUSchedulingPolicy= and Nice= of the unit");
    match sys.read("/proc/self/stat").and_then(|stat| SchedPolicy::parse(&stat)) {
        Some(policy) => check.holds(policy.is_prompt(), Judgement::Warn, policy.to_string()),
        None => check.unknown("cannot read /proc/self/stat"),
    }
}
