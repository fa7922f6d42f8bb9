//! What can go wrong with a connection to the input streams, and what its answers say. Cold.

use crate::redis_io::{Another, ProtocolError, ServerErrorKind, words};
use std::io;

/// Why a source of streams cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RedisSourceError {
    /// The server refused.
    #[error("{address} refused to read the input streams: {text}{}", .kind.advice())]
    Refused {
        /// Where the server is.
        address: String,
        /// What its code says.
        kind: ServerErrorKind,
        /// Its words.
        text: String,
    },
    /// A stream was made again with lower ids.
    #[error(
        "{stream} {another}: it was deleted and made again, or the server has lost data. Its entries would be waited for in \
         vain; the next start offers ways to go on"
    )]
    Another {
        /// Its name.
        stream: String,
        /// What shows it.
        another: Another,
    },
}

/// What has gone wrong with a connection.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is lost, for this reason.
    Lost(String),
    /// The server has closed it.
    HungUp(String),
    /// A reply is larger than can be received.
    TooLarge,
    /// The server says no.
    Refused(String),
    /// It is of no use to go on.
    Final(RedisSourceError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
        match error.kind() {
            InvalidData => Self::TooLarge,
            UnexpectedEof | ConnectionReset | BrokenPipe => Self::HungUp(words(&error)),
            _ => Self::Lost(words(&error)),
        }
    }
}

impl From<RedisSourceError> for Trouble {
    fn from(error: RedisSourceError) -> Self {
        Self::Final(error)
    }
}

impl From<ProtocolError> for Trouble {
    fn from(error: ProtocolError) -> Self {
        if matches!(error, ProtocolError::TooLong(_)) { Self::TooLarge } else { Self::Lost(error.to_string()) }
    }
}

/// The server's time, Unix µs, out of a reply to `TIME`.
pub(super) fn time_us(reply: &[u8]) -> Result<u64, Trouble> {
    // *2 $10 <seconds> $<n> <microseconds>
    let mut parts = reply.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if reply.first() == Some(&b'-') {
        return Err(Trouble::Refused(
            String::from_utf8_lossy(reply.trim_ascii_end()).trim_start_matches('-').to_owned(),
        ));
    }
    let number = |text: Option<&[u8]>| text.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
    let (seconds, us) = (number(parts.nth(2)), number(parts.nth(1)));
    let (Some(seconds), Some(us)) = (seconds, us) else { return Err(ProtocolError::Shape.into()) };
    Ok(seconds.saturating_mul(1_000_000).saturating_add(us))
}
