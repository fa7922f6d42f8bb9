//! What a start needs from outside of the program: a network, time, chance, a person who reads its lines, and threads
//! that run an engine to its end. Those of this machine, or those of a simulation, which has no threads and makes its
//! own time.

use super::note::note;
use crate::{
    engine::{Engine, Setup, Steps},
    redis_io::Network,
    runtime::{Clock, Work},
    state::Allowance,
    telemetry::EngineSnapshot,
};
use anyhow::Result;
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Time between two looks at an engine that runs to its end.
const TICK: Duration = Duration::from_millis(50);

/// What a simulation stands in for.
pub struct Simulated {
    /// Leads every connection to the one server.
    pub network: Network,
    /// Decides what is random.
    pub seed: u64,
    /// Lets time pass, on the clock of the host and for everybody else.
    pub sleep: Box<dyn Fn(Duration)>,
    /// What the disk of the snapshots takes.
    pub disk: Arc<dyn Allowance>,
    /// Takes the lines for people.
    pub say: Box<dyn Fn(&str)>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// The outside of a start.
#[derive(Debug)]
pub struct Host {
    clock: Clock,
    simulated: Option<Simulated>,
}

impl Host {
    /// This machine, with the clock of the engine to be started.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, simulated: None }
    }

    /// One that is simulated; its clock is a mock.
    #[must_use]
    pub const fn simulated(clock: Clock, simulated: Simulated) -> Self {
        Self { clock, simulated: Some(simulated) }
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The network of all connections and the seed of what is random about them, where they are simulated.
    #[must_use]
    pub fn network(&self) -> Option<(Network, u64)> {
        self.simulated.as_ref().map(|simulated| (simulated.network.clone(), simulated.seed))
    }

    /// What the disk of the snapshots takes, where it is simulated.
    #[must_use]
    pub fn allowance(&self) -> Option<Arc<dyn Allowance>> {
        self.simulated.as_ref().map(|simulated| Arc::clone(&simulated.disk))
    }

    /// A number that no other host makes, nor this one again.
    #[must_use]
    pub fn new_number(&self) -> u64 {
        match &self.simulated {
            Some(simulated) => (simulated.seed ^ self.clock.ns()).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            None => RandomState::new().hash_one(std::process::id()),
        }
    }

    /// Lets time pass.
    pub fn sleep(&self, duration: Duration) {
        match &self.simulated {
            Some(simulated) => (simulated.sleep)(duration),
            None => std::thread::sleep(duration),
        }
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        match &self.simulated {
            Some(simulated) => (simulated.say)(line),
            None => note(line),
        }
    }

    /// Runs an engine until its input ends; gives what it has counted. `tick` is called now and then, and ends it early by an
    /// error.
    ///
    /// # Errors
    /// A failure of the engine; those of `tick`.
    pub fn run_to_end(&self, setup: Setup, mut tick: impl FnMut() -> Result<()>) -> Result<EngineSnapshot> {
        if let Some(simulated) = &self.simulated {
            return self.step_to_end(simulated, setup, tick);
        }
        let mut engine = Engine::start(setup, self.clock.clone())?;
        while !engine.wait(TICK) {
            if let Err(error) = tick() {
                engine.drain();
                engine.join()?;
                return Err(error);
            }
        }
        engine.join()?;
        Ok(engine.snapshot())
    }

    fn step_to_end(
        &self,
        simulated: &Simulated,
        setup: Setup,
        mut tick: impl FnMut() -> Result<()>,
    ) -> Result<EngineSnapshot> {
        let mut steps = Steps::new(setup, self.clock.clone())?;
        while !steps.is_over() {
            let mut idle = true;
            for agent in 0..steps.agents() {
                idle &= steps.step(agent).map_err(anyhow::Error::from_boxed)? == Work::Idle;
            }
            idle &= !steps.save();
            if idle {
                tick()?;
                let until =
                    steps.deadline_ns().map_or(TICK, |ns| Duration::from_nanos(ns.saturating_sub(self.clock.ns())));
                (simulated.sleep)(until.clamp(Duration::from_micros(100), TICK));
            }
        }
        Ok(steps.engine().snapshot())
    }
}
