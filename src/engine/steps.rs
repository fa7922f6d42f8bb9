//! An engine without threads: whoever holds it has its agents do one duty cycle at a time, in any order. Nothing happens in
//! between, so that a run is a function of what it is given: the clock, the connections, and the order of the steps.

use super::{Engine, Setup, SnapshotWriter, StartError, any_agent::AnyAgent, wiring::Seats};
use crate::runtime::{Agent, AgentError, Clock, Work};
use std::fmt;

/// An engine that is moved step by step. Dropped before it is over, it leaves everything as a killed process does.
pub struct Steps {
    engine: Engine,
    /// None where it has finished.
    agents: Vec<Option<AnyAgent>>,
    writer: Option<SnapshotWriter>,
    clock: Clock,
    /// Where the agents would sit.
    _seats: Seats,
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Steps {
    /// An engine that has not done anything yet.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn new(setup: Setup, clock: Clock) -> Result<Self, StartError> {
        let (engine, agents, writer, seats) = Engine::assemble(setup, clock.clone())?;
        Ok(Self { engine, agents: agents.into_iter().map(Some).collect(), writer, clock, _seats: seats })
    }

    /// Number of agents: the reader first, the publisher last.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.agents.len()
    }

    /// One duty cycle of an agent; `Done` also where it has finished before.
    ///
    /// # Errors
    /// The agent cannot go on, and with it the engine: [`close`](Self::close) it.
    pub fn step(&mut self, index: usize) -> Result<Work, AgentError> {
        let Some(slot) = self.agents.get_mut(index) else { return Ok(Work::Done) };
        let Some(agent) = slot else { return Ok(Work::Idle) };
        let work = agent.do_work(self.clock.now())?;
        if work == Work::Done {
            let closed = agent.on_close();
            *slot = None;
            closed?;
        }
        Ok(work)
    }

    /// Writes what the agents have sent for snapshots; whether there was anything.
    pub fn save(&mut self) -> bool {
        self.writer.as_mut().and_then(SnapshotWriter::round).unwrap_or(false)
    }

    /// Time by which an agent wants a step even if nothing comes, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.agents.iter().flatten().filter_map(Agent::deadline_ns).min()
    }

    /// Whether all agents have finished.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.agents.iter().all(Option::is_none)
    }

    /// Ends it as a thread does whose agent has failed: what can still be given up in good order is.
    pub fn close(&mut self) {
        for agent in self.agents.iter_mut().flatten() {
            // The first failure is the one to report.
            let _ = agent.on_close();
        }
        self.agents.clear();
    }

    /// The engine, for its counters and lines, and to [`drain`](Engine::drain) it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
