//! A deliberate stall: stops the engine in the middle of a run, to check that the figures show it.

use super::{child::Guarded, schedule::Schedule};
use anyhow::Result;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Stops the engine once in the middle of the measured part, if asked to.
pub struct Stall {
    length: Option<Duration>,
    /// Counts from the first call: the schedule starts about then.
    after: Duration,
    first: Option<Instant>,
    stopped: Option<Instant>,
    done: bool,
}

impl Stall {
    /// A stall of this length; `None` for no stall.
    pub fn new(length: Option<Duration>, schedule: &Schedule) -> Self {
        let after = Duration::from_nanos((schedule.measured_from_ns() + schedule.end_ns()) / 2);
        Self { length, after, first: None, stopped: None, done: false }
    }

    /// Stops or resumes the engine if it is time to.
    ///
    /// # Errors
    /// The engine is gone.
    pub fn act(&mut self, child: &Guarded) -> Result<()> {
        let Some(length) = self.length.filter(|_| !self.done) else { return Ok(()) };
        let first = *self.first.get_or_insert_with(Instant::now);
        match self.stopped {
            None if first.elapsed() >= self.after => {
                child.signal(Signal::STOP)?;
                self.stopped = Some(Instant::now());
            }
            Some(since) if since.elapsed() >= length => {
                child.signal(Signal::CONT)?;
                self.done = true;
            }
            _ => {}
        }
        Ok(())
    }
}
