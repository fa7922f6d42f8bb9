//! The hiccup meter: how late the host runs a thread that is ready to run. Allocates only at start; takes no lock.
//!
//! The thread has an appointment every [`HiccupMode::interval_ns`] and records its lateness to each. A stall of the
//! host makes it miss many appointments, and each of them counts with its own lateness (no coordinated omission). So
//! the percentiles are those of a request that arrives at a random time, and compare with the latencies of an open-loop
//! load. The idea comes from jHiccup.

use crate::{
    runtime::{Clock, PinError, current_core, pin_current_thread},
    telemetry::HIGHEST_NS,
};
use hdrhistogram::Histogram;
use std::{
    io,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Time before the first appointment, ns: the thread first reaches its core and touches its memory.
const WARM_UP_NS: u64 = 5_000_000;
/// Timer slack of the meter, ns; the system's default is 50 µs.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);

/// How the meter waits for its next appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiccupMode {
    /// Spins on the clock, as a spinning agent does: it takes the whole core and sees every interruption.
    Spin,
    /// Sleeps, as a parked agent does: it takes next to nothing of the core, and also sees the cost of waking up.
    Sleep,
}

impl HiccupMode {
    /// Time between two appointments, ns.
    #[must_use]
    pub const fn interval_ns(self) -> u64 {
        match self {
            Self::Spin => 10_000,
            Self::Sleep => 1_000_000,
        }
    }
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum HiccupError {
    /// The thread could not be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The system cannot start another thread.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// The histogram could not be created.
    #[error("cannot create the histogram")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// A lateness could not be recorded.
    #[error("a lateness could not be recorded")]
    Record(#[from] hdrhistogram::RecordError),
    /// The thread ended by itself.
    #[error("the measuring thread is gone")]
    Gone,
}

/// Result of a meter.
#[derive(Debug, Clone)]
pub struct Hiccups {
    /// The core asked for; `None` if the thread was not pinned.
    pub core: Option<usize>,
    /// The core the thread was last on.
    pub last_core: usize,
    /// How the meter waited.
    pub mode: HiccupMode,
    /// Lateness to every appointment, ns.
    pub lateness: Histogram<u64>,
    /// The same by second, from the time given to the meter on; empty if it was not asked for.
    pub seconds: Vec<Histogram<u64>>,
    /// Maximum lateness, ns; for the spinning meter also the longest time between two readings of the clock.
    pub max_ns: u64,
    /// Time measured, ns.
    pub elapsed_ns: u64,
    /// Of that, time for which the meter waited while other programs had the core, ns; `None` if the kernel does not
    /// say. Lateness beyond it comes from the hypervisor, the firmware or interrupts.
    pub waited_ns: Option<u64>,
    /// How far the engine's clock ran ahead of the system's in that time, ns. Far from 0, neither the clock nor the
    /// other figures can be trusted.
    pub clock_error_ns: i64,
}

/// A running meter.
#[derive(Debug)]
pub struct HiccupMeter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Hiccups, HiccupError>>,
}

impl HiccupMeter {
    /// Starts a meter on a core, or without pinning it.
    ///
    /// # Errors
    /// The core is not available, or the system cannot start a thread.
    pub fn start(core: Option<usize>, mode: HiccupMode, clock: &Clock) -> Result<Self, HiccupError> {
        Self::launch(core, mode, clock, None)
    }

    /// As [`start`](Self::start), and also records by second, from a time of the clock on, ns. Allocates one histogram
    /// per second.
    ///
    /// # Errors
    /// The core is not available, or the system cannot start a thread.
    pub fn start_by_second(
        core: Option<usize>,
        mode: HiccupMode,
        clock: &Clock,
        from_ns: u64,
    ) -> Result<Self, HiccupError> {
        Self::launch(core, mode, clock, Some(from_ns))
    }

    fn launch(
        core: Option<usize>,
        mode: HiccupMode,
        clock: &Clock,
        seconds_from_ns: Option<u64>,
    ) -> Result<Self, HiccupError> {
        // Grows only for a lateness beyond the usual range.
        let mut lateness = Histogram::new_with_bounds(1, HIGHEST_NS, 3)?;
        lateness.auto(true);
        let stop = Arc::new(AtomicBool::new(false));
        let (report, reported) = mpsc::sync_channel(1);
        let (clock, stopped) = (clock.clone(), Arc::clone(&stop));
        let name = core.map_or("hiccups".to_owned(), |core| format!("hiccups {core}"));
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let pinned = core.map_or(Ok(()), pin_current_thread);
            let may_run = pinned.is_ok();
            // Only a sandbox refuses this; then sleeps end some 50 µs late, and the meter shows that.
            let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS));
            let _ = report.send(pinned);
            // Touch the pages on this core.
            lateness.reset();
            let mut hiccups = Hiccups {
                core,
                last_core: 0,
                mode,
                lateness,
                seconds: Vec::new(),
                max_ns: 0,
                elapsed_ns: 0,
                waited_ns: None,
                clock_error_ns: 0,
            };
            if may_run {
                hiccups.measure(&clock, &stopped, seconds_from_ns)?;
            }
            Ok(hiccups)
        })?;
        reported.recv().map_err(|_| HiccupError::Gone)??;
        Ok(Self { stop, thread })
    }

    /// Ends the measurement.
    ///
    /// # Errors
    /// The thread has ended by itself, or could not record its samples.
    pub fn stop(self) -> Result<Hiccups, HiccupError> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| HiccupError::Gone)?
    }
}

impl Hiccups {
    fn measure(&mut self, clock: &Clock, stop: &AtomicBool, seconds_from_ns: Option<u64>) -> Result<(), HiccupError> {
        let interval_ns = self.mode.interval_ns();
        let warm_ns = clock.ns() + WARM_UP_NS;
        while clock.ns() < warm_ns {}
        let (system, waited_ns) = (Instant::now(), run_queue_ns());
        let begin_ns = clock.ns();
        let mut last_ns = begin_ns;
        let mut due_ns = begin_ns + interval_ns;
        while !stop.load(Relaxed) {
            let now_ns = clock.ns();
            if self.mode == HiccupMode::Spin {
                self.max_ns = self.max_ns.max(now_ns.saturating_sub(last_ns));
                last_ns = now_ns;
            }
            if now_ns < due_ns {
                if self.mode == HiccupMode::Sleep {
                    std::thread::sleep(Duration::from_nanos(due_ns - now_ns));
                }
                continue;
            }
            due_ns = self.meet(due_ns, now_ns, seconds_from_ns)?;
        }
        // Count the appointments missed during a stall that reached past the stop.
        self.meet(due_ns, clock.ns(), seconds_from_ns)?;
        self.elapsed_ns = clock.ns().saturating_sub(begin_ns);
        let system_ns = u64::try_from(system.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.clock_error_ns = self.elapsed_ns.wrapping_sub(system_ns).cast_signed();
        self.waited_ns = run_queue_ns().zip(waited_ns).map(|(after, before)| after.saturating_sub(before));
        self.last_core = current_core();
        Ok(())
    }

    /// Records all appointments that are due; returns the time of the next one.
    fn meet(&mut self, mut due_ns: u64, now_ns: u64, seconds_from_ns: Option<u64>) -> Result<u64, HiccupError> {
        self.max_ns = self.max_ns.max(now_ns.saturating_sub(due_ns));
        while due_ns <= now_ns {
            self.lateness.record(now_ns - due_ns)?;
            if let Some(at_ns) = seconds_from_ns.and_then(|from_ns| due_ns.checked_sub(from_ns)) {
                self.keep(at_ns, now_ns - due_ns)?;
            }
            due_ns += self.mode.interval_ns();
        }
        Ok(due_ns)
    }

    /// Records a lateness in its second.
    fn keep(&mut self, at_ns: u64, late_ns: u64) -> Result<(), HiccupError> {
        let second = (at_ns / 1_000_000_000) as usize;
        while self.seconds.len() <= second {
            // Grows with its content: one second rarely spans the whole range.
            self.seconds.push(Histogram::new(3)?);
        }
        Ok(self.seconds[second].record(late_ns)?)
    }

    /// The lateness at a quantile, ns.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> u64 {
        self.lateness.value_at_quantile(quantile).min(self.max_ns)
    }
}

/// Time for which the calling thread has waited for its core so far, ns.
fn run_queue_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::available_cores;

    fn spin(time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {}
    }

    #[test]
    fn a_hog_on_the_same_core_shows_up() {
        let core = available_cores()[0];
        let meter = HiccupMeter::start(Some(core), HiccupMode::Spin, &Clock::new()).unwrap();
        let hog = std::thread::spawn(move || {
            pin_current_thread(core).unwrap();
            spin(Duration::from_millis(400));
        });
        hog.join().unwrap();
        let hiccups = meter.stop().unwrap();
        assert_eq!((hiccups.core, hiccups.last_core), (Some(core), core));
        // Two threads that compete for one core take turns of one scheduler slice, a millisecond or more.
        assert!(hiccups.max_ns > 500_000, "longest {} ns", hiccups.max_ns);
        assert!(hiccups.quantile_ns(0.9) > 200_000, "p90 {} ns", hiccups.quantile_ns(0.9));
        assert!(hiccups.waited_ns.is_none_or(|ns| ns > 50_000_000), "waited {:?} ns", hiccups.waited_ns);
        assert!(hiccups.clock_error_ns.abs() < 50_000_000, "clock off by {} ns", hiccups.clock_error_ns);
    }

    #[test]
    fn every_missed_appointment_counts_and_the_sleeping_meter_keeps_its_own() {
        let meter = HiccupMeter::start(None, HiccupMode::Sleep, &Clock::new()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let hiccups = meter.stop().unwrap();
        let due = hiccups.elapsed_ns / HiccupMode::Sleep.interval_ns();
        assert!(hiccups.lateness.len().abs_diff(due) <= 1, "{} of {due}", hiccups.lateness.len());
        assert!(hiccups.max_ns > 0 && hiccups.quantile_ns(0.5) <= hiccups.quantile_ns(1.0));
    }

    #[test]
    fn seconds_start_where_they_are_told_to() {
        let clock = Clock::new();
        let from_ns = clock.ns() + 200_000_000;
        let meter = HiccupMeter::start_by_second(None, HiccupMode::Sleep, &clock, from_ns).unwrap();
        while clock.ns() < from_ns + 100_000_000 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let hiccups = meter.stop().unwrap();
        let kept: u64 = hiccups.seconds.iter().map(Histogram::len).sum();
        let since_ms = (clock.ns() - from_ns) / 1_000_000;
        let all = hiccups.lateness.len();
        assert!(kept > 0 && kept <= since_ms + 1 && kept < all, "{kept} of {all} in {since_ms} ms");
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        let error = HiccupMeter::start(Some(1_023), HiccupMode::Spin, &Clock::new()).unwrap_err();
        assert!(matches!(error, HiccupError::Pin(PinError::NotAvailable { core: 1_023, .. })), "{error}");
    }
}
