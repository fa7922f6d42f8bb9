//! Results into a Redis server: streams, keys of latest values and the position, one transaction a batch.

use super::{Latest, Written};
use crate::{
    config::Asset,
    engine::notes::{DeadLetter, Mark},
    model::{Composite, Directory, IndicatorRow, Peer, Signal, SourceId, SymbolId, TradingStyle},
    publish::{
        self, DeadLetterLimits, Labels, OutputNames, RedisSink, SinkState, SymbolResults, Vote, set_calculations,
        set_composite_signal, set_latest_price, set_timeframe_indicators, xadd_bar, xadd_calculation_event,
        xadd_dead_letter, xadd_signal, xadd_signal_alert,
    },
    redis_io::StreamId,
    runtime::{AgentError, Clock, Interests},
};

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
    /// By input: the last entry whose effects have been written already.
    pub position: Vec<StreamId>,
    /// The newest clock event whose effects have been written already, Unix ms; 0 for none.
    pub clock: i64,
    /// Further fields of the position: what tells one configuration from another.
    pub stamp: Vec<(String, String)>,
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

/// The writer of one server. Never blocks; allocates only for a larger batch than any before.
#[derive(Debug)]
pub struct RedisOutput {
    sink: RedisSink,
    options: RedisOutputOptions,
    latest: Latest,
    clock: Clock,
    group: Vec<Kept>,
    peers: Vec<Peer>,
    /// Empty: the memory of the group's composites.
    composites: Vec<Composite<'static>>,
    group_has_rows: bool,
    /// By input: the last entry whose effects have been given.
    position: Vec<StreamId>,
    position_seq: u64,
    /// The newest clock event whose effects have been given, Unix ms; 0 for none.
    clock_ts: i64,
    moved: bool,
    in_flight: bool,
    latest_due_ns: u64,
    written_bytes: u64,
    text: Vec<u8>,
}

/// An empty list of another lifetime in the memory of this one.
fn recycled<'b>(mut list: Vec<Composite<'_>>) -> Vec<Composite<'b>> {
    list.clear();
    // Collecting in place keeps the allocation; there is nothing to convert.
    list.into_iter().map_while(|_| None).collect()
}

impl RedisOutput {
    /// Writes over this sink, for these timeframes.
    #[must_use]
    pub fn new(sink: RedisSink, options: RedisOutputOptions, latest: Latest, clock: Clock) -> Self {
        Self {
            position: options.position.clone(),
            position_seq: 0,
            clock_ts: options.clock,
            moved: false,
            in_flight: false,
            latest_due_ns: 0,
            group: Vec::with_capacity(64),
            peers: Vec::with_capacity(1_024),
            composites: Vec::with_capacity(64),
            group_has_rows: false,
            written_bytes: 0,
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
        self.written_bytes
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
            xadd_bar(self.sink.batch(), &self.options.names, &row.bar, directory);
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
        xadd_signal(self.sink.batch(), &self.options.names, composite, labels);
        if alert && self.options.alerts {
            xadd_signal_alert(self.sink.batch(), &self.options.names, composite, labels);
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
            xadd_calculation_event(self.sink.batch(), &self.options.names, &results, directory);
        }
        self.composites = recycled(composites);
        self.group.clear();
        self.peers.clear();
        self.group_has_rows = false;
        if self.options.latest_values {
            self.latest.group_done(symbol, seq, event_ts, vote);
        }
    }

    /// Takes a refused record.
    pub fn dead_letter(&mut self, letter: &DeadLetter) {
        let stream = self.options.inputs.get(usize::from(letter.source.input)).map_or("", String::as_str);
        self.text.clear();
        StreamId { ms: letter.source.major, seq: letter.source.minor }.push(&mut self.text);
        let letter = publish::DeadLetter {
            reason: letter.reason.name(),
            source_stream: stream,
            source_id: &self.text,
            fields: letter.fields.iter().map(|(name, value)| (&**name, &**value)),
        };
        xadd_dead_letter(self.sink.batch(), &self.options.names, &letter, &DeadLetterLimits::default());
    }

    /// Takes how far the input has been read.
    #[inline]
    pub fn mark(&mut self, mark: &Mark) {
        self.position_seq = mark.seq;
        if mark.source.input == SourceId::CLOCK {
            if !mark.replayed {
                self.clock_ts = self.clock_ts.max(mark.source.major.cast_signed());
                self.moved = true;
            }
            return;
        }
        if mark.replayed {
            return;
        }
        if let Some(id) = self.position.get_mut(usize::from(mark.source.input)) {
            *id = StreamId { ms: mark.source.major, seq: mark.source.minor };
            self.moved = true;
        }
    }

    /// Whether there is anything to write.
    #[inline]
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.moved || self.sink.pending() > 0 || !self.latest.is_clean()
    }

    /// Whether the batch in the making is below its bound of bytes.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.sink.has_room()
    }

    /// Whether a batch is on its way.
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Moves the batch in flight on.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    #[inline]
    pub fn poll(&mut self) -> Result<Written, AgentError> {
        match self.sink.poll(self.clock.ns())? {
            SinkState::InFlight => Ok(Written::Pending),
            SinkState::Idle | SinkState::Committed { .. } => {
                self.in_flight = false;
                Ok(Written::All)
            }
            SinkState::Held => Err("a batch is held although nobody asked for it".into()),
        }
    }

    /// Closes the transaction with the position and hands it to the socket.
    fn commit(&mut self) -> Result<(), AgentError> {
        if let Some(key) = &self.options.position_key {
            let stamp = &self.options.stamp;
            let pairs = self.options.inputs.len() + 2 + stamp.len();
            let mut command = self.sink.batch().command(2 + 2 * pairs);
            command.arg("HSET").arg(key);
            for (name, id) in self.options.inputs.iter().zip(&self.position) {
                command.arg(name).arg_with(|out| id.push(out));
            }
            command.arg("seq").uint(self.position_seq).arg("clock").int(self.clock_ts);
            for (name, value) in stamp {
                command.arg(name).arg(value);
            }
        }
        self.written_bytes += self.sink.batch().bytes().len() as u64;
        if !self.sink.commit("", &[], self.clock.ns()) {
            return Err("a batch was closed while another is on its way".into());
        }
        self.moved = false;
        self.in_flight = true;
        Ok(())
    }

    /// Waits for the server's answer, and for room in the socket.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if self.in_flight {
            if self.sink.wants_write() {
                set.readable_or_writable(self.sink.as_fd());
            } else {
                set.readable(self.sink.as_fd());
            }
        }
    }

    /// Entries in the batch.
    #[inline]
    #[must_use]
    pub fn entries(&self) -> usize {
        self.sink.pending() as usize
    }

    /// Closes the batch and sends it; latest values go with it where their interval is over, or with the `last` one.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    pub fn flush(&mut self, now_ns: u64, last: bool, directory: &Directory) -> Result<Written, AgentError> {
        if last || now_ns >= self.latest_due_ns {
            self.latest_due_ns = now_ns + self.options.latest_interval_ns;
            self.write_latest(directory);
        }
        self.commit()?;
        self.poll()
    }

    /// Appends the latest values that have changed.
    fn write_latest(&mut self, directory: &Directory) {
        let (sink, names) = (&mut self.sink, &self.options.names);
        self.latest.flush(|fresh| {
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
