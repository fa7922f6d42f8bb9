//! Sends entries as fast as it is told to, and takes the server's answers on the way.

use super::tape::Tape;
use crate::{lab::bench::replies, redis_io::Link};
use anyhow::{Result, bail};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Bytes that are encoded before they are handed to the socket.
const CHUNK_BYTES: usize = 64 << 10;
/// Commands without an answer: beyond these the server is the one who is waited for.
const OWED_MAX: u64 = 4_096;
/// Between two looks at the schedule.
const PAUSE: Duration = Duration::from_micros(500);

/// How fast entries are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many entries a second, whatever becomes of them.
    Open(f64),
    /// As fast as the server takes them, but never so many ahead of the consumer.
    Ahead(u64),
}

/// What the producer shares with whoever watches it.
#[derive(Debug, Default)]
pub struct Flow {
    /// Entries that the server has acknowledged.
    pub sent: AtomicU64,
    /// Entries that the consumer is through with.
    pub done: AtomicU64,
    /// Ends the sending.
    pub stop: AtomicBool,
    /// The producer's thread, once it runs.
    pub thread: AtomicU64,
}

/// A connection that entries are sent over.
#[derive(Debug)]
pub struct Producer<'a> {
    link: Link,
    stream: &'a str,
    owed: u64,
}

impl<'a> Producer<'a> {
    /// Sends to this stream.
    pub fn new(link: Link, stream: &'a str) -> Self {
        Self { link, stream, owed: 0 }
    }

    /// Sends so many entries and waits until the server has all of them.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn preload(&mut self, tape: &mut Tape, entries: u64) -> Result<()> {
        for _ in 0..entries {
            self.push(tape)?;
        }
        self.send()?;
        self.settle(0)
    }

    /// Sends at this pace until it is stopped; returns how far it was behind an open schedule in the end, entries.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn run(&mut self, tape: &mut Tape, pace: Pace, flow: &Flow) -> Result<u64> {
        flow.thread.store(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs().into(), Ordering::Release);
        let (start, mut pushed) = (Instant::now(), 0_u64);
        let mut due = 0;
        while !flow.stop.load(Ordering::Relaxed) {
            due = match pace {
                Pace::Open(rate) => (start.elapsed().as_secs_f64() * rate) as u64,
                Pace::Ahead(entries) => flow.done.load(Ordering::Relaxed) + entries,
            };
            if pushed >= due {
                self.send()?;
                self.take_answers(Duration::ZERO)?;
                flow.sent.store(pushed - self.owed, Ordering::Release);
                std::thread::sleep(PAUSE);
                continue;
            }
            // Looks at its orders now and then.
            for _ in 0..(due - pushed).min(64) {
                self.push(tape)?;
                pushed += 1;
            }
            flow.sent.store(pushed - self.owed, Ordering::Release);
        }
        self.send()?;
        self.settle(0)?;
        flow.sent.store(pushed, Ordering::Release);
        Ok(due.saturating_sub(pushed))
    }

    /// Appends an entry, and sends what has come together.
    fn push(&mut self, tape: &mut Tape) -> Result<()> {
        tape.push(self.stream, self.link.outbox())?;
        self.owed += 1;
        if self.link.outbox().len() >= CHUNK_BYTES {
            self.send()?;
            self.take_answers(Duration::ZERO)?;
            self.settle(OWED_MAX)?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        while !self.link.write_pending()? {
            self.take_answers(Duration::ZERO)?;
            replies::wait(&self.link, Duration::from_millis(100), true)?;
        }
        Ok(())
    }

    /// Waits until no more than so many answers are missing.
    fn settle(&mut self, owed_max: u64) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        while self.owed > owed_max {
            if self.take_answers(Duration::from_millis(100))? == 0 && Instant::now() > patience {
                bail!("the server does not acknowledge {} entries", self.owed);
            }
        }
        Ok(())
    }

    /// Takes the answers that come within the time; how many.
    fn take_answers(&mut self, timeout: Duration) -> Result<u64> {
        if !timeout.is_zero() {
            replies::wait(&self.link, timeout, false)?;
        }
        let mut taken = 0;
        while self.link.fill()? > 0 {
            while let Some(len) = self.link.reply()? {
                let reply = &self.link.received()[..len];
                if reply.first() == Some(&b'-') {
                    bail!("the server refuses an entry: {}", reply.escape_ascii());
                }
                self.link.consume(len);
                taken += 1;
            }
        }
        self.owed -= taken;
        Ok(taken)
    }
}
