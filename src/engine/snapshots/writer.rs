//! The thread that writes snapshots: collects the agents' chunks, closes the file, forgets the old ones. Blocks for the
//! file system, and nobody waits for it.
#![allow(clippy::disallowed_methods, reason = "a thread of its own that writes files")]

use super::{SnapshotOptions, Target, saver::SaverEnd};
use crate::{
    engine::Incidents,
    runtime::{Clock, background},
    state::{Encoder, Meta, Snapshot, SnapshotFile, Store},
    telemetry::{StateCounters, human_bytes},
};
use crossbeam_utils::CachePadded;
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Time between two looks for chunks while a snapshot is at work, and while none is.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_IDLE: Duration = Duration::from_millis(20);

/// How far the writing has got: the number of the last snapshot that is done with, for better or worse.
#[derive(Debug, Clone, Default)]
pub struct SnapshotProgress(Arc<AtomicU32>);

impl SnapshotProgress {
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
    /// For the server.
    Remote(Encoder<Vec<u8>>),
    Memory(Meta, Vec<u8>),
}

impl Medium {
    fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.chunk(bytes),
            Self::Remote(encoder) => encoder.chunk(bytes),
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
    begun_ns: u64,
}

/// Writes the snapshots of an engine.
#[derive(Debug)]
pub struct SnapshotWriter {
    ends: Vec<SaverEnd>,
    target: Target,
    meta: Meta,
    pending: Vec<Pending>,
    progress: SnapshotProgress,
    incidents: Arc<Incidents>,
    counters: Arc<CachePadded<StateCounters>>,
    clock: Clock,
    /// Whether the last one failed.
    failing: bool,
}

impl SnapshotWriter {
    /// A writer of what comes out of these ends.
    #[must_use]
    pub fn new(
        ends: Vec<SaverEnd>,
        options: SnapshotOptions,
        progress: SnapshotProgress,
        incidents: Arc<Incidents>,
        counters: Arc<CachePadded<StateCounters>>,
        clock: Clock,
    ) -> Self {
        let SnapshotOptions { target, meta, .. } = options;
        Self { ends, target, meta, pending: Vec::new(), progress, incidents, counters, clock, failing: false }
    }

    /// Writes until all agents are gone.
    pub fn run(mut self) {
        background();
        while let Some(came) = self.round() {
            if !came {
                std::thread::sleep(if self.pending.is_empty() { LOOK_IDLE } else { LOOK });
            }
        }
    }

    /// Takes what the agents have sent; whether there was anything. `None` where nothing will come any more.
    pub fn round(&mut self) -> Option<bool> {
        // Looked at first: whatever comes after is seen by the round behind it.
        let over = self.ends.iter().all(|end| end.full.is_abandoned());
        let mut came = false;
        for index in 0..self.ends.len() {
            came |= self.take(index);
        }
        (came || !over).then_some(came)
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
        let now = self.clock.now();
        let meta = Meta { created_ms: now.wall_ms(), ..self.meta };
        // The next is about as long as the last.
        let bytes = self.counters.bytes.get();
        self.tell_given_up(|store| store.make_room(bytes + bytes / 8));
        let file = match &mut self.target {
            Target::Directory(store) => store.begin(&meta).map(Medium::File),
            Target::Remote(store) => store.begin(&meta).map(Medium::Remote),
            Target::Memory(_) => Ok(Medium::Memory(meta, Vec::new())),
        };
        self.pending.push(Pending { number, file, ended: 0, begun_ns: now.ns });
        self.pending.len() - 1
    }

    /// Has old snapshots given up for the next one, and says which.
    fn tell_given_up(&self, give_up: impl FnOnce(&Store) -> io::Result<Vec<PathBuf>>) {
        let Target::Directory(store) = &self.target else { return };
        // A directory that is not there has nothing to give up; what else is wrong is told when the file is written.
        let removed = give_up(store).unwrap_or_default();
        if !removed.is_empty() {
            let names: Vec<_> = removed.iter().map(|path| path.display().to_string()).collect();
            self.incidents.note(format!(
                "warning: the disk of {} is nearly full: gave up {} for the next snapshot; make room",
                store.dir().display(),
                names.join(", ")
            ));
        }
    }

    /// Gives what was written to whom it is for; returns its length in bytes.
    fn close(&mut self, medium: Medium) -> io::Result<u64> {
        match (medium, &mut self.target) {
            (Medium::Memory(meta, bytes), Target::Memory(slot)) => {
                let snapshot = Snapshot::of_records(meta, bytes).map_err(io::Error::other)?;
                let bytes = snapshot.bytes().len() as u64;
                // Only the first is asked for.
                let _ = slot.set(snapshot);
                Ok(bytes)
            }
            (Medium::File(file), _) => file.finish(),
            (Medium::Remote(encoder), Target::Remote(store)) => store.finish(encoder),
            (Medium::Memory(..) | Medium::Remote(_), _) => Ok(0),
        }
    }

    fn finish(&mut self, pending: Pending) {
        let Pending { number, file, begun_ns, .. } = pending;
        match file.and_then(|medium| self.close(medium)) {
            Ok(bytes) => {
                self.counters.snapshots.bump();
                self.counters.bytes.set(bytes);
                self.counters.duration_ns.set(self.clock.ns().saturating_sub(begun_ns));
                if let Target::Directory(store) = &self.target {
                    store.thin();
                }
                if std::mem::take(&mut self.failing) {
                    self.incidents.note(format!("snapshots are written again: {}", human_bytes(bytes)));
                }
            }
            Err(error) => {
                self.counters.failures.bump();
                if error.kind() == io::ErrorKind::StorageFull {
                    self.tell_given_up(Store::give_up_oldest);
                }
                if !std::mem::replace(&mut self.failing, true) {
                    let dir = match &self.target {
                        Target::Directory(store) => store.dir().display().to_string(),
                        Target::Remote(store) => store.index_key().to_owned(),
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
