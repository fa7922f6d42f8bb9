//! The seats and rings of a topology: a seat for each agent, a ring for each row, whose ends are handed out once.

use super::{Note, RingSpec, Role, StartError, Topology, any_agent::AnyAgent, topology::Payload};
use crate::{
    model::{BarMessage, WorkerMessage},
    runtime::{AgentGroup, Clock, Halt, Inlet, Outlet, Seat, ThreadHandle, Waker, ring},
    telemetry::{EngineCounters, RingCounters},
};
use std::{io, sync::Arc};

/// Name of the thread that all agents share.
const SHARED_THREAD: &str = "pipeline";

/// The threads' seats: one for all agents, or one each, in the order of the agents.
pub(super) struct Seats {
    agents: Vec<Role>,
    seats: Vec<Seat>,
    shared: bool,
}

impl Seats {
    /// Seats for these agents.
    pub fn new(topology: &Topology, agents: Vec<Role>, clock: &Clock, halt: &Halt) -> io::Result<Self> {
        let core = |role: Role| topology.cores.as_ref().and_then(|cores| role.core(cores));
        let seat = |name: &str, core| Seat::new(name, core, topology.idle, clock, halt);
        let seats = if topology.shared {
            vec![seat(SHARED_THREAD, core(Role::Reader))?]
        } else {
            agents.iter().map(|&role| seat(&role.to_string(), core(role))).collect::<io::Result<_>>()?
        };
        Ok(Self { agents, seats, shared: topology.shared })
    }

    /// Wakes the thread of an agent.
    fn waker(&self, role: Role) -> Waker {
        let place = if self.shared { Some(0) } else { self.agents.iter().position(|&agent| agent == role) };
        place.and_then(|index| self.seats.get(index)).map_or_else(Waker::none, Seat::waker)
    }

    /// Wakes each of the threads.
    pub fn wakers(&self) -> impl Iterator<Item = Waker> {
        self.seats.iter().map(Seat::waker)
    }

    /// Puts the agents on their threads.
    pub fn spawn(
        self,
        agents: Vec<AnyAgent>,
        clock: &Clock,
        counters: &mut EngineCounters,
    ) -> io::Result<Vec<ThreadHandle>> {
        if !self.shared {
            let start = |(agent, seat): (AnyAgent, Seat)| {
                counters.agents.push((agent.label(), seat.counters()));
                seat.spawn(agent)
            };
            return agents.into_iter().zip(self.seats).map(start).collect();
        }
        let mut pipeline = AgentGroup::new(SHARED_THREAD.to_owned(), clock.clone());
        for agent in agents {
            let name = agent.label();
            counters.agents.push((name, pipeline.add(agent)));
        }
        let Some(seat) = self.seats.into_iter().next() else { return Ok(Vec::new()) };
        counters.threads.push((SHARED_THREAD.to_owned(), seat.counters()));
        Ok(vec![seat.spawn(pipeline)?])
    }
}

/// The rings' ends that carry one payload and have not been handed out yet, in the order of the table.
pub(super) struct Ends<T> {
    outlets: Vec<(Role, Outlet<T>)>,
    inlets: Vec<(Role, Inlet<T>)>,
}

impl<T> Ends<T> {
    const fn new() -> Self {
        Self { outlets: Vec::new(), inlets: Vec::new() }
    }

    /// Makes the ring of a row.
    fn make(&mut self, row: &RingSpec, seats: &Seats) -> Arc<RingCounters> {
        let (mut outlet, inlet) = ring(row.capacity, row.spill, seats.waker(row.from), seats.waker(row.to));
        row.sway.into_iter().for_each(|seed| outlet.sway(seed));
        let counters = inlet.counters();
        self.outlets.push((row.from, outlet));
        self.inlets.push((row.to, inlet));
        counters
    }

    /// The remaining rings that an agent sends to.
    pub fn outlets(&mut self, from: Role) -> Vec<Outlet<T>> {
        self.outlets.extract_if(.., |(role, _)| *role == from).map(|(_, outlet)| outlet).collect()
    }

    /// The remaining rings that an agent receives from.
    pub fn inlets(&mut self, to: Role) -> Vec<Inlet<T>> {
        self.inlets.extract_if(.., |(role, _)| *role == to).map(|(_, inlet)| inlet).collect()
    }

    /// The one ring that an agent sends to.
    pub fn outlet(&mut self, from: Role) -> Result<Outlet<T>, StartError> {
        self.outlets(from).pop().ok_or(StartError::NoRing { role: from })
    }

    /// The one ring that an agent receives from.
    pub fn inlet(&mut self, to: Role) -> Result<Inlet<T>, StartError> {
        self.inlets(to).pop().ok_or(StartError::NoRing { role: to })
    }
}

/// The rings of a pipeline, by what they carry.
pub(super) struct Rings {
    pub bars: Ends<BarMessage>,
    pub results: Ends<WorkerMessage>,
    pub notes: Ends<Note>,
}

impl Rings {
    /// A ring for each row; its counters go under its name.
    pub fn new(table: &[RingSpec], seats: &Seats, counters: &mut EngineCounters) -> Self {
        let mut rings = Self { bars: Ends::new(), results: Ends::new(), notes: Ends::new() };
        for row in table {
            let ring = match row.payload {
                Payload::Bars => rings.bars.make(row, seats),
                Payload::Results => rings.results.make(row, seats),
                Payload::Notes => rings.notes.make(row, seats),
            };
            counters.rings.push((row.to_string(), ring));
        }
        rings
    }
}
