//! `[[input.history]]`: bars of the past into the state that an engine begins with. Blocks.
//!
//! The inputs are read one after the other, each by an engine of its own that goes on from the state of the one before and
//! publishes nothing. What was read of each is kept with the position, so that a second reading reads the same.

use super::{
    file_args::FileArgs,
    inputs::Inputs,
    past::{Past, ReadHistory},
    redis::{HISTORY, Server},
    silent::{Given, GoOn, Left, SilentReading},
};
use crate::{
    config::{Config, HistoryConfig, HistoryFiles, Prices, StreamConfig},
    engine::{FilesSource, Incidents, Keys, Pace, Restored, Source},
    feed::dialect::FileOptions,
    model::{Directory, Refusal},
    state::Snapshot,
    telemetry::{ReaderSnapshot, exact_count},
};
use anyhow::{Context, Result, bail};
use clap::{Args as _, Command, FromArgMatches as _};
use std::{fmt::Write as _, fs::File, io::Read as _, path::PathBuf, sync::Arc};

/// What was made of history.
#[derive(Default)]
pub struct Warmed {
    /// The state that it leaves, where there is any.
    pub restored: Option<Restored>,
    /// What there is to say of it.
    pub lines: Vec<String>,
    /// The state at the place where it has ended early, if it has.
    pub early: Option<Snapshot>,
}

/// The options of files, which the command line and the configuration have in common.
fn options(files: &HistoryFiles, prices: Prices) -> Result<FileOptions> {
    let args = files.options.iter().flat_map(|(key, value)| [format!("--{}", key.replace('_', "-")), value.clone()]);
    let command = FileArgs::augment_args(Command::new("files")).no_binary_name(true);
    let fault = |error: clap::Error| {
        let text = error.render().to_string();
        anyhow::anyhow!("{}", text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
    };
    let matches = command.try_get_matches_from(args).map_err(fault);
    let args = matches.and_then(|matches| FileArgs::from_arg_matches(&matches).map_err(fault));
    let args = args.with_context(|| format!("input.history of {}", files.paths.join(", ")))?;
    Ok(args.options(files.timeframe, prices))
}

/// What only the reading of the files would show: options that are none.
pub fn faults(config: &Config) -> Vec<anyhow::Error> {
    let of = |input: &HistoryConfig| match input {
        HistoryConfig::Stream(_) => None,
        HistoryConfig::Files(files) => options(files, config.prices()).err(),
    };
    config.input.history.iter().filter_map(of).collect()
}

/// Checks what only the reading of the files would show.
///
/// # Errors
/// The first of [`faults`].
pub fn check(config: &Config) -> Result<()> {
    faults(config).into_iter().next().map_or(Ok(()), Err)
}

/// How many bytes a file has, and their checksum: whether it is the one that was read before.
fn fingerprint(path: &str) -> Result<String> {
    let failed = || format!("input.history: cannot read {path}");
    let mut file = File::open(path).with_context(failed)?;
    let (mut hasher, mut bytes, mut buffer) = (crc32fast::Hasher::new(), 0u64, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).with_context(failed)? {
            0 => return Ok(format!("{bytes}:{:08x}", hasher.finalize())),
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

fn fingerprints(files: &HistoryFiles) -> Result<String> {
    Ok(files.paths.iter().map(|path| fingerprint(path)).collect::<Result<Vec<_>>>()?.join(","))
}

/// Fixes how far each input of history is read that was not read before: gives what is to be kept of it with the position,
/// as fields and values.
///
/// # Errors
/// Files that cannot be read; a server that refuses.
pub fn fix(server: &Server<'_>, config: &Config, known: &mut ReadHistory) -> Result<Vec<(String, String)>> {
    let mut stamp = Vec::new();
    for input in &config.input.history {
        let name = input.name();
        if known.contains_key(&name) {
            continue;
        }
        let mark = match input {
            HistoryConfig::Stream(stream) => server.last_entry(&stream.name)?.map(|id| id.to_string()),
            HistoryConfig::Files(files) => Some(fingerprints(files)?),
        };
        if let Some(mark) = mark {
            stamp.push((format!("{HISTORY}{name}"), mark.clone()));
            known.insert(name, mark);
        }
    }
    Ok(stamp)
}

impl SilentReading<'_> {
    /// Reads the inputs of history, those that were read before up to where they were.
    ///
    /// # Errors
    /// Files that cannot be read or are not understood; a server that refuses; those of `look`.
    pub fn warm(&self, known: &ReadHistory, look: GoOn<'_>) -> Result<Warmed> {
        let mut warmed = Warmed::default();
        // Streams that were added to a running engine had some as well.
        let streams = self.config.input.bar_streams().filter(|stream| known.contains_key(&stream.name));
        let added: Vec<HistoryConfig> = streams.cloned().map(HistoryConfig::Stream).collect();
        if self.config.input.history.is_empty() && added.is_empty() {
            return Ok(warmed);
        }
        let directory = Arc::new(Directory::new(self.plan.capacity(), &self.plan.timeframes));
        let keys = Keys::new(&self.plan, self.rows.indicators(), &directory);
        for input in self.config.input.history.iter().chain(&added) {
            let name = input.name();
            let before = known.get(&name).map(String::as_str);
            let started_ns = self.host.clock().ns();
            let opened = match input {
                HistoryConfig::Stream(stream) => self.stream(stream, before, &mut warmed.lines)?,
                HistoryConfig::Files(files) => Some(self.files(files, before, &mut warmed.lines)?),
            };
            let Some(given) = opened else {
                warmed.lines.push(format!("warning: input.history: {name} has no entries: nothing was read of it"));
                continue;
            };
            let Left { snapshot, read } = self.read(given, warmed.restored.take(), look)?;
            let Some(read) = read else {
                warmed.early = Some(snapshot);
                return Ok(warmed);
            };
            warmed.restored = Some(Restored::of(&keys, &snapshot)?.of_history());
            let seconds = self.host.clock().ns().saturating_sub(started_ns) as f64 / 1e9;
            warmed.lines.push(format!("history: {name}: {} in {seconds:.1} s", counted(&read)));
        }
        Ok(warmed)
    }

    /// Reads to the end of the past, from there where `restore` was taken, or from its beginning, which is the end of
    /// history; gives the state there. Where `look` says no, the reading ends early, with the state of the place that it has
    /// come to.
    ///
    /// # Errors
    /// A server that refuses; files that cannot be read; those of `look`, when the engine has ended.
    pub fn run(&self, past: &Past, restore: Option<Restored>, look: GoOn<'_>) -> Result<Snapshot> {
        let restore = match restore {
            Some(restored) => Some(restored),
            None => match self.warm(&past.history, look)? {
                Warmed { early: Some(snapshot), .. } => return Ok(snapshot),
                Warmed { restored, .. } => restored,
            },
        };
        let incidents = Arc::new(Incidents::default());
        let source = Source::Redis(self.server.published(past, &incidents)?);
        let inputs = self.config.input.streams.iter().map(|stream| stream.name.clone()).collect();
        Ok(self.read(Given { source, inputs, incidents }, restore, look)?.snapshot)
    }

    /// A stream up to the entry that was its last at the first start.
    fn stream(&self, stream: &StreamConfig, before: Option<&str>, lines: &mut Vec<String>) -> Result<Option<Given>> {
        let name = &stream.name;
        let up_to = match before {
            Some(text) => text.parse().with_context(|| format!("the position holds {text:?} for {HISTORY}{name}"))?,
            None => match self.server.last_entry(name)? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        if before.is_some() && self.server.last_entry(name)?.is_none_or(|last| last < up_to) {
            lines.push(format!(
                "warning: input.history: {name} no longer holds all that was read of it up to {up_to}: what is made of it \
                 now may differ a little from what was"
            ));
        }
        let incidents = Arc::new(Incidents::default());
        let source = Source::Redis(self.server.history(stream, up_to, &incidents)?);
        Ok(Some(Given { source, inputs: vec![name.clone()], incidents }))
    }

    /// Files, all of them by time.
    fn files(&self, files: &HistoryFiles, before: Option<&str>, lines: &mut Vec<String>) -> Result<Given> {
        let name = files.paths.join(", ");
        if let Some(before) = before
            && before != fingerprints(files)?
        {
            lines.push(format!(
                "warning: input.history: {name} is not what was read at the first start: what is made of it now may differ"
            ));
        }
        let paths: Vec<PathBuf> = files.paths.iter().map(PathBuf::from).collect();
        let mut inputs = Inputs::new(&paths, options(files, self.config.prices())?, true, &Arc::default())?;
        // There is no second start for a file that turns out to be in another order.
        inputs.settle(true)?;
        let opened = inputs.open()?;
        if !opened.bells.is_empty() {
            bail!("input.history: {name}: a pipe cannot be read again after a restart; give a file");
        }
        let source = FilesSource::new(opened.lines, Pace::Max, files.timeframe.interval_ms()).as_history();
        Ok(Given { source: Source::Files(source), inputs: vec![name], incidents: Arc::default() })
    }
}

/// What was read, in words.
fn counted(read: &ReaderSnapshot) -> String {
    let mut text = format!("{} bars", exact_count(read.accepted));
    for reason in Refusal::ALL {
        let count = read.refused[reason.index()];
        if count > 0 {
            let what = match reason {
                Refusal::UnknownSymbol => "of symbols that are not on the watchlist",
                Refusal::InHistory => "known from the history before",
                reason => reason.name(),
            };
            // Writing into a text cannot fail.
            let _ = write!(text, ", {} {what}", exact_count(count));
        }
    }
    text
}
