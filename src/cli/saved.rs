//! `state inspect`, `state verify`, `state export`: what the snapshots of an engine hold, and whether they hold.

use super::{
    args::{SavedArgs, StateCommand},
    part::only,
    run::rows_wanted,
    session::layers,
    state::name_cold,
};
use crate::{
    config::Config,
    engine::{Keys, Restored},
    indicators::Reading,
    model::{Directory, SymbolId, TimeframeId, time::Iso8601},
    state::{RecordOf, Snapshot, StateError, read_file},
    strategies::CellLayout,
    telemetry::human_bytes,
};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf, absolute},
    sync::Arc,
};

/// Runs a command about saved state; whether everything held.
///
/// # Errors
/// A configuration that does not hold, files that cannot be listed, an output that cannot be written.
pub fn state_command(command: &StateCommand) -> Result<bool> {
    let (StateCommand::Inspect(args) | StateCommand::Verify(args) | StateCommand::Export(args)) = command;
    let config = only(Config::load_offline(&layers(args.config.as_deref(), &args.set)?)?.config)?;
    let plan = Arc::new(config.plan());
    let directory = Arc::new(Directory::new(plan.capacity(), &plan.timeframes));
    let keys = Keys::new(&plan, rows_wanted(&config).indicators(), &directory);
    let mut out = io::stdout().lock();
    let mut all_hold = true;
    for path in files(args, &config)? {
        let look = Look { keys: &keys, path: &path };
        all_hold &= match command {
            StateCommand::Inspect(_) => look.inspect(&mut out)?,
            StateCommand::Verify(_) => look.verify(&mut out)?,
            StateCommand::Export(_) => look.export(&mut out)?,
        };
    }
    Ok(all_hold)
}

/// The files to look at: those that are named, and those in the directories that are named, the oldest first.
fn files(args: &SavedArgs, config: &Config) -> Result<Vec<PathBuf>> {
    let dir = PathBuf::from(&config.state.dir);
    if args.paths.is_empty() && config.state.dir.is_empty() {
        bail!("state.dir is empty: name the files, or a directory");
    }
    let paths = if args.paths.is_empty() { std::slice::from_ref(&dir) } else { &args.paths };
    let mut files = Vec::new();
    for path in paths {
        let path = absolute(path)?;
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))?;
        let mut own = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        own.retain(|path| path.extension().is_some_and(|extension| extension == "snapshot"));
        own.sort();
        if own.is_empty() {
            bail!("no snapshot in {}: an engine on Redis writes one every state.snapshot_interval_s", path.display());
        }
        files.append(&mut own);
    }
    Ok(files)
}

/// One file, seen with one configuration.
struct Look<'a> {
    keys: &'a Keys,
    path: &'a Path,
}

impl Look<'_> {
    fn read(&self) -> Result<Snapshot, String> {
        let bytes = read_file(self.path).map_err(|error| format!("cannot be read: {error}"))?;
        Snapshot::parse(bytes).map_err(|fault| fault.to_string())
    }

    /// What this configuration would take over.
    fn restored(&self, snapshot: &Snapshot) -> Result<Restored, StateError> {
        Restored::of(self.keys, snapshot)
    }

    fn verify(&self, out: &mut impl Write) -> Result<bool> {
        let path = self.path.display();
        let found = self.read().and_then(|snapshot| {
            let restored = self.restored(&snapshot).map_err(|error| format!("cannot be taken over: {error}"))?;
            Ok((snapshot.records().len(), snapshot.bytes().len(), restored.count() - restored.cold.len()))
        });
        match &found {
            Ok((records, bytes, warm)) => {
                let bytes = human_bytes(*bytes as u64);
                writeln!(out, "{path}: ok, {records} records, {bytes}, {warm} cells of this configuration")?;
            }
            Err(fault) => writeln!(out, "{path}: {fault}")?,
        }
        Ok(found.is_ok())
    }

    fn inspect(&self, out: &mut impl Write) -> Result<bool> {
        writeln!(out, "{}", self.path.display())?;
        let snapshot = match self.read() {
            Ok(snapshot) => snapshot,
            Err(fault) => {
                writeln!(out, "  {fault}")?;
                return Ok(false);
            }
        };
        let (made, writer, bytes) = (snapshot.meta.made_at(), &snapshot.writer, snapshot.bytes().len() as u64);
        writeln!(out, "  made {made} by version {writer}, {}", human_bytes(bytes))?;
        for input in &snapshot.reader.inputs {
            let number = if input.number > 0 { format!(", its entry {}", input.number) } else { String::new() };
            writeln!(out, "  input {} up to {}{number}", input.name, input.id)?;
        }
        let mut symbols = 0;
        let mut timeframes: Vec<(&str, usize)> = Vec::new();
        let records = snapshot.records();
        for (part, _) in &records {
            match part {
                RecordOf::Symbol(_) => symbols += 1,
                RecordOf::Cell(_, timeframe) => match timeframes.iter_mut().find(|(name, _)| name == timeframe) {
                    Some((_, count)) => *count += 1,
                    None => timeframes.push((timeframe, 1)),
                },
                _ => {}
            }
        }
        let cells: Vec<String> = timeframes.iter().map(|(name, count)| format!("{count} of {name}")).collect();
        writeln!(out, "  {symbols} symbols; cells: {}", cells.join(", "))?;
        match self.restored(&snapshot) {
            Ok(restored) => {
                let (all, cold) = (restored.count(), restored.cold.len());
                let names = name_cold(&restored.cold, self.keys);
                let names = if cold > 0 { format!("; cold: {names}") } else { String::new() };
                writeln!(out, "  of {all} cells of this configuration {} go on from it{names}", all - cold)?;
                Ok(true)
            }
            Err(error) => {
                writeln!(out, "  cannot be taken over: {error}")?;
                Ok(false)
            }
        }
    }

    /// Every record as a JSON object, one a line.
    fn export(&self, out: &mut impl Write) -> Result<bool> {
        let found = self.read().and_then(|snapshot| {
            let restored = self.restored(&snapshot).map_err(|error| format!("cannot be taken over: {error}"))?;
            Ok((snapshot, restored))
        });
        let (snapshot, restored) = match found {
            Ok(found) => found,
            Err(fault) => bail!("{} {fault}", self.path.display()),
        };
        let inputs = snapshot
            .reader
            .inputs
            .iter()
            .map(|input| json!({ "name": input.name, "id": input.id.to_string(), "number": input.number }));
        let head = json!({
            "record": "snapshot",
            "file": self.path.display().to_string(),
            "made_at": snapshot.meta.made_at(),
            "version": snapshot.writer,
            "inputs": inputs.collect::<Vec<_>>(),
            "sequence": restored.seq,
        });
        writeln!(out, "{head}")?;
        let plan = self.keys.plan();
        let layouts = CellLayout::of_plan(plan, self.keys.publish());
        for (place, state) in restored.cells.iter().enumerate() {
            let Some(state) = state else { continue };
            let (index, timeframe) = (place / plan.timeframes.len(), place % plan.timeframes.len());
            let (symbol, id) = (SymbolId(index as u16), TimeframeId::new(timeframe));
            let layout = &layouts[plan.asset(symbol).cells[timeframe].params];
            let symbol = self.keys.symbol(symbol);
            let reading = state.cell.reading(layout);
            let names = Reading::COLUMNS.iter().zip(reading.values());
            let reading: Map<String, Value> = names.map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let cell = json!({
                "record": "cell",
                "symbol": symbol,
                "timeframe": self.keys.timeframe(id),
                "bars": state.cell.bars(),
                "unsettled": state.unsettled,
                "price": state.cell.price(),
                "reading": reading,
            });
            writeln!(out, "{cell}")?;
        }
        for (index, (signals, _)) in restored.symbols.iter().enumerate() {
            for (timeframe, strategy, entry) in signals.newest(&plan.roster) {
                let signal = json!({
                    "record": "signal",
                    "symbol": self.keys.symbol(SymbolId(index as u16)),
                    "timeframe": self.keys.timeframe(timeframe),
                    "strategy": strategy.name(),
                    "kind": entry.kind.name(),
                    "side": entry.side.name(),
                    "confidence": entry.confidence,
                    "bar_ts": Iso8601(entry.bar_ts).to_string(),
                });
                writeln!(out, "{signal}")?;
            }
        }
        Ok(true)
    }
}
