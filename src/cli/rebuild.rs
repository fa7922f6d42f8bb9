//! Cold cells made again of the streams' history, before the engine starts: another engine reads it silently up to the place
//! of the snapshot and leaves its state in memory. Blocks.

use super::{
    notify::Notifier,
    redis::Server,
    state::{History, name_cold},
};
use crate::{
    config::{Config, Plan},
    engine::{
        Engine, FileOutputOptions, InMemory, Incidents, Keys, Outputs, Restored, RowsWanted, Setup, SnapshotOptions,
        Source, Target, Topology,
    },
    model::Directory,
    publish::{Lease, LeaseError, Source as Input, Sources},
    redis_io::Link,
    runtime::{Clock, available_cores},
    state::{Meta, Snapshot},
};
use anyhow::{Context, Result, anyhow};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between two looks at the engine.
const TICK: Duration = Duration::from_millis(50);
/// Renewals of the lease while it lasts.
const RENEWALS: u32 = 6;
/// What the service manager is asked for at a time.
const EXTENSION: Duration = Duration::from_secs(30);

/// What is rebuilt for whom.
pub struct Rebuild<'a> {
    /// The server of the streams.
    pub server: &'a Server<'a>,
    /// Its configuration.
    pub config: &'a Config,
    /// What is calculated, with names and hashes of its cells.
    pub keys: &'a Keys,
    /// Which closed bars the outputs will want to see.
    pub rows: &'a RowsWanted,
    /// The lease, which is renewed meanwhile.
    pub lease: &'a Lease,
    /// Raised when the user wants to wait no longer.
    pub stop: &'a AtomicBool,
}

impl Rebuild<'_> {
    /// Fills what is cold from the history; says how it went, in a line.
    ///
    /// # Errors
    /// A server that refuses, a lease that has been lost, a stop.
    pub fn fill(&self, restored: &mut Restored, history: &History) -> Result<String> {
        let started = Instant::now();
        let (all, cold) = (restored.count(), restored.cold.clone());
        let names = name_cold(&cold, self.keys);
        let snapshot = self.read(restored, history).with_context(|| format!("rebuilding the state of {names}"))?;
        let incomplete = restored.fill(self.keys, &snapshot)?;
        let (warm, count, seconds) = (all - cold.len(), cold.len(), started.elapsed().as_secs_f64());
        let missing = if incomplete > 0 {
            format!(
                "; {incomplete} of them miss some of it: their signals say history=incomplete until it no longer matters"
            )
        } else {
            String::new()
        };
        Ok(format!(
            "state: {warm} of {all} cells go on from the snapshot, {count} were rebuilt from the streams' history in {seconds:.1} s: {names}{missing}"
        ))
    }

    /// Reads the history with an engine of the symbols that have a cold cell. All cells of a symbol take part, since its
    /// signals are weighed together; only the cold ones are used.
    fn read(&self, restored: &Restored, history: &History) -> Result<Snapshot> {
        let plan = self.keys.plan();
        let symbols: BTreeSet<usize> = restored.cold.iter().map(|cold| cold.symbol.index()).collect();
        let assets = symbols.iter().map(|&symbol| plan.assets[symbol].clone()).collect();
        let plan = Arc::new(Plan { assets, probe: false, ..plan.clone() });
        let directory = Arc::new(Directory::new(plan.assets.len(), &plan.timeframes));
        let incidents = Arc::new(Incidents::default());
        let mut redis = self.server.output(&directory, None, Vec::new(), &incidents)?;
        redis.options.silent = true;
        let inputs: Vec<String> = restored.inputs.iter().map(|input| input.name.clone()).collect();
        let (memory, meta) = (InMemory::default(), Meta { origin: 0, created_ms: 0 });
        let target = Target::Memory(Arc::clone(&memory));
        let setup = Setup {
            sources: Arc::new(Sources::new(inputs.iter().map(|_| Input::Stream).collect())),
            source: Source::Redis(self.server.history(&history.starts, &history.journal, &incidents)?),
            outputs: Outputs { files: FileOutputOptions::default(), redis: Some(redis) },
            rows: self.rows.clone(),
            marks: true,
            restore: None,
            // Only the one at the end.
            snapshots: Some(SnapshotOptions { target, meta, inputs, interval_ns: u64::MAX / 2 }),
            incidents,
            topology: Topology { clock_events: false, ..Topology::new(self.config, available_cores().len()) },
            directory,
            plan,
        };
        self.run(Engine::start(setup, Clock::new())?)?;
        Arc::into_inner(memory).and_then(OnceLock::into_inner).context("the history left no state")
    }

    /// Waits for the engine, renews the lease.
    fn run(&self, mut engine: Engine) -> Result<()> {
        let every = Duration::from_millis(self.lease.spec.ttl_ms) / RENEWALS;
        let (notifier, mut link, mut renewed) = (Notifier::from_env(), None, Instant::now());
        while !engine.wait(TICK) {
            let mut ended = Ok(());
            if self.stop.load(Ordering::Relaxed) {
                ended = Err(anyhow!("stopped while its state was rebuilt from the streams' history"));
            } else if renewed.elapsed() >= every {
                renewed = Instant::now();
                notifier.starting("rebuilding state from the streams' history", EXTENSION);
                ended = self.renew(&mut link);
            }
            if ended.is_err() {
                engine.drain();
                engine.join()?;
                return ended;
            }
        }
        Ok(engine.join()?)
    }

    /// Renews the lease. A server that is away is asked again: the reading waits for it too.
    fn renew(&self, kept: &mut Option<Link>) -> Result<()> {
        let Some(mut link) = kept.take().or_else(|| self.server.connect("start").ok()) else { return Ok(()) };
        match self.lease.confirm(&mut link) {
            Ok(()) => *kept = Some(link),
            Err(LeaseError::Link(_)) => {}
            Err(lost) => return Err(lost.into()),
        }
        Ok(())
    }
}
