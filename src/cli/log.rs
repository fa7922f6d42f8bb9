//! Lines of the log: time, level, where from, code, and the ids that tie a line to what is published; as text or JSON. A code
//! that comes too often is counted instead. Never called on the hot path: agents pass plain events on.
#![allow(clippy::disallowed_types, reason = "lines for people, off the hot path")]

use crate::{
    config::{LogFormat, LogLevel},
    model::time::Iso8601,
};
use serde_json::{Map, Value};
use std::{
    cell::Cell,
    collections::HashMap,
    fmt::Write as _,
    io::{IsTerminal as _, Write as _, stderr},
    os::fd::AsFd as _,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Lines of a code in [`WINDOW`]; further ones are counted.
const LINES_MAX: u64 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// How bad it is.
    pub level: LogLevel,
    /// What it is about: a part of the engine.
    pub target: &'a str,
    /// Its kind: a name that stays the same.
    pub code: &'a str,
    /// What ties it to other lines and to what is published.
    pub ids: &'a [(&'a str, &'a str)],
    /// For people.
    pub text: &'a str,
}

impl<'a> LogLine<'a> {
    /// A line as the commands write it: what stands before it says how bad it is.
    pub fn of(text: &'a str) -> Self {
        let (level, text) = [("error: ", LogLevel::Error), ("warning: ", LogLevel::Warn)]
            .iter()
            .find_map(|(word, level)| Some((*level, text.strip_prefix(word)?)))
            .unwrap_or((LogLevel::Info, text));
        let (target, code) = if level == LogLevel::Error { ("engine", "failure") } else { ("engine", "note") };
        Self { level, target, code, ids: &[], text }
    }

    /// As it is written, without the line feed.
    fn format(&self, style: Style, now_ms: i64, suppressed: u64) -> String {
        let suppressed = (suppressed > 0).then(|| ("suppressed", suppressed.to_string()));
        let ids = || self.ids.iter().copied().chain(suppressed.iter().map(|(name, text)| (*name, text.as_str())));
        let mut line = match style {
            Style::Plain => {
                let word = match self.level {
                    LogLevel::Error => "error: ",
                    LogLevel::Warn => "warning: ",
                    LogLevel::Info | LogLevel::Debug => "",
                };
                let suppressed =
                    suppressed.as_ref().map_or_else(String::new, |(_, n)| format!(" (and {n} more like it)"));
                return format!("{word}{}{suppressed}", self.text);
            }
            Style::Json => {
                let mut all = Map::new();
                let words = [
                    ("time", time(now_ms)),
                    ("level", self.level.name().to_owned()),
                    ("target", self.target.to_owned()),
                    ("code", self.code.to_owned()),
                    ("message", self.text.to_owned()),
                ];
                all.extend(words.map(|(name, text)| (name.to_owned(), Value::from(text))));
                all.extend(ids().map(|(name, text)| (name.to_owned(), Value::from(text))));
                return Value::Object(all).to_string();
            }
            Style::Text => format!("{} {:<5} ", time(now_ms), self.level.name()),
            // The journal keeps the time itself.
            Style::Journal => format!("<{}>", self.level.priority()),
        };
        // Writing into a text cannot fail.
        let _ = write!(line, "{}[{}] {}", self.target, self.code, self.text);
        for (name, text) in ids() {
            let quoted = text.contains([' ', '"']) || text.is_empty();
            let _ = if quoted { write!(line, " {name}={text:?}") } else { write!(line, " {name}={text}") };
        }
        // A further line would have no priority of its own.
        if style == Style::Journal { line.replace('\n', " ⏎ ") } else { line }
    }
}

/// A Unix time, ms, as text of a steady length.
fn time(ms: i64) -> String {
    format!("{}.{:03}Z", Iso8601(ms - ms.rem_euclid(1_000)), ms.rem_euclid(1_000))
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// The text alone, for a person at a terminal.
    Plain,
    /// With time, level, target and code.
    Text,
    /// The same with a priority instead of time and level.
    Journal,
    /// An object.
    Json,
}

#[derive(Debug)]
struct Log {
    style: Style,
    level: LogLevel,
    /// By code: when its window began, its lines in it, and those not shown.
    codes: HashMap<String, (Instant, u64, u64)>,
}

static LOG: LazyLock<Mutex<Log>> =
    LazyLock::new(|| Mutex::new(Log { style: Style::Plain, level: LogLevel::Info, codes: HashMap::new() }));

thread_local! {
    static PARTITION: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The lines of this thread are about the engine of this partition, beside others of this process.
pub fn of_partition(partition: usize) {
    PARTITION.set(Some(partition));
}

/// Whose engine the lines of this thread are about, where there are several.
pub fn partition() -> Option<usize> {
    PARTITION.get()
}

impl Log {
    /// How many lines of a code were not shown, where one is shown now.
    fn admits(&mut self, code: &str, now: Instant) -> Option<u64> {
        if code == "note" || code == "failure" {
            return Some(0);
        }
        if self.codes.len() > 1_000 {
            self.codes.clear();
        }
        let (begun, lines, suppressed) = self.codes.entry(code.to_owned()).or_insert((now, 0, 0));
        if now.duration_since(*begun) >= WINDOW {
            (*begun, *lines) = (now, 0);
        }
        *lines += 1;
        if *lines <= LINES_MAX {
            return Some(std::mem::take(suppressed));
        }
        *suppressed += 1;
        None
    }
}

/// Sets how lines are written from now on. `Auto` is plain on a terminal, with priorities where the journal reads, else text.
pub fn set(format: LogFormat, level: LogLevel) {
    let style = match format {
        LogFormat::Plain => Style::Plain,
        LogFormat::Text => Style::Text,
        LogFormat::Json => Style::Json,
        LogFormat::Auto if reaches_journal() => Style::Journal,
        LogFormat::Auto if stderr().is_terminal() => Style::Plain,
        LogFormat::Auto => Style::Text,
    };
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    (log.style, log.level) = (style, level);
}

/// Whether standard error goes to the journal: systemd says which socket that is.
fn reaches_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stat) = rustix::fs::fstat(stderr().as_fd()) else { return false };
    named == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// Writes a line, unless it is not wanted or has come too often.
pub fn log(line: &LogLine<'_>) {
    let (style, suppressed) = {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        if line.level > log.level {
            return;
        }
        let Some(suppressed) = log.admits(line.code, Instant::now()) else { return };
        (log.style, suppressed)
    };
    let own = partition().map(|partition| format!("partition {partition}: {}", line.text));
    let line = LogLine { text: own.as_deref().unwrap_or(line.text), ..*line };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = line.format(style, i64::try_from(since.as_millis()).unwrap_or(i64::MAX), suppressed);
    // If this cannot be written either, no one is left to tell.
    let _ = writeln!(stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: LogLine<'_> = LogLine {
        level: LogLevel::Warn,
        target: "reader",
        code: "record_refused",
        ids: &[("source_id", "1-0"), ("name", "a b")],
        text: "refused (late): \"x\"\ny",
    };

    #[test]
    fn a_line_is_for_people_for_the_journal_or_for_programs() {
        assert_eq!(LINE.format(Style::Plain, 0, 3), "warning: refused (late): \"x\"\ny (and 3 more like it)");
        let text = LINE.format(Style::Text, 1_751_985_000_123, 0);
        assert_eq!(
            text,
            "2025-07-08T14:30:00.123Z warn  reader[record_refused] refused (late): \"x\"\ny source_id=1-0 name=\"a b\""
        );
        let journal = LINE.format(Style::Journal, 0, 0);
        assert!(journal.starts_with("<4>reader[record_refused] ") && !journal.contains('\n'), "{journal}");
        let json: Value = serde_json::from_str(&LINE.format(Style::Json, 0, 7)).unwrap();
        assert_eq!((json["level"].as_str(), json["source_id"].as_str()), (Some("warn"), Some("1-0")));
        assert_eq!((json["suppressed"].as_str(), json["message"].as_str()), (Some("7"), Some(LINE.text)));
        assert_eq!(LogLine::of("warning: x").level, LogLevel::Warn);
        assert_eq!((LogLine::of("x").text, LogLine::of("note: x").text), ("x", "note: x"));
    }

    #[test]
    fn what_comes_too_often_is_counted() {
        let mut log = Log { style: Style::Plain, level: LogLevel::Info, codes: HashMap::new() };
        let start = Instant::now();
        let shown = (0..1_000).filter(|_| log.admits("refused", start).is_some()).count();
        assert_eq!(shown as u64, LINES_MAX);
        assert_eq!(log.admits("other", start), Some(0));
        assert_eq!(log.admits("refused", start + WINDOW), Some(1_000 - LINES_MAX));
        assert_eq!(log.admits("refused", start + WINDOW), Some(0));
    }
}
