//! Where results go: files, a Redis server, or both.

mod apart;
mod cross;
mod figures;
mod files;
mod journal;
mod redis;
mod sink;
mod tap;

pub use apart::LatestWriter;
pub use figures::FiguresOf;
pub use files::{FileOutput, FileOutputOptions};
pub use journal::load_journal;
pub use redis::{CalculationEvents, Compatible, ENTRIES, RedisLink, RedisOutput, RedisOutputOptions, RedisWiring};
pub use sink::{Arrived, Recovery, RedisSink, RedisSinkOptions, SinkError};
pub use tap::{SeenSignal, Tap, Tapped, Watch, tap};

use crate::{
    model::{Composites, Directory, IndicatorRow, Strategy, SymbolId, Weighed, WindowStatistics},
    publish::{FileError, Labels, Sources},
    runtime::{AgentError, ReaderGone},
};
use std::sync::Arc;

/// How far the writing of a batch has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// All of it.
    All,
    /// Some of it is on its way.
    Pending,
}

/// What one sequence has made of one symbol.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The symbol.
    pub symbol: SymbolId,
    /// The sequence.
    pub seq: u64,
    /// Event time at the sequence, Unix ms.
    pub event_ts: i64,
    /// The closed bars, in the order of publication.
    pub rows: &'a [IndicatorRow],
    /// Statistics of their windows, in the same order.
    pub statistics: &'a [WindowStatistics],
    /// The published signals.
    pub signals: &'a Composites,
    /// Whether it was published before the engine was started: it is only remembered.
    pub replayed: bool,
    /// The time at which it is published, Unix ms.
    pub published_ms: i64,
}

/// Where an output stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// Entries and lines in the batch.
    pub entries: usize,
    /// Whether there is anything to flush: entries, lines, latest values, a new position.
    pub dirty: bool,
    /// Whether the batch is at its bound of bytes.
    pub full: bool,
    /// Whether the last batch is still on its way.
    pub in_flight: bool,
    /// From when on latest values may be written, ns, if there are any; they wait for a batch without signals.
    pub latest_due_ns: Option<u64>,
    /// From when on a batch is to be written although there may be nothing in it, ns.
    pub renewal_ns: Option<u64>,
}

/// Everything that is written, and where to. Files are written at once, which blocks as long as the system takes; Redis
/// never blocks.
#[derive(Debug)]
pub struct Output {
    /// Names of symbols and timeframes.
    pub directory: Arc<Directory>,
    /// Names of inputs.
    pub sources: Arc<Sources>,
    /// The files.
    pub files: FileOutput,
    /// The server, where there is one. It alone keeps the position of the input and the latest values.
    pub redis: Option<RedisOutput>,
    /// Who watches, if anybody does.
    pub tap: Option<Tap>,
    /// Which signals are alerts as well.
    pub alerts: AlertRule,
}

/// Which signals are alerts as well.
#[derive(Debug, Clone, Copy)]
pub struct AlertRule {
    /// The confidence from which on they are.
    pub confidence: f64,
    /// Whether that is the calibrated one, where it can be relied on, instead of the composite.
    pub calibrated: bool,
}

impl AlertRule {
    #[inline]
    fn holds(&self, weighed: &Weighed<'_>) -> bool {
        let relied_on = weighed.judged.relied_on().filter(|_| self.calibrated);
        let confidence = relied_on.unwrap_or(weighed.composite.composite_confidence);
        confidence >= self.confidence && weighed.composite.signal.strategy != Strategy::Probe && !weighed.stale
    }
}

impl Output {
    /// Takes what the indicators of bars that are still forming would be.
    #[inline]
    pub fn forming(&mut self, rows: &[IndicatorRow]) {
        if let Some(redis) = self.redis.as_mut().filter(|_| !rows.is_empty()) {
            rows.iter().for_each(|row| redis.forming(row));
        }
    }

    /// Whether a published signal is an alert as well.
    #[inline]
    #[must_use]
    pub fn is_alert(&self, weighed: &Weighed<'_>) -> bool {
        self.alerts.holds(weighed)
    }

    /// Takes the results of a group.
    #[inline]
    pub fn group(&mut self, group: &Group<'_>) {
        let labels = Labels { directory: &self.directory, sources: &self.sources };
        if !group.replayed {
            self.files.group(group, labels);
        }
        if let Some(tap) = &mut self.tap {
            tap.group(group);
        }
        if let Some(redis) = &mut self.redis {
            redis.group(group, self.alerts, labels);
        }
    }

    /// Where it stands.
    #[inline]
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut at = self.redis.as_ref().map_or_else(Standing::default, RedisOutput::standing);
        at.entries = at.entries.max(self.files.lines());
        at.dirty |= self.files.is_dirty();
        at
    }

    /// Writes the batch, at monotonic time `now_ns`. An `urgent` one has signals, which nothing that may wait is to hold
    /// up; the `last` one leaves nothing for another. Must not be called while one is in flight.
    ///
    /// # Errors
    /// A file that cannot be written; a server that is gone or refuses.
    pub fn flush(&mut self, now_ns: u64, urgent: bool, last: bool) -> Result<Written, AgentError> {
        self.files.flush().map_err(of_file)?;
        match &mut self.redis {
            Some(redis) => redis.flush(now_ns, urgent, last, &self.directory),
            None => Ok(Written::All),
        }
    }

    /// Moves a batch that is in flight on; whether it has been acknowledged.
    ///
    /// # Errors
    /// A server that is gone or refuses.
    #[inline]
    pub fn poll(&mut self) -> Result<Written, AgentError> {
        match &mut self.redis {
            Some(redis) => redis.poll(),
            None => Ok(Written::All),
        }
    }

    /// Writes what is left and closes the files; gives up the server's lease.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&mut self) -> Result<(), AgentError> {
        if let Some(redis) = &mut self.redis {
            redis.finish();
        }
        self.files.finish().map_err(of_file)
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        let server: u64 = self.redis.iter().map(RedisOutput::written_bytes).sum();
        self.files.written_bytes() + server
    }
}

/// A file that cannot be written is a failure, but for a pipe that its reader has closed.
#[cold]
fn of_file(error: FileError) -> AgentError {
    if error.source.kind() == std::io::ErrorKind::BrokenPipe { ReaderGone.into() } else { error.into() }
}
