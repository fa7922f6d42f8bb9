//! Cold requests: a command of the `redis` crate out, its reply back, converted by the crate. Blocks and allocates.
//!
//! The start, the lease, the doctor and the benches work this way. They use the engine's own [`Link`] rather than a
//! `redis::Connection`, because the lease is watched on the very connection that the hot writer commits on.

use super::command::Commands;
use super::link::Link;
use super::link_error::LinkError;
use super::server_error::ServerErrorKind;
use super::token::ProtocolError;
use crate::model::{StreamId, StreamIdError};
use redis::{Arg, Cmd, FromRedisValue, ParsingError, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::time::{Duration, Instant};

/// Commands whose second word is part of their name.
const CONTAINERS: [&str; 5] = ["CLIENT", "CLUSTER", "CONFIG", "SENTINEL", "XINFO"];

impl Link {
    /// Sends one command and waits for its reply, at most the link's
    /// [`reply_timeout`](super::LinkOptions::reply_timeout).
    ///
    /// # Errors
    ///
    /// [`LinkError`]: earlier commands are unanswered, the server refuses, the reply is not a `T`, the time is over, or
    /// the connection is lost. After the last two the link cannot be used again.
    pub fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, LinkError> {
        self.ask_within(command, self.reply_timeout())
    }

    /// The same as [`Link::ask`], with another timeout.
    ///
    /// # Errors
    ///
    /// Those of [`Link::ask`].
    pub fn ask_within<T: FromRedisValue>(&mut self, command: &Cmd, timeout: Duration) -> Result<T, LinkError> {
        let convert = |reply: &[u8]| T::from_redis_value(redis::parse_redis_value(reply).ok()?).ok();
        self.exchange(command, timeout, |reply| convert(reply).ok_or(ProtocolError::Shape))
    }

    /// Sends one command that is encoded already, and waits for its reply, which is thrown away.
    ///
    /// # Errors
    ///
    /// Those of [`Link::ask`].
    pub fn ask_encoded(&mut self, command: &Commands) -> Result<(), LinkError> {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(command.bytes());
        self.exchange_written("command".to_owned(), write, self.reply_timeout(), |_| Ok(()))
    }

    /// Sends so many commands that are encoded already, together, and waits for all replies: by command, the words with which it
    /// was refused.
    pub(super) fn ask_all(&mut self, commands: &[u8], count: usize) -> Result<Vec<Option<String>>, LinkError> {
        let (address, what) = (self.address().to_owned(), "commands".to_owned());
        if !self.outbox().is_empty() || !self.received().is_empty() {
            return Err(LinkError::Busy { address, what });
        }
        self.outbox().extend_from_slice(commands);
        let deadline = Instant::now() + self.reply_timeout();
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let len = match self.reply().map_err(Broken::Protocol).transpose() {
                Some(found) => found,
                None => self.next_reply(deadline),
            };
            let len = match len {
                Ok(len) => len,
                Err(Broken::Io(source)) => return Err(LinkError::Io { address, what, source }),
                Err(Broken::Protocol(source)) => return Err(LinkError::Protocol { address, what, source }),
            };
            let refused = self.received()[..len].strip_prefix(b"-");
            all.push(refused.map(|line| String::from_utf8_lossy(line.trim_ascii_end()).into_owned()));
            self.consume(len);
        }
        Ok(all)
    }

    /// [`Link::ask`] with a reader of the reply's bytes.
    pub(super) fn ask_raw<T>(
        &mut self,
        command: &Cmd,
        read: impl FnOnce(&[u8]) -> Result<T, ProtocolError>,
    ) -> Result<T, LinkError> {
        self.exchange(command, self.reply_timeout(), read)
    }

    fn exchange<T>(
        &mut self,
        command: &Cmd,
        timeout: Duration,
        read: impl FnOnce(&[u8]) -> Result<T, ProtocolError>,
    ) -> Result<T, LinkError> {
        self.exchange_written(name(command), |out| command.write_packed_command(out), timeout, read)
    }

    fn exchange_written<T>(
        &mut self,
        what: String,
        write: impl FnOnce(&mut Vec<u8>),
        timeout: Duration,
        read: impl FnOnce(&[u8]) -> Result<T, ProtocolError>,
    ) -> Result<T, LinkError> {
        let address = self.address().to_owned();
        if !self.outbox().is_empty() || !self.received().is_empty() {
            return Err(LinkError::Busy { address, what });
        }
        let prelude = if self.in_transaction { &[] } else { self.prelude() };
        self.in_transaction = what == "MULTI" || (self.in_transaction && what != "EXEC");
        self.outbox().extend_from_slice(prelude);
        write(self.outbox());
        let len = match self.next_reply(Instant::now() + timeout) {
            Ok(len) => len,
            Err(Broken::Io(source)) => return Err(LinkError::Io { address, what, source }),
            Err(Broken::Protocol(source)) => return Err(LinkError::Protocol { address, what, source }),
        };
        let reply = &self.received()[..len];
        let result = match reply.strip_prefix(b"-") {
            None => read(reply).map_err(|source| LinkError::Protocol { address, what, source }),
            Some(line) => {
                let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                Err(LinkError::Server { address, what, kind: ServerErrorKind::of(text.as_bytes()), text })
            }
        };
        self.consume(len);
        result
    }

    /// Waits for what the server says unasked, at most so long; `None` where it says nothing.
    pub(super) fn hear(&mut self, patience: Duration) -> Result<Option<Value>, LinkError> {
        let (address, what) = (self.address().to_owned(), "SUBSCRIBE".to_owned());
        let len = match self.next_reply(Instant::now() + patience) {
            Ok(len) => len,
            Err(Broken::Io(error)) if error.kind() == io::ErrorKind::TimedOut => return Ok(None),
            Err(Broken::Io(source)) => return Err(LinkError::Io { address, what, source }),
            Err(Broken::Protocol(source)) => return Err(LinkError::Protocol { address, what, source }),
        };
        let said = redis::parse_redis_value(&self.received()[..len]);
        self.consume(len);
        said.map(Some).map_err(|_| LinkError::Protocol { address, what, source: ProtocolError::Shape })
    }

    fn next_reply(&mut self, deadline: Instant) -> Result<usize, Broken> {
        loop {
            let sent = match self.write_pending() {
                Ok(sent) => sent,
                // A server that accepts no more connections says so before it closes this one.
                Err(error) => return self.last_words().ok_or(Broken::Io(error)),
            };
            if self.fill()? == 0 {
                wait(self, if sent { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }, deadline)?;
            } else if let Some(len) = self.reply()? {
                return Ok(len);
            }
        }
    }

    /// Length of a reply that came before the connection was lost.
    fn last_words(&mut self) -> Option<usize> {
        self.fill().ok()?;
        self.reply().ok()?
    }
}

/// Waits until the socket is ready; an error at the deadline.
fn wait(link: &Link, flags: PollFlags, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::from(io::ErrorKind::TimedOut));
    }
    let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
    match poll(&mut [PollFd::new(link, flags)], Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The name of a command, never its arguments: they may be a password.
fn name(command: &Cmd) -> String {
    let mut words = command.args_iter().filter_map(|arg| match arg {
        Arg::Simple(word) => Some(String::from_utf8_lossy(word)),
        _ => None,
    });
    let first = words.next().unwrap_or_default();
    match words.next().filter(|_| CONTAINERS.contains(&&*first)) {
        Some(second) => format!("{first} {second}"),
        None => first.into_owned(),
    }
}

/// Why a link cannot be used again.
enum Broken {
    Io(io::Error),
    Protocol(ProtocolError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for Broken {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl FromRedisValue for StreamId {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let text: Vec<u8> = redis::from_redis_value(value)?;
        Self::parse(&text).ok_or_else(|| ParsingError::from(StreamIdError.to_string()))
    }
}
