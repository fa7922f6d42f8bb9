//! Time: monotonic nanoseconds since the start, and the wall clock anchored to them. Hot: a read is about 20 ns.

use super::HostTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// One reading of the clock. A runner takes it once per duty cycle and passes it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Monotonic time since the start of the clock, ns.
    pub ns: u64,
    /// Wall-clock time, Unix ns.
    pub wall_ns: i64,
}

impl Now {
    /// Wall-clock time, Unix ms.
    #[inline]
    #[must_use]
    pub const fn wall_ms(self) -> i64 {
        self.wall_ns.div_euclid(1_000_000)
    }
}

/// The clock of an engine; clones share its start and its anchor.
///
/// Wall time is the monotonic time plus an anchor, so that it costs no second read and never jumps by itself.
/// [`resync`](Self::resync) picks up a step of the system's clock, and the slow drift of the counter against it.
#[derive(Debug, Clone)]
pub struct Clock {
    source: quanta::Clock,
    start: quanta::Instant,
    /// Wall-clock time minus monotonic time, ns.
    anchor_ns: Arc<AtomicI64>,
    /// The mock's system clock minus monotonic time, ns.
    mock_system_ns: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// A clock that starts now. Calibrates the time-stamp counter, which takes up to 200 ms once per process.
    #[must_use]
    pub fn new() -> Self {
        let source = quanta::Clock::new();
        let start = source.now();
        let clock = Self { source, start, anchor_ns: Arc::default(), mock_system_ns: None };
        clock.resync();
        clock
    }

    /// A mock clock, which stands still until its handle moves it. It starts at monotonic 0 and the Unix epoch.
    #[must_use]
    pub fn mock() -> (Self, MockHandle) {
        let (source, mock) = quanta::Clock::mock();
        let start = source.now();
        let system_ns = Arc::new(AtomicI64::new(0));
        let clock = Self { source, start, anchor_ns: Arc::default(), mock_system_ns: Some(Arc::clone(&system_ns)) };
        (clock, MockHandle { mock, system_ns })
    }

    /// Monotonic time since the start, ns.
    #[inline]
    #[must_use]
    pub fn ns(&self) -> u64 {
        u64::try_from(self.source.now().saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Monotonic and wall-clock time from one reading.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Now {
        let ns = self.ns();
        Now { ns, wall_ns: self.wall_ns(ns) }
    }

    /// What the host says of the time: two system calls. A mock says that it was started with its clock.
    #[must_use]
    pub fn host_time(&self) -> HostTime {
        match &self.mock_system_ns {
            Some(_) => {
                let now = self.now();
                HostTime { wall_ms: now.wall_ms(), uptime_ms: i64::try_from(now.ns / 1_000_000).unwrap_or(i64::MAX) }
            }
            None => HostTime::now(),
        }
    }

    /// Wall-clock time, Unix ns, at a monotonic time of this clock.
    #[inline]
    #[must_use]
    pub fn wall_ns(&self, ns: u64) -> i64 {
        self.anchor_ns.load(Relaxed).saturating_add_unsigned(ns)
    }

    /// Sets the anchor of all clones anew; returns by how much the wall clock stepped, ns.
    ///
    /// Takes two or three system calls. A thread that reports calls it about once a second; a trading thread does not.
    pub fn resync(&self) -> i64 {
        let anchor = match &self.mock_system_ns {
            Some(system_ns) => system_ns.load(Relaxed),
            None => self.read_anchor(),
        };
        anchor.wrapping_sub(self.anchor_ns.swap(anchor, Relaxed))
    }

    /// The system's clock minus the monotonic clock, ns, from the tightest of three readings.
    fn read_anchor(&self) -> i64 {
        let mut best = (u64::MAX, 0);
        for _ in 0..3 {
            let before = self.ns();
            let system = system_ns();
            let width = self.ns().saturating_sub(before);
            if width < best.0 {
                best = (width, system.saturating_sub_unsigned(before + width / 2));
            }
        }
        best.1
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// The system's clock, Unix ns; negative before the epoch.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

/// Moves a mock clock and all its clones.
#[derive(Debug, Clone)]
pub struct MockHandle {
    mock: Arc<quanta::Mock>,
    system_ns: Arc<AtomicI64>,
}

impl MockHandle {
    /// Advances the time, ns.
    pub fn advance(&self, ns: u64) {
        self.mock.increment(ns);
    }

    /// Steps the mock's system clock, ns; clocks see it after their next [`Clock::resync`].
    pub fn step_system(&self, ns: i64) {
        self.system_ns.fetch_add(ns, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_moves_only_by_its_handle_and_wall_time_steps_only_by_resync() {
        let (clock, handle) = Clock::mock();
        let clone = clock.clone();
        assert_eq!(clock.now(), Now::default());
        handle.advance(1_500_000);
        assert_eq!(clone.now(), Now { ns: 1_500_000, wall_ns: 1_500_000 });
        handle.step_system(5_000_000_000);
        assert_eq!(clone.now().wall_ms(), 1);
        assert_eq!(clock.resync(), 5_000_000_000);
        assert_eq!(clone.now(), Now { ns: 1_500_000, wall_ns: 5_001_500_000 });
        handle.step_system(-5_002_000_000);
        assert_eq!(clock.resync(), -5_002_000_000);
        assert_eq!(clock.now().wall_ms(), -1, "times before the epoch round down");
    }

    #[test]
    fn wall_time_agrees_with_the_system() {
        let clock = Clock::new();
        let (ours, system) = (clock.now().wall_ns, system_ns());
        assert!((system - ours).abs() < 50_000_000, "{} ns apart", system - ours);
        assert!(clock.resync().abs() < 5_000_000);
        let first = clock.ns();
        assert!(clock.ns() >= first);
    }
}
