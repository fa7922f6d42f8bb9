//! Files of recorded bars, merged by time. Blocks for the file system.

use super::Polled;
use crate::{
    engine::{Intake, Origin},
    feed::{MergedSource, Record},
    model::SourceId,
    runtime::{AgentError, Now},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How fast recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the pipeline takes the records.
    Max,
    /// This factor times the recorded speed.
    Times(f64),
}

/// A recorded time and the moment it was replayed at.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    event_ms: i64,
    ns: u64,
}

/// Replays files.
#[derive(Debug)]
pub struct FilesSource {
    lines: MergedSource,
    pace: Pace,
    anchor: Option<Anchor>,
    /// A record that is not due yet: its time, ns. The line itself waits in the merge.
    due_ns: Option<u64>,
    /// Bytes read so far, for a progress bar elsewhere.
    progress: Arc<AtomicU64>,
    bytes: u64,
    countdown: u32,
    /// Bar interval of the files, ms.
    interval_ms: i64,
    /// By file: the last line that was taken before this start.
    taken: Vec<u64>,
}

/// Lines between two updates of the progress.
const PROGRESS_LINES: u32 = 1_024;

impl FilesSource {
    /// Replays these files at this pace.
    #[must_use]
    pub fn new(lines: MergedSource, pace: Pace, interval_ms: i64) -> Self {
        let progress = Arc::new(AtomicU64::new(0));
        let taken = Vec::new();
        Self { lines, pace, anchor: None, due_ns: None, progress, bytes: 0, countdown: 0, interval_ms, taken }
    }

    /// Continues after these lines, by file.
    pub fn resume(&mut self, taken: Vec<u64>) {
        self.taken = taken;
    }

    /// The last line of a file that was taken before this start.
    pub(super) fn taken(&self, input: usize) -> u64 {
        self.taken.get(input).copied().unwrap_or(0)
    }

    /// Bytes read so far, updated now and then.
    #[must_use]
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Hands the next line to the intake, if it is due.
    ///
    /// # Errors
    /// A file cannot be read.
    #[inline]
    pub fn poll(&mut self, now: Now, intake: &mut Intake) -> Result<Polled, AgentError> {
        if self.countdown == 0 {
            self.countdown = PROGRESS_LINES;
            self.tell_progress(intake);
        }
        self.countdown -= 1;
        if let Some(due_ns) = self.due_ns
            && now.ns < due_ns
        {
            return Ok(Polled::Nothing { caught_up: false });
        }
        let held = self.due_ns.take().is_some();
        let next = if held { self.lines.current() } else { self.lines.next()? };
        let Some(merged) = next else {
            self.tell_progress(intake);
            return Ok(Polled::End);
        };
        if self.taken.get(merged.input).is_some_and(|&line| merged.line.number <= line) {
            return Ok(Polled::Entry);
        }
        if let (Pace::Times(factor), Ok(record)) = (self.pace, &merged.line.result)
            && !held
        {
            let due_ns = due(&mut self.anchor, record, self.interval_ms, factor, now);
            if due_ns > now.ns {
                self.due_ns = Some(due_ns);
                return Ok(Polled::Nothing { caught_up: false });
            }
        }
        let source = SourceId::line(merged.input as u8, merged.line.number);
        let origin =
            Origin { source, number: 0, journaled: false, entry_ms: None, arrival_ns: now.ns, replayed: false };
        let raw = || vec![(b"line".as_slice().into(), merged.line.text.into())];
        intake.record(merged.line.result, &origin, raw);
        intake.entry_done(&origin);
        Ok(Polled::Entry)
    }

    #[cold]
    fn tell_progress(&mut self, intake: &Intake) {
        let bytes = self.lines.bytes_read();
        intake.counters().bytes.add(bytes - self.bytes);
        self.bytes = bytes;
        self.progress.store(bytes, Ordering::Relaxed);
    }

    /// When the line that waits is due, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        Some(self.due_ns.unwrap_or(0))
    }
}

/// When a record is due, ns: its bar ends at its recorded time, sped up.
fn due(anchor: &mut Option<Anchor>, record: &Record<'_>, interval_ms: i64, factor: f64, now: Now) -> u64 {
    let event_ms = record.ts.saturating_add(interval_ms);
    let anchor = anchor.get_or_insert(Anchor { event_ms, ns: now.ns });
    let elapsed_ms = event_ms.saturating_sub(anchor.event_ms).max(0) as f64 / factor;
    anchor.ns.saturating_add((elapsed_ms * 1e6) as u64)
}
