//! Loom's atomics, and a queue with rtrb's interface and orderings.
//!
//! As in rtrb, each end keeps what it last saw of the other's position and looks again (acquire) only where that is not
//! enough; it publishes its own (release) after the slots are written or read. The slots are under mutexes that loom does
//! not know: they order nothing, and a slot that is read before it was published panics.

pub(super) use loom::sync::Arc;
pub(super) use loom::sync::atomic::{Ordering, fence};

use loom::sync::atomic::{self, AtomicUsize};
use std::{collections::VecDeque, sync::Mutex};

/// A flag whose stores are swaps.
///
/// Loom orders a plain store behind a swap of another thread only where one happens before the other; it then lets a
/// thread read its own old swap although a later store has overwritten it, which no memory model allows. Behind a swap the
/// order is total, as it is in the memory model.
#[derive(Debug)]
pub(super) struct AtomicBool(atomic::AtomicBool);

impl AtomicBool {
    pub fn new(value: bool) -> Self {
        Self(atomic::AtomicBool::new(value))
    }

    pub fn load(&self, order: Ordering) -> bool {
        self.0.load(order)
    }

    pub fn store(&self, value: bool, order: Ordering) {
        self.0.swap(value, order);
    }

    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, order)
    }
}

impl Default for AtomicBool {
    fn default() -> Self {
        Self::new(false)
    }
}

#[derive(Debug)]
struct Shared<T> {
    slots: Vec<Mutex<Option<T>>>,
    head: AtomicUsize,
    tail: AtomicUsize,
    abandoned: AtomicBool,
}

#[derive(Debug)]
pub(super) struct RingBuffer<T>(std::marker::PhantomData<T>);

impl<T> RingBuffer<T> {
    #[allow(clippy::new_ret_no_self)] // as in rtrb
    pub fn new(capacity: usize) -> (Producer<T>, Consumer<T>) {
        let shared = Arc::new(Shared {
            slots: (0..capacity).map(|_| Mutex::new(None)).collect(),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
        });
        let producer = Producer { shared: Arc::clone(&shared), tail: 0, head_seen: 0 };
        (producer, Consumer { shared, head: 0, tail_seen: 0, looked: VecDeque::new() })
    }
}

#[derive(Debug)]
pub enum PushError<T> {
    Full(T),
}

#[derive(Debug)]
pub(super) struct Producer<T> {
    shared: Arc<Shared<T>>,
    tail: usize,
    head_seen: usize,
}

impl<T> Producer<T> {
    fn free(&self) -> usize {
        self.shared.slots.len() - (self.tail - self.head_seen)
    }

    fn put(&mut self, value: T) {
        let slot = self.tail % self.shared.slots.len();
        assert!(self.shared.slots[slot].lock().unwrap().replace(value).is_none(), "a slot is overwritten");
        self.tail += 1;
    }

    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.free() == 0 && self.slots() == 0 {
            return Err(PushError::Full(value));
        }
        self.put(value);
        self.shared.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    pub fn slots(&mut self) -> usize {
        self.head_seen = self.shared.head.load(Ordering::Acquire);
        self.free()
    }

    pub fn write_chunk_uninit(&mut self, count: usize) -> Result<WriteChunk<'_, T>, usize> {
        if self.free() < count && self.slots() < count {
            return Err(self.free());
        }
        Ok(WriteChunk { producer: self, count })
    }

    pub fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }
}

pub(super) struct WriteChunk<'a, T> {
    producer: &'a mut Producer<T>,
    count: usize,
}

impl<T> WriteChunk<'_, T> {
    pub fn fill_from_iter(self, values: impl IntoIterator<Item = T>) -> usize {
        let mut filled = 0;
        for value in values.into_iter().take(self.count) {
            self.producer.put(value);
            filled += 1;
        }
        self.producer.shared.tail.store(self.producer.tail, Ordering::Release);
        filled
    }
}

#[derive(Debug)]
pub(super) struct Consumer<T> {
    shared: Arc<Shared<T>>,
    head: usize,
    tail_seen: usize,
    /// What was looked at without being taken: out of its slot, whose position is not published yet.
    looked: VecDeque<T>,
}

impl<T> Consumer<T> {
    fn waiting(&self) -> usize {
        self.tail_seen - self.head
    }

    fn look(&mut self, count: usize) {
        while self.looked.len() < count {
            let slot = (self.head + self.looked.len()) % self.shared.slots.len();
            let value = self.shared.slots[slot].lock().unwrap().take();
            self.looked.push_back(value.expect("a slot is read before it was written"));
        }
    }

    fn take(&mut self) -> Option<T> {
        self.look(1);
        self.head += 1;
        self.looked.pop_front()
    }

    pub fn pop(&mut self) -> Result<T, ()> {
        if self.waiting() == 0 && self.slots() == 0 {
            return Err(());
        }
        let value = self.take();
        self.shared.head.store(self.head, Ordering::Release);
        value.ok_or(())
    }

    pub fn peek(&mut self) -> Result<&T, ()> {
        if self.is_empty() {
            return Err(());
        }
        self.look(1);
        self.looked.front().ok_or(())
    }

    pub fn cached_slots(&self) -> usize {
        self.waiting()
    }

    pub fn slots(&mut self) -> usize {
        self.tail_seen = self.shared.tail.load(Ordering::Acquire);
        self.waiting()
    }

    pub fn is_empty(&mut self) -> bool {
        self.waiting() == 0 && self.slots() == 0
    }

    pub fn read_chunk(&mut self, count: usize) -> Result<ReadChunk<'_, T>, usize> {
        if self.waiting() < count && self.slots() < count {
            return Err(self.waiting());
        }
        self.look(count);
        Ok(ReadChunk { consumer: self, left: count })
    }

    pub fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }
}

pub(super) struct ReadChunk<'a, T> {
    consumer: &'a mut Consumer<T>,
    left: usize,
}

impl<T> ReadChunk<'_, T> {
    pub fn as_slices(&self) -> (&[T], &[T]) {
        self.consumer.looked.as_slices()
    }
}

impl<'a, T> IntoIterator for ReadChunk<'a, T> {
    type Item = T;
    type IntoIter = Taking<'a, T>;

    fn into_iter(self) -> Taking<'a, T> {
        Taking(self)
    }
}

/// Publishes how far it has come when it is dropped.
pub(super) struct Taking<'a, T>(ReadChunk<'a, T>);

impl<T> Iterator for Taking<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.left = self.0.left.checked_sub(1)?;
        self.0.consumer.take()
    }
}

impl<T> Drop for Taking<'_, T> {
    fn drop(&mut self) {
        self.0.consumer.shared.head.store(self.0.consumer.head, Ordering::Release);
    }
}
