//! A look at the keys before anything is written: a batch that meets a key of another type is committed without it.

use super::names::OutputNames;
use crate::model::{Directory, TimeframeId};
use crate::redis_io::{Command, Link, LinkError, ServerErrorKind};
use std::time::Duration;

/// Makes sure that every stream to be written is a stream or absent, and the position a hash or absent; blocks, at
/// start. The keys of latest values take any type's place.
///
/// # Errors
///
/// [`LinkError::Server`] of kind [`ServerErrorKind::WrongType`] names the key; others as [`Link::request`] has them.
pub fn check_outputs(
    link: &mut Link,
    names: &OutputNames,
    directory: &Directory,
    position_key: &str,
    timeout: Duration,
) -> Result<(), LinkError> {
    for stream in [&names.signals, &names.calculation_events, &names.alerts, &names.dead_letter] {
        check_key(link, &stream.name, "stream", timeout)?;
    }
    for index in 0..directory.timeframes().len() {
        let key = names.bars.name.clone() + directory.timeframe_name(TimeframeId::new(index));
        check_key(link, &key, "stream", timeout)?;
    }
    check_key(link, position_key, "hash", timeout)
}

/// Makes sure that a key holds what is wanted of it or is absent; blocks, at start.
///
/// # Errors
///
/// Those of [`check_outputs`].
pub fn check_key(link: &mut Link, key: &str, wanted: &str, timeout: Duration) -> Result<(), LinkError> {
    let reply = link.request("TYPE", timeout, |out| {
        Command::new(out, 2).arg("TYPE").arg(key);
    })?;
    let found = reply.text().unwrap_or_default();
    if found == wanted || found == "none" {
        return Ok(());
    }
    let text = format!("{key:?} holds a {found}, not a {wanted}");
    Err(LinkError::Server { address: link.address().to_owned(), what: "TYPE", kind: ServerErrorKind::WrongType, text })
}
