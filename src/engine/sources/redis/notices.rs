//! What the operator is told of the input streams, in sentences. Cold.

use crate::{engine::Dial, feed::streams::Gap, redis_io::Link};

/// The state of so many cells is made of less than it should be.
#[cold]
pub(super) fn incomplete(dial: &Dial<Link>, stream: &str, cells: usize) {
    dial.incidents().note(format!(
        "warning: {stream} no longer holds all that its bars were made of: signals of {cells} cells say history=incomplete until it no longer matters"
    ));
}

/// Entries are gone that were never read.
#[cold]
pub(super) fn lost(dial: &Dial<Link>, stream: &str, gap: &Gap) {
    let entries = gap.entries.map_or("an unknown number of".to_owned(), |n| n.to_string());
    let (after, before) = (gap.after, gap.before);
    dial.incidents().note(format!(
        "lost: {entries} entries of {stream} between {after} and {before} were trimmed before they were read"
    ));
}

/// The server's clock has stepped by so much, µs; 0 where it agrees again.
#[cold]
pub(super) fn stepped(dial: &Dial<Link>, by_us: i64) {
    dial.incidents().note(if by_us == 0 {
        "the server's clock agrees again with the time that closes bars".to_owned()
    } else {
        let seconds = by_us as f64 / 1e6;
        format!("the server's clock has stepped by {seconds:.1} s; bars close by the time before, carried on")
    });
}
