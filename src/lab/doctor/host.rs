//! The whole examination of a host.

use super::{
    activity::Activity,
    cores,
    cpu_plan::CpuPlan,
    hiccups::{self, HiccupTest},
    isolation,
    item::Finding,
    memory,
    redis::RedisProbe,
    redis_items, scheduler, state_dir, time,
    time::ClockProbe,
};
use crate::lab::Sysfs;
use std::path::PathBuf;

/// What has to be measured or asked for, because no file says it.
#[derive(Debug, Default)]
pub struct Probes {
    /// The clocks.
    pub clock: ClockProbe,
    /// The hiccup test of each core.
    pub hiccups: Vec<HiccupTest>,
    /// Counters of the cores before the hiccup test.
    pub before: Activity,
    /// Counters of the cores after it.
    pub after: Activity,
    /// The server; `None` if the configuration has none.
    pub redis: Option<RedisProbe>,
    /// The state directory; `None` if none is configured.
    pub state_dir: Option<PathBuf>,
}

/// A host and the threads that are to run on it.
#[derive(Debug)]
pub struct ExaminedHost<'a> {
    /// The host's system files.
    pub sys: &'a Sysfs,
    /// The threads.
    pub plan: &'a CpuPlan,
}

impl ExaminedHost<'_> {
    /// Cores that this process may use; `None` if that cannot be read.
    #[must_use]
    pub fn allowed(sys: &Sysfs) -> Option<crate::lab::Cpus> {
        crate::lab::Cpus::parse(&sys.field("/proc/self/status", "Cpus_allowed_list")?)
    }

    /// Every item, section by section.
    #[must_use]
    pub fn examine(&self, probes: &Probes) -> Vec<Finding> {
        let Self { sys, plan } = *self;
        let mut items = time::items(sys, &probes.clock);
        items.extend(cores::items(sys, plan, &probes.before, &probes.after));
        items.extend(isolation::items(sys, plan, &probes.before, &probes.after));
        items.extend(memory::items(sys, plan));
        items.extend(scheduler::items(sys, plan));
        items.extend(hiccups::items(plan, &probes.hiccups));
        items.extend(redis_items::items(probes.redis.as_ref(), plan));
        items.extend(state_dir::state_directory(probes.state_dir.as_deref()));
        items
    }
}
