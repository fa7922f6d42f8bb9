//! The hiccup test of every used core: spinning, and asleep if agents may park.

use super::{
    cpu_plan::CpuPlan,
    item::{Check, Finding, Judgement, Section},
};
use crate::{
    lab::{Cpus, HiccupError, HiccupMeter, HiccupMode, Hiccups},
    runtime::Clock,
    telemetry::human_ns,
};
use std::time::Duration;

/// Maximum number of cores tested if the threads are not pinned and all cores are used.
const CORES_MAX: usize = 16;

/// How far two clocks may differ, ns, because they are read one after the other; a thousandth of the time comes on top.
const CLOCK_ERROR_NS_MAX: u64 = 50_000_000;

/// The test of one core in one mode.
#[derive(Debug)]
pub struct HiccupTest {
    /// The core.
    pub core: usize,
    /// Mode of the test.
    pub mode: HiccupMode,
    /// Result of the test.
    pub result: Result<Hiccups, HiccupError>,
}

impl HiccupTest {
    /// Tests these cores at the same time: spinning for the given time, then asleep for a fifth of it unless the
    /// agents never sleep. Blocks.
    #[must_use]
    pub fn run(plan: &CpuPlan, time: Duration, clock: &Clock) -> Vec<Self> {
        let cores: Cpus = plan.used.iter().take(CORES_MAX).collect();
        let mut tests = Self::round(&cores, HiccupMode::Spin, time, clock);
        if !plan.busy_spin {
            tests.extend(Self::round(&cores, HiccupMode::Sleep, time / 5, clock));
        }
        tests
    }

    fn round(cores: &Cpus, mode: HiccupMode, time: Duration, clock: &Clock) -> Vec<Self> {
        let meters: Vec<_> = cores.iter().map(|core| (core, HiccupMeter::start(Some(core), mode, clock))).collect();
        std::thread::sleep(time);
        let stop = |(core, meter): (usize, Result<HiccupMeter, HiccupError>)| Self {
            core,
            mode,
            result: meter.and_then(HiccupMeter::stop),
        };
        meters.into_iter().map(stop).collect()
    }
}

/// Limits of one mode, ns: for 99.9 % of the appointments, and for all of them.
const fn bounds(mode: HiccupMode) -> (u64, u64) {
    match mode {
        HiccupMode::Spin => (50_000, 1_000_000),
        HiccupMode::Sleep => (200_000, 2_000_000),
    }
}

/// The items about hiccups.
pub(super) fn items(plan: &CpuPlan, tests: &[HiccupTest]) -> Vec<Finding> {
    if tests.is_empty() {
        let check = Check::new(Section::Hiccups, "hiccups", "measured").fix("see the cores above");
        return vec![check.unknown("no core could be tested")];
    }
    tests.iter().map(|test| item(plan, test)).collect()
}

fn item(plan: &CpuPlan, HiccupTest { core, mode, result }: &HiccupTest) -> Finding {
    let (name, why) = match mode {
        HiccupMode::Spin => {
            ("spinning", "what the host takes from a thread that only wants to run, no engine can give back")
        }
        HiccupMode::Sleep => ("waking", "a parked agent is woken for every bar, and this is how late it runs"),
    };
    let (tail_ns, max_ns) = bounds(*mode);
    let check = Check::new(
        Section::Hiccups,
        &format!("core {core}, {name}"),
        format!("p99.9 ≤ {}, max ≤ {}", human_ns(tail_ns), human_ns(max_ns)),
    )
    .why(why)
    .fix("the warnings of the sections above, from the top; then see what else runs: perf sched, `top -H`");
    match result {
        Err(error) => check.unknown(error.to_string()),
        Ok(hiccups) if hiccups.lateness.is_empty() => check.unknown("measured for too short a time"),
        Ok(hiccups) if hiccups.clock_error_ns.unsigned_abs() > CLOCK_ERROR_NS_MAX + hiccups.elapsed_ns / 1_000 => {
            let error = human_ns(hiccups.clock_error_ns.unsigned_abs());
            check.unknown(format!("the engine's clock and the system's came apart by {error} while it was measured"))
        }
        Ok(hiccups) => {
            let (p99_ns, p999_ns) = (hiccups.quantile_ns(0.99), hiccups.quantile_ns(0.999));
            let verdict = match hiccups.max_ns {
                // One such stall uses up the budget of a signal.
                max if max >= plan.budget_ns => Judgement::Fail,
                max if max > max_ns || p999_ns > tail_ns => Judgement::Warn,
                _ => Judgement::Pass,
            };
            let numbers = [p99_ns, p999_ns, hiccups.max_ns].map(human_ns);
            let others = hiccups.waited_ns.map_or(0, |ns| (ns * 100 / hiccups.elapsed_ns.max(1)).min(100));
            let others =
                if others > 0 { format!("; others had the core {others}% of the time") } else { String::new() };
            check.is(verdict, format!("p99 {}, p99.9 {}, max {}{others}", numbers[0], numbers[1], numbers[2]))
        }
    }
}
