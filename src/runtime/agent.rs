//! What a thread drives: the agent and its duty cycle. Hot: the types here cost nothing until something fails.

use super::clock::Now;
use super::waker::Interests;

/// What one duty cycle did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Something: so many items. The agent is called again at once.
    Busy(u32),
    /// Nothing: no input, or no room for output.
    Idle,
    /// All there will ever be: the agent is closed and dropped.
    Done,
}

impl Work {
    /// Busy with `count` items, or idle where that is none.
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

/// Any error, of an agent that cannot go on.
pub type AgentError = Box<dyn std::error::Error + Send + Sync>;

/// A state machine with a duty cycle, driven by one thread alone or together with others.
///
/// A duty cycle does a bounded piece of work and never blocks: it flushes the outlets (and is idle where they do not
/// clear), takes what its inlets and sockets have, and returns. An agent that returns an error or panics stops the
/// whole engine.
pub trait Agent {
    /// Name in reports, such as `worker 0`.
    fn name(&self) -> &str;

    /// Called once on the agent's thread before the first duty cycle.
    ///
    /// # Errors
    /// Whatever makes a start impossible.
    fn on_start(&mut self, _now: Now) -> Result<(), AgentError> {
        Ok(())
    }

    /// One duty cycle.
    ///
    /// # Errors
    /// Whatever the agent cannot recover from.
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError>;

    /// Monotonic time by which the agent wants a duty cycle even without input, ns. Asked before parking only.
    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    /// Adds the file descriptors that the agent waits for. Asked before parking only.
    fn interests<'a>(&'a self, _set: &mut Interests<'a>) {}

    /// Whether the last duty cycle was idle because what is behind the agent takes nothing.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Called once after the last duty cycle, be it done or halted; not after a panic.
    ///
    /// # Errors
    /// Where the agent's last writes fail.
    fn on_close(&mut self) -> Result<(), AgentError> {
        Ok(())
    }

    /// Name of whoever was at work last: of the member, for an agent made of several.
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
}

/// Why an agent, and with it the engine, stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{agent} on thread {thread} {}: {message}", match kind { FailureKind::Error => "failed", FailureKind::Panic => "panicked" })]
pub struct AgentFailure {
    /// Name of the thread.
    pub thread: String,
    /// Name of the agent.
    pub agent: String,
    /// Error or panic.
    pub kind: FailureKind,
    /// The error with its causes, or the panic's message.
    pub message: String,
}

impl AgentFailure {
    /// A failure by error; the message is the error with its causes.
    pub(super) fn by_error(thread: &str, agent: &str, error: &AgentError) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self { thread: thread.to_owned(), agent: agent.to_owned(), kind: FailureKind::Error, message }
    }

    /// A failure by panic.
    pub(super) fn by_panic(thread: &str, agent: &str, payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("(a payload that is not text)").to_owned();
        Self { thread: thread.to_owned(), agent: agent.to_owned(), kind: FailureKind::Panic, message }
    }
}
