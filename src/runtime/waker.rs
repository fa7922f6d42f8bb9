//! Wakes an idle thread. Hot on the waking side: a fence and a load unless the thread is parked.
//!
//! The order that loses no wake-up (Dekker's): the waiting thread announces itself, fences, checks its inputs once
//! more, and only then waits. The waking thread writes the input, fences, and checks for an announcement. At least one
//! of the two checks sees the other side's write. The wait is a `poll(2)` over an eventfd and the descriptors of the
//! agents on the thread, so that a thread waits for its rings and its sockets at once.

use super::doorbell::Doorbell;
use super::sync::{Arc, AtomicBool, Ordering, fence};
use crossbeam_utils::CachePadded;
use std::io;

pub use super::doorbell::Interests;

#[derive(Debug)]
struct Event {
    /// Whether the thread waits, or is about to.
    parked: CachePadded<AtomicBool>,
    bell: Doorbell,
}

/// Wakes one thread; clones wake the same one.
#[derive(Debug, Clone, Default)]
pub struct Waker(Option<Arc<Event>>);

impl Waker {
    /// A waker without a thread: for a ring whose ends are driven by hand.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Wakes the thread if it is parked. Call it after the write that the thread must see.
    #[inline]
    pub fn wake(&self) {
        if let Some(event) = &self.0 {
            fence(Ordering::SeqCst);
            if event.parked.load(Ordering::Relaxed) && event.parked.swap(false, Ordering::AcqRel) {
                event.bell.ring();
            }
        }
    }

    /// Ends the thread's current or next wait, parked or sleeping.
    pub fn force(&self) {
        if let Some(event) = &self.0 {
            event.bell.ring();
        }
    }
}

/// The waiting side: owned by the thread that waits.
#[derive(Debug)]
pub struct Parker(Arc<Event>);

impl Parker {
    /// A parker with an eventfd of its own.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let bell = Doorbell::new()?;
        Ok(Self(Arc::new(Event { parked: CachePadded::new(AtomicBool::new(false)), bell })))
    }

    /// What wakes this thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Some(Arc::clone(&self.0)))
    }

    /// First step of parking: from here on, wakers wake this thread. Check the inputs once more before the wait.
    #[inline]
    pub fn announce(&self) {
        self.0.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Withdraws the announcement, because there is work after all or the wait is over.
    #[inline]
    pub fn retract(&self) {
        if !self.0.parked.swap(false, Ordering::AcqRel) {
            self.0.bell.silence();
        }
    }

    /// Waits for a wake-up, an interest or `timeout_ns`, whichever comes first; then withdraws the announcement.
    pub fn park(&self, interests: &mut Interests<'_>, timeout_ns: u64) {
        if self.0.bell.wait(interests, timeout_ns) {
            self.0.bell.silence();
        }
        self.0.parked.store(false, Ordering::Relaxed);
    }

    /// Waits without an announcement: only interests, the timeout and [`Waker::force`] end the wait.
    pub fn sleep(&self, interests: &mut Interests<'_>, timeout_ns: u64) {
        if self.0.bell.wait(interests, timeout_ns) {
            self.0.bell.silence();
        }
    }

    /// An empty set of interests to wait for.
    #[must_use]
    pub fn interests(&self) -> Interests<'_> {
        self.0.bell.interests()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::doorbell::MAX_FDS;
    use rustix::fd::AsFd;
    use std::time::{Duration, Instant};

    const FOREVER_NS: u64 = 30_000_000_000;

    #[test]
    fn a_wake_up_before_the_wait_ends_it() {
        let parker = Parker::new().unwrap();
        parker.announce();
        parker.waker().wake();
        let start = Instant::now();
        parker.park(&mut parker.interests(), FOREVER_NS);
        assert!(start.elapsed() < Duration::from_secs(10));
        // The wake-up was consumed: the next wait lasts until its timeout.
        parker.announce();
        let start = Instant::now();
        parker.park(&mut parker.interests(), 20_000_000);
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn nobody_is_signalled_unless_parked() {
        let parker = Parker::new().unwrap();
        parker.waker().wake();
        parker.announce();
        parker.retract();
        parker.announce();
        parker.waker().wake();
        parker.retract();
        let mut interests = parker.interests();
        assert!(!parker.0.bell.wait(&mut interests, 0));
    }

    #[test]
    fn sleeping_ends_by_force_and_by_a_socket() {
        use std::io::Write;
        let parker = Parker::new().unwrap();
        parker.waker().force();
        parker.sleep(&mut parker.interests(), FOREVER_NS);

        let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.write_all(b"x").unwrap();
        let mut interests = parker.interests();
        interests.readable(far.as_fd());
        parker.announce();
        parker.park(&mut interests, FOREVER_NS);
    }

    #[test]
    fn too_many_interests_shorten_the_wait() {
        let parker = Parker::new().unwrap();
        let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut interests = parker.interests();
        for _ in 0..MAX_FDS {
            interests.readable(near.as_fd());
        }
        parker.announce();
        parker.park(&mut interests, FOREVER_NS);
    }
}
