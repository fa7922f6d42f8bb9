//! How long an agent was blocked by another. Hot: one comparison while nothing changes.

use crate::{runtime::Now, telemetry::Counter};

/// Measures for how long an agent is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocked {
    counted_ns: Option<u64>,
}

impl Blocked {
    /// Notes whether the agent is blocked now, and adds the time since the last note if it was.
    #[inline]
    pub fn is(&mut self, blocked: bool, now: Now, total_ns: &Counter) {
        if let Some(counted_ns) = self.counted_ns {
            total_ns.add(now.ns.saturating_sub(counted_ns));
        }
        self.counted_ns = blocked.then_some(now.ns);
    }

    /// Whether it was blocked at the last note.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.counted_ns.is_some()
    }
}
