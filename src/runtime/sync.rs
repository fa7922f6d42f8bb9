//! The primitives of ring and waker: atomics, and the lock-free queue between two threads. `tests/models/` replaces them with
//! versions that try every interleaving.

pub(super) use rtrb::{Consumer, Producer, PushError, RingBuffer};
pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};
