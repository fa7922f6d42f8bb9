//! The last good documents of the configuration: kept in the server without a lifetime and in the state directory, numbered,
//! with the place in the input from which each change counts. Blocks.

use super::redis::{Position, Server};
use crate::{
    config::{Config, Layer, SnapshotStore, decode_document},
    publish::Lease,
    redis_io::Link,
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, Value, cmd};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Changes that are kept, approximately.
const CHANGES: u64 = 1_000;
/// The field of the documents' number.
const NUMBER: &str = "number";
/// What stands before a document's key in a field.
const DOCUMENT: &str = "document:";

/// Documents by key, as plain text: what two writers of the same content may do differently is not in them.
pub type Documents = BTreeMap<String, Vec<u8>>;

/// The last good documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// How many changes there have been.
    pub number: u64,
    /// The documents.
    pub documents: Documents,
}

/// What a document says, without when it was written; what cannot be read is as it is.
pub fn plain(bytes: &[u8]) -> Vec<u8> {
    match decode_document(bytes) {
        Ok((_, mut value)) => {
            strip(&mut value);
            format!("JSON:{value}").into_bytes()
        }
        Err(_) => bytes.to_vec(),
    }
}

fn strip(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(list) => list.iter_mut().for_each(strip),
        serde_json::Value::Object(map) => {
            map.shift_remove("last_updated");
            map.values_mut().for_each(strip);
        }
        _ => {}
    }
}

/// The documents of layers, in plain text.
pub fn documents(layers: &[Layer]) -> Documents {
    let document = |layer: &Layer| match layer {
        Layer::Document { key, bytes } => Some((key.clone(), plain(bytes))),
        _ => None,
    };
    layers.iter().filter_map(document).collect()
}

/// Adds the kept documents that are missing among those found; their keys.
pub fn complete(layers: &mut Vec<Layer>, kept: &Documents, order: &[String]) -> Vec<String> {
    let found = documents(layers);
    let missing: Vec<String> = kept.keys().filter(|key| !found.contains_key(*key)).cloned().collect();
    layers.extend(missing.iter().map(|key| Layer::Document { key: key.clone(), bytes: kept[key].clone() }));
    // Of what two of them say, the later counts.
    layers.sort_by_key(|layer| match layer {
        Layer::Document { key, .. } => order.iter().position(|name| name == key),
        _ => None,
    });
    missing
}

impl Kept {
    /// Reads what the server keeps, or the state directory where the server has nothing.
    ///
    /// # Errors
    /// The server is gone or refuses.
    pub fn read(config: &Config, link: &mut Link) -> Result<Self> {
        let fields: BTreeMap<String, Vec<u8>> = link.ask(&Cmd::hgetall(key(config)))?;
        let number = fields.get(NUMBER).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let Some(number) = number else { return Ok(Self::of_file(config).unwrap_or_default()) };
        let document = |(field, bytes): (String, Vec<u8>)| Some((field.strip_prefix(DOCUMENT)?.to_owned(), bytes));
        Ok(Self { number, documents: fields.into_iter().filter_map(document).collect() })
    }

    fn of_file(config: &Config) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(&fs::read(file(config)?).ok()?).ok()?;
        let document = |(key, text): (&String, &serde_json::Value)| Some((key.clone(), text.as_str()?.into()));
        let documents = value["documents"].as_object()?.iter().filter_map(document).collect();
        Some(Self { number: value[NUMBER].as_u64()?, documents })
    }

    /// Writes the file in one step.
    fn to_file(&self, config: &Config) -> Result<()> {
        let Some(path) = file(config) else { return Ok(()) };
        let text =
            |(key, bytes): (&String, &Vec<u8>)| (key.clone(), String::from_utf8_lossy(bytes).into_owned().into());
        let documents: serde_json::Map<String, serde_json::Value> = self.documents.iter().map(text).collect();
        let value = serde_json::json!({ NUMBER: self.number, "documents": documents });
        let draft = path.with_extension("draft");
        fs::write(&draft, value.to_string()).and_then(|()| fs::rename(&draft, &path))?;
        Ok(())
    }
}

/// Commits documents that differ from the kept ones as the next change, with the position from which they count; what there
/// is to say.
///
/// # Errors
/// The server is gone or refuses, or the lease was lost.
pub fn commit(
    server: &Server<'_>,
    config: &Config,
    lease: &Lease,
    position: &Position,
    documents: &Documents,
) -> Result<Vec<String>> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let mut link = server.connect("start")?;
    let kept = Kept::read(config, &mut link)?;
    if kept.documents == *documents && link.ask::<Option<String>>(&Cmd::hget(key(config), NUMBER))?.is_some() {
        return Ok(Vec::new());
    }
    let changed = kept.documents != *documents;
    let next = Kept { number: kept.number + u64::from(changed), documents: documents.clone() };
    let places = config.input.streams.iter().zip(&position.streams);
    let places: Vec<(String, String)> =
        places.map(|(stream, start)| (stream.name.clone(), start.published.to_string())).collect();
    let number = next.number.to_string();
    let fields = |change: bool| {
        let mut fields = vec![(NUMBER.to_owned(), number.clone().into_bytes())];
        fields.extend(documents.iter().map(|(key, bytes)| (format!("{DOCUMENT}{key}"), bytes.clone())));
        if change {
            fields.extend(places.iter().map(|(stream, id)| (format!("position:{stream}"), id.clone().into_bytes())));
        }
        fields
    };
    lease.confirm(&mut link)?;
    link.ask::<()>(&cmd("MULTI"))?;
    link.ask::<()>(cmd("HSET").arg(key(config)).arg(&fields(false)[..]))?;
    if changed {
        let maxlen = redis::streams::StreamMaxlen::Approx(CHANGES as usize);
        link.ask::<()>(&Cmd::xadd_maxlen(changes(config), maxlen, "*", &fields(true)))?;
    }
    if link.ask::<Value>(&cmd("EXEC"))? == Value::Nil {
        bail!("the lease {} was lost while a change of the configuration was committed", lease.spec.key);
    }
    next.to_file(config).with_context(|| "keeping the documents in state.dir")?;
    let at: Vec<String> = places.iter().map(|(stream, id)| format!("{id} of {stream}")).collect();
    Ok(if changed {
        vec![format!("configuration: change {number} counts behind {}", at.join(", "))]
    } else {
        Vec::new()
    })
}

/// The documents have changed since they were read.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has changed while this engine stood by: it starts again with what is said now")]
pub struct ReadAgain;

/// The number of the last change.
///
/// # Errors
/// The server is gone or refuses.
pub fn number(server: &Server<'_>, config: &Config) -> Result<u64> {
    if !config.redis.config_from_redis {
        return Ok(0);
    }
    Ok(Kept::read(config, &mut server.connect("start")?)?.number)
}

/// Makes sure that nobody has committed another change than this, which was the last before a wait for the lease; where
/// somebody has, the lease is given up again.
///
/// # Errors
/// [`ReadAgain`]; the server is gone or refuses.
pub fn unchanged(server: &Server<'_>, config: &Config, lease: &Lease, change: u64) -> Result<()> {
    if number(server, config)? == change {
        return Ok(());
    }
    let mut link = server.connect("start")?;
    lease.confirm(&mut link)?;
    let timeout = link.reply_timeout();
    lease.give_up(&mut link, timeout)?;
    Err(ReadAgain.into())
}

/// The key of the documents.
pub fn key(config: &Config) -> String {
    config.output.keys.config_key(&config.engine.name)
}

/// The stream of their changes.
fn changes(config: &Config) -> String {
    format!("{}:changes", key(config))
}

fn file(config: &Config) -> Option<PathBuf> {
    let own = config.state.store == SnapshotStore::Directory && !config.state.dir.is_empty();
    own.then(|| PathBuf::from(&config.state.dir).join(format!("{}.documents.json", config.engine.name)))
}
