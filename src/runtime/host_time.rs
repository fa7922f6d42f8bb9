//! What the host says of the time, to tell a step of another machine's clock from one of its own.

use rustix::time::{ClockId, clock_gettime};

/// The host's clocks. A reading is two system calls that never enter the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTime {
    /// The wall clock, Unix ms.
    pub wall_ms: i64,
    /// Time since the boot, suspensions included, ms.
    pub uptime_ms: i64,
}

impl HostTime {
    /// Reads them.
    pub(super) fn now() -> Self {
        let ms = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
        };
        Self { wall_ms: ms(ClockId::Realtime), uptime_ms: ms(ClockId::Boottime) }
    }

    /// Name of the boot that the uptime counts from; empty where the system does not tell. Blocks for the file system.
    #[must_use]
    pub fn boot() -> String {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        boot.trim().to_owned()
    }
}
