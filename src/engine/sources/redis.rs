//! Streams of a Redis server: one `XREAD` over all of them at a time, read in place, each entry once and in one order.
//!
//! Before each read the server is asked for its time: what is older than that has been seen by the read, so an entry is
//! taken once the server's time has passed its id: nothing can precede it any more. A lone stream waits for nothing.
//! Entries that must wait are not buffered; the next read asks for them again. Never blocks; allocates for refused entries,
//! for replies larger than any before, and after errors.

mod amount;
mod notices;
mod options;
mod time;
mod trouble;
mod watch;

pub use options::RedisSourceOptions;
pub use trouble::RedisSourceError;

use super::{
    Polled,
    take::{Taking, refuse_skipped, take_entry},
};
use crate::{
    config::StreamRule,
    engine::{Committing, Dial, Intake, ServerTime},
    feed::{
        EntryForm,
        streams::{FeedClock, Gap, Lanes, Next, Stream},
    },
    model::StreamId,
    redis_io::{Command, Link, ServerErrorKind, StreamInfo, XreadCursor, encode_xread},
    runtime::{AgentError, Interests, Now},
    telemetry::StreamCounters,
};
use amount::{Amount, look_pause_ns};
use crossbeam_utils::CachePadded;
use std::{os::fd::AsFd, sync::Arc};
use time::AtHand;
use trouble::Trouble;
use watch::{Changed, Watch};

/// Time between two measurements of the backlog, ns.
const LOOK_NS: u64 = 1_000_000_000;
/// The same after a measurement without an answer, ns.
const BLIND_NS: u64 = 60_000_000_000;
/// From this size of a reply on the next is asked for before the entries are taken, bytes. Below, they are through by the
/// time a request is sent.
const AHEAD_BYTES: usize = 16 << 10;
/// Longest wait of a request for the publisher's batch, ns: as long as a server takes for a small one. Bars that come
/// meanwhile are read together.
const WAY_NS: u64 = 300_000;

/// The answer that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Await {
    Time,
    Info(usize),
    Read,
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy)]
enum State {
    /// No request is under way; the next is sent at this time, ns.
    Ready { at_ns: u64 },
    /// A request was sent at this time, ns.
    Asked { at_ns: u64, next: Await },
    /// A complete reply of so many bytes is in the buffer.
    Reply { len: usize, arrival_ns: u64 },
}

/// Reads the configured streams, each from its beginning.
#[derive(Debug)]
pub struct RedisSource {
    link: Link,
    dial: Dial<Link>,
    streams: Vec<Stream>,
    /// By stream.
    forms: Vec<EntryForm>,
    /// By stream.
    watches: Vec<Watch>,
    /// By stream.
    counters: Vec<Arc<CachePadded<StreamCounters>>>,
    lanes: Lanes,
    clock: FeedClock,
    rules: Vec<StreamRule>,
    /// Whether everything written before the last read had been taken by then.
    fresh: bool,
    /// What is known of the entry to be taken next.
    at_hand: Option<AtHand>,
    server_time: Arc<ServerTime>,
    max_future_ms: i64,
    published_moment: i64,
    /// The server's time as of the last request, Unix µs, and when it came, ns.
    server_us: u64,
    server_ns: u64,
    /// The clock closes nothing before this moment, Unix ms.
    next_look: Option<i64>,
    amount: Amount,
    block_ms: u64,
    timeout_ms: u64,
    entry_bytes_max: usize,
    ends: bool,
    state: State,
    /// When the streams are looked at next, ns; whether they are in the request under way.
    look_ns: u64,
    looking: bool,
    /// Whether the last read found nothing, and nothing waits.
    caught_up: bool,
    /// When the request behind the reply at hand was sent, where it has been already, ns.
    ahead_ns: Option<u64>,
    /// Up to which entries had been seen, and when, although they had to wait.
    held: Option<(StreamId, u64)>,
    /// Whose batch goes before the next request, if anybody's, and until when at most, ns.
    gives_way_to: Option<Committing>,
    way_until_ns: u64,
}

impl RedisSource {
    /// A source on a connection of its own.
    #[must_use]
    pub fn new(link: Link, options: RedisSourceOptions) -> Self {
        let lanes = Lanes::new(options.starts.iter().map(|start| start.published).collect(), &options.journal);
        let counters = options.streams.iter().map(|_| StreamCounters::shared()).collect();
        let watches = options.streams.iter().map(|_| Watch::default()).collect();
        let of = |((name, form), start): ((String, &EntryForm), _)| Stream::new(name, form.base(), start);
        let streams = options.streams.into_iter().zip(&options.forms).zip(options.starts).map(of).collect();
        Self {
            link,
            dial: options.dial,
            lanes,
            streams,
            forms: options.forms,
            watches,
            counters,
            clock: FeedClock::new(options.offset_ms),
            at_hand: None,
            fresh: false,
            server_time: options.server_time,
            max_future_ms: options.max_future_ms,
            rules: options.rules,
            published_moment: options.moment,
            server_us: 0,
            server_ns: 0,
            next_look: None,
            amount: Amount::new(options.count, None),
            block_ms: options.block_ms,
            timeout_ms: options.timeout_ms.max(options.block_ms + 1_000),
            entry_bytes_max: options.entry_bytes_max,
            ends: options.ends,
            state: State::Ready { at_ns: 0 },
            look_ns: if options.watched { 0 } else { u64::MAX },
            looking: false,
            caught_up: false,
            ahead_ns: None,
            held: None,
            gives_way_to: None,
            way_until_ns: 0,
        }
    }

    /// The last entry taken of a stream, its number, 0 where that is not known, and how far its ids are ahead of the time, ms.
    pub(super) fn position(&self, input: usize) -> (StreamId, u64, i64) {
        let of = |stream: &Stream| (stream.last, stream.number(), stream.ids.offset_ms);
        self.streams.get(input).map_or_else(Default::default, of)
    }

    /// Sends the next request after the publisher's batch, for a while: both wait on the same thread, and a server that
    /// finds both together answers both before it tells anybody of the signals.
    pub fn give_way_to(&mut self, publisher: Committing) {
        self.gives_way_to = Some(publisher);
    }

    /// When the next request goes that is ready at this time, ns.
    #[inline]
    fn ask_ns(&self, ready_ns: u64) -> u64 {
        let gives_way = self.gives_way_to.as_ref().is_some_and(Committing::is_on);
        if gives_way { ready_ns.max(self.way_until_ns) } else { ready_ns }
    }

    /// The way back to the server, for its counters.
    #[must_use]
    pub fn dial(&self) -> &Dial<Link> {
        &self.dial
    }

    /// The counters of the streams, with their names.
    pub fn counters(&self) -> impl Iterator<Item = (String, Arc<CachePadded<StreamCounters>>)> {
        let names = self.streams.iter().map(|stream| stream.name.clone());
        names.zip(self.counters.iter().map(Arc::clone))
    }

    /// By stream: how its records are taken.
    #[must_use]
    pub fn rules(&self) -> &[StreamRule] {
        &self.rules
    }

    /// Everything up to this moment, Unix ms, was published before the start.
    #[must_use]
    pub fn published_moment(&self) -> i64 {
        self.published_moment
    }

    /// Hands the next entry to the intake.
    ///
    /// # Errors
    /// [`RedisSourceError`], and what connecting again cannot change.
    pub fn poll(&mut self, now: Now, intake: &mut Intake) -> Result<Polled, AgentError> {
        if !self.dial.is_up() {
            match self.dial.poll(now.ns)? {
                Some(link) => self.link = link,
                None => return Ok(Polled::Nothing),
            }
        }
        match self.advance(now, intake) {
            Ok(polled) => Ok(polled),
            Err(trouble) => {
                self.trouble(trouble, now)?;
                Ok(Polled::Nothing)
            }
        }
    }

    #[inline]
    fn advance(&mut self, now: Now, intake: &mut Intake) -> Result<Polled, Trouble> {
        loop {
            match self.state {
                State::Ready { at_ns } if now.ns < self.ask_ns(at_ns) => {
                    return Ok(Polled::Nothing);
                }
                State::Ready { .. } => {
                    self.ask(now, None);
                    self.state = State::Asked { at_ns: now.ns, next: Await::Time };
                }
                State::Asked { at_ns, next } => {
                    if !self.receive(now, at_ns, next, intake)? {
                        return Ok(Polled::Nothing);
                    }
                }
                State::Reply { len, arrival_ns } => {
                    if self.ends && self.is_over(len) {
                        let closed = intake.close_next(self.published_moment, 0);
                        return Ok(if closed { Polled::Entry } else { Polled::End });
                    }
                    // What has been taken goes on its way before the next request is sent, which costs as much again.
                    let taken = self.take(len, arrival_ns, now, intake)?;
                    return Ok(if taken { Polled::Entry } else { Polled::Nothing });
                }
            }
        }
    }

    /// Sends the next request, of what is behind the last entry taken, or behind `last` of a lone stream.
    fn ask(&mut self, now: Now, last: Option<StreamId>) {
        let block_ms = Some(self.block_ms).filter(|&ms| ms > 0 && self.held.is_none());
        let block_ms = block_ms.and_then(|ms| self.wait_ms(now, ms));
        let prelude = self.link.prelude();
        let out = self.link.outbox();
        Command::new(out, 1).arg("TIME");
        self.looking = now.ns >= self.look_ns;
        if self.looking {
            for stream in &self.streams {
                out.extend_from_slice(prelude);
                Command::new(out, 3).arg("XINFO").arg("STREAM").arg(&stream.name);
            }
            // The answers say when the next look is.
            self.look_ns = now.ns;
        }
        out.extend_from_slice(prelude);
        let streams = self.streams.iter().map(|stream| (stream.name.as_bytes(), last.unwrap_or(stream.read_from())));
        encode_xread(out, self.amount.count(), block_ms, streams);
    }

    /// Sends the next request while the entries of this reply are still to be taken, so that the server is at work
    /// meanwhile. Only where all of them will be: a lone stream, on which nothing waits for another.
    #[inline]
    fn ask_ahead(&mut self, now: Now) -> Result<(), Trouble> {
        let [stream] = &self.streams[..] else { return Ok(()) };
        if self.lanes.head(0).is_none() || stream.skip.is_some() {
            return Ok(());
        }
        let last = XreadCursor::before_entry(self.link.last_entry()).peek_id(self.link.received())?;
        self.ask(now, Some(last));
        self.ahead_ns = Some(now.ns);
        // What the socket does not take now goes out with the next look at it.
        self.link.write_pending()?;
        Ok(())
    }

    /// Writes what is to be written and reads what has come; whether to go on at once.
    fn receive(&mut self, now: Now, at_ns: u64, next: Await, intake: &mut Intake) -> Result<bool, Trouble> {
        self.link.write_pending()?;
        let bytes = self.link.fill()?;
        intake.counters().bytes.add(bytes as u64);
        let Some(len) = self.link.reply()? else {
            let waited_ms = now.ns.saturating_sub(at_ns) / 1_000_000;
            if bytes == 0 && waited_ms > self.timeout_ms {
                return Err(Trouble::Lost(format!("{} has not answered for {waited_ms} ms", self.link.address())));
            }
            return Ok(bytes > 0);
        };
        let next = match next {
            Await::Time => self.on_time(len, at_ns, now)?,
            Await::Info(index) => self.on_info(index, len, now, intake)?,
            Await::Read => {
                self.on_read(len, now)?;
                self.amount.tell(intake.counters());
                return Ok(true);
            }
        };
        self.link.consume(len);
        self.state = State::Asked { at_ns, next };
        Ok(true)
    }

    /// Takes the answer to `XINFO STREAM` of one stream; says which is next.
    fn on_info(&mut self, index: usize, len: usize, now: Now, intake: &mut Intake) -> Result<Await, Trouble> {
        let reply = &self.link.received()[..len];
        let info = StreamInfo::parse(reply)?;
        self.look_ns = self.look_ns.max(now.ns + look_pause_ns(len, info.as_ref()));
        if let Some(text) = reply.strip_prefix(b"-").filter(|text| !text.starts_with(b"ERR no such key")) {
            return Err(Trouble::Refused(String::from_utf8_lossy(text.trim_ascii_end()).into_owned()));
        }
        let (stream, counters) = (&mut self.streams[index], &self.counters[index]);
        if let Some(changed) = self.watches[index].look(&stream.name, stream.last, info.as_ref())? {
            notices::changed(&self.dial, &stream.name, changed);
            if let Some(info) = info.filter(|_| changed == Changed::MadeAgain) {
                intake.gap(&Gap { input: index as u8, after: stream.last, before: info.first, entries: None });
            }
        }
        let loss = info.and_then(|info| stream.look(index as u8, &info, self.server_us / 1_000));
        counters.lag_entries.set(stream.lag_entries);
        counters.lag_ms.set(stream.lag_ms);
        counters.trimmed.set(stream.trimmed);
        counters.delay_ms.set(u64::try_from(intake.delay_ms(index)).unwrap_or(0));
        if let Some(loss) = loss {
            if !self.forms[index].holds_signals {
                notices::incomplete(&self.dial, &stream.name, intake.incomplete(stream.timeframe));
            }
            // What is lost behind the end is told by whoever reads on from there.
            if let Some(gap) = loss.gap.filter(|_| !self.ends) {
                notices::lost(&self.dial, &stream.name, &gap);
                intake.gap(&gap);
            }
        }
        Ok(if index + 1 < self.streams.len() { Await::Info(index + 1) } else { Await::Read })
    }

    /// Begins the answer to `XREAD`.
    #[inline]
    fn on_read(&mut self, len: usize, now: Now) -> Result<(), Trouble> {
        let streams = &self.streams;
        let find = |name: &[u8]| streams.iter().position(|stream| stream.name.as_bytes() == name);
        let skipped = |index: usize| streams.get(index).and_then(|stream| stream.skip);
        let seen = self.held.map_or_else(StreamId::default, |(newest, _)| newest);
        let time = (self.server_us / 1_000, seen);
        let reply = &self.link.received()[..len];
        let entries = match self.lanes.begin(reply, self.amount.count(), time, find, skipped)? {
            Ok(entries) => entries,
            Err(text) => return Err(Trouble::Refused(String::from_utf8_lossy(text).into_owned())),
        };
        self.amount.answered(len, entries, now.ns);
        self.dial.succeeded();
        if len >= AHEAD_BYTES {
            self.ask_ahead(now)?;
        }
        self.way_until_ns = now.ns + WAY_NS;
        self.state = State::Reply { len, arrival_ns: now.ns };
        Ok(())
    }

    /// Whether everything published has been taken.
    fn is_over(&self, len: usize) -> bool {
        let read = || len <= EMPTY_REPLY || self.streams.iter().all(|stream| stream.last >= stream.published);
        self.lanes.is_past_published() || (self.lanes.next() == Next::Empty && read())
    }

    /// Takes the next entry out of the reply; false where there is none left.
    #[inline]
    fn take(&mut self, len: usize, arrival_ns: u64, now: Now, intake: &mut Intake) -> Result<bool, Trouble> {
        match self.lanes.next() {
            Next::Entry(index) => {
                let mut at_hand = self.at_hand(index, now);
                if at_hand.unsure {
                    at_hand = self.weigh(at_hand, len, now, intake)?;
                }
                if intake.close_next(at_hand.until_ms, arrival_ns) {
                    return Ok(true);
                }
                self.at_hand = None;
                let reply = &self.link.received()[..len];
                let stream = &mut self.streams[index];
                let AtHand { journaled, wall_ms, offset, .. } = at_hand;
                let skipped = self.lanes.head(index).filter(|_| stream.skip.is_some());
                let entry = self.lanes.take(index, skipped.is_some(), reply)?;
                let id = entry.as_ref().map(|entry| entry.id).or(skipped).unwrap_or_default();
                let taken = Taking { number: stream.take(id), journaled, wall_ms, offset };
                self.counters[index].entries.bump();
                let arrival_ns = self.held.filter(|(held, _)| id <= *held).map_or(arrival_ns, |(_, ns)| ns);
                let fields = match entry {
                    Some(entry) => {
                        let read = (&*stream, &mut self.forms[index]);
                        Some(take_entry(&entry, index as u32, taken, read, arrival_ns, self.entry_bytes_max, intake)?)
                    }
                    None => {
                        refuse_skipped(id, index as u32, taken, stream, arrival_ns, intake);
                        None
                    }
                };
                self.lanes.passed(index, fields, journaled, reply)?;
                Ok(true)
            }
            next => {
                // What is held may have been written long ago, where its id is ahead of the server's time.
                if next == Next::Empty {
                    self.fresh = self.lanes.is_read_up();
                    if self.fresh && !self.ends && intake.close_next(self.read_up_to(), now.ns) {
                        return Ok(true);
                    }
                }
                self.next_look = intake.next_look();
                let held = (0..self.streams.len()).any(|index| self.lanes.head(index).is_some());
                self.caught_up = next == Next::Empty && len <= EMPTY_REPLY;
                // The next millisecond of the server's clock lets them pass.
                let wait_ns = (1_050 - self.server_us % 1_000) * 1_000;
                let wait = next == Next::Held || (self.block_ms == 0 && self.caught_up);
                self.state = match self.ahead_ns.take() {
                    Some(at_ns) => State::Asked { at_ns, next: Await::Time },
                    None => State::Ready { at_ns: if wait { now.ns.max(arrival_ns) + wait_ns } else { 0 } },
                };
                if held {
                    intake.counters().held.bump();
                    let since_ns = self.held.map_or(arrival_ns, |(_, ns)| ns);
                    self.held = Some((self.lanes.newest(), since_ns));
                } else {
                    self.held = None;
                }
                self.lanes.clear();
                self.link.consume(len);
                Ok(false)
            }
        }
    }

    /// What to do about a trouble: nothing but a refusal that waiting cannot change ends the reading.
    #[cold]
    fn trouble(&mut self, trouble: Trouble, now: Now) -> Result<(), AgentError> {
        let reason = match trouble {
            Trouble::Lost(reason) => reason,
            Trouble::Final(error) => return Err(error.into()),
            Trouble::TooLarge => self.too_large(now),
            Trouble::HungUp(reason) => self.hung_up(reason, now),
            Trouble::Refused(text) => {
                let kind = ServerErrorKind::of(text.as_bytes());
                if !kind.is_transient() {
                    return Err(
                        RedisSourceError::Refused { address: self.link.address().to_owned(), kind, text }.into()
                    );
                }
                self.dial.warn_of_code(kind, &text);
                text
            }
        };
        self.lanes.clear();
        self.caught_up = false;
        self.ahead_ns = None;
        self.held = None;
        self.state = State::Ready { at_ns: 0 };
        if self.look_ns <= now.ns + LOOK_NS {
            self.look_ns = now.ns;
        }
        self.dial.lost(now.ns, &reason);
        Ok(())
    }

    /// Time by which the source wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        if let Some(ns) = self.dial.deadline_ns() {
            return Some(ns);
        }
        match self.state {
            State::Asked { at_ns, .. } => Some(at_ns + self.timeout_ms * 1_000_000),
            State::Ready { at_ns } => Some(self.ask_ns(at_ns)),
            State::Reply { .. } => Some(0),
        }
    }

    /// Waits for the socket.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if self.dial.is_up() && matches!(self.state, State::Asked { .. }) {
            set.readable(self.link.as_fd());
        }
    }
}

/// Length of the reply to a read that found nothing, bytes: nil.
const EMPTY_REPLY: usize = 5;
