//! Engines of several partitions in one process: each is looked after by a thread of its own. Blocks until all have ended.

use super::{note::note, part::EnginePart, roll, session::Stopped};
use anyhow::{Context as _, Result, anyhow};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread::{Builder, ScopedJoinHandle, panicking, scope},
};

/// Ends all of them where the one beside it panics.
struct EndsAll<'a>(&'a AtomicBool);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `live` for each of the parts, whose partitions these are, until all have ended. One that fails raises `stop`, so that
/// the others end too, and finish first what they have read.
///
/// # Errors
/// The failure; where several fail, the first of them.
pub(super) fn together(
    partitions: &[usize],
    parts: &[EnginePart],
    stop: &AtomicBool,
    live: impl Fn(&EnginePart) -> Result<()> + Sync,
) -> Result<()> {
    roll::expect(partitions.iter().copied());
    let one = |part: &EnginePart| {
        let _panic = EndsAll(stop);
        part.enter();
        let lived = live(part);
        roll::leave();
        if let Err(error) = &lived
            && !stop.swap(true, Ordering::Relaxed)
        {
            // It is told whole at the end of the process, which may take a while.
            note(&format!("warning: ends all partitions of this process: {error}"));
        }
        lived.with_context(|| part.name())
    };
    let one = &one;
    scope(|scope| {
        let start = |part| Builder::new().name(EnginePart::name(part)).spawn_scoped(scope, move || one(part));
        let threads: Vec<_> = parts.iter().map(start).collect();
        let mut first: Result<()> = Ok(());
        for ended in threads.into_iter().map(end) {
            first = match first {
                // One that was told to end because another failed is not the reason.
                Err(error) if error.chain().any(|cause| cause.is::<Stopped>()) && ended.is_err() => ended,
                first => first.and(ended),
            };
        }
        first
    })
}

/// How a thread has ended.
fn end(thread: io::Result<ScopedJoinHandle<'_, Result<()>>>) -> Result<()> {
    let thread = thread.context("a thread of a partition cannot be started")?;
    thread.join().unwrap_or_else(|_| Err(anyhow!("the thread of a partition has panicked")))
}
