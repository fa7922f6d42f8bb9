//! Signals in the form that the configuration asks for. Hot; allocates only where a buffer has to grow.

use super::{
    frames::SignalFrames,
    names::{Labels, OutputNames},
    signal::{xadd_signal, xadd_signal_json},
};
use crate::{model::Weighed, redis_io::Commands};

/// Writes the signals of a batch.
#[derive(Debug, Clone)]
pub enum SignalWriter {
    /// An entry each, with a field for each value.
    Fields,
    /// An entry each, with one field of JSON.
    Json,
    /// An entry for all of them.
    Frames(Box<SignalFrames>),
}

impl SignalWriter {
    /// Appends a signal, published at `published_ms`, Unix ms; or takes it, until the batch is closed.
    #[inline]
    pub fn write(
        &mut self,
        commands: &mut Commands,
        names: &mut OutputNames,
        weighed: &Weighed<'_>,
        labels: Labels<'_>,
        published_ms: i64,
    ) {
        match self {
            Self::Fields => xadd_signal(commands, names, weighed, labels, published_ms),
            Self::Json => xadd_signal_json(commands, names, weighed, labels, published_ms),
            Self::Frames(frames) => frames.push(commands, &names.signals, weighed, labels, published_ms),
        }
    }

    /// Appends what has been taken and is not among the commands yet.
    pub fn close(&mut self, commands: &mut Commands, names: &OutputNames) {
        if let Self::Frames(frames) = self {
            frames.close(commands, &names.signals);
        }
    }

    /// Bytes that are not among the commands yet.
    #[inline]
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        match self {
            Self::Frames(frames) => frames.pending_bytes(),
            Self::Fields | Self::Json => 0,
        }
    }
}
