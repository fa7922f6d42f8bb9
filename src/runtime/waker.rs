//! Waking a thread that has nothing to do. Hot on the waking side: a fence and a load unless the thread is parked.
//!
//! The order that loses no wake-up (Dekker's): the waiting thread announces itself, fences, looks at its inputs once
//! more and only then waits; the waking thread writes the input, fences, and looks whether anybody is announced. Of
//! the two looks at least one sees the other side's write. Waiting is `poll(2)` over an eventfd and whatever else the
//! agents on the thread wait for, so that a thread idles on its rings and its sockets at once.

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
    /// A waker of nobody: for a ring whose ends are driven by hand.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Wakes the thread where it is parked; call it after the write that it shall see.
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
    /// Where the process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let bell = Doorbell::new()?;
        Ok(Self(Arc::new(Event { parked: CachePadded::new(AtomicBool::new(false)), bell })))
    }

    /// What wakes this thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Some(Arc::clone(&self.0)))
    }

    /// First step of parking: from here on wakers wake. The inputs must be looked at once more before the wait.
    #[inline]
    pub fn announce(&self) {
        self.0.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Takes the announcement back, as there is work after all or the wait is over.
    #[inline]
    pub fn retract(&self) {
        if !self.0.parked.swap(false, Ordering::AcqRel) {
            self.0.bell.silence();
        }
    }

    /// Waits for a wake-up, for one of the interests or for `timeout_ns`, whichever is first; then retracts.
    pub fn park(&self, interests: &mut Interests<'_>, timeout_ns: u64) {
        if self.0.bell.wait(interests, timeout_ns) {
            self.0.bell.silence();
        }
        self.0.parked.store(false, Ordering::Relaxed);
    }

    /// Waits without an announcement: only interests, the timeout and [`Waker::force`] end it.
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
        // Nothing is left over: the next wait lasts for its timeout.
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
