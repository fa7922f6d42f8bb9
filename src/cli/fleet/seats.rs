//! What a process has to do with each partition: whether an engine of it runs, and what is to be done with it. Pure, but for the
//! threads that it holds.

use super::{
    super::supervised::Supervised,
    card::{Seat, Stage},
};
use anyhow::{Result, anyhow};
use std::{
    sync::{Arc, atomic::Ordering},
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

/// Pauses before an engine that has failed is started again, s.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// One that has lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(120);
/// Time over which rates are smoothed.
const SMOOTH: Duration = Duration::from_secs(10);

/// A thread that looks after an engine.
pub(super) type Thread<'s> = ScopedJoinHandle<'s, Result<()>>;

/// One partition in this process.
#[derive(Debug, Default)]
pub(super) struct Place<'s> {
    runs: Option<Running<'s>>,
    /// Engines that have failed, one soon after the other, and why the last one has.
    failures: usize,
    why: Option<String>,
    /// When the next may be started, where one has ended by itself.
    again: Option<Instant>,
    rate: f64,
}

#[derive(Debug)]
struct Running<'s> {
    thread: Thread<'s>,
    beside: Arc<Supervised>,
    since: Instant,
    /// Records when the rate was looked at last.
    counted: (Instant, u64),
}

/// Who is to own a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heir {
    /// This process.
    Own,
    /// Another; whether it is warm.
    Other(bool),
    /// Nobody is known.
    Nobody,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Keep,
    /// Start an engine, as a standby.
    Start,
    /// End the engine that has waited in vain.
    GiveUp,
    /// End the engine, because another is ready to go on.
    HandOver,
}

/// What is to be done with an engine: `runs` says whether there is one, and if so whether it holds the lease.
const fn act(runs: Option<bool>, heir: Heir) -> Act {
    match (runs, heir) {
        (None, Heir::Own) => Act::Start,
        (Some(false), Heir::Other(_)) => Act::GiveUp,
        (Some(true), Heir::Other(true)) => Act::HandOver,
        // Until the other is warm, and where there is no other, somebody must go on.
        _ => Act::Keep,
    }
}

impl<'s> Place<'s> {
    /// What is to be done.
    pub fn act(&self, heir: Heir, now: Instant) -> Act {
        let runs = self.runs.as_ref().map(|running| running.beside.holds());
        match act(runs, heir) {
            Act::Start if self.again.is_some_and(|again| now < again) => Act::Keep,
            Act::GiveUp | Act::HandOver if self.is_ending() => Act::Keep,
            act => act,
        }
    }

    /// An engine has been started.
    pub fn started(&mut self, thread: Thread<'s>, beside: Arc<Supervised>, now: Instant) {
        self.again = None;
        self.runs = Some(Running { thread, beside, since: now, counted: (now, 0) });
    }

    /// Whether there is an engine.
    pub const fn runs(&self) -> bool {
        self.runs.is_some()
    }

    fn is_ending(&self) -> bool {
        self.runs.as_ref().is_some_and(|running| running.beside.stop.load(Ordering::Relaxed))
    }

    /// Tells the engine to end.
    pub fn end(&self) {
        if let Some(running) = &self.runs {
            running.beside.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Has the engine read its configuration again.
    pub fn hang_up(&self) {
        if let Some(running) = &self.runs {
            running.beside.hup.store(true, Ordering::Relaxed);
        }
    }

    /// How the engine has ended, where it has since the last call.
    pub fn ended(&mut self, now: Instant) -> Option<Result<()>> {
        let running = self.runs.take_if(|running| running.thread.is_finished())?;
        if now.duration_since(running.since) >= GOOD {
            self.failures = 0;
        }
        self.rate = 0.0;
        self.why = None;
        self.again = Some(now + Duration::from_secs(PAUSES[0]));
        Some(running.thread.join().unwrap_or_else(|_| Err(anyhow!("the thread of its engine has panicked"))))
    }

    /// Its engine has failed for this reason: how often one has by now, and the pause before the next.
    pub fn failed(&mut self, why: String, now: Instant) -> (usize, Duration) {
        let pause = Duration::from_secs(PAUSES[self.failures.min(PAUSES.len() - 1)]);
        self.failures += 1;
        (self.why, self.again) = (Some(why), Some(now + pause));
        (self.failures, pause)
    }

    /// Why its engine has failed, where it has and no other runs.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref().filter(|_| self.runs.is_none())
    }

    /// What is said of it; nothing where there is nothing to say.
    pub fn seat(&mut self, now: Instant) -> Option<Seat> {
        let Some(running) = &mut self.runs else {
            let why = Some(self.why.clone()?);
            return Some(Seat { stage: Stage::Failed, rate: 0.0, why });
        };
        let (before, counted) = running.counted;
        let records = running.beside.accepted();
        let passed = now.duration_since(before);
        if passed >= Duration::from_millis(100) {
            // After a change of the configuration it counts from 0 again.
            let rate = records.saturating_sub(counted) as f64 / passed.as_secs_f64();
            self.rate += (rate - self.rate) * (passed.as_secs_f64() / SMOOTH.as_secs_f64()).min(1.0);
            running.counted = (now, records);
        }
        let (holds, warm) = (running.beside.holds(), running.beside.warm.load(Ordering::Relaxed));
        let stage = match (running.beside.stop.load(Ordering::Relaxed), holds, warm) {
            (true, ..) => Stage::Ending,
            (_, true, _) => Stage::Owns,
            (_, _, true) => Stage::Warm,
            _ => Stage::Warming,
        };
        Some(Seat { stage, rate: if holds { self.rate } else { 0.0 }, why: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{scope, sleep};

    #[test]
    fn an_owner_goes_on_until_its_heir_is_warm() {
        let all = [None, Some(false), Some(true)];
        let of = |heir| all.map(|runs| act(runs, heir));
        assert_eq!(of(Heir::Own), [Act::Start, Act::Keep, Act::Keep]);
        assert_eq!(of(Heir::Other(false)), [Act::Keep, Act::GiveUp, Act::Keep]);
        assert_eq!(of(Heir::Other(true)), [Act::Keep, Act::GiveUp, Act::HandOver]);
        assert_eq!(of(Heir::Nobody), [Act::Keep; 3]);
    }

    #[test]
    fn one_that_fails_is_started_again_later_and_later() {
        scope(|scope| {
            let (mut place, start) = (Place::default(), Instant::now());
            assert_eq!(place.act(Heir::Own, start), Act::Start);
            for (count, pause) in [(1, 1), (2, 2), (3, 5)] {
                let beside = Arc::new(Supervised::default());
                place.started(scope.spawn(|| Err(anyhow!("no"))), Arc::clone(&beside), start);
                assert_eq!(place.act(Heir::Own, start), Act::Keep);
                assert_eq!(place.seat(start).unwrap().stage, Stage::Warming);
                beside.took_over();
                assert_eq!(place.act(Heir::Other(true), start), Act::HandOver);
                place.end();
                assert_eq!(place.act(Heir::Other(true), start), Act::Keep, "it has been told");
                assert_eq!(place.seat(start).unwrap().stage, Stage::Ending);
                let error = loop {
                    if let Some(ended) = place.ended(start) {
                        break ended.unwrap_err();
                    }
                    sleep(Duration::from_millis(1));
                };
                let pause = Duration::from_secs(pause);
                assert_eq!(place.failed(error.to_string(), start), (count, pause));
                assert_eq!(place.seat(start).unwrap().why.as_deref(), Some("no"));
                assert_eq!(place.act(Heir::Own, start + pause - Duration::from_millis(1)), Act::Keep);
                assert_eq!(place.act(Heir::Own, start + pause), Act::Start);
            }
        });
    }

    #[test]
    fn rates_are_smoothed() {
        scope(|scope| {
            let (mut place, start) = (Place::default(), Instant::now());
            let beside = Arc::new(Supervised::default());
            beside.took_over();
            place.started(scope.spawn(|| Ok(())), Arc::clone(&beside), start);
            let mut rate = |seconds: u64, records| {
                beside.accepts(records);
                place.seat(start + Duration::from_secs(seconds)).unwrap().rate
            };
            assert_eq!([rate(1, 1_000), rate(2, 2_000)], [100.0, 190.0]);
            assert!(rate(3, 0) < 190.0, "it counts from 0 again");
            assert_eq!(rate(23, 20_000), 1_000.0);
        });
    }
}
