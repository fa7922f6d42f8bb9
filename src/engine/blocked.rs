//! For how long an agent could not go on because another was not ready. Hot: a comparison while nothing changes.

use crate::{runtime::Now, telemetry::Counter};

/// Since when an agent is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocked {
    counted_ns: Option<u64>,
}

impl Blocked {
    /// Says whether the agent is held up now; adds the time since it last said so.
    #[inline]
    pub fn is(&mut self, blocked: bool, now: Now, total_ns: &Counter) {
        if let Some(counted_ns) = self.counted_ns {
            total_ns.add(now.ns.saturating_sub(counted_ns));
        }
        self.counted_ns = blocked.then_some(now.ns);
    }

    /// Whether it was held up when it last said.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.counted_ns.is_some()
    }
}
