//! Device interrupts that reach the used cores, or may.

use super::{
    activity::Activity,
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
};
use crate::lab::{Cpus, Sysfs};

/// The item about interrupts.
pub(super) fn item(sys: &Sysfs, plan: &CpuPlan, before: &Activity, after: &Activity) -> Finding {
    let check = Check::new(Section::Isolation, "IRQs", "none on the used cores")
        .why("a device that interrupts takes the core for microseconds, and the network's softirqs for longer")
        .fix("perf/host/tune.sh apply moves them; with irqbalance: IRQBALANCE_BANNED_CPULIST and restart it");
    let Some(interrupts) = &after.interrupts else { return check.unknown("cannot read /proc/interrupts") };
    if plan.used.is_empty() {
        return check.unknown("it is not known which cores are used");
    }
    // Without device interrupts no line names the cores; a live system always has some.
    let known = interrupts.values().next().map(|one| one.counts.keys().copied().collect()).unwrap_or_default();
    let strange = plan.used.without(&known);
    if !strange.is_empty() {
        return check.unknown(format!("{strange} not in /proc/interrupts"));
    }
    let landed = |activity: &Activity, irq: &u32| {
        let interrupt = activity.interrupts.as_ref().and_then(|all| all.get(irq));
        interrupt.map_or(0, |one| plan.used.iter().filter_map(|core| one.counts.get(&core)).sum::<u64>())
    };
    let (mut may, mut unread, mut fresh, mut busiest) = (0_u64, 0_u64, 0, (0, ""));
    for (irq, interrupt) in interrupts {
        // The effective mask, which may be narrower than the mask that was set.
        let base = format!("/proc/irq/{irq}");
        let given = sys.read(&format!("{base}/smp_affinity_list")).and_then(|text| Cpus::parse(&text));
        let sent = sys.read(&format!("{base}/effective_affinity_list")).and_then(|text| Cpus::parse(&text));
        match sent.filter(|cores| !cores.is_empty()).or(given) {
            Some(mask) if mask.and(&plan.used).is_empty() => {}
            Some(_) => may += 1,
            None => unread += 1,
        }
        let count = landed(after, irq).saturating_sub(landed(before, irq));
        fresh += count;
        if count > busiest.0 {
            busiest = (count, &interrupt.name);
        }
    }
    let all = interrupts.len();
    let most = if busiest.0 > 0 { format!(", most from {}", busiest.1) } else { String::new() };
    let current = format!("{may} of {all} go there; {fresh} came during the test{most}");
    match (may, fresh, unread) {
        (0, 0, 0) => check.is(Judgement::Pass, current),
        (0, 0, _) => check.unknown(format!("the masks of {unread} of {all} cannot be read; none came during the test")),
        _ => check.is(Judgement::Warn, current),
    }
}
