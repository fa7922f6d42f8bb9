//! Streams of a Redis server: one `XREAD` over all of them at a time, read in place.
//!
//! Never blocks: a request is sent, and the socket is polled for its reply. Allocates only for refused entries and for
//! replies larger than any before.

use super::Polled;
use crate::{
    engine::{Intake, Origin, RawFields},
    feed::{self, Refusal, decode_entry},
    model::{SourceId, Timeframe},
    redis_io::{Entry, Link, ProtocolError, StreamId, XreadCursor, XreadItem, encode_xread},
    runtime::{AgentError, Interests, Now},
};
use std::{io, os::fd::AsFd};

/// What to read.
#[derive(Debug, Clone)]
pub struct RedisSourceOptions {
    /// The streams with the timeframe of their bars, in the configuration's order.
    pub streams: Vec<(String, Timeframe)>,
    /// By stream: the last entry whose effects have been published; what comes up to it only rebuilds state.
    pub published: Vec<StreamId>,
    /// By stream: the entry after which reading starts.
    pub start: Vec<StreamId>,
    /// Newest clock event whose effects have been published, Unix ms; it is no entry, and follows when all are read.
    pub clock: Option<i64>,
    /// Entries per stream and read.
    pub count: u64,
    /// How long the server may hold a read open, ms.
    pub block_ms: u64,
    /// Longest time without an answer before the connection counts as lost, ms; well above `block_ms`.
    pub timeout_ms: u64,
}

/// Why a source of streams cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RedisSourceError {
    /// The connection broke.
    #[error("lost the connection to {address} while reading the input streams; is the server still running?")]
    Connection {
        /// Where the server is.
        address: String,
        /// What the socket said.
        source: io::Error,
    },
    /// The server sent what is not an answer.
    #[error("{address} sent a reply to XREAD that cannot be read")]
    Protocol {
        /// Where the server is.
        address: String,
        /// What was wrong with it.
        source: ProtocolError,
    },
    /// The server refused.
    #[error(
        "{address} refused to read the input streams: {text}; WRONGTYPE means that a key of that name is no stream"
    )]
    Refused {
        /// Where the server is.
        address: String,
        /// Its words.
        text: String,
    },
    /// The server does not answer.
    #[error("{address} has not answered for {waited_ms} ms; raise redis.timeout_ms if it is only slow")]
    Silent {
        /// Where the server is.
        address: String,
        /// How long, ms.
        waited_ms: u64,
    },
}

#[derive(Debug)]
struct Stream {
    name: String,
    timeframe: Timeframe,
    /// The last entry taken.
    last: StreamId,
    /// The last entry whose effects were published before the start.
    published: StreamId,
}

impl Stream {
    fn is_rebuilt(&self) -> bool {
        self.last >= self.published
    }
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy)]
enum State {
    /// No request is under way.
    Ready,
    /// A request was sent at this time, ns.
    Asked { at_ns: u64 },
    /// A complete reply of so many bytes is in the buffer.
    Reply { len: usize, cursor: XreadCursor, stream: usize, arrival_ns: u64, entries: u64 },
}

/// Reads the configured streams, each from its beginning.
#[derive(Debug)]
pub struct RedisSource {
    link: Link,
    streams: Vec<Stream>,
    count: u64,
    block_ms: u64,
    timeout_ms: u64,
    state: State,
    /// While state is rebuilt: the one stream that is read up to where it had been published.
    rebuilding: Option<usize>,
    /// The clock event that ends the rebuilding.
    clock: Option<i64>,
    /// Whether the last read found nothing.
    caught_up: bool,
}

impl RedisSource {
    /// A source on a connection of its own.
    #[must_use]
    pub fn new(link: Link, options: RedisSourceOptions) -> Self {
        let streams = options.streams.into_iter().zip(options.published).zip(options.start);
        let streams = streams.map(|(((name, timeframe), published), last)| Stream { name, timeframe, last, published });
        Self {
            link,
            streams: streams.collect(),
            count: options.count,
            block_ms: options.block_ms,
            timeout_ms: options.timeout_ms,
            state: State::Ready,
            rebuilding: Some(0),
            clock: options.clock,
            caught_up: false,
        }
    }

    /// Hands the next entry to the intake.
    ///
    /// # Errors
    /// [`RedisSourceError`].
    pub fn poll(&mut self, now: Now, intake: &mut Intake) -> Result<Polled, AgentError> {
        loop {
            match self.state {
                State::Ready => {
                    self.ask();
                    self.state = State::Asked { at_ns: now.ns };
                    if self.rebuilding.is_none()
                        && let Some(event_ts) = self.clock.take()
                    {
                        intake.clock_again(event_ts, now.ns);
                        return Ok(Polled::Entry);
                    }
                }
                State::Asked { at_ns } => {
                    if !self.receive(now, at_ns, intake)? {
                        return Ok(Polled::Nothing { caught_up: self.caught_up && self.rebuilding.is_none() });
                    }
                }
                State::Reply { .. } => {
                    if self.take(intake)? {
                        return Ok(Polled::Entry);
                    }
                }
            }
        }
    }

    /// Sends the next request.
    fn ask(&mut self) {
        while let Some(index) = self.rebuilding {
            match self.streams.get(index) {
                Some(stream) if stream.is_rebuilt() => self.rebuilding = Some(index + 1),
                Some(_) => break,
                None => self.rebuilding = None,
            }
        }
        let (range, block_ms) = match self.rebuilding {
            Some(index) => (index..index + 1, None),
            None => (0..self.streams.len(), (self.block_ms > 0).then_some(self.block_ms)),
        };
        let streams = self.streams[range].iter().map(|stream| (stream.name.as_bytes(), stream.last));
        encode_xread(self.link.outbox(), self.count, block_ms, streams);
    }

    /// Writes what is to be written and reads what has come; whether a reply is complete.
    fn receive(&mut self, now: Now, at_ns: u64, intake: &Intake) -> Result<bool, RedisSourceError> {
        let lost = |link: &Link, source| RedisSourceError::Connection { address: link.address().to_owned(), source };
        self.link.write_pending().map_err(|e| lost(&self.link, e))?;
        let bytes = self.link.fill().map_err(|e| lost(&self.link, e))?;
        intake.counters().bytes.add(bytes as u64);
        let reply = self
            .link
            .reply()
            .map_err(|source| RedisSourceError::Protocol { address: self.link.address().to_owned(), source })?;
        if let Some(len) = reply {
            let cursor = XreadCursor::default();
            self.state = State::Reply { len, cursor, stream: 0, arrival_ns: now.ns, entries: 0 };
            return Ok(true);
        }
        let waited_ms = now.ns.saturating_sub(at_ns) / 1_000_000;
        if bytes == 0 && waited_ms > self.timeout_ms.max(self.block_ms + 1_000) {
            return Err(RedisSourceError::Silent { address: self.link.address().to_owned(), waited_ms });
        }
        Ok(false)
    }

    /// Takes the next entry out of the reply; false where there is none left.
    fn take(&mut self, intake: &mut Intake) -> Result<bool, RedisSourceError> {
        let State::Reply { len, cursor, stream, arrival_ns, entries } = &mut self.state else { return Ok(false) };
        let reply = &self.link.received()[..*len];
        loop {
            let item = cursor
                .next(reply)
                .map_err(|source| RedisSourceError::Protocol { address: self.link.address().to_owned(), source })?;
            match item {
                Some(XreadItem::Stream(name)) => {
                    *stream = self.streams.iter().position(|s| s.name.as_bytes() == name).unwrap_or(usize::MAX);
                }
                Some(XreadItem::Entry(entry)) => {
                    *entries += 1;
                    let Some(target) = self.streams.get_mut(*stream) else { continue };
                    if self.rebuilding.is_some() && entry.id > target.published {
                        // Read again when all streams have been rebuilt.
                        target.last = target.published;
                        continue;
                    }
                    target.last = entry.id;
                    take_entry(&entry, *stream, target, *arrival_ns, intake);
                    return Ok(true);
                }
                Some(XreadItem::Error(text)) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    return Err(RedisSourceError::Refused { address: self.link.address().to_owned(), text });
                }
                None => {
                    self.caught_up = *entries == 0;
                    if let Some(target) = self.rebuilding.and_then(|index| self.streams.get_mut(index))
                        && *entries == 0
                    {
                        // The stream ends before what had been published: there is nothing more to rebuild from.
                        target.last = target.published;
                    }
                    let len = *len;
                    self.link.consume(len);
                    self.state = State::Ready;
                    return Ok(false);
                }
            }
        }
    }

    /// Time by which the server must have answered, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        match self.state {
            State::Asked { at_ns } => Some(at_ns + self.timeout_ms.max(self.block_ms + 1_000) * 1_000_000),
            State::Ready | State::Reply { .. } => Some(0),
        }
    }

    /// Waits for the socket.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        set.readable(self.link.as_fd());
    }
}

/// Decodes an entry and hands its records to the intake.
#[inline]
fn take_entry(entry: &Entry<'_>, index: usize, stream: &Stream, arrival_ns: u64, intake: &mut Intake) {
    let source = SourceId { input: index as u8, major: entry.id.ms, minor: entry.id.seq };
    let replayed = entry.id <= stream.published;
    let entry_ms = i64::try_from(entry.id.ms).unwrap_or(i64::MAX);
    let origin = Origin { source, entry_ms: Some(entry_ms), arrival_ns, replayed };
    let raw = || entry.fields.clone().map(|(name, value)| (name.into(), value.into())).collect();
    match decode_entry(entry.fields.clone(), stream.timeframe) {
        Ok(feed::Entry::Bar(record)) => intake.record(Ok(record), &origin, raw),
        Ok(feed::Entry::Frame(frame)) => {
            for record in frame.records() {
                let decoded = feed::validate(&record).map(|()| record);
                intake.record(decoded, &origin, || describe(&record));
            }
        }
        Err(reason) => intake.record(Err::<feed::Record<'_>, Refusal>(reason), &origin, raw),
    }
    intake.entry_done(&origin);
}

/// The fields of one record of a frame, as the flat form has them.
#[cold]
fn describe(record: &feed::Record<'_>) -> RawFields {
    let text = |name: &str, value: String| (name.as_bytes().into(), value.into_bytes().into_boxed_slice());
    let mut fields = vec![
        (b"symbol".as_slice().into(), record.symbol.into()),
        text("timestamp", record.ts.to_string()),
        text("open", record.open.to_string()),
        text("high", record.high.to_string()),
        text("low", record.low.to_string()),
        text("close", record.close.to_string()),
        text("volume", record.volume.to_string()),
    ];
    if !record.vwap.is_nan() {
        fields.push(text("vwap", record.vwap.to_string()));
    }
    if record.trades > 0 {
        fields.push(text("trades", record.trades.to_string()));
    }
    fields
}
