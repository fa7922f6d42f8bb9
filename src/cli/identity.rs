//! At the start: whether what is there is what this engine left. Blocks.
//!
//! A position says what has been written. Where it is gone though snapshots or the mark of a commit are there,
//! everything would be written twice; where a stream is another one than before, entries would be waited for in vain,
//! or be lost without a word. An engine that sees such a thing does not start unless it is told how.

use super::{
    operations::config_version,
    redis::{Position, Server, first_field},
};
use crate::{
    config::{Config, Plan},
    engine::ENTRIES,
    feed::streams::StreamStart,
    model::StreamId,
    publish::Lease,
    redis_io::{Another, Link, LinkError, Remembered, ServerErrorKind, StreamInfo},
    runtime::HostTime,
    state::Store,
};
use anyhow::{Result, bail};
use redis::{Cmd, InfoDict, Value, cmd};
use std::{fmt, path::Path};

/// How a start goes on where something is not as it was left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accept {
    /// Takes what is in question as new.
    pub loss: bool,
    /// Takes it as published up to this entry.
    pub from: Option<StreamId>,
}

/// What was found, and what the position is to remember.
#[derive(Debug, Default)]
pub struct Found {
    /// Notes about it, one line each.
    pub lines: Vec<String>,
    /// Further fields of the position.
    pub stamp: Vec<(String, String)>,
}

/// What is written beside the position, by name: which program and which configuration it is of, and its identity.
pub fn stamp(plan: &Plan, origin: u64) -> Vec<(String, String)> {
    let texts = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("config", config_version(plan)),
        ("origin", format!("{origin:016x}")),
        ("boot", HostTime::boot()),
    ];
    texts.map(|(name, text)| (name.to_owned(), text)).into()
}

/// What is there is not what this engine left.
#[derive(Debug, thiserror::Error)]
pub struct NotAsLeft {
    signs: Vec<String>,
    server: String,
}

impl fmt::Display for NotAsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what is there is not what this engine left:")?;
        self.signs.iter().try_for_each(|sign| write!(f, "\n  - {sign}"))?;
        write!(
            f,
            "\n  {}\nIt does not go on by itself, because signals would be lost or written twice. Where it is as it should \
             be, start it once with --accept-loss, which reads what is in question from input.start on as new input, or \
             with --from ID, which publishes only what comes behind that entry",
            self.server
        )
    }
}

/// Compares what is there with what was left, and mends the position as far as that is accepted.
///
/// # Errors
/// [`NotAsLeft`]; a server that is gone or refuses.
pub fn compare(
    server: &Server<'_>,
    config: &Config,
    lease: &Lease,
    position: &mut Position,
    accept: Accept,
) -> Result<Found> {
    let mut link = server.connect("start")?;
    let (mut found, mut signs, mut changed) = (Found::default(), Vec::new(), Vec::new());
    if let Some(sign) = lost_position(&mut link, config, lease, position)? {
        signs.push(sign);
        changed.extend(0..position.streams.len());
    }
    let mut blind = false;
    for (index, stream) in config.input.streams.iter().enumerate() {
        let (info, another) = look(&mut link, &stream.name, &position.streams[index], position.first[index])?;
        if let Some(another) = another {
            signs.push(format!("{} {another}", stream.name));
            changed.push(index);
        }
        blind |= info.is_some_and(|info| info.added.is_none());
        let first = info.filter(|info| info.length > 0).map(|info| info.first);
        found.stamp.extend(first.map(|first| (first_field(&stream.name), first.to_string())));
    }
    let run_id = run_id(&mut link)?;
    found.stamp.extend(run_id.iter().map(|id| ("server".to_owned(), id.clone())));
    if let Some(counted) = lease.lost_epoch {
        found.lines.push(format!(
            "warning: {} was lost: it counted {counted}, and batches were committed later than that; goes on with {}",
            lease.spec.epoch_key, lease.epoch
        ));
    }
    if blind {
        found.lines.push(
            "warning: this server does not count the entries of a stream (Redis 7.0 and later do): entries that are \
             trimmed before they are read are guessed from ids, and those trimmed between two looks are not seen"
                .to_owned(),
        );
    }
    if signs.is_empty() {
        if accept.loss || accept.from.is_some() {
            found.lines.push("note: everything is as it was left: --accept-loss and --from change nothing".to_owned());
        }
        return Ok(found);
    }
    let server_text = same_server(position.server.as_deref(), run_id.as_deref());
    if !accept.loss && accept.from.is_none() {
        return Err(NotAsLeft { signs, server: server_text }.into());
    }
    found.lines.extend(signs.iter().map(|sign| format!("warning: accepted: {sign}")));
    for index in changed {
        let name = &config.input.streams[index].name;
        let start = start(server, &mut link, name, accept.from)?;
        found.lines.push(match start.published {
            id if id != StreamId::default() => format!("warning: {name} counts as published up to {id}"),
            _ => format!("warning: {name} is read as new, from input.start on"),
        });
        position.streams[index] = start;
    }
    keep(&mut link, config, lease, position)?;
    Ok(found)
}

/// Commits the position that was accepted, so that it is not asked about again.
fn keep(link: &mut Link, config: &Config, lease: &Lease, position: &mut Position) -> Result<()> {
    lease.confirm(link)?;
    // The first batch of this epoch has the number 1.
    let batch = format!("{}-0", lease.epoch);
    let mut fields = vec![("batch".to_owned(), batch.clone())];
    for (stream, start) in config.input.streams.iter().zip(&position.streams) {
        fields.push((stream.name.clone(), start.published.to_string()));
        fields.push((format!("{ENTRIES}{}", stream.name), start.published_entries.unwrap_or(0).to_string()));
    }
    link.ask::<()>(&cmd("MULTI"))?;
    link.ask::<()>(cmd("HSET").arg(&lease.spec.position_key).arg(&fields))?;
    // The order of a reading that is given up means nothing to another.
    link.ask::<()>(&Cmd::del(config.output.keys.journal_key(&config.engine.name)))?;
    if link.ask::<Value>(&cmd("EXEC"))? == Value::Nil {
        bail!("the lease {} was lost while the position was set", lease.spec.key);
    }
    position.journal.clear();
    // What was accepted is read as new, not as history of a stream that was added.
    position.is_new.fill(false);
    position.batch = Some(batch.into_bytes());
    Ok(())
}

/// What shows that there was a position, where there is none.
fn lost_position(link: &mut Link, config: &Config, lease: &Lease, position: &Position) -> Result<Option<String>> {
    if position.found() {
        return Ok(None);
    }
    let committed: Option<Vec<u8>> = link.ask(&Cmd::get(&lease.spec.committed_key))?;
    let key = &lease.spec.position_key;
    if let Some(batch) = committed {
        let batch = batch.escape_ascii();
        return Ok(Some(format!(
            "{key} is gone, though {} says that batch {batch} was committed",
            lease.spec.committed_key
        )));
    }
    let dir = Path::new(&config.state.dir);
    let snapshot = if config.state.dir.is_empty() { None } else { Store::any(dir, &config.engine.name) };
    Ok(snapshot.map(|path| {
        format!(
            "{key} is not there, though {} is a snapshot of an engine of this name: the server has lost its data, it is \
             another server, or another engine has used this state directory (give each its own engine.name or state.dir)",
            path.display()
        )
    }))
}

/// What the server says of a stream, and what shows that it is another one.
fn look(
    link: &mut Link,
    name: &str,
    start: &StreamStart,
    first: Option<StreamId>,
) -> Result<(Option<StreamInfo>, Option<Another>)> {
    let info = match StreamInfo::ask(link, name) {
        Ok(info) => Some(info),
        Err(LinkError::Server { kind: ServerErrorKind::Command, text, .. }) if text.contains("no such key") => None,
        Err(error) => return Err(error.into()),
    };
    let known = Remembered { position: start.published, entries: start.published_entries, first };
    let at = start.published.to_string();
    let within = info.is_some_and(|info| info.first <= start.published && start.published <= info.last);
    let holds = within && !link.ask::<Vec<(StreamId, Value)>>(&Cmd::xrange(name, &at, &at))?.is_empty();
    Ok((info, known.compare(info.as_ref(), holds)))
}

/// Where the reading of a stream begins that is taken as new, or as published up to the last entry not behind `from`.
fn start(server: &Server<'_>, link: &mut Link, name: &str, from: Option<StreamId>) -> Result<StreamStart> {
    let Some(from) = from else { return server.fresh(link, name) };
    let before: Vec<(StreamId, Value)> = link.ask(&Cmd::xrevrange_count(name, from.to_string(), "-", 1))?;
    let published = before.first().map(|(id, _)| *id).unwrap_or_default();
    Ok(StreamStart { published, ..StreamStart::default() })
}

/// What the server calls itself since it was started; `None` where it does not tell.
fn run_id(link: &mut Link) -> Result<Option<String>> {
    match link.ask::<InfoDict>(cmd("INFO").arg("server")) {
        Ok(info) => Ok(info.get("run_id")),
        // It is only to tell the cause.
        Err(LinkError::Server { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn same_server(before: Option<&str>, now: Option<&str>) -> String {
    match (before, now) {
        (Some(before), Some(now)) if before == now => {
            "The server has run without a break since the last commit: somebody has deleted or changed its keys."
                .to_owned()
        }
        (Some(_), Some(_)) => {
            "The server was restarted since the last commit, or it is another one: it may have lost data.".to_owned()
        }
        _ => "It is not known whether this is the server of the last commit.".to_owned(),
    }
}
