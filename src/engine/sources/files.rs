//! Files of recorded bars, merged by time. Blocks for the file system, but not for a pipe.

use super::Polled;
use crate::{
    engine::{Intake, Origin},
    feed::{Line, MergedLine, MergedSource, OutOfOrder, Record, Refusal},
    model::{SourceId, time::Iso8601},
    runtime::{AgentError, Interests, Now},
};
use rustix::fd::{AsFd, OwnedFd};
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
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
    /// Readable when a pipe among the files has more.
    bells: Vec<Arc<OwnedFd>>,
    /// Whether a pipe had nothing when it was asked last.
    waits: bool,
    /// Whether a refused line is an error.
    strict: bool,
    /// Told where a file went back in time that was taken to be in order.
    disorder: Disorder,
    /// Whether its records only warm the cells.
    is_history: bool,
    together: Together,
}

/// Lines that are taken together.
#[derive(Debug, Default)]
struct Together {
    /// Their time, Unix ms.
    ts: Option<i64>,
    /// Whether the line that parts them from the next waits in the merge.
    parted: bool,
}

impl Together {
    /// Whether a line, which then waits, is of another time than those before.
    #[inline]
    fn parts(&mut self, line: &Line<'_>) -> bool {
        let Ok(record) = &line.result else { return false };
        self.parted = self.ts != Some(record.ts);
        self.ts = Some(record.ts);
        self.parted
    }
}

/// Where a file went back in time, for whoever starts over then.
#[derive(Debug, Clone, Default)]
pub struct Disorder(Arc<OnceLock<OutOfOrder>>);

impl Disorder {
    /// The place, if there was one.
    #[must_use]
    pub fn found(&self) -> Option<OutOfOrder> {
        self.0.get().copied()
    }

    #[cold]
    fn note(&self, error: &io::Error) {
        if let Some(found) = error.get_ref().and_then(|error| error.downcast_ref::<OutOfOrder>()) {
            let _ = self.0.set(*found);
        }
    }
}

/// A line was refused where all were to be good.
#[derive(Debug, thiserror::Error)]
#[error("line {line} was refused ({}): {text}", reason.name())]
pub struct StrictError {
    /// Index of the file.
    pub input: usize,
    /// Number of the line.
    pub line: u64,
    /// Why it was refused.
    pub reason: Refusal,
    /// Its beginning.
    pub text: String,
}

/// Lines between two updates of the progress.
const PROGRESS_LINES: u32 = 1_024;

impl FilesSource {
    /// Replays these files at this pace.
    #[must_use]
    pub fn new(lines: MergedSource, pace: Pace, interval_ms: i64) -> Self {
        let progress = Arc::new(AtomicU64::new(0));
        Self {
            lines,
            pace,
            anchor: None,
            due_ns: None,
            progress,
            bytes: 0,
            countdown: 0,
            interval_ms,
            taken: Vec::new(),
            bells: Vec::new(),
            waits: false,
            strict: false,
            disorder: Disorder::default(),
            is_history: false,
            together: Together::default(),
        }
    }

    /// Waits for the pipes among the files with these descriptors.
    #[must_use]
    pub fn with_bells(mut self, bells: Vec<Arc<OwnedFd>>) -> Self {
        self.bells = bells;
        self
    }

    /// Makes its records warm the cells alone: nothing of them is published.
    #[must_use]
    pub fn as_history(mut self) -> Self {
        self.is_history = true;
        self
    }

    /// Makes a refused line an error.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Where a file goes back in time, once it has.
    #[must_use]
    pub fn disorder(&self) -> Disorder {
        self.disorder.clone()
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
            return Ok(Polled::Nothing);
        }
        let held = self.due_ns.take().is_some();
        let again = held || std::mem::take(&mut self.together.parted);
        let next = if again { Ok(self.lines.current()) } else { self.lines.next() };
        self.waits = false;
        let next = match next {
            Ok(next) => next,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.waits = true;
                return Ok(Polled::Nothing);
            }
            Err(error) => {
                self.disorder.note(&error);
                return Err(error.into());
            }
        };
        let Some(merged) = next else {
            self.tell_progress(intake);
            return Ok(Polled::End);
        };
        if self.taken.get(merged.input).is_some_and(|&line| merged.line.number <= line) {
            return Ok(Polled::Entry);
        }
        if intake.places().is_on() && self.together.parts(&merged.line) {
            // Before it waits for its time, and where a snapshot may be made.
            intake.part();
            return Ok(Polled::Entry);
        }
        if let (Pace::Times(factor), Ok(record)) = (self.pace, &merged.line.result)
            && !held
        {
            let due_ns = due(&mut self.anchor, record, self.interval_ms, factor, now);
            if due_ns > now.ns {
                self.due_ns = Some(due_ns);
                return Ok(Polled::Nothing);
            }
        }
        if let (true, Err(reason)) = (self.strict, merged.line.result)
            && reason != Refusal::NoTrade
        {
            return Err(refused(&merged, reason).into());
        }
        // State is kept of few inputs, and of history all are one.
        let input = if self.is_history { 0 } else { merged.input as u32 };
        let source = SourceId::line(input, merged.line.number);
        let origin = Origin {
            source,
            number: 0,
            journaled: false,
            wall_ms: None,
            offset: (0, false),
            arrival_ns: if self.is_history { 0 } else { now.ns },
            replayed: self.is_history,
        };
        let raw = || vec![(b"line".as_slice().into(), shown(&merged.line))];
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
        if self.waits { None } else { Some(self.due_ns.unwrap_or(0)) }
    }

    /// Adds the descriptors of the pipes, where they are waited for.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if self.waits {
            self.bells.iter().for_each(|bell| set.readable(bell.as_fd()));
        }
    }
}

/// A line as it was written, or, of one that has been sorted, what it said.
#[cold]
fn shown(line: &Line<'_>) -> Box<[u8]> {
    match line.result {
        Ok(record) if line.text.is_empty() => {
            let Record { ts, open, high, low, close, volume, .. } = record;
            let symbol = String::from_utf8_lossy(record.symbol);
            format!("{},{symbol},{open},{high},{low},{close},{volume}", Iso8601(ts)).into_bytes().into()
        }
        _ => line.text.into(),
    }
}

#[cold]
fn refused(merged: &MergedLine<'_>, reason: Refusal) -> StrictError {
    let text = &merged.line.text[..merged.line.text.len().min(200)];
    StrictError { input: merged.input, line: merged.line.number, reason, text: text.escape_ascii().to_string() }
}

/// When a record is due, ns: its bar ends at its recorded time, sped up.
fn due(anchor: &mut Option<Anchor>, record: &Record<'_>, interval_ms: i64, factor: f64, now: Now) -> u64 {
    let event_ms = record.ts.saturating_add(interval_ms);
    let anchor = anchor.get_or_insert(Anchor { event_ms, ns: now.ns });
    let elapsed_ms = event_ms.saturating_sub(anchor.event_ms).max(0) as f64 / factor;
    anchor.ns.saturating_add((elapsed_ms * 1e6) as u64)
}
