//! The thread that watches an engine, and those that are not where they should be.

use super::note::note;
use crate::{config::Config, engine::Engine, runtime::pin_current_thread};

/// Says which threads are not pinned that should be, and pins this one.
pub fn pinned(engine: &Engine, config: &Config, quiet: bool) {
    for (name, placement) in engine.placements().filter(|_| !quiet) {
        if let Some(error) = &placement.error {
            note(&format!("warning: thread {name} is not pinned: {error}"));
        }
    }
    if let Some(core) = config.engine.cores.telemetry.filter(|_| config.engine.pin)
        && let Err(error) = pin_current_thread(core)
    {
        note(&format!("warning: the telemetry is not pinned: {error}"));
    }
}
