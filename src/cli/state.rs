//! The state that an engine on Redis continues from, and where it will save it. Blocks on the file system.

use super::{
    host::Host,
    past::Past,
    redis::{Position, Server},
};
use crate::{
    config::{Config, SnapshotStore},
    engine::{Cold, Keys, Restored, SnapshotOptions, Target},
    feed::streams::StreamStart,
    model::StreamId,
    state::{Disk, FoundSnapshot, Meta, Snapshot, StateError, Store, Unfit},
    telemetry::human_bytes,
};
use anyhow::{Context, Result};
use std::{fmt::Write as _, path::Path, time::Duration};

/// Cells named for each reason.
const NAMED: usize = 4;
/// Longest time to bring a page to the disk, and least free space, bytes, that nothing is said about.
const SYNC_MAX: Duration = Duration::from_millis(200);
const FREE_MIN: u64 = 64 << 20;

/// What was found, and what goes on.
pub struct State {
    /// Where snapshots go.
    pub snapshots: Option<SnapshotOptions>,
    /// The state to continue from.
    pub restore: Option<Restored>,
    /// Where the history that cold cells are rebuilt from ends, if there are any.
    pub history: Option<Past>,
    /// Notes about it, one line each.
    pub lines: Vec<String>,
    /// Where the engine comes from, in a few words.
    pub about: String,
}

/// A snapshot that can be used.
struct Usable {
    restored: Restored,
    made_at: String,
    bytes: u64,
}

/// What state is looked for.
pub struct Wanted<'a> {
    /// Where it is looked for.
    pub host: &'a Host,
    /// The server of the streams.
    pub server: &'a Server<'a>,
    /// The configuration.
    pub config: &'a Config,
    /// Its cells.
    pub keys: &'a Keys,
}

impl Wanted<'_> {
    /// What can be used of a snapshot that belongs to a position.
    fn usable(&self, position: &Position, snapshot: &Snapshot) -> Result<Usable, Unfit> {
        fits(snapshot, self.config, &position.streams)?;
        let mut restored = Restored::of(self.keys, snapshot).map_err(|error| match error {
            StateError::Version => Unfit::Here(format!("cannot be taken over: {error}")),
            _ => Unfit::Ever(format!("cannot be taken over: {error}")),
        })?;
        if snapshot.reader.inputs.len() < position.streams.len() {
            restored.chill();
        }
        Ok(Usable { restored, made_at: snapshot.meta.made_at(), bytes: snapshot.bytes().len() as u64 })
    }

    /// The state of the newest snapshot that can be used, where there is one; the reading is moved behind it. Changes
    /// nothing of what is kept: it may be another engine's.
    ///
    /// # Errors
    /// A directory that cannot be read; a server that is gone or refuses.
    pub fn peek(&self, position: &mut Position) -> Result<Option<(Restored, Past)>> {
        let Some(origin) = position.origin else { return Ok(None) };
        let usable = |snapshot: Snapshot| self.usable(position, &snapshot);
        let found = match self.config.state.store {
            SnapshotStore::Redis => {
                self.server.snapshots(origin, self.host.new_number()).load(usable)?.found.map(|(usable, _)| usable)
            }
            SnapshotStore::Directory if self.config.state.dir.is_empty() => None,
            SnapshotStore::Directory => {
                let store = Store::reader(Path::new(&self.config.state.dir), &self.config.engine.name, origin)?;
                store.load(usable)?.found.map(|(usable, _)| usable)
            }
        };
        Ok(found.map(|Usable { restored, .. }| {
            let past = move_behind(position, &restored);
            (restored, past)
        }))
    }

    /// Symbols that the newest snapshot knows, or this one of a standby, and the plan does not, in the order in which they
    /// came. Changes nothing.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    pub fn others(&self, position: &Position, warm: Option<&Snapshot>) -> Result<Vec<String>> {
        if !self.keys.plan().open_watchlist {
            return Ok(Vec::new());
        }
        let kept = self.peek(&mut position.clone())?.map(|(restored, _)| restored.others).unwrap_or_default();
        let warm = warm.and_then(|snapshot| self.usable(position, snapshot).ok());
        let warm = warm.map(|usable| usable.restored.others).unwrap_or_default();
        Ok(if warm.len() > kept.len() { warm } else { kept })
    }

    /// The state of this snapshot, where it can be used; the reading is moved behind it.
    pub fn of(&self, position: &mut Position, snapshot: &Snapshot) -> Option<Restored> {
        let Usable { restored, .. } = self.usable(position, snapshot).ok()?;
        move_behind(position, &restored);
        Some(restored)
    }

    /// Finds the newest usable snapshot of this position, and starts reading after it. `warm` is what a
    /// standby has in memory: it is taken where it is newer than what is kept.
    ///
    /// # Errors
    /// A state directory that cannot be made, read or written; a server that is gone or refuses.
    pub fn open(&self, position: &mut Position, origin: u64, warm: Option<&Snapshot>) -> Result<State> {
        let resuming = if position.found() {
            "resuming from the committed position, with state rebuilt from the streams' history"
        } else {
            "from the beginning"
        };
        let usable = |snapshot: Snapshot| self.usable(position, &snapshot);
        let opened = match self.config.state.store {
            SnapshotStore::Directory if self.config.state.dir.is_empty() => None,
            SnapshotStore::Directory => Some(in_directory(self.host, self.config, origin, usable)?),
            SnapshotStore::Redis => Some(in_server(self.server, (origin, self.host.new_number()), usable)?),
        };
        let (mut found, mut lines, mut about) =
            (None, Vec::new(), format!("{resuming}, without snapshots (state.dir is empty)"));
        let mut snapshots = None;
        if let Some(opened) = opened {
            (found, lines) = (opened.found, opened.lines);
            if found.is_none() && opened.passed_over {
                lines.push(format!("no snapshot is left: {resuming}"));
            }
            about = format!("{resuming}; snapshots go to {}", opened.place);
            snapshots = Some(SnapshotOptions {
                target: opened.target,
                meta: Meta { origin, created_ms: 0 },
                inputs: self.config.input.streams.iter().map(|stream| stream.name.clone()).collect(),
                interval_ns: self.config.state.snapshot_interval_s * 1_000_000_000,
            });
        }
        let warm = warm.and_then(|snapshot| self.usable(position, snapshot).ok());
        let place = |usable: &Usable| usable.restored.place();
        let newer = |warm: &Usable| found.as_ref().is_none_or(|(kept, _)| place(warm) > place(kept));
        if let Some(warm) = warm.filter(newer) {
            found = Some((warm, "of this standby".to_owned()));
        }
        let Some((Usable { restored, made_at, bytes }, name)) = found else {
            return Ok(State { snapshots, restore: None, history: None, lines, about });
        };
        let history = move_behind(position, &restored);
        let incomplete = restored.incomplete();
        if incomplete > 0 {
            lines.push(format!(
                "{incomplete} cells of this state miss some of their history: their signals say history=incomplete until it no \
                 longer matters"
            ));
        }
        let about = format!(
            "resuming from the committed position, with the state of the snapshot made at {made_at} ({name}, {})",
            human_bytes(bytes)
        );
        let history = (!restored.cold.is_empty()).then_some(history);
        Ok(State { snapshots, restore: Some(restored), history, lines, about })
    }
}

/// The snapshots that were found, and where the next will go.
struct Opened {
    target: Target,
    /// Where they are, for people.
    place: String,
    /// The newest that can be used, and its name.
    found: Option<(Usable, String)>,
    lines: Vec<String>,
    /// Whether there were some that cannot be used.
    passed_over: bool,
}

fn in_directory(
    host: &Host,
    config: &Config,
    origin: u64,
    usable: impl FnMut(Snapshot) -> Result<Usable, Unfit>,
) -> Result<Opened> {
    let dir = Path::new(&config.state.dir);
    let advice = || {
        format!(
            "the state directory {}: make it one that this user can write, name another with state.dir, or set state.dir to \"\" to go without snapshots",
            dir.display()
        )
    };
    let store = Store::open(dir, &config.engine.name, origin).with_context(advice)?.within(host.allowance());
    let disk = store.try_writing().with_context(advice)?;
    let place = store.dir().display().to_string();
    let FoundSnapshot { found, mut lines } = store.load(usable).with_context(advice)?;
    let passed_over = !lines.is_empty();
    lines.splice(0..0, judge(&disk, &place));
    let found = found.map(|(usable, path)| (usable, path.display().to_string()));
    Ok(Opened { target: Target::Directory(store), place, found, lines, passed_over })
}

fn in_server(
    server: &Server<'_>,
    (origin, writer): (u64, u64),
    usable: impl FnMut(Snapshot) -> Result<Usable, Unfit>,
) -> Result<Opened> {
    let store = server.snapshots(origin, writer);
    store.clean()?;
    let place = store.index_key().to_owned();
    let FoundSnapshot { found, lines } = store.load(usable)?;
    Ok(Opened { target: Target::Remote(store), place, found, passed_over: !lines.is_empty(), lines })
}

/// What there is to say about the disk of the state directory.
fn judge(disk: &Disk, place: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if disk.sync > SYNC_MAX {
        let ms = disk.sync.as_millis();
        lines.push(format!(
            "the state directory {place} takes {ms} ms to bring a page to the disk: snapshots will take long; use a local device"
        ));
    }
    if disk.free < FREE_MIN {
        let free = human_bytes(disk.free);
        lines.push(format!("the disk of the state directory {place} has {free} left: make room for snapshots"));
    }
    lines
}

/// Whether a snapshot is one of these inputs and of nothing beyond what is committed of them.
fn fits(snapshot: &Snapshot, config: &Config, committed: &[StreamStart]) -> Result<(), Unfit> {
    let own = &snapshot.reader.inputs;
    // Streams may have been added behind those that it knows.
    let mut names = config.input.streams.iter().map(|stream| &stream.name);
    if own.is_empty() || !own.iter().all(|input| names.next() == Some(&input.name)) {
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
fn move_behind(position: &mut Position, restored: &Restored) -> Past {
    let mut starts = Vec::new();
    for (index, stream) in position.streams.iter_mut().enumerate() {
        let begun = stream.start;
        let Some(input) = restored.inputs.get(index) else {
            // One that was added later: the snapshot has nothing of it, and what was there is history.
            starts.push(StreamStart { published: begun, start: begun, ..StreamStart::default() });
            continue;
        };
        let number = Some(input.number).filter(|&number| number > 0);
        let (published, published_entries) = (input.id.max(begun), number);
        starts.push(StreamStart { published, published_entries, start: begun, ..StreamStart::default() });
        if published != StreamId::default() {
            (stream.start, stream.start_number, stream.offset_ms) = (published, number, input.offset_ms);
        }
    }
    let place = restored.place();
    let (journal, behind) = position.journal.iter().partition(|exception| exception.place <= place);
    position.journal = behind;
    let (moment, times) = (restored.admission.moment(), position.clocks.times.clone());
    Past { starts, journal, moment, times, history: position.history.clone() }
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
