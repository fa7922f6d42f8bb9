//! One connection: bytes in, an answer out, cut where it is slow. Non-blocking; every buffer is bounded.

use super::request::{HttpRequest, REQUEST_MAX, RequestError, parse};
use crate::model::{SymbolId, TimeframeId};
use rustix::event::PollFlags;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
};

/// How long a request may take to arrive, ms.
const REQUEST_MS: u64 = 5_000;
/// How long the client may take none of what waits for it, ms.
const WRITE_MS: u64 = 10_000;
/// How long a closed connection is read on, so that the answer is not lost with it, ms.
const LINGER_MS: u64 = 1_000;
/// Bytes that may wait for one who listens to events.
const EVENTS_MAX: usize = 1 << 20;

/// What a listener wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Listening {
    /// Number of the next event to be sent.
    pub next: u64,
    /// Cells of which it wants the bars.
    pub cells: Vec<(SymbolId, TimeframeId)>,
    /// When something was sent last, ms.
    pub sent_ms: u64,
}

/// How far it has got.
#[derive(Debug)]
enum Stage {
    /// The request arrives.
    Reading(Vec<u8>),
    /// The answer goes out.
    Answering,
    /// Events go out as they come.
    Listening(Listening),
    /// The answer is out; what the client still says is thrown away.
    Lingering,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    stage: Stage,
    /// Since when it is in its stage, or since when it last took something, ms.
    since_ms: u64,
    out: Vec<u8>,
    written: usize,
}

/// What has become of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    Open,
    /// A request is complete, or will not be.
    Asked(Result<HttpRequest, RequestError>),
    /// It has ended.
    Closed,
    /// It was too slow.
    Cut,
}

impl Connection {
    /// A connection that was accepted.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn new(stream: TcpStream, now_ms: u64) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // Events are small and wanted at once; where that is refused they come late.
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, stage: Stage::Reading(Vec::new()), since_ms: now_ms, out: Vec::new(), written: 0 })
    }

    /// The socket and what it waits for.
    pub fn interest(&self) -> (&TcpStream, PollFlags) {
        let waits = if self.written < self.out.len() { PollFlags::OUT } else { PollFlags::empty() };
        (&self.stream, PollFlags::IN | waits)
    }

    /// Since when its request is incomplete, ms; `None` for one that was answered.
    pub fn unasked_since_ms(&self) -> Option<u64> {
        matches!(self.stage, Stage::Reading(_)).then_some(self.since_ms)
    }

    /// What it listens to, with the place for it.
    pub fn listening(&mut self) -> Option<(&mut Listening, &mut Vec<u8>)> {
        match &mut self.stage {
            Stage::Listening(listening) => Some((listening, &mut self.out)),
            _ => None,
        }
    }

    /// Whether it listens to events.
    pub fn listens(&self) -> bool {
        matches!(self.stage, Stage::Listening(_))
    }

    /// Gives the answer; with `listening` events follow.
    pub fn answer(&mut self, bytes: Vec<u8>, listening: Option<Listening>, now_ms: u64) {
        self.out = bytes;
        self.written = 0;
        self.since_ms = now_ms;
        self.stage = listening.map_or(Stage::Answering, Stage::Listening);
    }

    /// Goes on as far as it can without waiting.
    pub fn go_on(&mut self, now_ms: u64) -> Outcome {
        let read = match &mut self.stage {
            Stage::Reading(bytes) => take(&self.stream, |part| {
                let room = REQUEST_MAX - bytes.len().min(REQUEST_MAX);
                bytes.extend_from_slice(&part[..part.len().min(room)]);
                bytes.len() < REQUEST_MAX
            }),
            // What a client says after its request is of no interest, but its end is.
            _ => take(&self.stream, |_| true),
        };
        if let Stage::Reading(bytes) = &self.stage {
            return match (parse(bytes), read) {
                (Ok(Some(request)), _) => Outcome::Asked(Ok(request)),
                (Err(error), _) => Outcome::Asked(Err(error)),
                (Ok(None), Err(_)) => Outcome::Closed,
                (Ok(None), Ok(())) if now_ms.saturating_sub(self.since_ms) > REQUEST_MS => Outcome::Cut,
                (Ok(None), Ok(())) => Outcome::Open,
            };
        }
        if read.is_err() && matches!(self.stage, Stage::Listening(_) | Stage::Lingering) {
            return Outcome::Closed;
        }
        self.write(now_ms)
    }

    fn write(&mut self, now_ms: u64) -> Outcome {
        while self.written < self.out.len() {
            match (&self.stream).write(&self.out[self.written..]) {
                Ok(0) => return Outcome::Closed,
                Ok(count) => {
                    self.written += count;
                    self.since_ms = now_ms;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Outcome::Closed,
            }
        }
        let waiting = self.out.len() - self.written;
        if waiting == 0 {
            self.out.clear();
            self.written = 0;
        }
        let idle_ms = now_ms.saturating_sub(self.since_ms);
        if waiting == 0 && self.listens() {
            self.since_ms = now_ms;
        }
        match self.stage {
            Stage::Answering if waiting == 0 => {
                let _ = self.stream.shutdown(Shutdown::Write);
                self.stage = Stage::Lingering;
                self.since_ms = now_ms;
                Outcome::Open
            }
            Stage::Lingering if idle_ms > LINGER_MS => Outcome::Closed,
            Stage::Listening(_) if waiting > EVENTS_MAX => Outcome::Cut,
            Stage::Lingering => Outcome::Open,
            _ if waiting > 0 && idle_ms > WRITE_MS => Outcome::Cut,
            _ => {
                if self.written > EVENTS_MAX {
                    self.out.drain(..self.written);
                    self.written = 0;
                }
                Outcome::Open
            }
        }
    }
}

/// Reads what is there; `more` takes it and says whether more is wanted. An error at the end of the stream.
fn take(mut stream: &TcpStream, mut more: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    // Bounded, so that one client that sends for ever does not keep the others waiting.
    for _ in 0..8 {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                if !more(&buffer[..count]) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
