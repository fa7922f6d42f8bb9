//! Rebuilds cold cells from the history of the streams before the engine starts: another engine reads it silently up to
//! the snapshot and leaves its state in memory. Blocks.

use super::{
    host::Host,
    notify::Notifier,
    past::{Past, ReadHistory},
    redis::Server,
    session::Stopped,
    silent::SilentReading,
    state::{State, name_cold},
};
use crate::{
    config::{Config, Plan},
    engine::{Keys, Restored, RowsWanted},
    publish::{Lease, LeaseError},
    redis_io::Link,
    state::Snapshot,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Renewals of the lease while it lasts.
const RENEWALS: u32 = 6;
/// What the service manager is asked for at a time.
const EXTENSION: Duration = Duration::from_secs(30);

/// What is rebuilt for whom.
pub struct Rebuild<'a> {
    /// Where it runs.
    pub host: &'a Host,
    /// The server of the streams.
    pub server: &'a Server<'a>,
    /// Its configuration.
    pub config: &'a Config,
    /// What is calculated, with names and hashes of its cells.
    pub keys: &'a Keys,
    /// Which closed bars the outputs will want to see.
    pub rows: &'a RowsWanted,
    /// The lease, which is renewed meanwhile, where there is one.
    pub lease: Option<&'a Lease>,
    /// Raised when the user stops the wait.
    pub stop: &'a AtomicBool,
}

impl Rebuild<'_> {
    /// Gives a start the rest of its state: cells that are cold, or, where there is none at all, what history leaves. Returns
    /// what there is to say.
    ///
    /// # Errors
    /// As for [`fill`](Self::fill); files of history that cannot be read.
    pub fn begin(&self, state: &mut State, known: &ReadHistory) -> Result<Vec<String>> {
        if let Some(restored) = &mut state.restore {
            let Some(history) = &state.history else { return Ok(Vec::new()) };
            return Ok(vec![format!("note: {}", self.fill(restored, history)?)]);
        }
        let plan = Arc::new(self.keys.plan().clone());
        let reading =
            SilentReading { host: self.host, server: self.server, config: self.config, plan, rows: self.rows };
        let mut renewal = Renewal::new(self.host, self.server, self.lease, self.stop);
        let warmed = reading.warm(known, &mut || renewal.look("reading history (input.history)"))?;
        state.restore = warmed.restored;
        Ok(warmed.lines)
    }

    /// Fills cold cells from the history; returns a line on how it went.
    ///
    /// # Errors
    /// The server refuses, the lease was lost, or the user stopped it.
    pub fn fill(&self, restored: &mut Restored, history: &Past) -> Result<String> {
        let started_ns = self.host.clock().ns();
        let (all, cold) = (restored.count(), restored.cold.clone());
        let names = name_cold(&cold, self.keys);
        let snapshot = self.read(restored, history).with_context(|| format!("rebuilding the state of {names}"))?;
        let incomplete = restored.fill(self.keys, &snapshot)?;
        let seconds = self.host.clock().ns().saturating_sub(started_ns) as f64 / 1e9;
        let (warm, count) = (all - cold.len(), cold.len());
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
    fn read(&self, restored: &Restored, history: &Past) -> Result<Snapshot> {
        let plan = self.keys.plan();
        let symbols: BTreeSet<usize> = restored.cold.iter().map(|cold| cold.symbol.index()).collect();
        let assets = symbols.iter().map(|&symbol| plan.assets[symbol].clone()).collect();
        let plan = Arc::new(Plan { assets, probe: false, open_watchlist: false, ..plan.clone() });
        let (server, config, rows) = (self.server, self.config, self.rows);
        let reading = SilentReading { host: self.host, server, config, plan, rows };
        let mut renewal = Renewal::new(self.host, server, self.lease, self.stop);
        reading.run(history, None, &mut || renewal.look("rebuilding state from the streams' history"))
    }
}

/// Keeps the lease, and the service manager patient, while a start reads.
pub struct Renewal<'a> {
    host: &'a Host,
    server: &'a Server<'a>,
    lease: Option<&'a Lease>,
    stop: &'a AtomicBool,
    notifier: Notifier,
    link: Option<Link>,
    every_ns: u64,
    renewed_ns: u64,
}

impl<'a> Renewal<'a> {
    /// Of this lease, if there is one, until `stop` is raised.
    pub fn new(host: &'a Host, server: &'a Server<'a>, lease: Option<&'a Lease>, stop: &'a AtomicBool) -> Self {
        let every = lease.map_or(EXTENSION, |lease| Duration::from_millis(lease.spec.ttl_ms)) / RENEWALS;
        let (notifier, renewed_ns) = (Notifier::from_env(), host.clock().ns());
        Self { host, server, lease, stop, notifier, link: None, every_ns: every.as_nanos() as u64, renewed_ns }
    }

    /// Renews what is to be renewed; true, to go on.
    ///
    /// # Errors
    /// The user stopped it, or the lease was lost.
    pub fn look(&mut self, doing: &str) -> Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stopped).with_context(|| format!("stopped while {doing}"));
        }
        let now_ns = self.host.clock().ns();
        if now_ns >= self.renewed_ns + self.every_ns {
            self.renewed_ns = now_ns;
            self.notifier.starting(doing, EXTENSION);
            self.renew()?;
        }
        Ok(true)
    }

    /// Renews the lease. A server that is away is asked again: the reading waits for it too.
    fn renew(&mut self) -> Result<()> {
        let Some(mut link) = self.link.take().or_else(|| self.server.connect("start").ok()) else { return Ok(()) };
        let Some(lease) = self.lease else { return Ok(()) };
        match lease.confirm(&mut link) {
            Ok(()) => self.link = Some(link),
            Err(LeaseError::Link(_)) => {}
            Err(lost) => return Err(lost.into()),
        }
        Ok(())
    }
}
