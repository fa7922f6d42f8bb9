//! Meters that run beside a measurement, one on each core that the engine may use. They tell the host's stalls from the
//! engine's.

use super::track::{INTERVAL_NS, Track};
use crate::{
    config::Config,
    lab::{
        Cpus, HiccupMeter, HiccupMode, Sysfs,
        doctor::{Activity, CpuPlan},
    },
    runtime::{Clock, available_cores},
};
use anyhow::Result;

/// Maximum number of cores watched if the threads are not pinned and the engine may run on any core.
const CORES_MAX: usize = 16;

/// The cores on which the threads of a configured engine may run.
pub fn cores_of(config: &Config) -> Vec<usize> {
    let plan = CpuPlan::new(config, Some(available_cores().into_iter().collect()));
    plan.used.iter().take(CORES_MAX).collect()
}

/// What the meter of one core measured.
#[derive(Debug)]
pub struct CoreHiccups {
    /// The core.
    pub core: usize,
    /// How late the meter's thread woke up, sampled every millisecond.
    pub late: Track,
    /// Time for which the meter waited because other programs had the core, ms.
    pub waited_ms: Option<f64>,
    /// Share of the core's time that the hypervisor took, 0 to 1.
    pub stolen: Option<f64>,
}

impl CoreHiccups {
    /// Adds a later measurement of the same core, which started `from_ns` after this one.
    ///
    /// # Errors
    /// The histograms cannot be added up.
    pub fn append(&mut self, more: &Self, from_ns: u64) -> Result<()> {
        let [own, other] = [&self.late, &more.late].map(|late| late.intervals.len() as f64);
        let share = |(a, b): (f64, f64)| (a * own + b * other) / (own + other).max(1.0);
        self.stolen = self.stolen.zip(more.stolen).map(share);
        self.waited_ms = self.waited_ms.zip(more.waited_ms).map(|(a, b)| a + b);
        self.late.append_at(&more.late, from_ns)
    }
}

/// Running meters. They sleep between samples: a spinning meter would take the core from the engine.
#[derive(Debug)]
pub struct Beside {
    meters: Vec<(usize, HiccupMeter)>,
    before: Activity,
}

impl Beside {
    /// Starts a meter on each of the available cores. Samples before `from_ns` are dropped.
    #[must_use]
    pub fn start(cores: &[usize], clock: &Clock, from_ns: u64) -> Self {
        let meter = |&core: &usize| {
            let meter = HiccupMeter::start_by_second(Some(core), HiccupMode::Sleep, clock, from_ns);
            meter.ok().map(|meter| (core, meter))
        };
        Self { meters: cores.iter().filter_map(meter).collect(), before: Activity::read(&Sysfs::default()) }
    }

    /// Stops the meters. Samples later than `length_ns` after the start are dropped.
    ///
    /// # Errors
    /// The thread of a meter has died.
    pub fn stop(self, length_ns: u64) -> Result<Vec<CoreHiccups>> {
        let after = Activity::read(&Sysfs::default());
        let mut seen = Vec::new();
        for (core, meter) in self.meters {
            let mut hiccups = meter.stop()?;
            hiccups.seconds.truncate(length_ns.div_ceil(INTERVAL_NS) as usize);
            let steal = after.steal(&self.before, &Cpus::from_iter([core]));
            seen.push(CoreHiccups {
                core,
                late: Track::of(hiccups.seconds)?,
                waited_ms: hiccups.waited_ns.map(|ns| ns as f64 / 1e6),
                stolen: steal.filter(|(_, fresh)| *fresh).map(|(part, _)| part),
            });
        }
        Ok(seen)
    }
}
