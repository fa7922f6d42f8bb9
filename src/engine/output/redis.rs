//! Results into a Redis server: streams, keys of latest values and the position, one transaction a batch.

use super::{
    Written,
    journal::xadd_exception,
    uplink::{Recovery, Uplink},
};
use crate::{
    config::Asset,
    engine::notes::{DeadLetter, Mark},
    feed::streams::{Gap, Order, StreamStart, Taken},
    model::{Composite, Directory, IndicatorRow, Peer, Signal, StreamId, SymbolId, TradingStyle},
    publish::{
        self, DeadLetterLimits, Labels, Latest, Notice, OutputNames, RedisSink, Severity, StreamSpec, SymbolResults,
        Vote, set_calculations, set_composite_signal, set_latest_price, set_timeframe_indicators, xadd_bar,
        xadd_calculation_event, xadd_dead_letter, xadd_notice, xadd_signal, xadd_signal_alert,
    },
    runtime::{AgentError, Clock, Interests},
    state::{StateError, put, take},
    telemetry::PublisherCounters,
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

pub use crate::config::CalculationEvents;

/// What to write.
#[derive(Debug, Clone)]
pub struct RedisOutputOptions {
    /// Names, lengths and lifetimes.
    pub names: OutputNames,
    /// Which groups make a calculation event.
    pub calculation_events: CalculationEvents,
    /// Whether closed bars that were made of shorter ones are written to the stream of their timeframe.
    pub bars: bool,
    /// Whether alerts are written.
    pub alerts: bool,
    /// Whether keys of latest values are written.
    pub latest_values: bool,
    /// Least time between two writes of a symbol's latest values, ns.
    pub latest_interval_ns: u64,
    /// Names of the inputs, in the configuration's order.
    pub inputs: Vec<String>,
    /// The hash that holds the position; `None` where the input has none to keep.
    pub position_key: Option<String>,
    /// Bars for which a signal stays active.
    pub active_bars: i64,
    /// By input: what has been written already.
    pub position: Vec<StreamStart>,
    /// Where it is written what was taken out of order.
    pub journal: StreamSpec,
    /// Further fields of the position: what tells one configuration from another.
    pub stamp: Vec<(String, String)>,
}

/// What stands before the name of a stream in the position's field for the number of its last entry.
pub const ENTRIES: &str = "entries:";

/// A connection with what is written over it.
#[derive(Debug)]
pub struct RedisLink {
    /// The connection.
    pub sink: RedisSink,
    /// How it is replaced.
    pub recovery: Option<Recovery>,
    /// What to write.
    pub options: RedisOutputOptions,
}

/// A signal of the group at work, with its peers in the group's arena.
#[derive(Debug, Clone, Copy)]
struct Kept {
    signal: Signal,
    style: TradingStyle,
    composite_confidence: f64,
    correlation_strength: f64,
    priority: f64,
    /// Ranges of the arena: supporting, then opposing peers.
    from: usize,
    middle: usize,
    to: usize,
}

/// Symbols whose latest values go in one batch: some 0.5 ms of the server's time.
const LATEST_TOGETHER: usize = 64;

/// Time between two batches whose position has the stamp, which is the same in all of them, ns: where the hash was lost, it
/// is there again by then.
const STAMP_NS: u64 = 1_000_000_000;

/// The writer of one server. Never blocks; allocates only for a larger batch than any before.
#[derive(Debug)]
pub struct RedisOutput {
    sink: Uplink,
    options: RedisOutputOptions,
    latest: Latest,
    clock: Clock,
    group: Vec<Kept>,
    peers: Vec<Peer>,
    /// Empty: the memory of the group's composites.
    composites: Vec<Composite<'static>>,
    group_has_rows: bool,
    /// By input: the last entry whose effects have been given, and its number.
    position: Vec<(StreamId, u64)>,
    order: Order,
    position_seq: u64,
    moved: bool,
    /// When the stamp is written again, ns.
    stamp_due_ns: u64,
    latest_due_ns: u64,
    /// Symbols that the writing under way has left.
    latest_left: usize,
    /// Since when latest values give way to signals.
    latest_waits_ns: Option<u64>,
    text: Vec<u8>,
}

/// An empty list of another lifetime in the memory of this one.
#[allow(clippy::unnecessary_filter_map)] // a filter would keep the lifetime
fn recycled<'b>(mut list: Vec<Composite<'_>>) -> Vec<Composite<'b>> {
    list.clear();
    // Collecting in place keeps the allocation; there is nothing to convert.
    list.into_iter().filter_map(|_| None).collect()
}

impl RedisOutput {
    /// Writes over this connection.
    #[must_use]
    pub fn new(link: RedisLink, latest: Latest, clock: Clock, counters: Arc<CachePadded<PublisherCounters>>) -> Self {
        let RedisLink { sink, recovery, options } = link;
        let sink = Uplink::new(sink, recovery, counters);
        Self {
            position: options.position.iter().map(|s| (s.published, s.published_entries.unwrap_or(0))).collect(),
            order: Order::default(),
            position_seq: 0,
            moved: false,
            stamp_due_ns: 0,
            latest_due_ns: 0,
            latest_left: 0,
            latest_waits_ns: None,
            group: Vec::with_capacity(64),
            peers: Vec::with_capacity(1_024),
            composites: Vec::with_capacity(64),
            group_has_rows: false,
            text: Vec::with_capacity(64 * options.inputs.len().max(1)),
            sink,
            options,
            latest,
            clock,
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.latest.bytes()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.sink.written_bytes()
    }

    /// Makes room for the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        self.latest.add_symbol(asset);
    }

    /// Takes a closed bar.
    #[inline]
    pub fn row(&mut self, row: &IndicatorRow, replayed: bool, directory: &Directory) {
        self.latest.row(row);
        self.group_has_rows = true;
        if self.options.bars && !replayed && row.bar.is_built() {
            xadd_bar(self.sink.batch(), &mut self.options.names, &row.bar, directory);
        }
    }

    /// Takes a published signal.
    pub fn signal(&mut self, composite: &Composite<'_>, alert: bool, replayed: bool, labels: Labels<'_>) {
        self.latest.signal(composite);
        let from = self.peers.len();
        self.peers.extend_from_slice(composite.supporting);
        let middle = self.peers.len();
        self.peers.extend_from_slice(composite.opposing);
        self.group.push(Kept {
            signal: *composite.signal,
            style: composite.style,
            composite_confidence: composite.composite_confidence,
            correlation_strength: composite.correlation_strength,
            priority: composite.priority,
            from,
            middle,
            to: self.peers.len(),
        });
        if replayed {
            return;
        }
        xadd_signal(self.sink.batch(), &mut self.options.names, composite, labels);
        if alert && self.options.alerts {
            xadd_signal_alert(self.sink.batch(), &mut self.options.names, composite, labels);
        }
    }

    /// Ends a group: the symbol's calculation event, where it makes one.
    pub fn group_done(&mut self, symbol: SymbolId, seq: u64, event_ts: i64, replayed: bool, directory: &Directory) {
        let peers = &self.peers;
        let mut composites = recycled(std::mem::take(&mut self.composites));
        composites.extend(self.group.iter().map(|kept| Composite {
            signal: &kept.signal,
            style: kept.style,
            composite_confidence: kept.composite_confidence,
            correlation_strength: kept.correlation_strength,
            priority: kept.priority,
            supporting: &peers[kept.from..kept.middle],
            opposing: &peers[kept.middle..kept.to],
        }));
        let vote = Vote::of(&composites);
        let wanted = match self.options.calculation_events {
            CalculationEvents::Off => false,
            CalculationEvents::Signals => !composites.is_empty(),
            CalculationEvents::Bars => self.group_has_rows || !composites.is_empty(),
        };
        if wanted && !replayed {
            let rows = self.latest.rows(symbol);
            let results = SymbolResults { symbol, seq, event_ts, rows, signals: &composites };
            xadd_calculation_event(self.sink.batch(), &mut self.options.names, &results, directory);
        }
        self.composites = recycled(composites);
        self.group.clear();
        self.peers.clear();
        self.group_has_rows = false;
        if self.options.latest_values {
            self.latest.group_done(symbol, seq, event_ts, vote);
        }
    }

    /// Appends the place in the order of the input.
    ///
    /// # Errors
    /// Never, as for [`put`].
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put(out, &self.order)
    }

    /// Takes what [`save`](Self::save) appended.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        self.order = take(bytes)?;
        Ok(())
    }

    /// Appends what is kept of a symbol.
    ///
    /// # Errors
    /// Never, as for [`put`].
    pub fn save_symbol(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.latest.save(symbol, out)
    }

    /// Takes what [`save_symbol`](Self::save_symbol) appended.
    ///
    /// # Errors
    /// Bytes that are none, or of other timeframes.
    pub fn restore_symbol(&mut self, symbol: SymbolId, bytes: &mut &[u8]) -> Result<(), StateError> {
        self.latest.restore(symbol, bytes)
    }

    /// Takes a refused record.
    pub fn dead_letter(&mut self, letter: &DeadLetter) {
        let stream = self.options.inputs.get(usize::from(letter.source.input)).map_or("", String::as_str);
        self.text.clear();
        letter.source.id.push(&mut self.text);
        let letter = publish::DeadLetter {
            reason: letter.reason.name(),
            source_stream: stream,
            source_id: &self.text,
            fields: letter.fields.iter().map(|(name, value)| (&**name, &**value)),
        };
        xadd_dead_letter(self.sink.batch(), &mut self.options.names, &letter, &DeadLetterLimits::default());
    }

    /// Takes how far the input has been read.
    #[inline]
    pub fn mark(&mut self, mark: &Mark) {
        self.position_seq = mark.seq;
        let Mark { source, number, journaled, replayed, .. } = *mark;
        let exception = match source.clock_ms() {
            Some(event_ts) => Some((self.order.exception(), Taken::Clock(event_ts))),
            None => self.order.entry(source).map(|place| (place, Taken::Entry(source))),
        };
        if replayed {
            return;
        }
        if let Some((place, what)) = exception
            && !journaled
            && self.options.position_key.is_some()
        {
            xadd_exception(self.sink.batch(), &self.options.journal, &place, &what, &self.options.inputs);
        }
        if let Some(position) = self.position.get_mut(usize::from(source.input)) {
            *position = (source.id, number);
            self.moved = true;
        }
    }

    /// Takes that entries were removed before they were read.
    #[cold]
    pub fn gap(&mut self, gap: &Gap) {
        let stream = self.options.inputs.get(usize::from(gap.input)).map_or("", String::as_str);
        let (after, before) = (gap.after.to_string(), gap.before.to_string());
        let entries = gap.entries.map_or("unknown".to_owned(), |entries| entries.to_string());
        let fields = [("after_id", &after), ("before_id", &before), ("entries", &entries)];
        let letter = publish::DeadLetter {
            reason: "trimmed",
            source_stream: stream,
            source_id: after.as_bytes(),
            fields: fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        };
        xadd_dead_letter(self.sink.batch(), &mut self.options.names, &letter, &DeadLetterLimits::default());
        if self.options.alerts {
            let message = format!(
                "{entries} entries of {stream} between {after} and {before} were trimmed before they were read"
            );
            let at_ms = i64::try_from(gap.before.ms).unwrap_or(0);
            let notice = Notice { severity: Severity::Warning, component: "feed", message: &message, at_ms };
            xadd_notice(self.sink.batch(), &mut self.options.names, &notice);
        }
    }

    /// Whether there is anything to write.
    #[inline]
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.moved || self.sink.pending() > 0 || !self.latest.is_clean()
    }

    /// Whether a batch is on its way.
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.sink.is_in_flight()
    }

    /// Whether a batch is wanted although there may be nothing to write.
    #[inline]
    #[must_use]
    pub fn renewal_due(&self) -> bool {
        self.sink.renewal_due(self.clock.ns())
    }

    /// Time by which it wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.sink.deadline_ns()
    }

    /// Gives up what nobody else may hold meanwhile.
    pub fn finish(&mut self) {
        self.sink.release();
    }

    /// Moves the batch in flight on.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    #[inline]
    pub fn poll(&mut self) -> Result<Written, AgentError> {
        self.sink.poll(self.clock.ns())
    }

    /// Closes the transaction with the position and hands it to the socket.
    fn commit(&mut self) -> Result<(), AgentError> {
        let now_ns = self.clock.ns();
        if let Some(key) = &self.options.position_key {
            let stamp = if now_ns >= self.stamp_due_ns { &self.options.stamp[..] } else { &[] };
            if !stamp.is_empty() {
                self.stamp_due_ns = now_ns + STAMP_NS;
            }
            let pairs = 2 * self.options.inputs.len() + 2 + stamp.len();
            self.text.clear();
            self.text.extend_from_slice(self.sink.next_name());
            let mut command = self.sink.batch().command(2 + 2 * pairs);
            command.arg("HSET").arg(key).arg("batch").arg(&self.text);
            for (name, (id, number)) in self.options.inputs.iter().zip(&self.position) {
                command.arg(name).arg_with(|out| id.push(out)).arg_pair(ENTRIES, name).uint(*number);
            }
            command.arg("seq").uint(self.position_seq);
            for (name, value) in stamp {
                command.arg(name).arg(value);
            }
        }
        self.sink.commit(now_ns)?;
        self.moved = false;
        Ok(())
    }

    /// Waits for the server.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        self.sink.interests(set);
    }

    /// Entries in the batch.
    #[inline]
    #[must_use]
    pub fn entries(&self) -> usize {
        self.sink.pending() as usize
    }

    /// Whether the batch in the making is below its bound of bytes.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.sink.has_room()
    }

    /// From when on latest values may be written, ns, if there are any; they wait for a batch without signals.
    #[inline]
    #[must_use]
    pub fn latest_due_ns(&self) -> Option<u64> {
        if self.latest_left > 0 {
            return Some(0);
        }
        (!self.latest.is_clean()).then_some(self.latest_due_ns)
    }

    /// Closes the batch and sends it. Some latest values go with it where their interval is over and no `urgent` signals
    /// would have to wait for them, or where they have waited for another interval; all of them with the `last` one.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn flush(
        &mut self,
        now_ns: u64,
        urgent: bool,
        last: bool,
        directory: &Directory,
    ) -> Result<Written, AgentError> {
        if last {
            self.write_latest(usize::MAX, directory);
        } else if self.latest_due_ns().is_some_and(|due_ns| now_ns >= due_ns) {
            let since_ns = *self.latest_waits_ns.get_or_insert(now_ns);
            if !urgent || now_ns >= since_ns + self.options.latest_interval_ns {
                self.write_some_latest(now_ns, directory);
            }
        }
        self.commit()?;
        self.poll()
    }

    /// Appends the next latest values: of so few symbols that a signal which comes meanwhile hardly waits.
    fn write_some_latest(&mut self, now_ns: u64, directory: &Directory) {
        if self.latest_left == 0 {
            self.latest_left = self.latest.waiting();
            self.latest_due_ns = now_ns + self.options.latest_interval_ns;
        }
        let count = self.latest_left.min(LATEST_TOGETHER);
        self.latest_left -= count;
        self.latest_waits_ns = None;
        self.write_latest(count, directory);
    }

    /// Appends the latest values of so many symbols that have something new.
    fn write_latest(&mut self, count: usize, directory: &Directory) {
        let (sink, names) = (&mut self.sink, &self.options.names);
        self.latest.flush(count, |fresh| {
            let results = SymbolResults {
                symbol: fresh.symbol,
                seq: fresh.seq,
                event_ts: fresh.event_ts,
                rows: fresh.rows,
                signals: fresh.signals,
            };
            let commands = sink.batch();
            set_calculations(commands, names, &results, directory);
            for (index, row) in fresh.rows.iter().enumerate() {
                if let Some(row) = row.as_ref().filter(|_| fresh.new_rows & 1 << index != 0) {
                    set_timeframe_indicators(commands, names, row, directory);
                }
            }
            if let Some((vote, event_ts)) = &fresh.vote {
                set_composite_signal(commands, names, fresh.symbol, vote, *event_ts, directory);
            }
            if let Some(base) = results.base() {
                set_latest_price(commands, names, &base.bar, directory);
            }
        });
    }
}
