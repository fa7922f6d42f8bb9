//! The workers' messages back into one order.
//!
//! Every worker sends its messages in the order of sequences and, within one, of bar ends, then symbols; a sequence is complete when
//! every worker has said so, by a progress message or by a message of a later one. Queues are preallocated; one that
//! has to grow is counted.

use crate::model::{IndicatorRow, Signal, WorkerMessage};
use std::collections::VecDeque;

/// What a worker has to say about one bar.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // queued by value, never one by one on the heap
pub enum Item {
    /// A bar closed.
    Row(IndicatorRow),
    /// A strategy fired.
    Signal(Signal),
}

impl Item {
    /// Where the item belongs in the order of publication.
    #[inline]
    fn key(&self) -> (u64, i64, u16) {
        match self {
            Self::Row(row) => (row.seq, row.event_ts, row.bar.symbol.0),
            Self::Signal(signal) => (signal.seq, signal.event_ts, signal.symbol.0),
        }
    }
}

#[derive(Debug)]
struct Queue {
    items: VecDeque<Item>,
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
        let queue = || Queue { items: VecDeque::with_capacity(capacity), complete: 0, ended: false };
        Self { queues: (0..workers).map(|_| queue()).collect(), grown: 0 }
    }

    /// Goes on behind a sequence.
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
            WorkerMessage::Signal(signal) => Item::Signal(signal),
        };
        queue.complete = queue.complete.max(item.key().0 - 1);
        self.grown += u64::from(queue.items.len() == queue.items.capacity());
        queue.items.push_back(item);
    }

    /// Everything up to this sequence has been said by all workers.
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

    /// Takes the next group up to sequence `limit` out, the items of one sequence, bar end and symbol, and hands each
    /// over;
    /// `None` where none waits. Gives the group's sequence. The limit must be [complete](Self::complete).
    #[inline]
    pub fn next_group(&mut self, limit: u64, mut take: impl FnMut(Item)) -> Option<u64> {
        let fronts = self.queues.iter().filter_map(|queue| queue.items.front());
        let key = fronts.map(Item::key).min().filter(|key| key.0 <= limit)?;
        for queue in &mut self.queues {
            while let Some(item) = queue.items.pop_front_if(|item| item.key() == key) {
                take(item);
            }
        }
        Some(key.0)
    }
}
