//! Results into a Redis server: streams, keys of latest values and the position, one transaction a batch.

use super::{Group, Recovery, RedisSink, Standing, Written, is_alert, journal::xadd_exception};
use crate::{
    engine::notes::{DeadLetter, Mark},
    feed::streams::{Gap, Order, StreamStart, Taken},
    model::{Directory, StreamId},
    publish::{
        self, DeadLetterLimits, Labels, Latest, Notice, OutputNames, Severity, StreamSpec, SymbolResults, Vote,
        set_calculations, set_composite_signal, set_latest_price, set_timeframe_indicators, xadd_bar,
        xadd_calculation_event, xadd_dead_letter, xadd_notice, xadd_signal, xadd_signal_alert,
    },
    runtime::{AgentError, Clock, Interests},
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
    /// Whether nothing is written at all: what is given is only remembered, for a snapshot.
    pub silent: bool,
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

/// What the writer of a server is wired to.
#[derive(Debug)]
pub struct RedisWiring {
    /// The connection, with what is written over it.
    pub link: RedisLink,
    /// The newest results of every symbol, of none yet.
    pub latest: Latest,
    /// For the time of commits and answers.
    pub clock: Clock,
    /// Where batches that are sent again are counted.
    pub counters: Arc<CachePadded<PublisherCounters>>,
}

/// Symbols whose latest values go in one batch: some 0.5 ms of the server's time.
const LATEST_TOGETHER: usize = 64;

/// Time between two batches whose position has the stamp, which is the same in all of them, ns: where the hash was lost, it
/// is there again by then.
const STAMP_NS: u64 = 1_000_000_000;

/// The writer of one server. Never blocks; allocates only for a larger batch than any before.
#[derive(Debug)]
pub struct RedisOutput {
    sink: RedisSink,
    options: RedisOutputOptions,
    /// The newest results of every symbol; part of a snapshot.
    pub latest: Latest,
    /// How far the order of the input has got; part of a snapshot.
    pub order: Order,
    clock: Clock,
    /// By input: the last entry whose effects have been given, and its number.
    position: Vec<(StreamId, u64)>,
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

impl RedisOutput {
    /// Writes over this connection.
    #[must_use]
    pub fn new(wiring: RedisWiring) -> Self {
        let RedisWiring { link: RedisLink { mut sink, recovery, options }, latest, clock, counters } = wiring;
        sink.recover(recovery, counters);
        Self {
            position: options.position.iter().map(|s| (s.published, s.published_entries.unwrap_or(0))).collect(),
            order: Order::default(),
            position_seq: 0,
            moved: false,
            stamp_due_ns: 0,
            latest_due_ns: 0,
            latest_left: 0,
            latest_waits_ns: None,
            text: Vec::with_capacity(64 * options.inputs.len().max(1)),
            sink,
            options,
            latest,
            clock,
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.sink.written_bytes()
    }

    /// Takes the results of a group: its bars, its signals, and the symbol's calculation event where it makes one.
    #[inline]
    pub fn group(&mut self, group: &Group<'_>, alert_confidence: f64, labels: Labels<'_>) {
        let Group { symbol, seq, event_ts, signals, replayed, .. } = *group;
        for row in group.rows {
            self.latest.row(row);
            if self.options.bars && !replayed && row.bar.is_built() {
                xadd_bar(self.sink.batch(), &mut self.options.names, &row.bar, labels.directory);
            }
        }
        for weighed in signals.iter() {
            self.latest.signal(weighed.composite);
            if replayed {
                continue;
            }
            xadd_signal(self.sink.batch(), &mut self.options.names, &weighed, labels);
            if self.options.alerts && is_alert(weighed.composite, alert_confidence) {
                xadd_signal_alert(self.sink.batch(), &mut self.options.names, weighed.composite, labels);
            }
        }
        let vote = Vote::of(signals);
        let signals = signals.as_slice();
        let wanted = match self.options.calculation_events {
            CalculationEvents::Off => false,
            CalculationEvents::Signals => !signals.is_empty(),
            CalculationEvents::Bars => !group.rows.is_empty() || !signals.is_empty(),
        };
        if wanted && !replayed {
            let results = SymbolResults { symbol, seq, event_ts, rows: self.latest.rows(symbol), signals, vote };
            xadd_calculation_event(self.sink.batch(), &mut self.options.names, &results, labels.directory);
        }
        if self.options.latest_values {
            self.latest.group_done(symbol, event_ts, vote);
        }
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

    /// Where it stands.
    #[inline]
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.options.silent {
            return Standing::default();
        }
        let latest_ns = (!self.latest.is_clean()).then_some(self.latest_due_ns);
        Standing {
            entries: self.sink.pending() as usize,
            dirty: self.moved || self.sink.pending() > 0 || !self.latest.is_clean(),
            full: !self.sink.has_room(),
            in_flight: self.sink.is_in_flight(),
            latest_due_ns: if self.latest_left > 0 { Some(0) } else { latest_ns },
            renewal_ns: self.sink.renewal_ns(),
        }
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
        } else if self.standing().latest_due_ns.is_some_and(|due_ns| now_ns >= due_ns) {
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
            let values = &fresh.values;
            let commands = sink.batch();
            set_calculations(commands, names, values, directory);
            for (index, row) in values.rows.iter().enumerate() {
                if let Some(row) = row.as_ref().filter(|_| fresh.new_rows & 1 << index != 0) {
                    set_timeframe_indicators(commands, names, row, directory);
                }
            }
            if let Some((vote, event_ts)) = &fresh.vote {
                set_composite_signal(commands, names, values.symbol, vote, *event_ts, directory);
            }
            if let Some(base) = values.base() {
                set_latest_price(commands, names, &base.bar, directory);
            }
        });
    }
}
