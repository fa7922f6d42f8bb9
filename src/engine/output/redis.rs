//! Results into a Redis server: streams, keys of latest values and the position, one transaction a batch.

mod event;
mod latest;

use super::{AlertRule, Group, LatestWriter, Recovery, RedisSink, Standing, Written, journal::xadd_exception};
use crate::{
    config::{Compat, EventsFormat, LatestFormat},
    engine::{
        ServerTime,
        notes::{Letter, Mark},
    },
    feed::streams::{Exception, Gap, Order, Place, StreamStart},
    model::{Directory, IndicatorRow, StreamId},
    publish::{
        self, DeadLetterLimits, Labels, Latest, LevelRules, Notice, OutputNames, Severity, SignalWriter, StreamSpec,
        SymbolConfig, Vote, keep_indicators, xadd_bar, xadd_dead_letter, xadd_notice, xadd_signal_alert,
    },
    redis_io::Commands,
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
    /// How signals are written.
    pub signals: SignalWriter,
    /// Which groups make a calculation event.
    pub calculation_events: CalculationEvents,
    /// How events are written.
    pub calculation_events_format: EventsFormat,
    /// Whether closed bars that were made of shorter ones are written to the stream of their timeframe.
    pub bars: bool,
    /// Whether alerts are written.
    pub alerts: bool,
    /// How latest values are written, if they are.
    pub latest_values: Option<LatestFormat>,
    /// Which indicators latest values and events show, as bits in the order of the manual.
    pub indicators: u8,
    /// Which readers of the existing system keys and events are for.
    pub compat: Compatible,
    /// Whether nothing is written at all: what is given is only remembered, for a snapshot.
    pub silent: bool,
    /// Least time between two writes of a symbol's latest values, ns.
    pub latest_interval_ns: u64,
    /// Names of the inputs, in the configuration's order.
    pub inputs: Vec<String>,
    /// The hash that holds the position; `None` where the input has none to keep.
    pub position_key: Option<String>,
    /// The key of its own that says that there is a position, should the hash be deleted.
    pub committed_key: Option<String>,
    /// Bars for which a signal stays active.
    pub active_bars: i64,
    /// By input: what has been written already.
    pub position: Vec<StreamStart>,
    /// Everything up to this moment, Unix ms, has been written already.
    pub moment: i64,
    /// Where it is written what a second reading cannot derive.
    pub journal: StreamSpec,
    /// The server's time, which is committed with the position, where a reader tells it.
    pub server_time: Option<Arc<ServerTime>>,
    /// Further fields of the position: what tells one configuration from another.
    pub stamp: Vec<(String, String)>,
}

/// The bits of all indicators.
pub const ALL_INDICATORS: u8 = 0x7f;

/// Which readers of the existing system are written for, and what they are told.
#[derive(Debug, Clone)]
pub struct Compatible {
    /// Their version.
    pub to: Compat,
    /// Thresholds of the levels.
    pub rules: LevelRules,
    /// By symbol: its configuration, for events.
    pub symbols: Vec<SymbolConfig>,
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
    /// Where latest values go that cannot be in a transaction.
    pub apart: Option<LatestWriter>,
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

/// Time between two batches whose position has the stamp, which is the same in all of them, ns: where the hash was lost, it
/// is there again by then.
const STAMP_NS: u64 = 1_000_000_000;

/// The writer of one server. Never blocks; allocates only for a larger batch than any before.
#[derive(Debug)]
pub struct RedisOutput {
    sink: RedisSink,
    apart: Option<LatestWriter>,
    options: RedisOutputOptions,
    /// The newest results of every symbol; part of a snapshot.
    pub latest: Latest,
    /// How far the order of the input has got; part of a snapshot.
    pub order: Order,
    clock: Clock,
    /// By input: the last entry whose effects have been given, and its number.
    position: Vec<(StreamId, u64)>,
    position_seq: u64,
    /// The last moment of what has been given, Unix ms.
    position_moment: i64,
    moved: bool,
    /// When the stamp is written again, ns.
    stamp_due_ns: u64,
    latest_due_ns: u64,
    counters: Arc<CachePadded<PublisherCounters>>,
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
        let RedisWiring { link: RedisLink { mut sink, recovery, apart, options }, latest, clock, counters } = wiring;
        sink.recover(recovery, Arc::clone(&counters));
        sink.name_losses_in(options.names.dead_letter.clone());
        Self {
            position: options.position.iter().map(|s| (s.published, s.published_entries.unwrap_or(0))).collect(),
            order: Order::default(),
            position_seq: 0,
            position_moment: options.moment,
            moved: false,
            stamp_due_ns: 0,
            latest_due_ns: 0,
            apart,
            counters,
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
    pub fn group(&mut self, group: &Group<'_>, alerts: AlertRule, labels: Labels<'_>) {
        let Group { symbol, event_ts, signals, replayed, published_ms, .. } = *group;
        for row in group.rows {
            if self.options.indicators == ALL_INDICATORS {
                self.latest.row(row);
            } else {
                let mut row = *row;
                keep_indicators(&mut row.indicators, self.options.indicators);
                self.latest.row(&row);
            }
            if self.options.bars && !replayed && row.bar.is_built() {
                xadd_bar(self.sink.batch(), &mut self.options.names, &row.bar, labels.directory);
            }
        }
        group.statistics.iter().for_each(|of| self.latest.take_statistics(of));
        for weighed in signals.iter() {
            self.latest.signal(&weighed);
            if replayed {
                continue;
            }
            let (batch, RedisOutputOptions { signals: writer, names, .. }) = (self.sink.batch(), &mut self.options);
            writer.write(batch, names, &weighed, labels, published_ms);
            if self.options.alerts && alerts.holds(&weighed) {
                xadd_signal_alert(self.sink.batch(), &mut self.options.names, weighed.composite, labels);
            }
        }
        let vote = Vote::of(signals);
        if !replayed {
            self.event(group, vote, labels);
        }
        if self.options.latest_values.is_some() {
            self.latest.group_done(symbol, event_ts, vote);
        }
    }

    /// Takes what the indicators of a bar that is still forming would be: for latest values alone.
    pub fn forming(&mut self, row: &IndicatorRow) {
        if self.options.latest_values.is_some() {
            let mut row = *row;
            keep_indicators(&mut row.indicators, self.options.indicators);
            self.latest.forming(&row);
        }
    }

    /// The batch, for the figures of the signals.
    pub(super) fn performance(&mut self) -> (&mut Commands, &mut OutputNames) {
        (self.sink.batch(), &mut self.options.names)
    }

    /// Takes a refused record.
    pub fn dead_letter(&mut self, letter: &Letter) {
        let stream = self.options.inputs.get(letter.source.index()).map_or("", String::as_str);
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
        // What is read again to rebuild state must not take it back: a start that is killed meanwhile would publish again.
        self.position_moment = self.position_moment.max(mark.moment);
        let Mark { source, number, journaled, replayed, .. } = *mark;
        // A second reading makes a clock event at the same place.
        let is_entry = source.clock_ms().is_none();
        let place = if is_entry { self.order.entry(source) } else { None };
        if replayed {
            return;
        }
        self.moved = true;
        if !is_entry {
            return;
        }
        let (offset_ms, stepped) = mark.offset;
        if (place.is_some() || mark.behind || stepped) && !journaled && self.options.position_key.is_some() {
            let (place, moment) = (place.unwrap_or(Place { source, behind: 0 }), mark.behind.then_some(mark.moment));
            let exception = Exception { place, source, moment, offset_ms: stepped.then_some(offset_ms) };
            xadd_exception(self.sink.batch(), &self.options.journal, &exception, &self.options.inputs);
        }
        if let Some(position) = self.position.get_mut(source.index()) {
            *position = (source.id, number);
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
            let message = match gap.entries {
                Some(_) => {
                    format!(
                        "{entries} entries of {stream} between {after} and {before} were trimmed before they were read"
                    )
                }
                None => format!("entries of {stream} between {after} and {before} may have been removed unread"),
            };
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
        let taken_bytes = self.options.signals.pending_bytes();
        Standing {
            entries: self.sink.pending() as usize,
            dirty: self.moved || self.sink.pending() > 0 || taken_bytes > 0 || !self.latest.is_clean(),
            full: !self.sink.has_room(taken_bytes),
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
        // Before anybody else may write newer ones.
        if let Some(apart) = &mut self.apart {
            apart.finish(&self.counters);
        }
        self.sink.release();
    }

    /// Moves the batch in flight on.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    #[inline]
    pub fn poll(&mut self) -> Result<Written, AgentError> {
        let now_ns = self.clock.ns();
        let written = self.sink.poll(now_ns)?;
        if let Some(apart) = self.apart.as_mut().filter(|_| written == Written::All) {
            apart.acknowledged(|| self.sink.lease_until_ns(now_ns));
        }
        Ok(written)
    }

    /// Closes the transaction with the position and hands it to the socket.
    fn commit(&mut self) -> Result<(), AgentError> {
        let now_ns = self.clock.ns();
        self.options.signals.close(self.sink.batch(), &self.options.names);
        if let Some(key) = &self.options.position_key {
            let stamp = if now_ns >= self.stamp_due_ns { &self.options.stamp[..] } else { &[] };
            if !stamp.is_empty() {
                self.stamp_due_ns = now_ns + STAMP_NS;
            }
            let time = self.options.server_time.as_ref();
            let times = time.and_then(|time| Some((time.ms(now_ns)?, time.offset_ms(), self.clock.host_time())));
            let pairs = 2 * self.options.inputs.len() + 3 + stamp.len() + times.map_or(0, |_| 4);
            self.text.clear();
            self.text.extend_from_slice(self.sink.next_name());
            if let Some(key) = self.options.committed_key.as_ref().filter(|_| !stamp.is_empty()) {
                self.sink.batch().command(3).arg("SET").arg(key).arg(&self.text);
            }
            let mut command = self.sink.batch().command(2 + 2 * pairs);
            command.arg("HSET").arg(key).arg("batch").arg(&self.text);
            for (name, (id, number)) in self.options.inputs.iter().zip(&self.position) {
                command.arg(name).arg_with(|out| id.push(out)).arg_pair(ENTRIES, name).uint(*number);
            }
            command.arg("seq").uint(self.position_seq).arg("moment").int(self.position_moment);
            if let Some((server_ms, offset_ms, host)) = times {
                command.arg("time_ms").int(server_ms).arg("offset_ms").int(offset_ms);
                command.arg("host_ms").int(host.wall_ms).arg("uptime_ms").int(host.uptime_ms);
            }
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
}
