//! Lines for the person at the terminal.

use std::io::Write;

/// Writes a line to standard error, where the results are not.
pub fn note(line: &str) {
    // Nobody is left to tell where even that cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
