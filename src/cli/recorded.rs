//! What can be found wrong with recorded files before and after their replay.

use super::args::ReplayArgs;
use crate::{
    feed::look::Look,
    model::{Directory, Refusal, SymbolId, Timeframe, TimeframeId, WEEK_MS},
    telemetry::ReaderSnapshot,
};
use anyhow::{Result, bail};
use std::{
    fs::{self, File, Metadata},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

/// Longest chain of links to follow, as in the kernel.
const LINKS_MAX: usize = 40;

/// This many intervals, nearly all multiples of a longer one, are not by chance.
const REGULAR: usize = 100;

/// What tells one file from another, however its path is spelled.
#[derive(Debug, PartialEq)]
enum Identity {
    /// Standard output, where it is neither file nor pipe.
    Stdout,
    /// Device and number of a file or pipe that is there.
    There(u64, u64),
    /// Folder and name of a file that is not.
    New(PathBuf, PathBuf),
}

impl Identity {
    /// Where an output goes; `None` for devices, to which several may write, and for paths that will fail anyway.
    fn of_output(path: &Path) -> Option<Self> {
        if path == Path::new("-") {
            return Some(Self::of_standard(io::stdout().as_fd()).unwrap_or(Self::Stdout));
        }
        if let Ok(metadata) = fs::metadata(path) {
            return Self::there(&metadata);
        }
        // It will be created: at the target, if it is a link.
        let folder_of = |path: &Path| match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let Ok(to) = fs::read_link(&path) else {
                return Some(Self::New(folder_of(&path).canonicalize().ok()?, path.file_name()?.into()));
            };
            path = folder_of(&path).join(to);
        }
        None
    }

    /// Where an input comes from; `None` for devices and missing files.
    fn of_input(path: &Path) -> Option<Self> {
        if path == Path::new("-") {
            Self::of_standard(io::stdin().as_fd())
        } else {
            Self::there(&fs::metadata(path).ok()?)
        }
    }

    fn of_standard(stream: BorrowedFd<'_>) -> Option<Self> {
        Self::there(&File::from(stream.try_clone_to_owned().ok()?).metadata().ok()?)
    }

    fn there(metadata: &Metadata) -> Option<Self> {
        let kind = metadata.file_type();
        (kind.is_file() || kind.is_fifo()).then(|| Self::There(metadata.dev(), metadata.ino()))
    }
}

/// The path, or what is meant by `-`.
fn spoken<'a>(path: &'a Path, dash: &'a str) -> std::path::Display<'a> {
    if path == Path::new("-") { Path::new(dash) } else { path }.display()
}

/// Checks that no output is written over another, or over an input.
///
/// # Errors
/// An output would be overwritten, or overwrite an input.
pub fn files_apart(args: &ReplayArgs) -> Result<()> {
    let outputs = [
        ("--signals", &args.signals),
        ("--bars", &args.bars),
        ("--indicators", &args.indicators),
        ("--performance", &args.performance),
        ("--outcomes", &args.outcomes),
        ("--selection", &args.selection),
        ("--statistics", &args.statistics),
        ("--correlation", &args.correlation),
        ("--model", &args.model),
        ("--html", &args.html),
    ];
    let outputs: Vec<_> = outputs
        .into_iter()
        .filter_map(|(option, path)| path.as_ref().and_then(|path| Some((option, path, Identity::of_output(path)?))))
        .collect();
    for (n, (option, path, identity)) in outputs.iter().enumerate() {
        let path = spoken(path, "standard output");
        if let Some((other, ..)) = outputs[..n].iter().find(|(.., other)| other == identity) {
            bail!("{other} and {option} both write to {path}: give each a file of its own");
        }
        if let Some(input) = args.input.iter().find(|input| Identity::of_input(input).as_ref() == Some(identity)) {
            let input = spoken(input, "from standard input");
            bail!("{option} {path} would overwrite the input {input}: write elsewhere");
        }
    }
    Ok(())
}

/// What is odd about the interval of a file's bars, if what was seen of it tells.
pub fn odd_base(name: &str, look: &Look, base: Timeframe) -> Option<String> {
    let mut apart = look.apart.clone();
    apart.sort_unstable();
    let &median = apart.get(apart.len() / 2)?;
    if 2 * look.crowded > apart.len() {
        let apart = spacing(median);
        return Some(format!(
            "{name}: its bars are {apart} apart, too many for --base {base}: all but the first of each {base} will be refused"
        ));
    }
    // Weekends and nights leave some out, and a change to summer time takes an hour from a day.
    let near_multiple = |&&ms: &&i64| {
        let off = (ms % median).min(median - ms % median);
        ms > median / 2 && 10 * off <= median
    };
    let regular = apart.len() >= REGULAR && 10 * apart.iter().filter(near_multiple).count() >= 9 * apart.len();
    (regular && median > base.interval_ms()).then(|| {
        let apart = spacing(median);
        let meant = match apart.parse::<Timeframe>() {
            Ok(_) => format!("is --base {apart} meant?"),
            Err(_) => "give their timeframe as --base".to_owned(),
        };
        format!("{name}: its bars are {apart} apart, and --base {base} takes each for one of {base}: {meant}")
    })
}

/// So many ms, as a timeframe where they are one.
pub(super) fn spacing(ms: i64) -> String {
    if ms % WEEK_MS == 0 {
        return format!("{}w", ms / WEEK_MS);
    }
    let seconds = format!("{}s", ms as f64 / 1_000.0);
    seconds.parse::<Timeframe>().map_or(seconds, |timeframe| timeframe.to_string())
}

/// Reports which of the cells that the user named belong to a symbol without an accepted record.
pub fn unknown_cells(cells: &[(String, TimeframeId)], directory: &Directory) -> Vec<String> {
    const NAMED: usize = 8;
    let symbols = (0..directory.capacity()).map(|n| directory.symbol(SymbolId(n as u16)));
    let known: Vec<&str> = symbols.filter(|symbol| !symbol.is_empty()).collect();
    let why = if known.len() == directory.capacity() {
        format!("as many symbols as fit were known, {}: see limits.max_symbols", known.len())
    } else if known.is_empty() {
        "symbols were: none".to_owned()
    } else {
        let more = if known.len() > NAMED { ", …" } else { "" };
        format!("symbols were: {}{more}", known[..known.len().min(NAMED)].join(", "))
    };
    let unknown = cells.iter().filter(|(symbol, _)| !known.contains(&symbol.as_str()));
    unknown
        .map(|(symbol, timeframe)| {
            let timeframe = directory.timeframe_name(*timeframe);
            format!("--cells {symbol}:{timeframe}: no bar of {symbol} was accepted; {why}")
        })
        .collect()
}

/// No record of a replay was accepted, so that it has calculated nothing.
#[derive(Debug, thiserror::Error)]
#[error("no record was accepted: {why}")]
pub struct NothingAccepted {
    why: String,
}

impl NothingAccepted {
    /// The exit code for it.
    pub const EXIT_CODE: u8 = 3;

    /// Looks at what the reader has counted; `first` is the first refused record, for people.
    ///
    /// # Errors
    /// If nothing was accepted: why, and how to fix it.
    pub fn check(reader: &ReaderSnapshot, first: Option<&str>) -> Result<(), Self> {
        if reader.accepted > 0 {
            return Ok(());
        }
        let mut reasons = Refusal::ALL.map(|reason| (reader.refused[reason.index()], reason));
        reasons.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let (most, main) = reasons[0];
        if most == 0 {
            return Err(Self { why: "the input has none; give files with lines below the header".to_owned() });
        }
        let counts = reasons.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, reason)| format!("{} {count}", reason.name())).collect();
        let all: u64 = reader.refused.iter().sum();
        let first = first.map_or_else(String::new, |line| format!("; the first: {line}"));
        let advice = main.advice();
        Err(Self { why: format!("{all} of {all} refused ({}){first}; {advice}", counts.join(", ")) })
    }
}

/// Where most records of a replay were refused, a line that says so: the reason first.
pub fn most_refused(reader: &ReaderSnapshot, first: Option<&str>) -> Option<String> {
    let counted = |reason: &Refusal| reader.refused[reason.index()];
    let refused = Refusal::ALL.iter().filter(|reason| !reason.is_usual());
    let all: u64 = refused.clone().map(counted).sum();
    // Where all were, the replay ends with an error that says so.
    let main = refused.max_by_key(|reason| counted(reason)).filter(|_| all > reader.accepted && reader.accepted > 0)?;
    let first = first.map_or_else(String::new, |line| format!("; the first: {line}"));
    Some(format!(
        "warning: most records were refused, {all} of {}, {} of them as {}: {}{first}",
        all + reader.accepted,
        counted(main),
        main.name(),
        main.advice()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01, a Monday.
    const MONDAY: i64 = 1_704_067_200_000;
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    /// The note on bars that start at these times, of one symbol.
    fn of_one(base: &str, times: impl Iterator<Item = i64>) -> Option<String> {
        of(base, times.map(|ts| (0, ts)))
    }

    fn of(base: &str, bars: impl Iterator<Item = (usize, i64)>) -> Option<String> {
        let mut text = "ts,symbol,open,high,low,close,volume\n".to_owned();
        for (symbol, ts) in bars {
            text += &format!("{ts},S{symbol},1,1,1,1,1\n");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bars.csv");
        fs::write(&path, text).unwrap();
        let file = crate::engine::InputFile::all(&path).unwrap().remove(0);
        let base = base.parse().unwrap();
        let options = crate::feed::dialect::FileOptions::new(base);
        let mut source = file.open(&options, &std::sync::Arc::default()).unwrap().source;
        odd_base("bars.csv", &Look::at(&mut source, false).unwrap(), base)
    }

    /// Minutes after midnight of each of so many weekdays.
    fn weekdays(days: i64, minutes: impl Iterator<Item = i64> + Clone) -> impl Iterator<Item = i64> {
        let days = (0..days).filter(|day| day % 7 < 5).map(|day| MONDAY + day * DAY);
        days.flat_map(move |day| minutes.clone().map(move |minute| day + minute * MINUTE))
    }

    #[test]
    fn bars_of_the_base_are_not_remarked_on() {
        let session = (14 * 60 + 30)..21 * 60;
        assert_eq!(of_one("1m", weekdays(20, session.clone())), None);
        assert_eq!(of_one("5m", weekdays(60, session.step_by(5))), None);
        assert_eq!(of_one("1d", weekdays(700, [300].into_iter())), None);
        // 13:30 and 16:00 lie in two intervals of 4 h, though 2.5 h apart.
        assert_eq!(of_one("4h", weekdays(250, [13 * 60 + 30, 16 * 60].into_iter())), None);
        // Minutes that are stamped with their first trade.
        let jitter = |n: i64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) as u64 >> 40) as i64 % 20_000;
        assert_eq!(of_one("1m", (0..3_000).map(|n| MONDAY + n * MINUTE + jitter(n))), None);
        // A symbol that seldom trades.
        let seldom = (0..200_000).filter(|n| jitter(*n) < 60);
        assert_eq!(of_one("1m", seldom.map(|n| MONDAY + n * MINUTE)), None);
        assert_eq!(of_one("1m", [MONDAY].into_iter()), None);
    }

    #[test]
    fn bars_of_another_interval_are_remarked_on() {
        let told = |note: Option<String>, words: &[&str]| {
            let note = note.unwrap();
            assert!(words.iter().all(|word| note.contains(word)), "{note}");
        };
        told(of_one("1m", (0..500).map(|n| MONDAY + n * 1_000)), &["1s apart", "--base 1m", "will be refused"]);
        told(of_one("1d", weekdays(30, [810, 960].into_iter())), &["150m apart", "all but the first of each 1d"]);
        // Days of a market that keeps summer time.
        let summer = |day: i64| if (70..307).contains(&day) { 240 } else { 300 };
        let days = (0..1_000).filter(|day| day % 7 < 5).map(|day| MONDAY + day * DAY + summer(day) * MINUTE);
        told(of_one("1m", days.clone()), &["1d apart", "--base 1m", "is --base 1d meant?"]);
        told(of_one("1h", days), &["is --base 1d meant?"]);
        told(of_one("1m", weekdays(60, (870..1_260).step_by(5))), &["is --base 5m meant?"]);
        told(of_one("1d", (0..150).map(|n| MONDAY + n * 7 * DAY)), &["is --base 1w meant?"]);
        // By time, more symbols than intervals are looked at.
        let many = (0..3).flat_map(|day| (0..5_000).map(move |symbol| (symbol, MONDAY + day * DAY)));
        told(of("1m", many), &["is --base 1d meant?"]);
        // No timeframe.
        told(of_one("1s", (0..500).map(|n| MONDAY + n * 1_500)), &["1.5s apart", "give their timeframe as --base"]);
    }
}
