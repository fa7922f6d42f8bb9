//! Why a batch was not committed, and what that means for it.

use crate::redis_io::{ProtocolError, ServerErrorKind, words};
use std::io;

/// Why a batch was not, or not wholly, committed. Commands are numbered from 0, the transaction's own not counted; the
/// last is the position.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The connection was lost, or the server was silent for too long: the batch may have been committed or not, which
    /// the position tells.
    #[error("{address}: {}", words(.source))]
    Lost {
        /// The server, without its password.
        address: String,
        /// The system's error; [`io::ErrorKind::TimedOut`] for silence.
        source: io::Error,
    },
    /// The bytes received are no reply: as after a lost connection.
    #[error("{address}: {source}")]
    Protocol {
        /// The server, without its password.
        address: String,
        /// What is wrong with them.
        source: ProtocolError,
    },
    /// Nothing of the batch was committed; the link is in order and the batch can be sent again.
    #[error("{address}: command {command} of a batch was refused, so none was run: {text}{}", .kind.advice())]
    Refused {
        /// The server, without its password.
        address: String,
        /// Number of the first command that was refused.
        command: u32,
        /// What the code of its error says.
        kind: ServerErrorKind,
        /// The server's words.
        text: String,
    },
    /// The batch was committed, its position included, but for some commands, which are lost: another program uses
    /// their keys for something else.
    #[error("{address}: {failed} commands of a batch failed, first command {command}: {text}{}", .kind.advice())]
    Partly {
        /// The server, without its password.
        address: String,
        /// Number of the first command that failed.
        command: u32,
        /// Commands that failed.
        failed: u32,
        /// What the code of the first error says.
        kind: ServerErrorKind,
        /// The server's words.
        text: String,
    },
    /// The lease that guards the position has passed or was taken: nothing of the batch was committed.
    #[error("{address}: the lease of this engine has passed or was taken over")]
    Fenced {
        /// The server, without its password.
        address: String,
    },
    /// The batch was committed, and the server does not say whether its disk has it: as after a lost connection.
    #[error("{address}: a batch was committed, but it is not known to be on the disk: {text}{}", .kind.advice())]
    Unsaved {
        /// The server, without its password.
        address: String,
        /// What the code of its error says.
        kind: ServerErrorKind,
        /// The server's words.
        text: String,
    },
    /// The server refused to open a transaction and has run the commands one by one, or refused each: as after a lost
    /// connection.
    #[error("{address}: MULTI was refused: {text}{}", .kind.advice())]
    NoTransaction {
        /// The server, without its password.
        address: String,
        /// What the code of its error says.
        kind: ServerErrorKind,
        /// The server's words.
        text: String,
    },
}

impl SinkError {
    /// Whether the link must be replaced before the sink can go on.
    #[must_use]
    pub fn needs_new_link(&self) -> bool {
        match self {
            Self::Lost { .. }
            | Self::Protocol { .. }
            | Self::Unsaved { .. }
            | Self::NoTransaction { .. }
            | Self::Fenced { .. } => true,
            Self::Refused { kind, .. } => kind.is_elsewhere(),
            Self::Partly { .. } => false,
        }
    }

    /// Whether the batch may be committed yet, on this link or on another, without anybody changing anything but the
    /// state of server and network.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lost { .. } | Self::Protocol { .. } | Self::Fenced { .. } => true,
            Self::Refused { kind, .. } | Self::Unsaved { kind, .. } | Self::NoTransaction { kind, .. } => {
                kind.is_transient()
            }
            Self::Partly { .. } => false,
        }
    }

    /// What the server said, where it is the server that refused the batch.
    #[must_use]
    pub fn server(&self) -> Option<(ServerErrorKind, &str)> {
        match self {
            Self::Refused { kind, text, .. }
            | Self::Partly { kind, text, .. }
            | Self::Unsaved { kind, text, .. }
            | Self::NoTransaction { kind, text, .. } => Some((*kind, text)),
            Self::Lost { .. } | Self::Protocol { .. } | Self::Fenced { .. } => None,
        }
    }

    pub(super) fn protocol(address: &str, source: ProtocolError) -> Self {
        Self::Protocol { address: address.to_owned(), source }
    }

    pub(super) fn shape(address: &str) -> Self {
        Self::protocol(address, ProtocolError::Shape)
    }

    pub(super) fn no_transaction(address: &str, text: &[u8]) -> Self {
        let kind = ServerErrorKind::of(text);
        Self::NoTransaction { address: address.to_owned(), kind, text: String::from_utf8_lossy(text).into_owned() }
    }

    pub(super) fn unsaved(address: &str, text: &[u8]) -> Self {
        let kind = ServerErrorKind::of(text);
        Self::Unsaved { address: address.to_owned(), kind, text: String::from_utf8_lossy(text).into_owned() }
    }

    pub(super) fn partly(address: &str, command: u32, failed: u32, text: &[u8]) -> Self {
        let (kind, text) = (ServerErrorKind::of(text), String::from_utf8_lossy(text).into_owned());
        Self::Partly { address: address.to_owned(), command, failed, kind, text }
    }
}
