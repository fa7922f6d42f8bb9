//! What goes wrong with a server, in words that say what to do.

use super::tls_error::TlsError;
use super::token::ProtocolError;
use std::io;

/// What the code of a server's error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// The server wants a password and was given none.
    NoAuth,
    /// User or password are wrong.
    WrongPass,
    /// The account may not run the command or touch the key.
    NoPerm,
    /// The server is loading its data and will be ready later.
    Loading,
    /// The server is a replica.
    ReadOnly,
    /// The server is out of memory.
    OutOfMemory,
    /// The server cannot save its data and refuses to write.
    Misconf,
    /// The key holds another type of value.
    WrongType,
    /// A transaction was not run, because one of its commands was refused.
    ExecAbort,
    /// The key lives on another node of a cluster.
    Moved,
    /// A script is running.
    Busy,
    /// The server is a replica that has lost its primary.
    MasterDown,
    /// The cluster is without a quorum, or moves the key just now.
    ClusterDown,
    /// The server takes no more connections.
    Full,
    /// Any other error.
    Other,
}

impl ServerErrorKind {
    /// The kind of an error by its first word.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        // Where EXEC itself is refused.
        let text = text.strip_prefix(b"EXECABORT Transaction discarded because of: ").unwrap_or(text);
        match text.split(|&byte| byte == b' ').next().unwrap_or_default() {
            b"NOAUTH" => Self::NoAuth,
            b"WRONGPASS" => Self::WrongPass,
            b"NOPERM" => Self::NoPerm,
            b"LOADING" => Self::Loading,
            b"READONLY" => Self::ReadOnly,
            b"OOM" => Self::OutOfMemory,
            b"MISCONF" => Self::Misconf,
            b"WRONGTYPE" => Self::WrongType,
            b"EXECABORT" => Self::ExecAbort,
            b"MOVED" | b"ASK" | b"CROSSSLOT" => Self::Moved,
            b"BUSY" => Self::Busy,
            b"MASTERDOWN" => Self::MasterDown,
            b"CLUSTERDOWN" | b"TRYAGAIN" => Self::ClusterDown,
            b"ERR" if text.starts_with(b"ERR max number of clients") => Self::Full,
            _ => Self::Other,
        }
    }

    /// Whether the same command may well succeed later, without anybody changing anything but the server's state.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        use ServerErrorKind::{Busy, ClusterDown, Full, Loading, MasterDown, Misconf, OutOfMemory, ReadOnly};
        matches!(self, Loading | ReadOnly | OutOfMemory | Misconf | Busy | MasterDown | ClusterDown | Full)
    }

    /// Whether another connection may lead to a server that does not say so: a failover has taken place.
    #[must_use]
    pub const fn is_elsewhere(self) -> bool {
        matches!(self, Self::ReadOnly | Self::MasterDown)
    }

    /// What to do about it, to be appended to the server's own words.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoAuth => "; the server wants a password: put it into the URL, redis://[user]:password@host",
            Self::WrongPass => "; check user and password in the URL",
            Self::NoPerm => "; the account lacks a permission: ACL GETUSER shows what it has, the README what it needs",
            Self::Loading => "; the server is loading its data, try again later",
            Self::ReadOnly => "; this is a replica: connect to its primary",
            Self::OutOfMemory => "; raise the server's maxmemory or lower the streams' lengths",
            Self::Misconf => "; the server cannot save its data: see its log",
            Self::WrongType => "; another program uses this key for something else",
            Self::Moved => "; the server is a cluster, which is not supported here",
            Self::MasterDown => "; this replica has lost its primary",
            Self::Full => "; raise the server's maxclients",
            Self::ExecAbort | Self::Busy | Self::ClusterDown | Self::Other => "",
        }
    }
}

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
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The bytes received are no reply.
    #[error("{address}: {what}: {source}")]
    Protocol {
        /// The server, without its password.
        address: String,
        /// The command.
        what: &'static str,
        /// What is wrong with them.
        source: ProtocolError,
    },
    /// The server refused a command.
    #[error("{address}: {what}: {text}{}", .kind.advice())]
    Server {
        /// The server, without its password.
        address: String,
        /// The command.
        what: &'static str,
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
        what: &'static str,
    },
}

impl LinkError {
    /// Whether it is worth while to try again: nobody has to change anything but the state of server and network.
    ///
    /// Transient: every failure of the connection itself (refused, reset, silent, not resolved, a reply cut short) and
    /// [the server's transient states](ServerErrorKind::is_transient). Permanent: a wrong or missing password, a
    /// missing permission, a certificate that is not good, a key of another type, a command that the server does not know, no right to the socket.
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

/// The system's error in words; the two that it has poor words for in better ones.
pub(crate) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::TimedOut => "the server did not answer in time".to_owned(),
        _ => error.to_string(),
    }
}
