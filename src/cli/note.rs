//! Lines for the person at the terminal, and errors in one.

use super::log::{LogLine, log};

/// Writes a line to standard error, where the results are not. What stands before it (`warning: `) says how bad it is.
pub fn note(line: &str) {
    log(&LogLine::of(line));
}

/// An error with its causes, but for those that it has told already.
#[must_use]
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
