//! The producer: sends entries at a given pace and reads the server's replies meanwhile.

use super::tape::Tape;
use crate::{lab::bench::replies, redis_io::Link};
use anyhow::{Result, bail};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Bytes that are encoded before they are written to the socket.
const CHUNK_BYTES: usize = 64 << 10;
/// Maximum number of commands without a reply; beyond it the producer waits for the server.
const OWED_MAX: u64 = 4_096;
/// Time between two checks of the schedule.
const PAUSE: Duration = Duration::from_micros(500);

/// The pace at which entries are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProducerPace {
    /// Open: this many entries per second, whatever the consumer does.
    Open(f64),
    /// Closed: as fast as the server takes them, but at most this many entries ahead of the consumer.
    Ahead(u64),
}

/// What the producer shares with the thread that watches it.
#[derive(Debug, Default)]
pub struct Flow {
    /// Number of entries that the server has acknowledged.
    pub sent: AtomicU64,
    /// Number of entries that the consumer has finished.
    pub done: AtomicU64,
    /// Set this to stop the producer.
    pub stop: AtomicBool,
    /// Id of the producer's thread, once it runs.
    pub thread: AtomicU64,
}

/// A connection to send entries over.
#[derive(Debug)]
pub struct Producer<'a> {
    link: Link,
    stream: &'a str,
    owed: u64,
}

impl<'a> Producer<'a> {
    /// A producer for this stream.
    pub fn new(link: Link, stream: &'a str) -> Self {
        Self { link, stream, owed: 0 }
    }

    /// Sends this many entries and waits until the server has acknowledged all of them.
    ///
    /// # Errors
    /// The server is gone or refuses a command.
    pub fn preload(&mut self, tape: &mut Tape, entries: u64) -> Result<()> {
        for _ in 0..entries {
            self.push(tape)?;
        }
        self.send()?;
        self.settle(0)
    }

    /// Sends at this pace until it is stopped; returns how many entries it was behind an open schedule at the end.
    ///
    /// # Errors
    /// The server is gone or refuses a command.
    pub fn run(&mut self, tape: &mut Tape, pace: ProducerPace, flow: &Flow) -> Result<u64> {
        flow.thread.store(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs().into(), Ordering::Release);
        let (start, mut pushed) = (Instant::now(), 0_u64);
        let mut due = 0;
        while !flow.stop.load(Ordering::Relaxed) {
            due = match pace {
                ProducerPace::Open(rate) => (start.elapsed().as_secs_f64() * rate) as u64,
                ProducerPace::Ahead(entries) => flow.done.load(Ordering::Relaxed) + entries,
            };
            if pushed >= due {
                self.send()?;
                self.take_answers(Duration::ZERO)?;
                flow.sent.store(pushed - self.owed, Ordering::Release);
                std::thread::sleep(PAUSE);
                continue;
            }
            // Check the shared state from time to time.
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

    /// Encodes an entry; writes the buffer to the socket if it is full.
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

    /// Waits until at most this many replies are missing.
    fn settle(&mut self, owed_max: u64) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        while self.owed > owed_max {
            if self.take_answers(Duration::from_millis(100))? == 0 && Instant::now() > patience {
                bail!("the server does not acknowledge {} entries", self.owed);
            }
        }
        Ok(())
    }

    /// Reads the replies that arrive within the timeout, and returns their number.
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
