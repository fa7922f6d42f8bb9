//! Merges the workers' messages into one order.
//!
//! Every worker sends its messages in the order of sequences and, within one, of bar ends, then symbols. A sequence is
//! complete once every worker has sent a progress message for it or a message of a later one. Queues are preallocated;
//! one that has to grow is counted.

use crate::model::{
    Crossing, IndicatorRow, LiquiditySwitch, Settling, Signal, SignalOutcome, Surroundings, WindowStatistics,
    WorkerMessage,
};
use std::collections::VecDeque;

/// What a worker sends about one bar.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // queued by value, never one by one on the heap
pub enum Item {
    /// A bar closed.
    Row(IndicatorRow),
    /// What the indicators would be if a bar that is still forming closed as it is.
    Forming(IndicatorRow),
    /// Statistics of a window at a bar that closed.
    Statistics(WindowStatistics),
    /// A strategy fired.
    Signal(Signal),
    /// What became of a signal.
    Outcome(SignalOutcome),
    /// What the calibrated confidence is told of a bar that has signals.
    Surroundings(Surroundings),
    /// A cell becomes liquid, or ceases to be.
    Liquidity(LiquiditySwitch),
    /// What happened in intervals of the correlation across assets.
    Crossing(Crossing),
    /// What is missing from a cell's history begins to matter, or no longer does.
    Settling(Settling),
}

/// Where an item belongs in the order of publication: its sequence, the end of its bar, and its symbol.
type Rank = (u64, i64, u16);

/// The rank of no item, behind all of them.
const LAST: Rank = (u64::MAX, i64::MAX, u16::MAX);

impl Item {
    #[inline]
    fn rank(&self) -> Rank {
        match self {
            Self::Row(row) | Self::Forming(row) => (row.seq, row.event_ts, row.bar.symbol.0),
            Self::Statistics(of) => (of.seq, of.event_ts, of.symbol.0),
            Self::Signal(signal) => (signal.seq, signal.event_ts, signal.symbol.0),
            Self::Outcome(outcome) => (outcome.seq, outcome.event_ts, outcome.symbol.0),
            Self::Surroundings(around) => (around.seq, around.event_ts, around.symbol.0),
            Self::Liquidity(switch) => (switch.seq, switch.event_ts, switch.symbol.0),
            // Before everything else of its sequence.
            Self::Crossing(crossing) => (crossing.seq(), i64::MIN, 0),
            Self::Settling(settling) => (settling.seq, settling.event_ts, settling.symbol.0),
        }
    }
}

#[derive(Debug)]
struct Queue {
    items: VecDeque<Item>,
    /// The rank of its first item: computed once for each item.
    first: Rank,
    /// Everything up to this sequence has been queued.
    complete: u64,
    ended: bool,
}

/// A merge of the messages of several workers.
#[derive(Debug)]
pub struct Merge {
    queues: Vec<Queue>,
    grown: u64,
}

impl Merge {
    /// A merge of `workers` queues with room for `capacity` items each.
    #[must_use]
    pub fn new(workers: usize, capacity: usize) -> Self {
        let queue = || Queue { items: VecDeque::with_capacity(capacity), first: LAST, complete: 0, ended: false };
        Self { queues: (0..workers).map(|_| queue()).collect(), grown: 0 }
    }

    /// Continues after a sequence.
    pub fn resume(&mut self, seq: u64) {
        self.queues.iter_mut().for_each(|queue| queue.complete = seq);
    }

    /// Takes a message of a worker.
    #[inline]
    pub fn push(&mut self, worker: usize, message: WorkerMessage) {
        let queue = &mut self.queues[worker];
        let item = match message {
            WorkerMessage::Progress { seq } => {
                queue.complete = queue.complete.max(seq);
                return;
            }
            WorkerMessage::End => {
                queue.complete = u64::MAX;
                queue.ended = true;
                return;
            }
            WorkerMessage::Row(row) => Item::Row(row),
            WorkerMessage::Forming(row) => Item::Forming(row),
            WorkerMessage::Statistics(of) => Item::Statistics(of),
            WorkerMessage::Signal(signal) => Item::Signal(signal),
            WorkerMessage::Outcome(outcome) => Item::Outcome(outcome),
            WorkerMessage::Surroundings(around) => Item::Surroundings(around),
            WorkerMessage::Liquidity(switch) => Item::Liquidity(switch),
            WorkerMessage::Crossing(crossing) => Item::Crossing(crossing),
            WorkerMessage::Settling(settling) => Item::Settling(settling),
        };
        let rank = item.rank();
        queue.complete = queue.complete.max(rank.0.saturating_sub(1));
        self.grown += u64::from(queue.items.len() == queue.items.capacity());
        if queue.items.is_empty() {
            queue.first = rank;
        }
        queue.items.push_back(item);
    }

    /// The sequence up to which all workers have sent everything.
    #[inline]
    #[must_use]
    pub fn complete(&self) -> u64 {
        self.queues.iter().map(|queue| queue.complete).min().unwrap_or(u64::MAX)
    }

    /// Whether all workers have ended and everything has been taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.queues.iter().all(|queue| queue.ended && queue.items.is_empty())
    }

    /// Items that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queues.iter().map(|queue| queue.items.len()).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.items.is_empty())
    }

    /// Times that a queue had to grow.
    #[must_use]
    pub fn grown(&self) -> u64 {
        self.grown
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.items.capacity() * size_of::<Item>()).sum()
    }

    /// Takes out the next group up to sequence `limit`: the items of one sequence, bar end and symbol, each handed to
    /// `take`. Returns the group's sequence; `None` where none waits. The limit must be [complete](Self::complete).
    #[inline]
    pub fn next_group(&mut self, limit: u64, mut take: impl FnMut(Item)) -> Option<u64> {
        let first = self.queues.iter().map(|queue| queue.first).min()?;
        if first.0 > limit || first == LAST {
            return None;
        }
        for queue in &mut self.queues {
            while queue.first == first
                && let Some(item) = queue.items.pop_front()
            {
                queue.first = queue.items.front().map_or(LAST, Item::rank);
                take(item);
            }
        }
        Some(first.0)
    }
}
