//! Drives an agent on a thread. Hot: one clock read, one load and a few counters per duty cycle around the agent's own.

use super::affinity::{PinError, current_mask, pin_current_thread};
use super::agent::{Agent, AgentError, AgentFailure, FailureKind, Work};
use super::clock::{Clock, Now};
use super::halt::Halt;
use super::idle::{IdleStep, IdleStrategy, Idler};
use super::waker::{Parker, Waker};
use crate::telemetry::{AgentCounters, ThreadUsage};
use crossbeam_utils::CachePadded;
use std::io;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

/// Timer slack of a driven thread, ns; the system's default is 50 µs.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);
/// Time between two readings of the kernel's figures for a thread, ns.
const LOOK_NS: u64 = 1_000_000_000;

/// The place of one thread: everything that it needs besides the agent.
#[derive(Debug)]
pub struct Seat {
    name: String,
    core: Option<usize>,
    idle: IdleStrategy,
    clock: Clock,
    halt: Halt,
    parker: Parker,
    counters: Arc<CachePadded<AgentCounters>>,
}

/// Placement of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The core asked for; `None` if the thread was not to be pinned.
    pub core: Option<usize>,
    /// The cores on which the thread may run.
    pub mask: Vec<usize>,
    /// Why the thread was not pinned to the core asked for; `None` if it was. Not fatal.
    pub error: Option<PinError>,
}

impl Seat {
    /// A seat for one thread, which will be pinned to `core` if one is given. The token is raised if the agent fails.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new(name: &str, core: Option<usize>, idle: IdleStrategy, clock: &Clock, halt: &Halt) -> io::Result<Self> {
        let parker = Parker::new()?;
        halt.register(parker.waker());
        Ok(Self {
            name: name.to_owned(),
            core,
            idle,
            clock: clock.clone(),
            halt: halt.clone(),
            parker,
            counters: AgentCounters::shared(),
        })
    }

    /// Wakes the thread of this seat: for the rings that start or end there.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.parker.waker()
    }

    /// The thread's counters.
    #[must_use]
    pub fn counters(&self) -> Arc<CachePadded<AgentCounters>> {
        Arc::clone(&self.counters)
    }

    /// Starts a thread that drives the agent until it finishes, fails, or the token is raised.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn spawn<A: Agent + Send + 'static>(self, agent: A) -> io::Result<ThreadHandle> {
        self.spawn_with(move || agent)
    }

    /// Like [`spawn`](Self::spawn), but makes the agent on the thread, so that its own core touches its memory first.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn spawn_with<A: Agent>(self, make: impl FnOnce() -> A + Send + 'static) -> io::Result<ThreadHandle> {
        let name = self.name.clone();
        let (report, reported) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
            let _ = report.send(self.place());
            match catch_unwind(AssertUnwindSafe(make)) {
                Ok(agent) => self.run(agent),
                Err(payload) => self.fail(AgentFailure::by_panic(&self.name, &self.name, &*payload)),
            }
        })?;
        let unknown = Placement { core: None, mask: Vec::new(), error: None };
        let placement = reported.recv().unwrap_or(unknown);
        Ok(ThreadHandle { name, placement, thread })
    }

    /// Pins the calling thread and makes its timers precise.
    fn place(&self) -> Placement {
        let error = self.core.and_then(|core| pin_current_thread(core).err());
        // Only a sandbox refuses this; then timed waits end some 50 µs late.
        let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS));
        Placement { core: self.core, mask: current_mask(), error }
    }

    /// Drives the agent on the calling thread until it finishes, fails, or the token is raised; then drops it.
    ///
    /// # Errors
    /// The agent fails or panics. The token is raised with the failure before the agent's rings are abandoned.
    pub fn run<A: Agent>(self, mut agent: A) -> Result<(), AgentFailure> {
        let failure = match catch_unwind(AssertUnwindSafe(|| self.drive(&mut agent))) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => AgentFailure::by_error(&self.name, agent.culprit(), error),
            Err(payload) => AgentFailure::by_panic(&self.name, agent.culprit(), &*payload),
        };
        let by_error = failure.kind != FailureKind::Panic;
        let result = self.fail(failure);
        if by_error {
            // The first failure is the one to report.
            let _ = catch_unwind(AssertUnwindSafe(|| agent.on_close()));
        }
        result
    }

    fn fail(&self, failure: AgentFailure) -> Result<(), AgentFailure> {
        self.halt.fail(failure.clone());
        Err(failure)
    }

    fn drive<A: Agent>(&self, agent: &mut A) -> Result<(), AgentError> {
        let mut idler = Idler::new(self.idle);
        let mut now = self.clock.now();
        agent.on_start(now)?;
        let start = ThreadUsage::read();
        let mut look_ns = now.ns + LOOK_NS;
        while !self.halt.is_raised() {
            let work = match agent.do_work(now)? {
                Work::Idle => self.idle(agent, idler.step(), &mut now)?,
                work => work,
            };
            let end = self.clock.now();
            let elapsed_ns = end.ns.saturating_sub(now.ns);
            now = end;
            match work {
                Work::Busy(count) => {
                    self.counters.busy(count, elapsed_ns);
                    idler.reset();
                }
                Work::Idle => self.counters.idle(elapsed_ns, agent.is_blocked()),
                Work::Done => break,
            }
            if now.ns >= look_ns {
                look_ns = now.ns + LOOK_NS;
                self.counters.look(&start);
            }
        }
        self.counters.look(&start);
        agent.on_close()
    }

    /// One step of idling. Returns work if the last check before parking found some, and then updates `now`.
    fn idle<A: Agent>(&self, agent: &mut A, step: IdleStep, now: &mut Now) -> Result<Work, AgentError> {
        match step {
            IdleStep::Spin => std::hint::spin_loop(),
            IdleStep::Yield => std::thread::yield_now(),
            IdleStep::Sleep(sleep_ns) => {
                let mut interests = self.parker.interests();
                agent.interests(&mut interests);
                self.parker.sleep(&mut interests, until(agent.deadline_ns(), *now, sleep_ns));
            }
            IdleStep::Park(park_ns) => {
                self.parker.announce();
                let look = self.clock.now();
                self.counters.idle(look.ns.saturating_sub(now.ns), agent.is_blocked());
                *now = look;
                let work = agent.do_work(look)?;
                if work != Work::Idle {
                    self.parker.retract();
                    return Ok(work);
                }
                let mut interests = self.parker.interests();
                agent.interests(&mut interests);
                self.counters.parks.bump();
                self.parker.park(&mut interests, until(agent.deadline_ns(), look, park_ns));
            }
        }
        Ok(Work::Idle)
    }
}

/// Time to wait, ns: to the deadline, but at most `max_ns`.
fn until(deadline_ns: Option<u64>, now: Now, max_ns: u64) -> u64 {
    deadline_ns.map_or(max_ns, |deadline| deadline.saturating_sub(now.ns).min(max_ns))
}

/// A thread that drives an agent.
#[derive(Debug)]
pub struct ThreadHandle {
    name: String,
    placement: Placement,
    thread: JoinHandle<Result<(), AgentFailure>>,
}

impl ThreadHandle {
    /// Name of the thread.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Placement of the thread.
    #[must_use]
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Whether the thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Blocks until the thread has ended.
    ///
    /// # Errors
    /// The agent failed or panicked.
    pub fn join(self) -> Result<(), AgentFailure> {
        match self.thread.join() {
            Ok(result) => result,
            // The agent's own calls catch panics: only a destructor that panics gets here.
            Err(payload) => Err(AgentFailure::by_panic(&self.name, &self.name, &*payload)),
        }
    }
}

#[cfg(test)]
mod tests;
