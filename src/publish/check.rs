//! Checks the types of the keys before anything is written: a command on a key of another type fails, while the rest of
//! its batch is committed.

use super::names::OutputNames;
use crate::model::{Directory, Roster, TimeframeId};
use crate::redis_io::{Link, LinkError, ServerErrorKind};
use redis::Cmd;

/// Checks that every output stream is a stream or absent, and the position a hash or absent; blocks, at start. The keys
/// of latest values may have any type: `SET` replaces them.
///
/// # Errors
///
/// [`LinkError::Server`] of kind [`ServerErrorKind::WrongType`] names the key; else the link failed.
pub fn check_outputs(
    link: &mut Link,
    names: &OutputNames,
    directory: &Directory,
    position_key: &str,
) -> Result<(), LinkError> {
    for stream in [&names.signals, &names.calculation_events, &names.alerts, &names.dead_letter] {
        check_key(link, &stream.name, "stream")?;
    }
    for index in 0..directory.timeframes().len() {
        check_key(link, &names.bars.named(directory.timeframe_name(TimeframeId::new(index))), "stream")?;
    }
    check_key(link, position_key, "hash")
}

/// Checks the same of what is written where the worth of the signals is followed: the switches a stream, the figures hashes.
///
/// # Errors
///
/// As for [`check_outputs`].
pub fn check_performance(
    link: &mut Link,
    names: &OutputNames,
    directory: &Directory,
    roster: &Roster,
) -> Result<(), LinkError> {
    check_key(link, &names.selection.name, "stream")?;
    for index in 0..directory.timeframes().len() {
        for strategy in roster.iter() {
            let mut key = Vec::new();
            names.performance.push(&mut key, [directory.timeframe_name(TimeframeId::new(index)), strategy.name()]);
            check_key(link, &String::from_utf8_lossy(&key), "hash")?;
        }
    }
    Ok(())
}

/// Checks that a key has the type `wanted` or is absent; blocks, at start.
///
/// # Errors
///
/// [`LinkError::Server`] of kind [`ServerErrorKind::WrongType`] names the key; else the link failed.
pub fn check_key(link: &mut Link, key: &str, wanted: &str) -> Result<(), LinkError> {
    let found: String = link.ask(&Cmd::key_type(key))?;
    if found == wanted || found == "none" {
        return Ok(());
    }
    Err(LinkError::Server {
        address: link.address().to_owned(),
        what: "TYPE".to_owned(),
        kind: ServerErrorKind::WrongType,
        text: format!("{key:?} holds a {found}, not a {wanted}"),
    })
}
