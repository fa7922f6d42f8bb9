//! The server's time, told by the reader, which asks for it, to the publisher, which commits it with the position.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// The server's time. One writer; relaxed, because its parts may be apart by a request.
#[derive(Debug, Default)]
pub struct ServerTime {
    /// Server's time minus monotonic time, µs; 0 before the first reading.
    apart_us: AtomicI64,
    /// How far the server's clock is ahead of the time of the input, ms.
    offset_ms: AtomicI64,
}

impl ServerTime {
    /// Tells a reading of the server's clock, Unix µs, at a monotonic time, ns.
    #[inline]
    pub fn set(&self, server_us: i64, now_ns: u64, offset_ms: i64) {
        self.apart_us.store(server_us.saturating_sub(us(now_ns)), Relaxed);
        self.offset_ms.store(offset_ms, Relaxed);
    }

    /// The server's time at a monotonic time, Unix ms, if it has been told.
    #[inline]
    #[must_use]
    pub fn ms(&self, now_ns: u64) -> Option<i64> {
        let apart_us = self.apart_us.load(Relaxed);
        (apart_us != 0).then(|| apart_us.saturating_add(us(now_ns)).div_euclid(1_000))
    }

    /// How far the server's clock is ahead of the time of the input, ms.
    #[inline]
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Relaxed)
    }
}

fn us(ns: u64) -> i64 {
    i64::try_from(ns / 1_000).unwrap_or(i64::MAX)
}
