//! The load generator: sends every bar when it is due, or as soon after as it can. It never waits for an answer.

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

/// The thread spins if a bar is due in less than this, ns: a sleep ends some microseconds late.
const SPIN_NS: u64 = 30_000;
/// Longest sleep between two checks of the stop flag, ns.
const SLEEP_MAX_NS: u64 = 100_000_000;
/// Maximum number of late bars that are sent together.
const TOGETHER_MAX: usize = 1_024;

/// What the generator shares with the thread that watches it.
#[derive(Debug, Default)]
pub struct GeneratorProgress {
    /// Number of bars sent.
    pub sent: AtomicUsize,
    /// Set this to stop the generator early.
    pub stop: AtomicBool,
}

/// How well the generator kept its schedule.
#[derive(Debug)]
pub struct Sent {
    /// How late each bar was handed to the socket, ns; measured part only.
    pub lag: Track,
    /// Number of bars sent.
    pub bars: usize,
    /// How late the last bar was, ns.
    pub overrun_ns: u64,
    /// Scheduling policy of the thread.
    pub scheduling: Option<String>,
}

/// Sends bars on a schedule over one connection.
pub struct Generator<'a> {
    /// When each bar is due.
    pub schedule: &'a Schedule,
    /// The bars.
    pub bars: &'a mut Bars,
    /// The stream to send to.
    pub stream: &'a str,
    /// The connection to send over.
    pub link: Link,
    /// The clock of all latencies.
    pub clock: &'a Clock,
    /// State shared with the watching thread.
    pub progress: &'a GeneratorProgress,
    /// Core that the thread is pinned to; `None` if it is not pinned.
    pub core: Option<usize>,
}

impl Generator<'_> {
    /// Sends the whole schedule; `start_ns` is the start of the schedule by the clock, ns.
    ///
    /// # Errors
    /// The server is gone or refuses an entry.
    pub fn run(mut self, start_ns: u64) -> Result<Sent> {
        if let Some(core) = self.core {
            pin_current_thread(core).context("the generator")?;
        }
        // Lets sleeps end on time, not up to 50 µs later. Only unusual sandboxes refuse this.
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
            // Read the clock before the call: the server that it wakes up may take this core before the call returns.
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

    /// Waits until the clock shows this time. Returns the actual time, or `None` if the generator is to stop.
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

    /// Reads the replies that have arrived, and returns their number.
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
