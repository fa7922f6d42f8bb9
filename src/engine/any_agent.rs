//! Any of the agents, so that one thread can drive them all.

use super::{AggregatorAgent, PublisherAgent, ReaderAgent, Restored, WorkerAgent};
use crate::runtime::{Agent, AgentError, Interests, Now, Work};

/// One of the pipeline's agents.
#[allow(clippy::large_enum_variant)] // a handful per engine
pub(super) enum AnyAgent {
    Reader(ReaderAgent),
    Aggregator(AggregatorAgent),
    Worker(WorkerAgent),
    Publisher(PublisherAgent),
}

macro_rules! each {
    ($self:ident, $agent:ident => $call:expr) => {
        match $self {
            Self::Reader($agent) => $call,
            Self::Aggregator($agent) => $call,
            Self::Worker($agent) => $call,
            Self::Publisher($agent) => $call,
        }
    };
}

impl AnyAgent {
    /// Takes its part of the state that the engine goes on from.
    pub(super) fn restore(&mut self, restored: &mut Restored) {
        each!(self, agent => agent.restore(restored));
    }

    /// Name, for reports.
    pub(super) fn label(&self) -> String {
        self.name().to_owned()
    }
}

impl Agent for AnyAgent {
    fn name(&self) -> &str {
        each!(self, agent => agent.name())
    }

    fn on_start(&mut self, now: Now) -> Result<(), AgentError> {
        each!(self, agent => agent.on_start(now))
    }

    #[inline]
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        each!(self, agent => agent.do_work(now))
    }

    fn deadline_ns(&self) -> Option<u64> {
        each!(self, agent => agent.deadline_ns())
    }

    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        each!(self, agent => agent.interests(set));
    }

    fn is_blocked(&self) -> bool {
        each!(self, agent => agent.is_blocked())
    }

    fn on_close(&mut self) -> Result<(), AgentError> {
        each!(self, agent => agent.on_close())
    }
}
