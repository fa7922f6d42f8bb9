//! What the operator is told of the input streams, in sentences. Cold.

use super::watch::Changed;
use crate::{
    engine::Dial,
    feed::streams::{Gap, Reading},
    model::{StreamId, time::Apart},
    redis_io::Link,
};

/// The state of so many cells is made of less than it should be.
#[cold]
pub(super) fn incomplete(dial: &Dial<Link>, stream: &str, cells: usize) {
    dial.incidents().note(format!(
        "warning: {stream} no longer holds all that its bars were made of: signals of {cells} cells say history=incomplete until it no longer matters"
    ));
}

/// A stream is not what it was.
#[cold]
pub(super) fn changed(dial: &Dial<Link>, stream: &str, changed: Changed) {
    dial.incidents().note(match changed {
        Changed::Gone => format!(
            "warning: {stream} is not there any more: it was deleted, and what was unread in it is lost; waiting for newer entries"
        ),
        Changed::MadeAgain => {
            format!("warning: {stream} was deleted and made again: what was unread in it is lost; its newer entries are read")
        }
    });
}

/// Entries are gone that were never read.
#[cold]
pub(super) fn lost(dial: &Dial<Link>, stream: &str, gap: &Gap) {
    let (after, before) = (gap.after, gap.before);
    dial.incidents().note(match gap.entries {
        Some(entries) => format!(
            "lost: {entries} entries of {stream} between {after} and {before} were trimmed before they were read"
        ),
        None => format!(
            "perhaps lost: entries of {stream} between {after} and {before}, which may have been removed before they were read"
        ),
    });
}

/// The server's clock has stepped by so much, ms.
#[cold]
pub(super) fn stepped(dial: &Dial<Link>, by_ms: i64) {
    dial.incidents().note(format!(
        "warning: the server's clock has stepped {}; the time that closes bars goes on as before",
        Apart(by_ms, "")
    ));
}

/// An id is further ahead of the server's own time than its clock can have drifted.
#[cold]
pub(super) fn ahead(dial: &Dial<Link>, stream: &str, id: StreamId, now: Reading, max_future_ms: i64) {
    let by_ms = i64::try_from(id.ms).unwrap_or(i64::MAX).saturating_sub(now.time_ms).saturating_sub(now.offset_ms);
    if by_ms > max_future_ms {
        dial.incidents().note(format!(
            "warning: entry {id} of {stream} is {}: its clock was set back, or a writer makes up ids; the time that closes bars does not follow it",
            Apart(by_ms, "the server's time")
        ));
    }
}
