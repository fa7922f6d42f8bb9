//! A connection to an exchange: TCP, TLS and the WebSocket's handshake. Blocks, on a thread of its own.

use crate::redis_io::{Tls, TlsError, Wire, connect_tls};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant},
};
use tungstenite::{
    HandshakeError, WebSocket,
    client::client_with_config,
    http::{StatusCode, Uri},
    protocol::WebSocketConfig,
};

/// The bytes below a WebSocket.
#[derive(Debug)]
pub struct Stream(Box<dyn Wire>);

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A connection over which messages go.
pub type FeedSocket = WebSocket<Stream>;

/// Where to, and how.
#[derive(Debug, Clone)]
pub struct DialTarget {
    /// `wss://host[:port]/path`.
    pub url: String,
    /// Trusted authorities.
    pub tls: Tls,
    /// Longest wait, for each of connection, TLS and WebSocket.
    pub timeout: Duration,
    /// Longest message, bytes.
    pub message_bytes_max: usize,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// Nothing but a change by a person will mend it.
    ForGood(String),
    /// Not before so many seconds.
    Later(String, f64),
    /// It may be tried again.
    Now(String),
}

/// Host and port of an address.
///
/// # Errors
/// It is none, or not one of this scheme.
pub fn place(url: &str, scheme: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{url:?} is no address of the form {scheme}://host[:port]/path");
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some(scheme) {
        return Err(format!("{}; connections are always encrypted", wrong()));
    }
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(443)))
}

/// Connects on a thread of its own, which gives the outcome.
pub fn dial(target: &DialTarget) -> Receiver<Result<FeedSocket, Refused>> {
    let (give, outcome) = sync_channel(1);
    let target = target.clone();
    let thread = std::thread::Builder::new().name("ingest dials".to_owned());
    // Where there is no thread the channel is closed, which is an outcome too.
    let _ = thread.spawn(move || drop(give.send(connect(&target))));
    outcome
}

fn connect(target: &DialTarget) -> Result<FeedSocket, Refused> {
    let (host, port) = place(&target.url, "wss").map_err(Refused::ForGood)?;
    let wire = connect_tls(&host, port, &target.tls, target.timeout).map_err(|error| of_socket(&error))?;
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(target.message_bytes_max);
    config.max_frame_size = Some(target.message_bytes_max);
    config.write_buffer_size = 0;
    let deadline = Instant::now() + target.timeout;
    let mut outcome = client_with_config(target.url.as_str(), Stream(wire), Some(config));
    loop {
        match outcome {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => return Err(of_handshake(&error)),
            Err(HandshakeError::Interrupted(half)) => {
                wait(half.get_ref().get_ref(), deadline)?;
                outcome = half.handshake();
            }
        }
    }
}

fn wait(stream: &Stream, deadline: Instant) -> Result<(), Refused> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Refused::Now("the exchange did not answer the handshake in time".to_owned()));
    }
    let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    match poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Refused::Now(io::Error::from(error).to_string())),
    }
}

fn of_socket(error: &io::Error) -> Refused {
    // Its advice names the settings of the other server that this program connects to.
    let text = error.to_string().replace("redis.tls_ca", "ingest.tls_ca").replace("redis.url", "the address");
    if TlsError::is_permanent(error) { Refused::ForGood(text) } else { Refused::Now(text) }
}

fn of_handshake(error: &tungstenite::Error) -> Refused {
    let tungstenite::Error::Http(response) = error else { return Refused::Now(error.to_string()) };
    let status = response.status();
    let text = format!("the exchange answers the handshake with {status}");
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::IM_A_TEAPOT => Refused::Later(text, pause_s(after)),
        StatusCode::REQUEST_TIMEOUT => Refused::Now(text),
        status if status.is_client_error() => {
            Refused::ForGood(format!("{text}: check the address and what the account may use"))
        }
        _ => Refused::Now(text),
    }
}

/// How long an exchange wants to be left alone, s, by what it says of it: a minute where it says nothing that can be meant, a
/// week at most.
pub fn pause_s(said_s: Option<f64>) -> f64 {
    said_s.filter(|said_s| !said_s.is_nan()).unwrap_or(60.0).clamp(0.0, 86_400.0 * 7.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_one_that_can_be_meant() {
        let of = |text: &str| pause_s(text.parse().ok());
        for (text, wanted_s) in [
            ("7", 7.0),
            ("0.5", 0.5),
            ("", 60.0),
            ("Wed, 21 Oct 2026 07:28:00 GMT", 60.0),
            ("NaN", 60.0),
            ("-3", 0.0),
            ("inf", 604_800.0),
            ("1e300", 604_800.0),
        ] {
            assert_eq!(of(text), wanted_s, "{text}");
        }
    }

    #[test]
    fn addresses_are_encrypted_ones() {
        assert_eq!(place("wss://a.example:9443/stream", "wss"), Ok(("a.example".to_owned(), 9443)));
        assert_eq!(place("https://[::1]/v2", "https"), Ok(("::1".to_owned(), 443)));
        for bad in ["ws://a.example/", "a.example", "", "wss://", "https://a.example"] {
            assert!(place(bad, "wss").is_err(), "{bad}");
        }
    }
}
