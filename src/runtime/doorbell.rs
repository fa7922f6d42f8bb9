//! What a thread waits on: its eventfd and the file descriptors of its agents, in one `poll(2)`. Only ringing is hot.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;

/// Maximum number of file descriptors that one thread can wait for, with its own eventfd.
pub(super) const MAX_FDS: usize = 16;
/// Longest wait if more descriptors were asked for than fit, ns: the duty cycle then polls the rest.
const CROWDED_WAIT_NS: u64 = 1_000_000;

/// An eventfd on which one thread waits and which any thread rings. It stays rung until it is silenced.
#[derive(Debug)]
pub(super) struct Doorbell(OwnedFd);

impl Doorbell {
    /// A doorbell that is not rung.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    /// Rings it.
    #[cold]
    pub fn ring(&self) {
        // Fails only if the count is at its maximum, that is, it is rung already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Silences it.
    pub fn silence(&self) {
        // Fails only if it is not rung.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }

    /// An empty set of interests to wait for.
    pub fn interests(&self) -> Interests<'_> {
        let own = PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN);
        Interests { fds: std::array::from_fn(|_| own.clone()), len: 1, crowded: false }
    }

    /// Waits until it is rung, an interest is ready, or `timeout_ns` has passed. Returns whether it is rung. A signal
    /// may interrupt the wait, which then ends early.
    pub fn wait(&self, interests: &mut Interests<'_>, timeout_ns: u64) -> bool {
        let timeout_ns = if interests.crowded { timeout_ns.min(CROWDED_WAIT_NS) } else { timeout_ns };
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (timeout_ns % 1_000_000_000) as _,
        };
        let fds = &mut interests.fds[..interests.len];
        poll(fds, Some(&timeout)).is_ok() && !fds[0].revents().is_empty()
    }
}

/// The file descriptors that a parked thread waits for besides its rings.
///
/// Readiness is level-triggered: an agent must not ask for an event on which it would not act now, or its thread spins.
#[derive(Debug)]
pub struct Interests<'a> {
    fds: [PollFd<'a>; MAX_FDS],
    len: usize,
    crowded: bool,
}

impl<'a> Interests<'a> {
    /// Waits until there are bytes to read, or the stream ends.
    pub fn readable(&mut self, fd: BorrowedFd<'a>) {
        self.push(fd, PollFlags::IN);
    }

    /// Waits until there is room to write.
    pub fn writable(&mut self, fd: BorrowedFd<'a>) {
        self.push(fd, PollFlags::OUT);
    }

    /// Waits for either.
    pub fn readable_or_writable(&mut self, fd: BorrowedFd<'a>) {
        self.push(fd, PollFlags::IN | PollFlags::OUT);
    }

    fn push(&mut self, fd: BorrowedFd<'a>, flags: PollFlags) {
        match self.fds.get_mut(self.len) {
            Some(slot) => {
                *slot = PollFd::from_borrowed_fd(fd, flags);
                self.len += 1;
            }
            None => self.crowded = true,
        }
    }
}
