//! The map from symbols to partitions in the server: written by the first start, and the same for everybody since. Blocks.

use super::redis::Server;
use crate::{
    config::{Config, PartitionMap},
    redis_io::{Link, LinkError, ServerErrorKind},
};
use anyhow::{Context, Result};
use redis::{Cmd, ExistenceCheck, SetOptions};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The symbols are divided otherwise than the configuration says.
#[derive(Debug, thiserror::Error)]
#[error(
    "partitions.count is {asked}, but {key} says {found}: the number of partitions is for the life of the streams, because every \
     symbol would have another place. Set partitions.count = {found}{rest}"
)]
pub struct OtherPartitions {
    key: String,
    asked: usize,
    found: usize,
    rest: &'static str,
}

/// The map that everybody goes by; where there is none yet, one of the configuration's number of partitions is written.
///
/// # Errors
/// [`OtherPartitions`]; a server that is gone or refuses, a key that holds something else.
pub fn agreed(server: &Server<'_>, config: &Config) -> Result<PartitionMap> {
    let (key, count) = (config.output.keys.partitions_key(), config.partitions.count);
    let mut link = server.connect_for("start", &key)?;
    loop {
        let Some(found) = read(&mut link, &key, count)? else {
            let map = PartitionMap::new(count);
            if count == 1 {
                return Ok(map);
            }
            let once = SetOptions::default().conditional_set(ExistenceCheck::NX);
            link.ask::<()>(&Cmd::set_options(&key, to_json(&map).to_string(), once))?;
            continue;
        };
        if found.count == count {
            return Ok(found);
        }
        let rest = if count == 1 {
            ""
        } else {
            ", or begin anew under another output.keys.prefix and with other names of streams"
        };
        return Err(OtherPartitions { key, asked: count, found: found.count, rest }.into());
    }
}

/// The map in the server, if there is one.
fn read(link: &mut Link, key: &str, count: usize) -> Result<Option<PartitionMap>> {
    let text: Option<String> = match link.ask(&Cmd::get(key)) {
        // Without partitions an account need not have a right to it.
        Err(LinkError::Server { kind: ServerErrorKind::NoPerm, .. }) if count == 1 => None,
        other => other?,
    };
    let Some(text) = text else { return Ok(None) };
    let map = serde_json::from_str(&text).ok().as_ref().and_then(from_json);
    map.map(Some).with_context(|| {
        format!("{key} holds no map of partitions that this version knows; where another program has written it, give output.keys.partitions another name")
    })
}

/// The map as it is written.
fn to_json(map: &PartitionMap) -> Value {
    json!({
        "version": map.version,
        "count": map.count,
        "method": PartitionMap::METHOD,
        "tags": map.tags(),
        "overrides": map.overrides,
    })
}

/// The map that was written, if it is one of this method and holds in itself.
fn from_json(value: &Value) -> Option<PartitionMap> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let count = number(&value["count"]).filter(|&count| count > 0)?;
    let place = |(symbol, partition): (&String, &Value)| {
        Some((symbol.clone(), number(partition).filter(|&partition| partition < count)?))
    };
    let overrides: Option<BTreeMap<String, usize>> = value["overrides"].as_object()?.iter().map(place).collect();
    let map = PartitionMap { version: value["version"].as_u64()?, count, overrides: overrides? };
    let same = value["method"] == PartitionMap::METHOD && value["tags"] == json!(map.tags());
    same.then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let mut map = PartitionMap::new(4);
        map.overrides.insert("SPY".to_owned(), 3);
        let written = to_json(&map);
        assert_eq!(from_json(&written), Some(map));
        for (name, value) in [
            ("method", json!("crc32")),
            ("count", json!(0)),
            ("count", json!(5)),
            ("tags", json!(["0"])),
            ("overrides", json!({ "SPY": 4 })),
            ("version", json!("1")),
        ] {
            let mut other = written.clone();
            other[name] = value.clone();
            assert_eq!(from_json(&other), None, "{name}: {value}");
        }
        assert_eq!(from_json(&json!("x")), None);
    }
}
