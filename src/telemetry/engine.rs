//! All counters of one engine, by owner. Assembled before the threads start, and read for reports. Not hot.

use super::counters::{
    AgentCounters, AgentSnapshot, AggregatorCounters, AggregatorSnapshot, LinkCounters, LinkSnapshot,
    PublisherCounters, PublisherSnapshot, ReaderCounters, ReaderSnapshot, RingCounters, RingSnapshot, StateCounters,
    StateSnapshot, StreamCounters, StreamSnapshot, WorkerCounters, WorkerSnapshot,
};
use crate::model::Refusal;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// The counters of every thread of an engine.
#[derive(Debug, Default, Clone)]
pub struct EngineCounters {
    /// One group per reader.
    pub readers: Vec<Arc<CachePadded<ReaderCounters>>>,
    /// One group per aggregator.
    pub aggregators: Vec<Arc<CachePadded<AggregatorCounters>>>,
    /// One group per strategy worker.
    pub workers: Vec<Arc<CachePadded<WorkerCounters>>>,
    /// One group per publisher.
    pub publishers: Vec<Arc<CachePadded<PublisherCounters>>>,
    /// Every ring with its name.
    pub rings: Vec<(String, Arc<RingCounters>)>,
    /// Every input stream with its name.
    pub streams: Vec<(String, Arc<CachePadded<StreamCounters>>)>,
    /// Every connection that reconnects, with the name of its owner.
    pub links: Vec<(String, Arc<CachePadded<LinkCounters>>)>,
    /// The counters of the snapshots, if the engine writes any.
    pub state: Option<Arc<CachePadded<StateCounters>>>,
    /// Every agent with its name.
    pub agents: Vec<(String, Arc<CachePadded<AgentCounters>>)>,
    /// Every thread with its name.
    pub threads: Vec<(String, Arc<CachePadded<AgentCounters>>)>,
}

/// The counters of an engine, read at one moment; groups of one kind are summed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EngineSnapshot {
    /// Sum over the readers.
    pub reader: ReaderSnapshot,
    /// Sum over the aggregators.
    pub aggregator: AggregatorSnapshot,
    /// Sum over the strategy workers.
    pub worker: WorkerSnapshot,
    /// Sum over the publishers.
    pub publisher: PublisherSnapshot,
    /// Every ring.
    pub rings: Vec<RingSnapshot>,
    /// Every input stream with its name.
    pub streams: Vec<(String, StreamSnapshot)>,
    /// Every connection with the name of its owner.
    pub links: Vec<(String, LinkSnapshot)>,
    /// The counters of the snapshots, if the engine writes any.
    pub state: Option<StateSnapshot>,
    /// Every agent with its name.
    pub agents: Vec<(String, AgentSnapshot)>,
    /// Every thread with its name.
    pub threads: Vec<(String, AgentSnapshot)>,
}

impl EngineCounters {
    /// Reads everything.
    #[must_use]
    pub fn snapshot(&self) -> EngineSnapshot {
        let mut all = EngineSnapshot::default();
        self.readers.iter().for_each(|group| all.reader.sum(&group.read()));
        self.aggregators.iter().for_each(|group| all.aggregator.sum(&group.read()));
        self.workers.iter().for_each(|group| all.worker.sum(&group.read()));
        self.publishers.iter().for_each(|group| all.publisher.sum(&group.read()));
        all.rings = self.rings.iter().map(|(name, ring)| ring_snapshot(name, ring)).collect();
        all.streams = self.streams.iter().map(|(name, stream)| (name.clone(), stream.read())).collect();
        all.links = self.links.iter().map(|(name, link)| (name.clone(), link.read())).collect();
        all.state = self.state.as_ref().map(|state| state.read());
        all.agents = self.agents.iter().map(|(name, agent)| (name.clone(), agent.read())).collect();
        all.threads = self.threads.iter().map(|(name, thread)| (name.clone(), thread.read())).collect();
        all
    }
}

fn ring_snapshot(name: &str, ring: &RingCounters) -> RingSnapshot {
    // Read the receiver's first: a message received was sent before, so that a backlog is never negative.
    let inlet = ring.inlet.read();
    RingSnapshot { name: name.to_owned(), capacity: ring.capacity, outlet: ring.outlet.read(), inlet }
}

impl EngineSnapshot {
    /// Messages waiting in all rings.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.rings.iter().map(RingSnapshot::backlog).sum()
    }

    /// Signals published, of all strategies and timeframes.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.publisher.published.iter().flatten().sum()
    }

    /// Signals found, of all strategies and timeframes.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.worker.signals.iter().flatten().sum()
    }

    /// Bars closed, of all timeframes.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.aggregator.closed.iter().sum()
    }

    /// Records refused, for all reasons.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.reader.refused.iter().sum::<u64>() - self.known()
    }

    /// Cells whose indicators all have a value, and all cells.
    #[must_use]
    pub fn defined(&self) -> [u64; 2] {
        [&self.worker.defined, &self.worker.cells].map(|by_timeframe| by_timeframe.iter().sum())
    }

    /// Records that were known from history.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.reader.refused[Refusal::InHistory.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_one_kind_are_summed() {
        let counters = EngineCounters {
            workers: vec![WorkerCounters::shared(), WorkerCounters::shared()],
            ..EngineCounters::default()
        };
        counters.workers[0].signals[1][2].add(3);
        counters.workers[1].signals[1][2].add(4);
        counters.workers[1].bars.bump();
        let all = counters.snapshot();
        assert_eq!(all.worker.signals[1][2], 7);
        assert_eq!((all.signals(), all.worker.bars), (7, 1));
    }

    #[test]
    fn names_follow_the_grammar() {
        assert!(ReaderSnapshot::NAMES.contains(&"reader_refused"));
        assert!(AgentSnapshot::NAMES.contains(&"agent_duty_ns_max"));
    }
}
