//! What can be told wrong about recorded files before and after their replay.

use super::args::ReplayArgs;
use crate::{
    feed::{CsvError, CsvSource},
    model::{Directory, SymbolId, Timeframe, TimeframeId},
};
use anyhow::{Result, bail};
use std::{
    collections::HashMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Lines that are looked at to see how far apart the bars of a file are.
const LOOKED_AT: usize = 4_096;

/// So many intervals, all of them multiples of the shortest, are no accident of a quiet market.
const REGULAR: usize = 100;

/// What tells one file from another, however its path is spelled.
#[derive(Debug, PartialEq)]
enum Identity {
    Stdout,
    /// Device and number of a file that is there.
    There(u64, u64),
    /// Folder and name of one that is not.
    New(PathBuf, PathBuf),
}

impl Identity {
    /// None for devices and pipes, to which many may write, and for what will fail by itself.
    fn of(path: &Path) -> Option<Self> {
        if path == Path::new("-") {
            return Some(Self::Stdout);
        }
        match std::fs::metadata(path) {
            Ok(metadata) => metadata.is_file().then(|| Self::There(metadata.dev(), metadata.ino())),
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Some(Self::New(folder.canonicalize().ok()?, path.file_name()?.into()))
            }
        }
    }
}

/// Checks that no output is written over another, or over an input.
///
/// # Errors
/// Where one is.
pub fn files_apart(args: &ReplayArgs) -> Result<()> {
    let outputs = [("--signals", &args.signals), ("--bars", &args.bars), ("--indicators", &args.indicators)];
    let outputs: Vec<_> = outputs
        .into_iter()
        .filter_map(|(option, path)| path.as_ref().and_then(|path| Some((option, path, Identity::of(path)?))))
        .collect();
    for (n, (option, path, identity)) in outputs.iter().enumerate() {
        if let Some((other, ..)) = outputs[..n].iter().find(|(.., other)| other == identity) {
            let path = if *identity == Identity::Stdout { Path::new("standard output") } else { path };
            bail!("{other} and {option} both write to {}: give each a file of its own", path.display());
        }
        let is_input = |input: &&PathBuf| input.as_os_str() != "-" && Identity::of(input).as_ref() == Some(identity);
        if let Some(input) = args.input.iter().find(is_input) {
            bail!("{option} {} would overwrite the input {}: write elsewhere", path.display(), input.display());
        }
    }
    Ok(())
}

/// What is odd about the interval of a file's bars, if its beginning tells.
///
/// # Errors
/// [`CsvError`] of the file.
pub fn odd_base(path: &Path, base: Timeframe) -> Result<Option<String>, CsvError> {
    // What is no file can be read but once.
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let mut file = CsvSource::open(path, base)?;
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut apart: Vec<i64> = Vec::new();
    for _ in 0..LOOKED_AT {
        // A file that breaks says so when it is replayed.
        let Ok(Some(line)) = file.next() else { break };
        let Ok(record) = line.result else { continue };
        match last.get_mut(record.symbol) {
            Some(ts) => apart.push(record.ts - std::mem::replace(ts, record.ts)),
            None => _ = last.insert(record.symbol.to_vec(), record.ts),
        }
    }
    apart.retain(|&ms| ms > 0);
    apart.sort_unstable();
    let (Some(&least), Some(&median)) = (apart.first(), apart.get(apart.len() / 2)) else { return Ok(None) };
    let regular = apart.len() >= REGULAR && apart.iter().all(|ms| ms % least == 0);
    let name = path.display();
    Ok(if median < base.interval_ms() {
        let apart = spacing(median);
        Some(format!(
            "{name}: its bars are {apart} apart, too many for --base {base}: all but the first of each {base} will be refused"
        ))
    } else if least > base.interval_ms() && regular {
        let apart = spacing(least);
        Some(format!(
            "{name}: its bars are {apart} apart, and --base {base} takes each for one of {base}: is --base {apart} meant?"
        ))
    } else {
        None
    })
}

/// So many ms, as a timeframe where they are one.
fn spacing(ms: i64) -> String {
    let seconds = format!("{}s", ms as f64 / 1_000.0);
    seconds.parse::<Timeframe>().map_or(seconds, |timeframe| timeframe.to_string())
}

/// Says which of the cells that the user named belong to a symbol of which nothing came.
pub fn unknown_cells(cells: &[(String, TimeframeId)], directory: &Directory) -> Vec<String> {
    let symbols = || (0..directory.capacity()).map(|n| directory.symbol(SymbolId(n as u16))).filter(|s| !s.is_empty());
    let unknown = cells.iter().filter(|(symbol, _)| !symbols().any(|known| known == symbol));
    let mut some: Vec<&str> = symbols().take(8).collect();
    if symbols().nth(some.len()).is_some() {
        some.push("…");
    }
    let some = if some.is_empty() { "none".to_owned() } else { some.join(", ") };
    unknown
        .map(|(symbol, timeframe)| {
            format!(
                "--cells {symbol}:{}: no bar of {symbol} came; symbols were: {some}",
                directory.timeframe_name(*timeframe)
            )
        })
        .collect()
}
