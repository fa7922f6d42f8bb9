//! A start that is told to end.

/// A start was told to end: it has written nothing, and nothing is lost.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped before the start was complete")]
pub struct Stopped;
