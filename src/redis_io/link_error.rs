//! What goes wrong with a server, in words that say what to do.

use super::server_error::ServerErrorKind;
use super::tls_error::TlsError;
use super::token::ProtocolError;
use std::io;

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The server, without its password.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The connection was lost, or a reply did not come in time ([`io::ErrorKind::TimedOut`]).
    #[error("{address}: {what}: {}", words(.source))]
    Io {
        /// The server, without its password.
        address: String,
        /// The command.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// The bytes received are not a reply.
    #[error("{address}: {what}: {source}")]
    Protocol {
        /// The server, without its password.
        address: String,
        /// The command.
        what: String,
        /// What is wrong with them.
        source: ProtocolError,
    },
    /// The server refused a command.
    #[error("{address}: {what}: {text}{}", .kind.advice())]
    Server {
        /// The server, without its password.
        address: String,
        /// The command.
        what: String,
        /// What its code says.
        kind: ServerErrorKind,
        /// The server's words.
        text: String,
    },
    /// Commands sent before have not been answered.
    #[error("{address}: {what}: commands sent before have not been answered")]
    Busy {
        /// The server, without its password.
        address: String,
        /// The command.
        what: String,
    },
}

impl LinkError {
    /// Whether trying again may help, without a person changing a setting.
    ///
    /// Transient: every failure of the connection itself (refused, reset, silent, not resolved, a reply cut short) and
    /// [the server's transient states](super::ErrorClass::Transient). Permanent: an invalid certificate, no permission
    /// for the socket, and every other error of the server, such as a wrong password.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { source, .. } => {
                source.kind() != io::ErrorKind::PermissionDenied && !TlsError::is_permanent(source)
            }
            Self::Io { source, .. } => !TlsError::is_permanent(source),
            Self::Protocol { .. } | Self::Busy { .. } => true,
            Self::Server { kind, .. } => kind.is_transient(),
        }
    }
}

/// The system's error in words, with better words for two of them.
pub(crate) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::TimedOut => "the server did not answer in time".to_owned(),
        _ => error.to_string(),
    }
}
