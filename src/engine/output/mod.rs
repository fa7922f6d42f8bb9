//! Where results go: files, a Redis server, or both.

mod files;
mod journal;
mod redis;
mod uplink;

pub use files::{FileOutput, FileOutputOptions};
pub use journal::load_journal;
pub use redis::{CalculationEvents, ENTRIES, RedisLink, RedisOutput, RedisOutputOptions};
pub use uplink::{Arrived, Recovery};

use super::notes::{DeadLetter, Mark};
use crate::{
    config::Asset,
    feed::streams::Gap,
    model::{Composite, Directory, IndicatorRow, Strategy, SymbolId},
    publish::{FileError, Labels, Sources},
    runtime::{AgentError, Interests},
    state::StateError,
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

/// Everything that is written. Files are written at once, which blocks as long as the system takes; Redis never blocks.
#[derive(Debug)]
pub struct Output {
    directory: Arc<Directory>,
    sources: Arc<Sources>,
    files: FileOutput,
    redis: Option<RedisOutput>,
    /// Composite confidence from which on a signal is an alert as well.
    alert_confidence: f64,
}

impl Output {
    /// Writes to these files and, where there is one, to this server.
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        sources: Arc<Sources>,
        files: FileOutput,
        redis: Option<RedisOutput>,
        alert_confidence: f64,
    ) -> Self {
        Self { directory, sources, files, redis, alert_confidence }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.redis.as_ref().map_or(0, RedisOutput::bytes)
    }

    /// Makes room for the next symbol. Allocates.
    pub fn add_symbol(&mut self, asset: &Asset) {
        if let Some(redis) = &mut self.redis {
            redis.add_symbol(asset);
        }
    }

    /// Takes a closed bar with its indicators; where `replayed`, only to remember it.
    #[inline]
    pub fn row(&mut self, row: &IndicatorRow, replayed: bool) {
        if !replayed {
            self.files.row(row, &self.directory);
        }
        if let Some(redis) = &mut self.redis {
            redis.row(row, replayed, &self.directory);
        }
    }

    /// Takes a published signal; says whether it is an alert as well. Where `replayed`, only to remember it.
    #[inline]
    pub fn signal(&mut self, composite: &Composite<'_>, replayed: bool) -> bool {
        let labels = Labels { directory: &self.directory, sources: &self.sources };
        let probe = composite.signal.strategy == Strategy::Probe;
        let alert = !probe && composite.composite_confidence >= self.alert_confidence;
        if !replayed {
            self.files.signal(composite, labels);
        }
        if let Some(redis) = &mut self.redis {
            redis.signal(composite, alert, replayed, labels);
        }
        alert
    }

    /// Ends a group: all rows and signals of one sequence and symbol have been given.
    #[inline]
    pub fn group_done(&mut self, symbol: SymbolId, seq: u64, event_ts: i64, replayed: bool) {
        if let Some(redis) = &mut self.redis {
            redis.group_done(symbol, seq, event_ts, replayed, &self.directory);
        }
    }

    /// Appends the place in the order of the input.
    ///
    /// # Errors
    /// Never, as for [`put`](crate::state::put).
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.redis.as_ref().map_or(Ok(()), |redis| redis.save(out))
    }

    /// Takes what [`save`](Self::save) appended.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), StateError> {
        self.redis.as_mut().map_or(Ok(()), |redis| redis.restore(bytes))
    }

    /// Appends what is kept of a symbol.
    ///
    /// # Errors
    /// Never, as for [`put`](crate::state::put).
    pub fn save_symbol(&self, symbol: SymbolId, out: &mut Vec<u8>) -> Result<(), StateError> {
        self.redis.as_ref().map_or(Ok(()), |redis| redis.save_symbol(symbol, out))
    }

    /// Takes what [`save_symbol`](Self::save_symbol) appended.
    ///
    /// # Errors
    /// Bytes that are none, or of other timeframes.
    pub fn restore_symbol(&mut self, symbol: SymbolId, bytes: &mut &[u8]) -> Result<(), StateError> {
        self.redis.as_mut().map_or(Ok(()), |redis| redis.restore_symbol(symbol, bytes))
    }

    /// Takes a refused record.
    pub fn dead_letter(&mut self, letter: &DeadLetter) {
        if let Some(redis) = &mut self.redis {
            redis.dead_letter(letter);
        }
    }

    /// Takes that entries were removed before they were read.
    pub fn gap(&mut self, gap: &Gap) {
        if let Some(redis) = &mut self.redis {
            redis.gap(gap);
        }
    }

    /// Takes how far the input has been read with the effects given so far.
    #[inline]
    pub fn mark(&mut self, mark: &Mark) {
        if let Some(redis) = &mut self.redis {
            redis.mark(mark);
        }
    }

    /// Whether there is anything to flush beside signals: bars, latest values, a new position.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.files.is_dirty() || self.redis.as_ref().is_some_and(RedisOutput::is_dirty)
    }

    /// Entries and lines in the batch.
    #[inline]
    #[must_use]
    pub fn entries(&self) -> usize {
        self.files.lines().max(self.redis.as_ref().map_or(0, RedisOutput::entries))
    }

    /// Whether the next batch to a server takes more.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.redis.as_ref().is_none_or(RedisOutput::has_room)
    }

    /// Whether the last batch is still on its way.
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.redis.as_ref().is_some_and(RedisOutput::is_in_flight)
    }

    /// Whether a batch is to be written although there may be nothing in it.
    #[inline]
    #[must_use]
    pub fn renewal_due(&self) -> bool {
        self.redis.as_ref().is_some_and(RedisOutput::renewal_due)
    }

    /// Time by which the output wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.redis.as_ref().and_then(RedisOutput::deadline_ns)
    }

    /// From when on latest values may be written, ns, if there are any; they wait for a batch without signals.
    #[inline]
    #[must_use]
    pub fn latest_due_ns(&self) -> Option<u64> {
        self.redis.as_ref().and_then(RedisOutput::latest_due_ns)
    }

    /// Writes the batch, at monotonic time `now_ns`. An `urgent` one has signals, which nothing that may wait is to hold
    /// up; the `last` one leaves nothing for another. Must not be called while one is in flight.
    ///
    /// # Errors
    /// A file that cannot be written; a server that is gone or refuses.
    pub fn flush(&mut self, now_ns: u64, urgent: bool, last: bool) -> Result<Written, AgentError> {
        self.files.flush()?;
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

    /// Writes what is left and closes the files.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(&mut self) -> Result<(), FileError> {
        if let Some(redis) = &mut self.redis {
            redis.finish();
        }
        self.files.finish()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.files.written_bytes() + self.redis.as_ref().map_or(0, RedisOutput::written_bytes)
    }

    /// Waits for the server.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if let Some(redis) = &self.redis {
            redis.interests(set);
        }
    }
}
