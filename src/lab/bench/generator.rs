//! The load: sends every bar when it is due, or as soon after as it can, and never waits for an answer.

use super::{bars::Bars, host, replies, schedule::Schedule, track::Track};
use crate::{
    redis_io::Link,
    runtime::{Clock, pin_current_thread},
};
use anyhow::{Context, Result, bail};
use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

/// Before a bar is due by less than this, the thread spins: a sleep ends some microseconds late.
const SPIN_NS: u64 = 30_000;
/// Longest sleep between two looks at whether it is to end, ns.
const SLEEP_MAX_NS: u64 = 100_000_000;
/// Bars that are late are sent together, up to so many at a time.
const TOGETHER_MAX: usize = 1_024;

/// What the generator shares with whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bars sent.
    pub sent: AtomicUsize,
    /// Ends the sending early.
    pub stop: AtomicBool,
}

/// How well the schedule was kept.
#[derive(Debug)]
pub struct Sent {
    /// How late bars were handed to the socket, ns; measured part only.
    pub lag: Track,
    /// Bars sent.
    pub bars: usize,
    /// How late the last one was, ns.
    pub overrun_ns: u64,
    /// How the thread was scheduled.
    pub scheduling: Option<String>,
}

/// Sends bars on a schedule over one connection.
pub struct Generator<'a> {
    /// When.
    pub schedule: &'a Schedule,
    /// What.
    pub bars: &'a mut Bars,
    /// Where to.
    pub stream: &'a str,
    /// Over which connection.
    pub link: Link,
    /// The clock of all latencies.
    pub clock: &'a Clock,
    /// For the watcher.
    pub progress: &'a Progress,
    /// Core that the thread is kept on.
    pub core: Option<usize>,
}

impl Generator<'_> {
    /// Sends all of it; `start_ns` is the clock's time of the schedule's start.
    ///
    /// # Errors
    /// A server that is gone or refuses an entry.
    pub fn run(mut self, start_ns: u64) -> Result<Sent> {
        if let Some(core) = self.core {
            pin_current_thread(core).context("the generator")?;
        }
        // Sleeps end when they are told to, not up to 50 µs later; refused only by odd sandboxes.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut lag = Track::new()?;
        let (all, measured_from) = (self.schedule.bars(), self.schedule.measured_from_ns());
        let (mut next, mut owed, mut last_lag) = (0, 0, 0);
        while next < all && !self.progress.stop.load(Ordering::Relaxed) {
            let due = start_ns + self.schedule.due_of(next);
            let Some(now) = self.wait_until(due) else { break };
            let mut count = 1;
            while next + count < all && count < TOGETHER_MAX && start_ns + self.schedule.due_of(next + count) <= now {
                count += 1;
            }
            owed += self.bars.push(count, self.stream, self.link.outbox())?;
            // The time before the call: a server that is woken by it may take this very core before it returns.
            let mut done = self.clock.ns();
            while !self.link.write_pending()? {
                owed -= self.take_replies()?;
                replies::wait(&self.link, Duration::from_millis(100), true)?;
                done = self.clock.ns();
            }
            let done = done - start_ns;
            for number in next..next + count {
                let due = self.schedule.due_of(number);
                last_lag = done.saturating_sub(due);
                if due >= measured_from {
                    lag.record(due - measured_from, last_lag)?;
                }
            }
            next += count;
            self.progress.sent.store(next, Ordering::Release);
            owed -= self.take_replies()?;
        }
        while owed > 0 {
            replies::wait(&self.link, Duration::from_secs(5), false)?;
            let taken = self.take_replies()?;
            if taken == 0 {
                bail!("the server does not acknowledge {owed} entries");
            }
            owed -= taken;
        }
        Ok(Sent { lag, bars: next, overrun_ns: last_lag, scheduling: host::scheduling_of_thread(None) })
    }

    /// Waits for a time of the clock; returns the time it is then, or none where the sending is to end.
    fn wait_until(&self, due_ns: u64) -> Option<u64> {
        loop {
            let now = self.clock.ns();
            let left = due_ns.saturating_sub(now);
            if left == 0 {
                return Some(now);
            }
            if left > SPIN_NS {
                std::thread::sleep(Duration::from_nanos((left - SPIN_NS).min(SLEEP_MAX_NS)));
                if self.progress.stop.load(Ordering::Relaxed) {
                    return None;
                }
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// Takes the replies that are there; how many.
    fn take_replies(&mut self) -> Result<usize> {
        let mut taken = 0;
        loop {
            while let Some(len) = self.link.reply()? {
                let reply = &self.link.received()[..len];
                if reply.first() == Some(&b'-') {
                    bail!("the server refuses a bar: {}", reply.escape_ascii());
                }
                self.link.consume(len);
                taken += 1;
            }
            if self.link.fill()? == 0 {
                return Ok(taken);
            }
        }
    }
}
