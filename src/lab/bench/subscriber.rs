//! The subscriber: notes when each signal is seen, and looks up when its bar was meant to be sent.

use super::{bars::symbol_index, replies, schedule::Schedule, track::Track};
use crate::{
    feed::{Entry, Record, decode_entry},
    model::StreamId,
    model::{Timeframe, TradingStyle},
    publish::{EntryFields, SignalReader},
    redis_io::{FieldIter, Link, XreadCursor, XreadItem, encode_xread},
    runtime::Clock,
};
use anyhow::{Result, bail};
use redis::Cmd;
use std::time::Duration;

/// What the stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Signals of an engine; only those of the probe count.
    Signals,
    /// The bars, as the echo writes them back.
    Bars,
}

/// Finds the bar of a message, and whether it was seen before.
pub struct Ledger<'a> {
    schedule: &'a Schedule,
    first_ms: i64,
    interval_ms: i64,
    /// Number of rounds before those of the schedule.
    hello_rounds: usize,
    seen: Vec<bool>,
    /// Number of bars of the schedule seen.
    pub count: usize,
    /// Number of bars of the earlier rounds seen.
    pub hello: usize,
    /// Number of bars seen more than once.
    pub repeated: usize,
}

impl<'a> Ledger<'a> {
    /// An empty state for a schedule that follows `hello_rounds` other rounds, the first of which starts at `first_ms`.
    pub fn new(schedule: &'a Schedule, first_ms: i64, base: Timeframe, hello_rounds: usize) -> Self {
        let seen = vec![false; schedule.bars()];
        let interval_ms = base.interval_ms();
        Self { schedule, first_ms, interval_ms, hello_rounds, seen, count: 0, hello: 0, repeated: 0 }
    }

    /// The round of a bar that is seen for the first time.
    fn first_sight(&mut self, symbol: usize, bar_ts: i64) -> Option<usize> {
        let round = usize::try_from((bar_ts - self.first_ms) / self.interval_ms).ok()?;
        let Some(round) = round.checked_sub(self.hello_rounds) else {
            self.hello += 1;
            return None;
        };
        let seen = self.seen.get_mut(round * self.schedule.symbols() + symbol)?;
        if std::mem::replace(seen, true) {
            self.repeated += 1;
            return None;
        }
        self.count += 1;
        Some(round)
    }
}

/// Latencies of the signals seen.
#[derive(Debug)]
pub struct Seen {
    /// By trading style.
    pub styles: [Track; 3],
    /// By step of the schedule.
    pub steps: Vec<Track>,
}

impl Seen {
    /// Empty tracks.
    ///
    /// # Errors
    /// The histogram's bounds are refused; see [`Track::new`].
    pub fn new(steps: usize) -> Result<Self> {
        let steps = (0..steps).map(|_| Track::new()).collect::<Result<_>>()?;
        Ok(Self { styles: [Track::new()?, Track::new()?, Track::new()?], steps })
    }

    /// All latencies together.
    ///
    /// # Errors
    /// The histograms cannot be added up.
    pub fn all(&self) -> Result<Track> {
        let mut all = Track::new()?;
        self.steps.iter().try_for_each(|step| all.overlay(step))?;
        Ok(all)
    }
}

/// Reads a stream; blocks while it is empty.
pub struct Subscriber<'a> {
    link: Link,
    stream: &'a str,
    reads: Reads,
    base: Timeframe,
    last: StreamId,
    asked: bool,
    clock: &'a Clock,
    styles: &'a [TradingStyle],
    /// For signals that are not in fields of their own: the reader, and the entries that wait for it.
    reader: SignalReader,
    packed: Vec<EntryFields>,
}

impl<'a> Subscriber<'a> {
    /// A subscriber that reads a stream from its start; `styles` holds the trading style of each symbol.
    pub fn new(
        link: Link,
        stream: &'a str,
        reads: Reads,
        base: Timeframe,
        clock: &'a Clock,
        styles: &'a [TradingStyle],
    ) -> Self {
        let (reader, packed) = (SignalReader::default(), Vec::new());
        Self { link, stream, reads, base, last: StreamId::default(), asked: false, clock, styles, reader, packed }
    }

    /// Takes what arrives within `timeout`. Records latencies if the start of the schedule is given, ns of the clock.
    ///
    /// # Errors
    /// The server is gone, or an entry cannot be decoded.
    pub fn poll(
        &mut self,
        timeout: Duration,
        ledger: &mut Ledger<'_>,
        start_ns: Option<u64>,
        seen: &mut Seen,
    ) -> Result<()> {
        if !self.asked {
            let streams = [(self.stream.as_bytes(), self.last)];
            encode_xread(self.link.outbox(), 1_000, Some(100), streams.into_iter());
            self.asked = true;
        }
        let Some(len) = replies::next(&mut self.link, timeout)? else { return Ok(()) };
        // The signal counts as seen now: the whole reply has arrived.
        let now_ns = self.clock.ns();
        let mut note = |symbol: Option<usize>, bar_ts: i64| -> Result<()> {
            let Some(symbol) = symbol else { return Ok(()) };
            let Some(round) = ledger.first_sight(symbol, bar_ts) else { return Ok(()) };
            let (Some(start_ns), Some(step)) = (start_ns, ledger.schedule.step_of(round)) else {
                return Ok(());
            };
            let due_ns = ledger.schedule.due_ns(round, symbol);
            let latency_ns = now_ns.saturating_sub(start_ns + due_ns);
            let at_ns = due_ns - ledger.schedule.measured_from_ns();
            let style = self.styles.get(symbol).copied().unwrap_or(TradingStyle::Day);
            seen.styles[style.index()].record(at_ns, latency_ns)?;
            seen.steps[step].record(at_ns, latency_ns)
        };
        let mut cursor = XreadCursor::default();
        while let Some(item) = cursor.next(&self.link.received()[..len])? {
            match item {
                XreadItem::Stream(_) => {}
                XreadItem::Error(text) => bail!("XREAD: {}", text.escape_ascii()),
                XreadItem::Entry(entry) => {
                    self.last = entry.id;
                    match self.reads {
                        Reads::Signals if is_packed(entry.fields.clone()) => {
                            let owned = entry.fields.map(|(name, value)| (name.to_vec(), value.to_vec()));
                            self.packed.push(owned.collect());
                        }
                        Reads::Signals => {
                            if let Some((symbol, bar_ts)) = probe(entry.fields) {
                                note(symbol_index(symbol), bar_ts)?;
                            }
                        }
                        Reads::Bars => bars(entry.fields, self.base, |r| note(symbol_index(r.symbol), r.ts))?,
                    }
                }
            }
        }
        self.link.consume(len);
        self.asked = false;
        for entry in self.packed.drain(..) {
            let ask = |key: &str| -> Result<_> { Ok(self.link.ask(&Cmd::hgetall(key))?) };
            for signal in self.reader.read(&entry, ask)? {
                let fields = signal.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                if let Some((symbol, bar_ts)) = probe(fields) {
                    note(symbol_index(symbol), bar_ts)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether an entry holds its signals in a frame or in JSON.
fn is_packed<'a>(mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    fields.next().is_some_and(|(name, _)| name == b"frame" || name == b"signal")
}

/// Symbol and bar of a signal; `None` if it is not one of the probe's.
fn probe<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<(&'a [u8], i64)> {
    let (mut symbol, mut bar_ts, mut is_probe) = (None, None, false);
    for (name, value) in fields {
        match name {
            b"strategy" => is_probe = value == b"probe",
            b"symbol" => symbol = Some(value),
            b"bar_ts" => bar_ts = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            _ => {}
        }
    }
    is_probe.then_some(())?;
    Some((symbol?, bar_ts?))
}

fn bars(fields: FieldIter<'_>, base: Timeframe, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
    match decode_entry(fields, base) {
        Ok(Entry::Bar(record)) => each(&record),
        Ok(Entry::Frame(frame)) => frame.records().try_for_each(|record| each(&record)),
        Ok(Entry::Heartbeat(_)) => Ok(()),
        Err(reason) => bail!("the echo wrote a bar that cannot be read: {}", reason.name()),
    }
}
