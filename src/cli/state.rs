//! The state that an engine on Redis goes on from, and where it will save it. Blocks for the file system.

use super::redis::Position;
use crate::{
    config::{Config, Plan},
    engine::{SnapshotOptions, check_snapshot},
    feed::streams::Place,
    model::StreamId,
    state::{Loaded, Meta, Snapshot, Store},
    telemetry::human_bytes,
};
use anyhow::{Context, Result};
use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    path::Path,
};

/// What was found, and what goes on.
pub struct State {
    /// Where snapshots go.
    pub snapshots: Option<SnapshotOptions>,
    /// The one to go on from.
    pub restore: Option<Snapshot>,
    /// What there is to say about it, a line each.
    pub lines: Vec<String>,
    /// Where the engine comes from, in a few words.
    pub about: String,
}

/// A new identity for a position that has none.
pub fn new_origin() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Finds the newest snapshot of this position that can be used, and moves the reading behind it.
///
/// # Errors
/// A state directory that cannot be made, read or written.
pub fn open(config: &Config, plan: &Plan, publish: bool, position: &mut Position, origin: u64) -> Result<State> {
    let resuming = if position.found() {
        "resuming from the committed position, with state rebuilt from the streams' history"
    } else {
        "from the beginning"
    };
    let dir = Path::new(&config.state.dir);
    if config.state.dir.is_empty() {
        let about = format!("{resuming}, without snapshots (state.dir is empty)");
        return Ok(State { snapshots: None, restore: None, lines: Vec::new(), about });
    }
    let inputs: Vec<String> = config.input.streams.iter().map(|stream| stream.name.clone()).collect();
    let checksum = crc32fast::hash(format!("{plan:?} {:?} {publish}", config.input.streams).as_bytes());
    let advice = || {
        format!(
            "the state directory {}: make it one that this user can write, name another with state.dir, or set state.dir to \"\" to go without snapshots",
            dir.display()
        )
    };
    let store = Store::open(dir, &config.engine.name, origin).with_context(advice)?;
    let place = Cell::new(Place::default());
    let check = |snapshot: &Snapshot| {
        if snapshot.meta.config != checksum || !is_of(snapshot, &inputs) {
            return Err("is of another configuration".to_owned());
        }
        for (input, stream) in snapshot.reader.inputs.iter().zip(&position.streams) {
            if input.id > stream.published {
                let (name, at, committed) = (&input.name, input.id, stream.published);
                return Err(format!("is ahead of what is committed: {at} of {name}, committed {committed}"));
            }
        }
        place.set(check_snapshot(plan, publish, snapshot).map_err(|error| format!("cannot be taken over: {error}"))?);
        Ok(())
    };
    let Loaded { snapshot, mut lines } = store.load(check).with_context(advice)?;
    let meta = Meta { origin, config: checksum, created_ms: 0 };
    let interval_ns = config.state.snapshot_interval_s * 1_000_000_000;
    let snapshots = Some(SnapshotOptions { store, meta, inputs, interval_ns });
    let Some((snapshot, path)) = snapshot else {
        if !lines.is_empty() {
            lines.push(format!("no snapshot is left: {resuming}"));
        }
        return Ok(State { snapshots, restore: None, lines, about: resuming.to_owned() });
    };
    for (stream, input) in position.streams.iter_mut().zip(&snapshot.reader.inputs) {
        if input.id != StreamId::default() {
            (stream.start, stream.start_number) = (input.id, Some(input.number).filter(|&number| number > 0));
        }
    }
    position.journal.retain(|exception| exception.place > place.get());
    let about = format!(
        "resuming from the committed position, with the state of the snapshot made at {} ({}, {})",
        snapshot.meta.made_at(),
        path.file_name().unwrap_or_default().display(),
        human_bytes(snapshot.bytes().len() as u64)
    );
    Ok(State { snapshots, restore: Some(snapshot), lines, about })
}

fn is_of(snapshot: &Snapshot, inputs: &[String]) -> bool {
    snapshot.reader.inputs.iter().map(|input| &input.name).eq(inputs)
}
