//! The agent, which a thread drives, and its duty cycle. Hot: the types here cost nothing until something fails.

use super::clock::Now;
use super::waker::Interests;
use std::sync::Arc;

/// Outcome of one duty cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It did this many items of work. The agent is called again at once.
    Busy(u32),
    /// It did nothing: there was no input, or no room for output.
    Idle,
    /// The agent has finished: it is closed and dropped.
    Done,
}

impl Work {
    /// `Busy` with `count` items; `Idle` if `count` is 0.
    #[inline]
    #[must_use]
    pub const fn of(count: usize) -> Self {
        match count {
            0 => Self::Idle,
            1..=0xFFFF_FFFF => Self::Busy(count as u32),
            _ => Self::Busy(u32::MAX),
        }
    }
}

/// The error of an agent that cannot continue.
pub type AgentError = Box<dyn std::error::Error + Send + Sync>;

/// A state machine with a duty cycle, driven by one thread, alone or together with other agents.
///
/// A duty cycle does a bounded piece of work and never blocks. It flushes the outlets, and is idle if they do not
/// clear; then it takes what its inlets and sockets have, and returns. An agent that returns an error or panics stops
/// the whole engine.
pub trait Agent {
    /// Name in reports, such as `worker 0`.
    fn name(&self) -> &str;

    /// Called once on the agent's thread before the first duty cycle.
    ///
    /// # Errors
    /// The agent cannot start.
    fn on_start(&mut self, _now: Now) -> Result<(), AgentError> {
        Ok(())
    }

    /// One duty cycle.
    ///
    /// # Errors
    /// The agent cannot recover.
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError>;

    /// Monotonic time, ns, by which the agent wants a duty cycle even without input. Called only before parking.
    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    /// Adds the file descriptors that the agent waits for. Called only before parking.
    fn interests<'a>(&'a self, _set: &mut Interests<'a>) {}

    /// Whether the last duty cycle was idle because the next stage accepts nothing.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Called once after the last duty cycle, whether the agent has finished or was halted; not after a panic.
    ///
    /// # Errors
    /// The agent's last writes fail.
    fn on_close(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    /// Name of the agent that worked last: for a composite, the name of the member.
    fn culprit(&self) -> &str {
        self.name()
    }
}

/// How an agent failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It returned an error.
    Error,
    /// It panicked.
    Panic,
    /// Whoever read its output has gone: see [`ReaderGone`].
    ReaderGone,
}

/// Whoever read the output of a program has closed the pipe: an end, rather than a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("whoever read the output has gone")]
pub struct ReaderGone;

/// Why an agent, and with it the engine, stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{agent} on thread {thread} {}: {message}", match kind { FailureKind::Error => "failed", FailureKind::Panic => "panicked", FailureKind::ReaderGone => "ended" })]
pub struct AgentFailure {
    /// Name of the thread.
    pub thread: String,
    /// Name of the agent.
    pub agent: String,
    /// Error or panic.
    pub kind: FailureKind,
    /// The error with its causes, or the panic's message.
    pub message: String,
    /// The error itself.
    pub error: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl AgentFailure {
    /// A failure by an error; the message is the error with its causes.
    pub(super) fn by_error(thread: &str, agent: &str, error: AgentError) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some tell their causes themselves.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        let kind = if error.is::<ReaderGone>() { FailureKind::ReaderGone } else { FailureKind::Error };
        Self { thread: thread.to_owned(), agent: agent.to_owned(), kind, message, error: Some(error.into()) }
    }

    /// A failure by panic.
    pub(super) fn by_panic(thread: &str, agent: &str, payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("(a payload that is not text)").to_owned();
        Self { thread: thread.to_owned(), agent: agent.to_owned(), kind: FailureKind::Panic, message, error: None }
    }
}
