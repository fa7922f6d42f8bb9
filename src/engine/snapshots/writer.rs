//! The thread that writes snapshots: collects the agents' chunks, closes the file, forgets the old ones. Blocks for the
//! file system, and nobody waits for it.
#![allow(clippy::disallowed_methods, reason = "a thread of its own that writes files")]

use super::{SnapshotOptions, Target, saver::SaverEnd};
use crate::{
    engine::Incidents,
    runtime::background,
    state::{Meta, Snapshot, SnapshotFile},
    telemetry::{StateCounters, human_bytes},
};
use crossbeam_utils::CachePadded;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// Time between two looks for chunks while a snapshot is at work, and while none is.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_IDLE: Duration = Duration::from_millis(20);

/// How far the writing has got: the number of the last snapshot that is done with, for better or worse.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU32>);

impl Progress {
    /// The last snapshot that is done with.
    #[must_use]
    pub fn done(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a snapshot is written into.
#[derive(Debug)]
enum Medium {
    File(SnapshotFile),
    Memory(Meta, Vec<u8>),
}

impl Medium {
    fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.chunk(bytes),
            Self::Memory(_, all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// A snapshot being written.
#[derive(Debug)]
struct Pending {
    number: u32,
    file: io::Result<Medium>,
    /// Agents that have said their last.
    ended: usize,
    begun: Instant,
}

/// Writes the snapshots of an engine.
#[derive(Debug)]
pub struct SnapshotWriter {
    ends: Vec<SaverEnd>,
    target: Target,
    meta: Meta,
    pending: Vec<Pending>,
    progress: Progress,
    incidents: Arc<Incidents>,
    counters: Arc<CachePadded<StateCounters>>,
    /// Whether the last one failed.
    failing: bool,
}

impl SnapshotWriter {
    /// A writer of what comes out of these ends.
    #[must_use]
    pub fn new(
        ends: Vec<SaverEnd>,
        options: SnapshotOptions,
        progress: Progress,
        incidents: Arc<Incidents>,
        counters: Arc<CachePadded<StateCounters>>,
    ) -> Self {
        let SnapshotOptions { target, meta, .. } = options;
        Self { ends, target, meta, pending: Vec::new(), progress, incidents, counters, failing: false }
    }

    /// Writes until all agents are gone.
    pub fn run(mut self) {
        background();
        loop {
            // Looked at first: whatever comes after is seen by the round behind it.
            let over = self.ends.iter().all(|end| end.full.is_abandoned());
            let mut came = false;
            for index in 0..self.ends.len() {
                came |= self.take(index);
            }
            if over && !came {
                return;
            }
            if !came {
                std::thread::sleep(if self.pending.is_empty() { LOOK_IDLE } else { LOOK });
            }
        }
    }

    /// Takes what one agent has sent; whether there was anything.
    fn take(&mut self, index: usize) -> bool {
        let mut came = false;
        while let Ok(mut chunk) = self.ends[index].full.pop() {
            came = true;
            let agents = self.ends.len();
            let at = match self.pending.iter().position(|pending| pending.number == chunk.number) {
                Some(at) => at,
                None => self.begin(chunk.number),
            };
            let pending = &mut self.pending[at];
            if let Ok(file) = &mut pending.file
                && let Err(error) = file.chunk(&chunk.bytes)
            {
                pending.file = Err(error);
            }
            pending.ended += usize::from(chunk.last);
            if pending.ended == agents {
                let pending = self.pending.swap_remove(at);
                self.finish(pending);
            }
            chunk.bytes.clear();
            // Where there is no room the agents have enough of them.
            let _ = self.ends[index].empty.push(chunk.bytes);
        }
        came
    }

    fn begin(&mut self, number: u32) -> usize {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let created_ms = i64::try_from(now.as_millis()).unwrap_or(0);
        let meta = Meta { created_ms, ..self.meta };
        let file = match &mut self.target {
            Target::Directory(store) => store.begin(&meta).map(Medium::File),
            Target::Memory(_) => Ok(Medium::Memory(meta, Vec::new())),
        };
        self.pending.push(Pending { number, file, ended: 0, begun: Instant::now() });
        self.pending.len() - 1
    }

    /// Gives what was written to whom it is for; returns its length in bytes.
    fn close(&self, medium: Medium) -> io::Result<u64> {
        match (medium, &self.target) {
            (Medium::Memory(meta, bytes), Target::Memory(slot)) => {
                let snapshot = Snapshot::of_records(meta, bytes).map_err(io::Error::other)?;
                let bytes = snapshot.bytes().len() as u64;
                // Only the first is asked for.
                let _ = slot.set(snapshot);
                Ok(bytes)
            }
            (Medium::File(file), _) => file.finish(),
            (Medium::Memory(..), Target::Directory(_)) => Ok(0),
        }
    }

    fn finish(&mut self, pending: Pending) {
        let Pending { number, file, begun, .. } = pending;
        match file.and_then(|medium| self.close(medium)) {
            Ok(bytes) => {
                self.counters.snapshots.bump();
                self.counters.bytes.set(bytes);
                self.counters.duration_ns.set(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
                if let Target::Directory(store) = &self.target {
                    store.thin();
                }
                if std::mem::take(&mut self.failing) {
                    self.incidents.note(format!("snapshots are written again: {}", human_bytes(bytes)));
                }
            }
            Err(error) => {
                self.counters.failures.bump();
                if !std::mem::replace(&mut self.failing, true) {
                    let dir = match &self.target {
                        Target::Directory(store) => store.dir().display().to_string(),
                        Target::Memory(_) => "memory".to_owned(),
                    };
                    self.incidents.note(format!(
                        "warning: no snapshot can be written to {dir}: {error}; the engine goes on, a restart will take the last one that was written"
                    ));
                }
            }
        }
        // What older ones still miss will never come.
        self.pending.retain(|pending| pending.number > number);
        self.progress.0.fetch_max(number, Ordering::Relaxed);
    }
}
