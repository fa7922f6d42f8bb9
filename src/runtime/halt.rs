//! Stops all threads, and keeps the reason. Checking whether to stop is hot, one load; everything else takes a lock.
#![allow(clippy::disallowed_types, reason = "taken where a thread ends, not while it works")]

use super::agent::AgentFailure;
use super::waker::Waker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
struct Cause {
    failure: Option<AgentFailure>,
    wakers: Vec<Waker>,
}

#[derive(Debug, Default)]
struct Shared {
    raised: AtomicBool,
    cause: Mutex<Cause>,
    changed: Condvar,
}

/// A token that asks threads to stop; clones share its state.
///
/// A runner closes its agent as soon as its token is raised. To drain the pipeline instead, give the sources a second
/// token: they finish, and the end of their rings travels down the pipeline.
#[derive(Debug, Clone, Default)]
pub struct Halt(Arc<Shared>);

impl Halt {
    /// A token that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to stop.
    #[inline]
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    /// Asks to stop, and wakes every registered thread.
    pub fn raise(&self) {
        self.raise_with(None);
    }

    /// Asks to stop for a reason; keeps the first reason.
    pub fn fail(&self, failure: AgentFailure) {
        self.raise_with(Some(failure));
    }

    fn raise_with(&self, failure: Option<AgentFailure>) {
        let mut cause = self.lock();
        cause.failure = cause.failure.take().or(failure);
        self.0.raised.store(true, Ordering::Release);
        cause.wakers.iter().for_each(Waker::force);
        drop(cause);
        self.0.changed.notify_all();
    }

    /// Registers a thread to be woken when the token is raised.
    pub fn register(&self, waker: Waker) {
        let mut cause = self.lock();
        if self.is_raised() {
            waker.force();
        }
        cause.wakers.push(waker);
    }

    /// The first failure; `None` if there was none.
    #[must_use]
    pub fn failure(&self) -> Option<AgentFailure> {
        self.lock().failure.clone()
    }

    /// Blocks until the token is raised or `timeout` has passed; returns whether it is raised. For the main thread.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.lock(), timeout, |_| !self.is_raised());
        drop(waited);
        self.is_raised()
    }

    /// The state, even after a panic under the lock: no update of it can be left half done.
    fn lock(&self) -> MutexGuard<'_, Cause> {
        self.0.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::agent::FailureKind;

    fn failure(agent: &str) -> AgentFailure {
        AgentFailure {
            thread: "t".to_owned(),
            agent: agent.to_owned(),
            kind: FailureKind::Error,
            message: "m".to_owned(),
            error: None,
        }
    }

    #[test]
    fn the_first_failure_is_kept_and_waiting_ends() {
        let halt = Halt::new();
        assert!(!halt.wait(Duration::ZERO));
        let other = halt.clone();
        let thread = std::thread::spawn(move || {
            other.fail(failure("first"));
            other.fail(failure("second"));
            other.raise();
        });
        assert!(halt.wait(Duration::from_secs(20)));
        thread.join().unwrap();
        assert_eq!(halt.failure().unwrap().to_string(), "first on thread t failed: m");
    }
}
