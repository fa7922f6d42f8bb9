//! What is wrong with an expression, and where.

use std::{fmt, ops::Range};

/// Characters of an expression that are shown on either side of a fault.
const AROUND: usize = 60;

/// A fault of an expression, with the place in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionFault {
    /// Bytes of the text that it concerns.
    pub at: Range<usize>,
    /// What was found, and what is allowed.
    pub problem: String,
}

impl ExpressionFault {
    pub(super) fn new(at: Range<usize>, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }

    /// The problem, and below it the text with a caret under what it concerns.
    #[must_use]
    pub fn shown_in<'a>(&'a self, text: &'a str) -> impl fmt::Display + 'a {
        Shown { fault: self, text }
    }
}

struct Shown<'a> {
    fault: &'a ExpressionFault,
    text: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, at) = (self.text, &self.fault.at);
        let (start, end) = (floor(text, at.start), floor(text, at.end.max(at.start)));
        let before: Vec<char> = text[..start].chars().collect();
        let inside: Vec<char> = text[start..end].chars().take(AROUND).collect();
        let after: Vec<char> = text[start..].chars().skip(inside.len()).collect();
        let (cut, more) = (before.len().saturating_sub(AROUND), after.len() > AROUND);
        let line: String = before[cut..].iter().chain(&inside).chain(after.iter().take(AROUND)).map(visible).collect();
        let (dots, end) = (if cut > 0 { "…" } else { "" }, if more { "…" } else { "" });
        let indent = " ".repeat(dots.chars().count() + before.len() - cut);
        write!(f, "{}\n    {dots}{line}{end}\n    {indent}{}", self.fault.problem, "^".repeat(inside.len().max(1)))
    }
}

/// What takes one place in a line.
fn visible(c: &char) -> char {
    if c.is_whitespace() || c.is_control() { ' ' } else { *c }
}

/// The beginning of the character at a byte, or the end of the text.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_fault() {
        let show = |at, text: &str| ExpressionFault::new(at, "what").shown_in(text).to_string();
        assert_eq!(show(4..7, "1 + foo"), "what\n    1 + foo\n        ^^^");
        assert_eq!(show(3..3, "1 +"), "what\n    1 +\n       ^");
        assert_eq!(show(3..6, "ä\n€ §"), "what\n    ä € §\n      ^");
        let long = show(200..203, &("x".repeat(200) + "bad" + &"y".repeat(200)));
        let lines: Vec<&str> = long.lines().collect();
        assert_eq!(lines[1], format!("    …{}bad{}…", "x".repeat(60), "y".repeat(60)));
        assert_eq!(lines[2].find('^'), lines[1].find("bad").map(|at| at - '…'.len_utf8() + 1));
    }
}
