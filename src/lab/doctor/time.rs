//! Clocks: the cost of a reading, and whether the time is right.

use super::{
    item::{Check, Finding, Judgement, Section},
    timex::KernelClock,
};
use crate::{lab::Sysfs, runtime::Clock, telemetry::human_ns};

/// Number of readings in one sample of a clock's cost.
const READS: u32 = 10_000;

/// Measurements of the clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockProbe {
    /// Time to read the engine's clock, ns.
    pub read_ns: Option<f64>,
    /// Time to read the system's clock, ns.
    pub system_read_ns: Option<f64>,
    /// The state of the kernel's clock.
    pub kernel: Option<KernelClock>,
}

impl ClockProbe {
    /// Measures on this machine; takes some milliseconds.
    #[must_use]
    pub fn measure(clock: &Clock) -> Self {
        // Take the fastest sample: the others include interruptions.
        let cost = |read: &dyn Fn()| {
            let sample = |_| {
                let begin = clock.ns();
                (0..READS).for_each(|_| read());
                (clock.ns() - begin) as f64 / f64::from(READS)
            };
            (0..9).map(sample).reduce(f64::min)
        };
        Self {
            read_ns: cost(&|| {
                std::hint::black_box(clock.ns());
            }),
            system_read_ns: cost(&|| {
                std::hint::black_box(std::time::SystemTime::now());
            }),
            kernel: super::timex::kernel_clock(),
        }
    }
}

/// The items about time.
pub(super) fn items(sys: &Sysfs, probe: &ClockProbe) -> Vec<Finding> {
    vec![source(sys), cost(probe), synchronised(sys, probe)]
}

fn source(sys: &Sysfs) -> Finding {
    let base = "/sys/devices/system/clocksource/clocksource0";
    let available = sys.read(&format!("{base}/available_clocksource")).unwrap_or_default();
    let fix = if available.split(' ').any(|source| source == "tsc") {
        format!("echo tsc > {base}/current_clocksource; for good: kernel parameter clocksource=tsc tsc=reliable")
    } else {
        format!(
            "the kernel has no tsc to offer (it has: {available}); look for `tsc` in dmesg to see why it was dropped"
        )
    };
    let check = Check::new(Section::Time, "clock source", "tsc (arch_sys_counter on ARM)")
        .why("every latency takes two readings of a clock; other sources need a system call or a device access")
        .fix(fix);
    match sys.read(&format!("{base}/current_clocksource")) {
        None => check.unknown(format!("cannot read {base}/current_clocksource")),
        Some(source) => {
            let verdict = match source.as_str() {
                "tsc" | "arch_sys_counter" => Judgement::Pass,
                "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" => Judgement::Fail,
                _ => Judgement::Warn,
            };
            check.is(verdict, source)
        }
    }
}

fn cost(probe: &ClockProbe) -> Finding {
    let check = Check::new(Section::Time, "clock read", "≤ 50 ns")
        .why("an agent reads the clock once or twice in each duty cycle")
        .fix("get the clock source right first; a virtual machine needs an invariant TSC passed through");
    let (Some(ns), Some(system_ns)) = (probe.read_ns, probe.system_read_ns) else {
        return check.unknown("not measured");
    };
    let worst = ns.max(system_ns);
    let verdict = match worst {
        _ if worst <= 50.0 => Judgement::Pass,
        _ if worst <= 500.0 => Judgement::Warn,
        _ => Judgement::Fail,
    };
    check.is(verdict, format!("{ns:.0} ns, system clock {system_ns:.0} ns"))
}

fn synchronised(sys: &Sysfs, probe: &ClockProbe) -> Finding {
    let check = Check::new(Section::Time, "synchronised", "yes, within 10 ms")
        .why("records are late or too far in the future by this clock, and it closes bars of quiet symbols")
        .fix("systemctl enable --now chronyd (or systemd-timesyncd), then see `chronyc tracking`");
    match probe.kernel {
        Some(KernelClock { synchronised: true, max_error_us, estimated_error_us }) => {
            let ns = |us: i64| human_ns(u64::try_from(us).unwrap_or(0) * 1_000);
            let current = format!("yes, off by {} at most, {} likely", ns(max_error_us), ns(estimated_error_us));
            // The maximum error grows between polls and includes the path to the server's own source: use the estimate.
            check.holds(estimated_error_us <= 10_000, Judgement::Warn, current)
        }
        Some(KernelClock { synchronised: false, .. }) => {
            let found = ["/run/chrony", "/run/chronyd.pid", "/run/ntpd.pid", "/run/systemd/timesync"];
            let daemon = found.into_iter().find(|path| sys.exists(path));
            check.is(Judgement::Warn, daemon.map_or("no".to_owned(), |path| format!("no, although there is {path}")))
        }
        None if sys.exists("/run/systemd/timesync/synchronized") => {
            check.is(Judgement::Pass, "yes, says systemd-timesyncd")
        }
        None => check.unknown("the kernel does not say"),
    }
}
