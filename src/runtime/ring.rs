//! The ring between two agents. Hot: it takes no lock, allocates only in [`ring`], and never blocks the sender.
//!
//! A single-producer single-consumer ring (rtrb), with four additions: a *spill* at the sending end, so that the
//! messages of one work item are never half sent; a *credit*, how many messages may be in flight, which adapts; wake-ups in
//! both directions, so that either end may park; counters.
//!
//! Back-pressure follows two rules: an agent first flushes its outlets in each duty cycle, and it takes a new work item
//! only while they are clear. So a full ring stops its sender, and then the sender's sender. The receiver wakes a
//! sender that found no room once it has emptied half the ring.

#[path = "ring/credit.rs"] // as below
mod credit;

use self::credit::{Credit, CreditChange};
use super::sync::{Arc, AtomicBool, Consumer, Ordering, Producer, PushError, RingBuffer, fence};
use super::waker::Waker;
use crate::telemetry::RingCounters;
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;

/// A ring of `capacity` messages with a spill for `spill_capacity` messages at its sending end.
///
/// Allocates everything. `sender` and `receiver` wake the threads of the two ends: the sender if it waits for room, the
/// receiver if it waits for messages.
#[must_use]
pub fn ring<T>(capacity: usize, spill_capacity: usize, sender: Waker, receiver: Waker) -> (Outlet<T>, Inlet<T>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let shared = Arc::new(Shared {
        starved: CachePadded::default(),
        counters: Arc::new(RingCounters { capacity, ..RingCounters::default() }),
    });
    shared.counters.outlet.credit.set(Credit::new(capacity).get() as u64);
    let outlet = Outlet {
        ring: producer,
        spill: VecDeque::with_capacity(spill_capacity),
        unannounced: 0,
        credit: Credit::new(capacity),
        room: 0,
        blocked: false,
        shared: Arc::clone(&shared),
        receiver: Alarm(receiver),
    };
    let inlet = Inlet { ring: consumer, taken: false, half: capacity / 2, shared, sender: Alarm(sender) };
    (outlet, inlet)
}

#[derive(Debug)]
struct Shared {
    /// Whether the sender found no room and waits to be woken.
    starved: CachePadded<AtomicBool>,
    counters: Arc<RingCounters>,
}

/// Wakes the other end, also when dropped. It is the last field of an end, so that the ring is abandoned by then.
#[derive(Debug)]
struct Alarm(Waker);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// The sending end.
#[derive(Debug)]
pub struct Outlet<T> {
    ring: Producer<T>,
    spill: VecDeque<T>,
    unannounced: u64,
    credit: Credit,
    /// Messages that may be sent before it is looked at how many are in flight.
    room: usize,
    /// Whether a message has found no room since the last duty cycle.
    blocked: bool,
    shared: Arc<Shared>,
    receiver: Alarm,
}

impl<T> Outlet<T> {
    /// Sends a message: into the ring if there is room and the spill is empty, else into the spill.
    ///
    /// A receiver that spins sees it at once; one that is parked sees it after [`publish`](Self::publish). The spill
    /// holds the messages of one work item. Beyond that it allocates, which a counter records.
    #[inline]
    pub fn send(&mut self, message: T) {
        self.unannounced += 1;
        if !self.spill.is_empty() {
            return self.keep(message);
        }
        if self.room == 0 {
            self.look();
        }
        match self.room.checked_sub(1) {
            Some(room) => self.room = room,
            None => return self.keep(message),
        }
        if let Err(PushError::Full(message)) = self.ring.push(message) {
            self.keep(message);
        }
    }

    /// Looks at how many messages are in flight.
    #[inline(never)]
    fn look(&mut self) {
        let in_flight = self.shared.counters.capacity.saturating_sub(self.ring.slots());
        self.room = self.credit.get().saturating_sub(in_flight);
    }

    /// A duty cycle of the sender begins: adapts how many messages may be in flight. Call it once a cycle; an outlet that is
    /// never told keeps to its first credit.
    #[inline]
    pub fn turn(&mut self, now_ns: u64) {
        let blocked = std::mem::take(&mut self.blocked) || !self.spill.is_empty();
        let inlet = &self.shared.counters.inlet;
        let change = self.credit.cycle(blocked, now_ns, || inlet.waiting_lately_max.get());
        if self.credit.begins(now_ns) {
            // The receiver may raise it at the same time: a mark that is lost so is one of many.
            inlet.waiting_lately_max.set(0);
        }
        if let Some(change) = change {
            self.changed(change);
        }
    }

    #[cold]
    fn changed(&mut self, change: CreditChange) {
        self.room = 0;
        let counters = &self.shared.counters.outlet;
        counters.credit.set(self.credit.get() as u64);
        match change {
            CreditChange::Raised => counters.credit_raised.bump(),
            CreditChange::Lowered => counters.credit_lowered.bump(),
        }
    }

    /// Has the number of messages that may be in flight change at random from here on: for tests.
    pub fn sway(&mut self, seed: u64) {
        self.credit.sway(seed);
    }

    #[cold]
    fn keep(&mut self, message: T) {
        self.blocked = true;
        let counters = &self.shared.counters.outlet;
        counters.blocked.bump();
        if self.spill.len() == self.spill.capacity() {
            counters.overflowed.bump();
        }
        self.spill.push_back(message);
    }

    /// Announces what was sent, once per batch: wakes the receiver if it is parked.
    #[inline]
    pub fn publish(&mut self) {
        if self.unannounced > 0 {
            self.shared.counters.outlet.sent.add(self.unannounced);
            self.unannounced = 0;
            self.receiver.0.wake();
        }
    }

    /// Moves spilled messages into the ring and announces them; returns whether the spill is empty.
    ///
    /// If it returns false, the agent has nothing to do: its thread is woken when there is room.
    #[inline]
    pub fn flush(&mut self) -> bool {
        if self.spill.is_empty() {
            self.publish();
            return true;
        }
        self.unspill()
    }

    #[cold]
    fn unspill(&mut self) -> bool {
        let mut moved = self.move_chunk();
        if !self.spill.is_empty() {
            // The same order as in parking: announce the wait, fence, check once more.
            self.shared.starved.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            moved |= self.move_chunk();
            if self.spill.is_empty() {
                self.shared.starved.store(false, Ordering::Relaxed);
            }
        }
        if self.unannounced > 0 {
            self.publish();
        } else if moved {
            self.receiver.0.wake();
        }
        self.spill.is_empty()
    }

    /// Moves as many messages as there is room for; returns whether it moved any.
    fn move_chunk(&mut self) -> bool {
        self.look();
        let count = self.room.min(self.spill.len());
        let Ok(chunk) = self.ring.write_chunk_uninit(count) else { return false };
        let moved = chunk.fill_from_iter(self.spill.drain(..count));
        self.room -= moved;
        moved > 0
    }

    /// Whether the spill is empty, so that a new work item may be taken.
    #[inline]
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.spill.is_empty()
    }

    /// Whether the receiver is gone: further messages would never be read.
    #[inline]
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// The counters of both ends.
    #[must_use]
    pub fn counters(&self) -> Arc<RingCounters> {
        Arc::clone(&self.shared.counters)
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Inlet<T> {
    ring: Consumer<T>,
    /// Whether a message was taken since the sender's flag was last checked.
    taken: bool,
    half: usize,
    shared: Arc<Shared>,
    sender: Alarm,
}

impl<T> Inlet<T> {
    /// Takes the oldest message.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let refresh = self.ring.cached_slots() == 0;
        match self.ring.pop() {
            Ok(message) => {
                let waiting = self.ring.cached_slots();
                if refresh {
                    self.shared.counters.inlet.waiting_max.raise(waiting as u64 + 1);
                    self.shared.counters.inlet.waiting_lately_max.raise(waiting as u64 + 1);
                }
                self.took(1, waiting);
                Some(message)
            }
            Err(_) => {
                self.settle();
                None
            }
        }
    }

    /// Takes at most `max` messages, in order; returns their number.
    ///
    /// The sender gets their slots back when the last message has been handled.
    #[inline]
    pub fn drain(&mut self, max: usize, mut handle: impl FnMut(T)) -> usize {
        self.drain_while(max, |message| {
            handle(message);
            true
        })
    }

    /// Takes at most `max` messages, in order, until `handle` returns false; returns the number taken.
    #[inline]
    pub fn drain_while(&mut self, max: usize, mut handle: impl FnMut(T) -> bool) -> usize {
        let waiting = self.ring.slots();
        let count = waiting.min(max);
        if count == 0 {
            self.settle();
            return 0;
        }
        self.shared.counters.inlet.waiting_max.raise(waiting as u64);
        self.shared.counters.inlet.waiting_lately_max.raise(waiting as u64);
        let Ok(chunk) = self.ring.read_chunk(count) else { return 0 };
        let mut taken = 0;
        for message in chunk {
            taken += 1;
            if !handle(message) {
                break;
            }
        }
        self.took(taken, waiting - taken);
        taken
    }

    /// Counts what was taken, and wakes a waiting sender once there is plenty of room.
    #[inline]
    fn took(&mut self, count: usize, waiting: usize) {
        self.taken = true;
        self.shared.counters.inlet.received.add(count as u64);
        if waiting <= self.half && self.shared.starved.load(Ordering::Relaxed) {
            self.relieve();
        }
    }

    /// Checks the sender's flag behind a fence, so that no reordering can hide it; once per emptied ring.
    ///
    /// This loses no wake-up: a waiting sender has used up its credit, which is one at least, so the receiver still takes a message and finds the
    /// ring empty after the announcement.
    #[inline]
    fn settle(&mut self) {
        if self.taken {
            self.taken = false;
            fence(Ordering::SeqCst);
            if self.shared.starved.load(Ordering::Relaxed) {
                self.relieve();
            }
        }
    }

    #[cold]
    fn relieve(&self) {
        if self.shared.starved.swap(false, Ordering::AcqRel) {
            self.sender.0.wake();
        }
    }

    /// Shows the oldest messages, at most `max`, without taking them; returns their number.
    #[inline]
    pub fn ahead(&mut self, max: usize, look: impl FnMut(&T)) -> usize {
        let count = self.ring.slots().min(max);
        let Ok(chunk) = self.ring.read_chunk(count) else { return 0 };
        let (first, second) = chunk.as_slices();
        first.iter().chain(second).for_each(look);
        count
    }

    /// The oldest message, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        self.ring.peek().ok()
    }

    /// Whether the ring is empty.
    #[inline]
    pub fn is_empty(&mut self) -> bool {
        let empty = self.ring.is_empty();
        if empty {
            self.settle();
        }
        empty
    }

    /// Whether the ring is empty and the sender is gone, so that no message will follow.
    ///
    /// A sender that failed is gone too. If that matters, the last message must say that it is the last.
    #[inline]
    pub fn is_finished(&mut self) -> bool {
        // The order matters: if the sender is gone, the second check sees everything that it sent.
        let abandoned = self.ring.is_abandoned();
        abandoned && self.is_empty()
    }

    /// The counters of both ends.
    #[must_use]
    pub fn counters(&self) -> Arc<RingCounters> {
        Arc::clone(&self.shared.counters)
    }
}

#[cfg(test)]
#[path = "ring/tests.rs"] // spelt out, because tests/models/ includes this file by its own path
mod tests;
