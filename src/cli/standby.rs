//! A standby: waits for the lease, and meanwhile computes silently what the holder has committed, so that it goes on at
//! once, with the state of a run that nobody disturbed, wherever the holder's files are. Blocks.
//!
//! It reads in rounds: each takes up the state of the one before, reads to the position that is committed by then, and
//! leaves its state in memory. A round begins half a second after the one before has ended, or later, so that the
//! standby takes a tenth of the time at most. It never reads beyond what is committed.

use super::{
    host::Host,
    kept,
    lease::take_lease,
    note::note,
    past::Past,
    patience::Patience,
    rebuild::Rebuild,
    redis::{Position, Server},
    silent::SilentReading,
    state::Wanted,
};
use crate::{
    config::{Config, Plan},
    engine::{Keys, RowsWanted},
    model::StreamId,
    publish::Lease,
    runtime::Clock,
    state::Snapshot,
};
use anyhow::Result;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Shortest time between two rounds.
const PAUSE: Duration = Duration::from_millis(500);
/// A pause is as many times as long as the round before it.
const SHARE: u32 = 9;
/// Time between two looks whether the waiting is over.
const LOOK: Duration = Duration::from_millis(20);

/// One that waits.
pub struct Standby<'a> {
    /// Where it waits.
    pub host: &'a Host,
    /// Its configuration.
    pub config: &'a Config,
    /// What is calculated.
    pub plan: &'a Arc<Plan>,
    /// Its cells.
    pub keys: &'a Keys,
    /// Which closed bars the outputs will want to see.
    pub rows: &'a RowsWanted,
    /// Raised when the user stops the wait.
    pub stop: &'a AtomicBool,
    /// Raised by the first round that has come to where the holder was, where somebody wants to know.
    pub warm: Option<&'a AtomicBool>,
    /// Whether to say nothing.
    pub quiet: bool,
}

impl Standby<'_> {
    /// [Waits](Self::wait) for the lease as long as it takes. Where somebody wants to know when it is warm, it takes nothing
    /// over with documents that have changed meanwhile.
    ///
    /// # Errors
    /// What patience does not mend; [`ReadAgain`](kept::ReadAgain).
    pub fn take(&self, server: &Server<'_>, patience: &mut Patience<'_>) -> Result<(Lease, Option<Snapshot>)> {
        if self.warm.is_none() {
            return patience.wait(|| self.wait(server));
        }
        let change = patience.wait(|| kept::number(server, self.config))?;
        let taken = patience.wait(|| self.wait(server))?;
        patience.wait(|| kept::unchanged(server, self.config, &taken.0, change))?;
        Ok(taken)
    }

    /// Waits for the lease; gives it with the newest state in memory, where there is any.
    ///
    /// # Errors
    /// As for [`take_lease`].
    pub fn wait(&self, server: &Server<'_>) -> Result<(Lease, Option<Snapshot>)> {
        if self.host.network().is_some() {
            return self.wait_alone(server);
        }
        let take = || take_lease(self.host, server, true, self.quiet, self.stop, || ());
        let over = AtomicBool::new(false);
        let Self { config, plan, keys, rows, stop, warm, quiet, .. } = *self;
        let warmer = Warmer { config, plan, keys, rows, stop, over: &over, warm, quiet };
        thread::scope(|scope| {
            let warm = scope.spawn(|| warmer.keep_warm());
            let lease = take();
            over.store(true, Ordering::Relaxed);
            // One that panicked has said so, and has nothing.
            let state = warm.join().unwrap_or_default();
            Ok((lease?, state))
        })
    }

    /// The same on a simulated host, which has no threads: rounds and attempts take turns.
    fn wait_alone(&self, server: &Server<'_>) -> Result<(Lease, Option<Snapshot>)> {
        let Self { host, config, plan, keys, rows, stop, warm, quiet } = *self;
        let warmer = Warmer { config, plan, keys, rows, stop, over: stop, warm, quiet };
        let (mut state, mut next_ns) = (None, 0);
        let lease = take_lease(host, server, true, quiet, stop, || {
            if host.clock().ns() < next_ns {
                return;
            }
            match warmer.round(host, state.as_ref()) {
                Ok(round) => state = round.or(state.take()),
                Err(error) => host.say(&format!("warning: standby: its state cannot be kept warm: {error:#}")),
            }
            next_ns = host.clock().ns() + PAUSE.as_nanos() as u64;
        })?;
        Ok((lease, state))
    }
}

/// The thread that keeps its state warm, with connections of its own.
struct Warmer<'a> {
    config: &'a Config,
    plan: &'a Arc<Plan>,
    keys: &'a Keys,
    rows: &'a RowsWanted,
    stop: &'a AtomicBool,
    /// Raised when the waiting is over.
    over: &'a AtomicBool,
    /// Raised by the first round that succeeds.
    warm: Option<&'a AtomicBool>,
    quiet: bool,
}

impl Warmer<'_> {
    /// Reads in rounds until it is over.
    fn keep_warm(&self) -> Option<Snapshot> {
        let host = Host::new(Clock::new());
        let (mut state, mut said) = (None, String::new());
        let is_over = || self.over.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed);
        while !is_over() {
            let begun = Instant::now();
            let round = self.round(&host, state.as_ref());
            if let Some(warm) = self.warm.filter(|_| round.is_ok() && !is_over()) {
                warm.store(true, Ordering::Relaxed);
            }
            let line = match round {
                Ok(None) => None,
                Ok(Some(snapshot)) => {
                    let line =
                        state.is_none().then(|| format!("standby: its state is warm up to {}", place(&snapshot)));
                    state = Some(snapshot);
                    line
                }
                Err(error) => Some(format!("warning: standby: its state cannot be kept warm: {error:#}")),
            };
            if let Some(line) = line.filter(|line| *line != said && !self.quiet) {
                note(&line);
                said = line;
            }
            let until = Instant::now() + PAUSE.max(begun.elapsed() * SHARE);
            while !is_over() && Instant::now() < until {
                thread::sleep(LOOK);
            }
        }
        state
    }

    /// Reads on from a state, or from what is kept, or from the beginning, to what is committed; `None` where that is no
    /// further.
    fn round(&self, host: &Host, state: Option<&Snapshot>) -> Result<Option<Snapshot>> {
        let Self { config, keys, rows, over, .. } = *self;
        let server = &Server::on(host, config)?;
        let wanted = Wanted { host, server, config, keys };
        let mut position = server.position(&mut server.connect("standby")?)?;
        let committed =
            |ids: &mut dyn Iterator<Item = StreamId>| ids.eq(position.streams.iter().map(|stream| stream.published));
        let is_there = state.is_some_and(|state| committed(&mut state.reader.inputs.iter().map(|input| input.id)));
        if !position.found() || is_there {
            return Ok(None);
        }
        let restored = match state.and_then(|state| wanted.of(&mut position, state)) {
            Some(restored) => Some(restored),
            None => match wanted.peek(&mut position)? {
                Some((mut restored, past)) => {
                    if !restored.cold.is_empty() {
                        Rebuild { host, server, config, keys, rows, lease: None, stop: over }
                            .fill(&mut restored, &past)?;
                    }
                    Some(restored)
                }
                None => None,
            },
        };
        let Position { streams: starts, journal, moment, clocks, history, .. } = position;
        let past = Past { starts, journal, moment, times: clocks.times, history };
        let reading = SilentReading { host, server, config, plan: Arc::clone(self.plan), rows };
        reading.run(&past, restored, &mut || Ok(!over.load(Ordering::Relaxed))).map(Some)
    }
}

/// Where a snapshot was taken, for people.
fn place(snapshot: &Snapshot) -> String {
    let inputs: Vec<String> =
        snapshot.reader.inputs.iter().map(|input| format!("{} of {}", input.id, input.name)).collect();
    inputs.join(", ")
}
