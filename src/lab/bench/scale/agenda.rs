//! What will happen, in order. Pure.

use super::{queue::Ending, state::Task};
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// What happens at a moment.
#[derive(Debug)]
pub enum Happening {
    /// The next entry of a partition is due.
    Due(usize),
    /// Task reaches a process.
    Arrive(usize, Task),
    /// Task ends.
    End(Ending),
    /// A batch without a signal has waited long enough.
    Flush(usize, u32),
    /// An engine hears that its batch is committed.
    Acked(usize, u32),
    /// The loss of this number.
    Lose(usize),
    /// The replica of a node serves.
    Promote(usize),
    /// The lease of a partition is over: another engine takes it.
    Adopt(usize),
    /// A second is over.
    Second,
}

#[derive(Debug)]
struct Queued {
    at: u64,
    number: u64,
    what: Happening,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What will happen: the earliest first, and of one moment what was added first.
#[derive(Debug, Default)]
pub struct Agenda {
    heap: BinaryHeap<Reverse<Queued>>,
    number: u64,
}

impl Agenda {
    /// Something will happen at a moment, ns.
    pub fn add(&mut self, at: u64, what: Happening) {
        self.number += 1;
        self.heap.push(Reverse(Queued { at, number: self.number, what }));
    }

    /// What happens next, and when, if that is not after an end.
    pub fn next(&mut self, end: u64) -> Option<(u64, Happening)> {
        if self.heap.peek().is_none_or(|Reverse(queued)| queued.at > end) {
            return None;
        }
        self.heap.pop().map(|Reverse(Queued { at, what, .. })| (at, what))
    }

    /// All that will happen, in any order.
    pub fn all(&self) -> impl Iterator<Item = &Happening> {
        self.heap.iter().map(|Reverse(queued)| &queued.what)
    }
}
