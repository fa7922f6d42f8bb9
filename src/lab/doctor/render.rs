//! Renders the findings, for people and for programs.

use super::item::{Finding, Judgement, Section};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Print options.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether verdicts are coloured.
    pub colour: bool,
    /// Width of a line, characters.
    pub width: usize,
}

impl Default for Style {
    /// Options for a file.
    fn default() -> Self {
        Self { colour: false, width: 100 }
    }
}

/// Width of the columns of verdict and name.
const VERDICT: usize = 7;
const NAME: usize = 18;
/// Column where the name of an item begins, and where its text begins.
const HEAD: usize = 2 + VERDICT + 1;
const TEXT: usize = HEAD + NAME + 1;
/// Units, which stay on the line of the number before them.
const UNITS: [&str; 10] = ["ns", "µs", "ms", "s", "B", "KiB", "MiB", "GiB", "%", "→"];

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn verdict(self, verdict: Judgement) -> String {
        let code = match verdict {
            Judgement::Pass => "32",
            Judgement::Unknown => "36",
            Judgement::Warn => "33",
            Judgement::Fail => "1;31",
        };
        self.paint(code, &format!("{:<VERDICT$}", verdict.name()))
    }
}

/// Prints the items under the heads of their sections, and a count at the end.
///
/// An item that passes takes one line. Others say below it why it matters and what to do.
///
/// # Errors
/// The writer fails.
pub fn render(items: &[Finding], style: Style, out: &mut impl Write) -> io::Result<()> {
    let mut section: Option<Section> = None;
    for item in items {
        if section != Some(item.section) {
            let gap = if section.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}", style.paint("1", &item.section.to_string()))?;
            section = Some(item.section);
        }
        one(item, style, out)?;
    }
    let count = |verdict| items.iter().filter(|item| item.verdict == verdict).count();
    let counts = [Judgement::Fail, Judgement::Warn, Judgement::Unknown, Judgement::Pass]
        .map(|verdict| format!("{} {}", count(verdict), verdict.name()));
    writeln!(out, "\n{}", counts.join(", "))
}

fn one(item: &Finding, style: Style, out: &mut impl Write) -> io::Result<()> {
    write!(out, "  {} {:<NAME$} ", style.verdict(item.verdict), item.name)?;
    // A name longer than its column shifts its own text, but not the lines below.
    let used = item.name.chars().count().saturating_sub(NAME);
    let passes = item.verdict == Judgement::Pass;
    let text = if passes { item.current.clone() } else { format!("{} → {}", item.current, item.wanted) };
    paragraph(&text, TEXT + used, TEXT, style, None, out)?;
    if passes {
        return Ok(());
    }
    for (head, text) in [("why", &item.why), ("fix", &item.fix)] {
        if !text.is_empty() {
            write!(out, "{:HEAD$}", "")?;
            paragraph(&format!("{head}: {text}"), HEAD, HEAD + 5, style, Some("2"), out)?;
        }
    }
    Ok(())
}

/// Writes words until the line is full, and continues on the next line.
fn paragraph(
    text: &str,
    begin: usize,
    indent: usize,
    style: Style,
    code: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (mut line, mut column) = (String::new(), begin);
    let put = |line: &str, out: &mut dyn Write| match code {
        Some(code) => writeln!(out, "{}", style.paint(code, line)),
        None => writeln!(out, "{line}"),
    };
    for word in words(text) {
        let length = word.chars().count();
        if !line.is_empty() && column + 1 + length > style.width {
            put(&line, out)?;
            write!(out, "{:indent$}", "")?;
            line.clear();
            column = indent;
        }
        if !line.is_empty() {
            line.push(' ');
            column += 1;
        }
        line.push_str(&word);
        column += length;
    }
    put(&line, out)
}

/// The words of a text; a unit stays with its number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if UNITS.contains(&word.trim_end_matches([',', ';', ')'])) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The items as an array of objects.
#[must_use]
pub fn to_json(items: &[Finding]) -> Value {
    let object = |item: &Finding| {
        json!({
            "section": item.section.to_string(),
            "item": item.name,
            "verdict": item.verdict.name(),
            "current": item.current,
            "wanted": item.wanted,
            "why": item.why,
            "fix": item.fix,
        })
    };
    items.iter().map(object).collect()
}
