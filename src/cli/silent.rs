//! Reading input with an engine that publishes nothing and leaves its state in memory. Blocks.

use super::{host::Host, redis::Server};
use crate::{
    config::{Config, Plan},
    engine::{
        FileOutputOptions, InMemory, Incidents, Outputs, Restored, RowsWanted, Setup, SnapshotOptions, Source, Target,
        Topology,
    },
    model::Directory,
    publish::{InputKind as Input, Sources},
    runtime::available_cores,
    state::{Meta, Snapshot},
    telemetry::ReaderSnapshot,
};
use anyhow::{Context, Result, bail};
use std::sync::{Arc, OnceLock};

/// What is read with.
pub struct SilentReading<'a> {
    /// Where it runs.
    pub host: &'a Host,
    /// The server of the streams.
    pub server: &'a Server<'a>,
    /// Its configuration.
    pub config: &'a Config,
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Which closed bars the outputs will want to see.
    pub rows: &'a RowsWanted,
}

/// Asked now and then whether to go on.
pub type GoOn<'a> = &'a mut dyn FnMut() -> Result<bool>;

/// What is read.
pub struct Given {
    /// From where.
    pub source: Source,
    /// The inputs by name.
    pub inputs: Vec<String>,
    /// Takes lines about them.
    pub incidents: Arc<Incidents>,
}

/// What a reading leaves.
pub struct Left {
    /// The state at its end.
    pub snapshot: Snapshot,
    /// What was read; `None` where it has ended early.
    pub read: Option<ReaderSnapshot>,
}

impl SilentReading<'_> {
    /// Reads a source to its end.
    ///
    /// # Errors
    /// A server that refuses; files that cannot be read; those of `look`, when the engine has ended.
    pub(super) fn read(&self, given: Given, restore: Option<Restored>, look: GoOn<'_>) -> Result<Left> {
        let Given { source, inputs, incidents } = given;
        let directory = Arc::new(Directory::new(self.plan.capacity(), &self.plan.timeframes));
        let mut redis = self.server.output(&directory, None, Vec::new(), &incidents)?;
        redis.options.silent = true;
        let (memory, meta) = (InMemory::default(), Meta { origin: 0, created_ms: 0 });
        let target = Target::Memory(Arc::clone(&memory));
        let setup = Setup {
            sources: Arc::new(Sources::new(inputs.iter().map(|_| Input::Stream).collect())),
            source,
            outputs: Outputs { files: FileOutputOptions::default(), redis: Some(redis), tap: None },
            rows: self.rows.clone(),
            marks: true,
            restore,
            // Only the one at the end.
            snapshots: Some(SnapshotOptions { target, meta, inputs, interval_ns: u64::MAX / 2 }),
            incidents,
            topology: Topology::new(self.config, available_cores().len()),
            directory,
            plan: Arc::clone(&self.plan),
        };
        let mut early = false;
        let ran = self.host.run_to_end(setup, || {
            if look()? {
                return Ok(());
            }
            early = true;
            bail!("ended early")
        });
        let read = if early { None } else { Some(ran?.reader) };
        let snapshot = Arc::into_inner(memory).and_then(OnceLock::into_inner).context("the reading left no state")?;
        Ok(Left { snapshot, read })
    }
}
