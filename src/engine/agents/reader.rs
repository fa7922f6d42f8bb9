//! The reader's agent: a source's entries in, numbered base bars out to the aggregator.

use crate::{
    engine::{Blocked, Intake, Polled, Source},
    runtime::{Agent, AgentError, Clock, Halt, Interests, Now, Work},
    telemetry::{Latency, Recorder, Stage},
};

/// Drives a [`Source`] into an [`Intake`]. Stops when the source ends or when it is asked to drain.
#[derive(Debug)]
pub struct ReaderAgent {
    source: Source,
    intake: Intake,
    /// Asks for the end of the reading: what has been taken flows on to its end.
    drain: Halt,
    recorder: Recorder,
    clock: Clock,
    /// Whether the wall clock may close bars.
    clock_events: bool,
    batch: usize,
    ended: bool,
    /// Since when the agents behind take nothing.
    blocked: Blocked,
}

impl ReaderAgent {
    /// A reader of this source; `batch` entries a duty cycle.
    #[must_use]
    pub fn new(
        source: Source,
        intake: Intake,
        drain: Halt,
        recorder: Recorder,
        clock: Clock,
        clock_events: bool,
        batch: usize,
    ) -> Self {
        let clock_events = clock_events && source.is_live();
        Self { source, intake, drain, recorder, clock, clock_events, batch, ended: false, blocked: Blocked::default() }
    }

    fn end(&mut self) {
        self.ended = true;
        self.intake.end();
    }
}

impl Agent for ReaderAgent {
    fn name(&self) -> &str {
        "reader"
    }

    #[inline]
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        self.recorder.hand_over();
        let (mut count, mut entries) = (0, 0);
        let mut clear = self.intake.flush();
        if clear && !self.ended && self.drain.is_raised() {
            self.end();
            count += 1;
        }
        while clear && count < self.batch && !self.ended {
            match self.source.poll(now, &mut self.intake)? {
                Polled::Entry => {
                    count += 1;
                    entries += 1;
                }
                Polled::Nothing { caught_up } => {
                    if caught_up && self.clock_events && self.intake.clock(self.source.wall_ms(now), now.ns) {
                        count += 1;
                    }
                    break;
                }
                Polled::End => self.end(),
            }
            clear = self.intake.is_clear();
        }
        if entries > 0 {
            self.intake.counters().reads.bump();
            self.recorder.since(Latency::Stage(Stage::Read), self.clock.ns(), self.intake.arrival_ns());
        }
        let clear = self.intake.flush();
        self.blocked.is(!clear, now, &self.intake.counters().blocked_ns);
        Ok(if self.ended && clear { Work::Done } else { Work::of(count) })
    }

    fn deadline_ns(&self) -> Option<u64> {
        // What makes room wakes the thread.
        if self.blocked.is_on() { None } else { self.source.deadline_ns() }
    }

    fn is_blocked(&self) -> bool {
        self.blocked.is_on()
    }

    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if !self.blocked.is_on() {
            self.source.interests(set);
        }
    }
}
