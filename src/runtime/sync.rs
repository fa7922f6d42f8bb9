//! What ring and waker are built on: atomics, and the lock-free queue between two threads. `models/` puts others in
//! their place, under which all interleavings are tried.

pub(super) use rtrb::{Consumer, Producer, PushError, RingBuffer};
pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};
