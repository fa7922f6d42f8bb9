//! `inspect`: what files of recorded bars are, and what is odd about them.

use super::args::InspectArgs;
use crate::{
    config::Prices,
    engine::InputFile,
    feed::{
        dialect::FileOptions,
        look::{Look, grouped},
    },
    model::{Refusal, Timeframe, time::Iso8601},
};
use anyhow::{Context, Result};
use std::{io::Write, sync::Arc, sync::atomic::AtomicBool};

/// The base until the distances between bars are known.
const MINUTE: &str = "1m";
/// Ratios of splits, with some room for the day's own change.
const SPLITS: [f64; 12] = [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0];
const SPLIT_ROOM: f64 = 0.08;

/// Says of each file what it is and what is odd about it, on standard output.
///
/// # Errors
/// A file that cannot be read or is not understood, after what was to be said of those before it.
pub fn inspect(args: &InspectArgs) -> Result<()> {
    let stop = Arc::default();
    let mut out = std::io::stdout().lock();
    for path in &args.input {
        for file in InputFile::all(path)? {
            for line in lines(&file, args, &stop)? {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

fn lines(file: &InputFile, args: &InspectArgs, stop: &Arc<AtomicBool>) -> Result<Vec<String>> {
    let base = match args.base {
        Some(base) => base,
        None => guessed_base(file, args, stop)?,
    };
    let mut source = file.open(&args.files.options(base, Prices::Positive), stop)?.source;
    let look = Look::at(&mut source, true)?;
    let mut lines = vec![look.understood(file.name(), &source)];
    lines.extend(odd(&look, base).into_iter().map(|line| format!("  {line}")));
    Ok(lines)
}

/// How far apart the bars mostly are, where that is a timeframe.
fn guessed_base(file: &InputFile, args: &InspectArgs, stop: &Arc<AtomicBool>) -> Result<Timeframe> {
    let minute: Timeframe = MINUTE.parse()?;
    if file.is_live() {
        return Ok(minute);
    }
    let options: FileOptions = args.files.options(minute, Prices::Positive);
    let mut source = file.open(&options, stop)?.source;
    let spacing = Look::at(&mut source, false).with_context(|| file.name().to_owned())?.spacing_ms();
    Ok(spacing.and_then(|ms| super::recorded::spacing(ms).parse().ok()).unwrap_or(minute))
}

/// What is odd, a line each.
fn odd(look: &Look, base: Timeframe) -> Vec<String> {
    let mut lines = Vec::new();
    for (reason, line, text) in &look.examples {
        let count = grouped(look.refused[reason.index()]);
        let what = if *reason == Refusal::NoTrade { "left out" } else { "refused" };
        lines.push(format!(
            "{what} ({}) {count}, the first in line {line}: {text}; {}",
            reason.name(),
            reason.advice()
        ));
    }
    if look.duplicates > 0 {
        lines.push(format!("bars of the same {base} as the one before of their symbol: {}", grouped(look.duplicates)));
    }
    if look.zero_volume > 0 {
        lines.push(format!("bars without volume: {}", grouped(look.zero_volume)));
    }
    if let Some(gap) = look.longest_gap.as_ref().filter(|_| look.gaps > 0) {
        let hours = gap.ms as f64 / 3_600_000.0;
        let length = if hours < 48.0 { format!("{hours:.1} hours") } else { format!("{:.1} days", hours / 24.0) };
        lines.push(format!(
            "gaps of more than ten bars: {}; the longest {length}, of {} after {}",
            grouped(look.gaps),
            gap.symbol,
            Iso8601(gap.after)
        ));
    }
    for jump in &look.jumps.0 {
        lines.push(format!(
            "the close of {} is {:.4} of the one before at {}{}",
            jump.symbol,
            jump.ratio,
            Iso8601(jump.ts),
            split(jump.ratio)
        ));
    }
    let more = look.jumps.1 - look.jumps.0.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more such jumps", grouped(more)));
    }
    lines
}

/// Whether a change of price looks like that of a split, in words.
fn split(ratio: f64) -> String {
    let (factor, reverse) = if ratio < 1.0 { (ratio.recip(), false) } else { (ratio, true) };
    let near = SPLITS.into_iter().find(|split| (factor / split - 1.0).abs() < SPLIT_ROOM);
    match (near, reverse) {
        (None, _) => String::new(),
        (Some(split), false) => format!(": a split of {split}:1 that the prices were not adjusted for?"),
        (Some(split), true) => format!(": a reverse split of 1:{split} that the prices were not adjusted for?"),
    }
}
