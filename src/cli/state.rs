//! The state that an engine on Redis goes on from, and where it will save it. Blocks for the file system.

use super::redis::Position;
use crate::{
    config::Config,
    engine::{Cold, Keys, Restored, SnapshotOptions, Target},
    feed::streams::{Exception, StreamStart},
    model::StreamId,
    state::{Loaded, Meta, Snapshot, Store, Unfit},
    telemetry::human_bytes,
};
use anyhow::{Context, Result};
use std::{
    fmt::Write as _,
    hash::{BuildHasher, RandomState},
    path::Path,
};

/// Names of cells that are told of each reason.
const NAMED: usize = 4;

/// What was found, and what goes on.
pub struct State {
    /// Where snapshots go.
    pub snapshots: Option<SnapshotOptions>,
    /// What to go on from.
    pub restore: Option<Restored>,
    /// Where the history ends that cold cells are made of, where there are any.
    pub history: Option<History>,
    /// What there is to say about it, a line each.
    pub lines: Vec<String>,
    /// Where the engine comes from, in a few words.
    pub about: String,
}

/// The input up to the place of a snapshot.
pub struct History {
    /// By stream: its beginning, and the last entry up to there.
    pub starts: Vec<StreamStart>,
    /// What was taken out of order up to there.
    pub journal: Vec<Exception>,
}

/// A new identity for a position that has none.
pub fn new_origin() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// A snapshot that can be used.
struct Usable {
    restored: Restored,
    made_at: String,
    bytes: u64,
}

/// Finds the newest snapshot of this position that can be used, and moves the reading behind it.
///
/// # Errors
/// A state directory that cannot be made, read or written.
pub fn open(config: &Config, keys: &Keys, position: &mut Position, origin: u64) -> Result<State> {
    let resuming = if position.found() {
        "resuming from the committed position, with state rebuilt from the streams' history"
    } else {
        "from the beginning"
    };
    let dir = Path::new(&config.state.dir);
    if config.state.dir.is_empty() {
        let about = format!("{resuming}, without snapshots (state.dir is empty)");
        return Ok(State { snapshots: None, restore: None, history: None, lines: Vec::new(), about });
    }
    let inputs: Vec<String> = config.input.streams.iter().map(|stream| stream.name.clone()).collect();
    let advice = || {
        format!(
            "the state directory {}: make it one that this user can write, name another with state.dir, or set state.dir to \"\" to go without snapshots",
            dir.display()
        )
    };
    let store = Store::open(dir, &config.engine.name, origin).with_context(advice)?;
    let usable = |snapshot: Snapshot| {
        fits(&snapshot, &inputs, &position.streams)?;
        let restored =
            Restored::of(keys, &snapshot).map_err(|error| Unfit::Ever(format!("cannot be taken over: {error}")))?;
        Ok(Usable { restored, made_at: snapshot.meta.made_at(), bytes: snapshot.bytes().len() as u64 })
    };
    let Loaded { found, mut lines } = store.load(usable).with_context(advice)?;
    let meta = Meta { origin, created_ms: 0 };
    let interval_ns = config.state.snapshot_interval_s * 1_000_000_000;
    let snapshots = Some(SnapshotOptions { target: Target::Directory(store), meta, inputs, interval_ns });
    let Some((Usable { restored, made_at, bytes }, path)) = found else {
        if !lines.is_empty() {
            lines.push(format!("no snapshot is left: {resuming}"));
        }
        return Ok(State { snapshots, restore: None, history: None, lines, about: resuming.to_owned() });
    };
    let history = move_behind(position, &restored);
    let about = format!(
        "resuming from the committed position, with the state of the snapshot made at {made_at} ({}, {})",
        path.file_name().unwrap_or_default().display(),
        human_bytes(bytes)
    );
    let history = (!restored.cold.is_empty()).then_some(history);
    Ok(State { snapshots, restore: Some(restored), history, lines, about })
}

/// Whether a snapshot is one of these inputs and of nothing beyond what is committed of them.
fn fits(snapshot: &Snapshot, inputs: &[String], committed: &[StreamStart]) -> Result<(), Unfit> {
    let own = &snapshot.reader.inputs;
    if !own.iter().map(|input| &input.name).eq(inputs) {
        let names: Vec<&str> = own.iter().map(|input| input.name.as_str()).collect();
        return Err(Unfit::Here(format!("is of other input streams: {}", names.join(", "))));
    }
    for (input, stream) in own.iter().zip(committed) {
        if input.id > stream.published {
            let (name, at, committed) = (&input.name, input.id, stream.published);
            return Err(Unfit::Ever(format!("is ahead of what is committed: {at} of {name}, committed {committed}")));
        }
    }
    Ok(())
}

/// Moves the reading behind the place of a snapshot; gives the input up to there.
fn move_behind(position: &mut Position, restored: &Restored) -> History {
    let mut starts = Vec::new();
    for (stream, input) in position.streams.iter_mut().zip(&restored.inputs) {
        let number = Some(input.number).filter(|&number| number > 0);
        let (published, published_entries) = (input.id, number);
        starts.push(StreamStart { published, published_entries, start: StreamId::default(), start_number: None });
        if published != StreamId::default() {
            (stream.start, stream.start_number) = (published, number);
        }
    }
    let place = restored.place();
    let (journal, behind) = position.journal.iter().partition(|exception| exception.place <= place);
    position.journal = behind;
    History { starts, journal }
}

/// The cells of each reason, by name, the first few of them.
pub fn name_cold(cold: &[Cold], keys: &Keys) -> String {
    let mut text = String::new();
    let mut rest = cold.to_vec();
    while let Some(&Cold { why, .. }) = rest.first() {
        let (of, others): (Vec<Cold>, Vec<Cold>) = rest.iter().partition(|cold| cold.why == why);
        rest = others;
        let name = |cold: &Cold| format!("{}:{}", keys.symbol(cold.symbol), keys.timeframe(cold.timeframe));
        let names: Vec<String> = of.iter().take(NAMED).map(name).collect();
        let separator = if text.is_empty() { "" } else { "; " };
        let more = of.len() - names.len();
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        // Writing into a text cannot fail.
        let _ = write!(text, "{separator}{}{and} ({why})", names.join(", "));
    }
    text
}
