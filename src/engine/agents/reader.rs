//! The reader's agent: a source's entries in, numbered base bars out to the aggregator.

use crate::{
    engine::{Blocked, Intake, Polled, Restored, Saver, SnapshotProgress, Source},
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
    batch: usize,
    ended: bool,
    /// Since when the agents behind take nothing.
    blocked: Blocked,
    barriers: Option<Barriers>,
}

/// What a reader is wired to.
#[derive(Debug)]
pub struct ReaderWiring {
    /// Where the entries come from.
    pub source: Source,
    /// The way into the pipeline.
    pub intake: Intake,
    /// Asks for the end of the reading.
    pub drain: Halt,
    /// Its histogram.
    pub recorder: Recorder,
    /// For the time at the end of a duty cycle.
    pub clock: Clock,
    /// Whether the clock closes bars of streams.
    pub clock_events: bool,
    /// Entries taken in a duty cycle.
    pub batch: usize,
}

/// When the reader begins snapshots.
#[derive(Debug)]
pub struct Barriers {
    /// Where its own state goes.
    pub saver: Saver,
    /// Time between two, ns.
    pub interval_ns: u64,
    /// How far the writing has got.
    pub progress: SnapshotProgress,
    /// The last one begun, and when the next is due, ns.
    number: u32,
    due_ns: Option<u64>,
}

impl Barriers {
    /// A snapshot every `interval_ns`, the first one that long after the start.
    #[must_use]
    pub fn new(saver: Saver, interval_ns: u64, progress: SnapshotProgress) -> Self {
        Self { saver, interval_ns, progress, number: 0, due_ns: None }
    }

    /// Whether one is due; never while one is being written.
    #[inline]
    fn is_due(&mut self, now_ns: u64) -> bool {
        let due_ns = *self.due_ns.get_or_insert(now_ns + self.interval_ns);
        now_ns >= due_ns && self.progress.done() == self.number
    }

    #[cold]
    fn begin(&mut self, intake: &mut Intake, now_ns: u64) -> Result<(), AgentError> {
        self.number += 1;
        self.due_ns = Some(now_ns + self.interval_ns);
        Ok(intake.snapshot(self.number, &mut self.saver)?)
    }
}

impl ReaderAgent {
    /// A reader wired to its source and its intake.
    #[must_use]
    pub fn new(wiring: ReaderWiring) -> Self {
        let ReaderWiring { source, mut intake, drain, recorder, clock, clock_events, batch } = wiring;
        if let Source::Redis(source) = &source {
            intake.set_streams(source.rules(), clock_events, source.published_moment());
        }
        if let Source::Files(_) = &source {
            intake.take_together();
        }
        let blocked = Blocked::default();
        Self { source, intake, drain, recorder, clock, batch, ended: false, blocked, barriers: None }
    }

    /// Takes its part of the state that the engine goes on from.
    pub fn restore(&mut self, restored: &Restored) {
        self.intake.restore(restored);
    }

    /// Begins snapshots from now on, with the positions of these inputs.
    pub fn snapshots(&mut self, barriers: Barriers, inputs: &[String]) {
        self.barriers = Some(barriers);
        self.intake.keep_positions(self.source.positions(inputs));
    }

    /// Ends the reading, behind a last snapshot.
    fn end(&mut self, now: Now) -> Result<(), AgentError> {
        self.ended = true;
        if let Some(barriers) = &mut self.barriers {
            barriers.begin(&mut self.intake, now.ns)?;
        }
        self.intake.end();
        Ok(())
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
        self.intake.turn(now);
        let mut clear = self.intake.flush();
        if clear && !self.ended && self.drain.is_raised() {
            self.end(now)?;
            count += 1;
        }
        let wanted = self.barriers.as_mut().is_some_and(|barriers| barriers.is_due(now.ns));
        while clear && count < self.batch && !self.ended {
            match self.source.poll(now, &mut self.intake)? {
                Polled::Entry => {
                    count += 1;
                    entries += 1;
                }
                Polled::Nothing => break,
                Polled::End => self.end(now)?,
            }
            clear = self.intake.is_clear();
            if wanted && self.intake.places().is_on() && self.intake.places().is_parted() {
                break;
            }
        }
        if entries > 0 {
            self.intake.counters().reads.bump();
            self.recorder.since(Latency::Stage(Stage::Read), self.clock.ns(), self.intake.arrival_ns());
        }
        let parted = self.intake.places().is_parted();
        if let Some(barriers) = self.barriers.as_mut().filter(|_| clear && parted && !self.ended)
            && barriers.is_due(now.ns)
        {
            barriers.begin(&mut self.intake, now.ns)?;
        }
        let clear = self.intake.flush();
        self.blocked.is(!clear, now, &self.intake.counters().blocked_ns);
        let saved = self.barriers.as_mut().is_none_or(|barriers| barriers.saver.flush());
        Ok(if self.ended && clear && saved { Work::Done } else { Work::of(count) })
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
