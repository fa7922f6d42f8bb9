//! A client for the commands that ask a running engine. Blocks, with a limit.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// Longest answer that is read, bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at the address.
    #[error(
        "nothing answers at {address}: {source}. An engine answers where telemetry.listen is set, such as \
         --set telemetry.listen=127.0.0.1:9464"
    )]
    Absent {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// What answers refuses.
    #[error("{address} answers {status}: {text}")]
    Refused {
        /// The address.
        address: String,
        /// The status.
        status: u16,
        /// What it says.
        text: String,
    },
    /// What answers is no engine.
    #[error("what answers at {address} is no engine")]
    Strange {
        /// The address.
        address: String,
    },
}

/// Asks for a path; the body of the answer, whose status is 200.
///
/// # Errors
/// [`ClientError`]: nobody is there, or refuses.
pub fn get(address: &str, token: Option<&str>, path: &str, limit: Duration) -> Result<String, ClientError> {
    let absent = |source| ClientError::Absent { address: address.to_owned(), source };
    let strange = || ClientError::Strange { address: address.to_owned() };
    let mut found = Err(std::io::Error::from(std::io::ErrorKind::AddrNotAvailable));
    // A name may mean several addresses, and the engine listens at one.
    for place in address.to_socket_addrs().map_err(absent)? {
        found = TcpStream::connect_timeout(&place, limit).map(|stream| (stream, place));
        if found.is_ok() {
            break;
        }
    }
    let (mut stream, place) = found.map_err(absent)?;
    stream.set_read_timeout(Some(limit)).map_err(absent)?;
    stream.set_write_timeout(Some(limit)).map_err(absent)?;
    let token = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).map_err(absent)?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut bytes).map_err(absent)?;
    let text = String::from_utf8(bytes).map_err(|_| strange())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(strange)?;
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(strange)?;
    if status == 200 {
        return Ok(body.to_owned());
    }
    Err(ClientError::Refused { address: address.to_owned(), status, text: body.trim().to_owned() })
}
