//! A look at the keys before anything is written: a batch that meets a key of another type is committed without it.

use super::names::OutputNames;
use crate::model::{Directory, TimeframeId};
use crate::redis_io::{Link, LinkError, ServerErrorKind};
use redis::Cmd;

/// Makes sure that every stream to be written is a stream or absent, and the position a hash or absent; blocks, at
/// start. The keys of latest values take any type's place.
///
/// # Errors
///
/// [`LinkError::Server`] of kind [`ServerErrorKind::WrongType`] names the key; others as [`Link::ask`] has them.
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
        let key = names.bars.name.clone() + directory.timeframe_name(TimeframeId::new(index));
        check_key(link, &key, "stream")?;
    }
    check_key(link, position_key, "hash")
}

/// Makes sure that a key holds what is wanted of it or is absent; blocks, at start.
///
/// # Errors
///
/// Those of [`check_outputs`].
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
