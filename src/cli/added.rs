//! Input streams that are new to an engine that has a position: what they hold already is history. Blocks.

use super::redis::{HISTORY, Position, Server};
use crate::{
    config::{Config, Holds, Start},
    engine::ENTRIES,
    feed::streams::StreamStart,
    model::StreamId,
    publish::Lease,
};
use anyhow::{Result, bail};
use redis::{Cmd, Value, cmd};

/// Begins the reading of streams that the position says nothing of behind what they hold, which is history from now on; gives
/// a line about each.
///
/// # Errors
/// The lease was lost; a server that is gone or refuses.
pub fn begin(server: &Server<'_>, config: &Config, lease: &Lease, position: &mut Position) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    // Without a position there is nothing that they could be added to, and who wants only what is new gets that.
    if !position.found() || config.input.start == Start::Newest {
        return Ok(lines);
    }
    let is_new = |index: &usize| position.is_new[*index] && position.streams[*index].published == StreamId::default();
    let new: Vec<usize> = (0..config.input.streams.len()).filter(is_new).collect();
    if new.is_empty() {
        return Ok(lines);
    }
    let (mut link, mut fields) = (server.connect("start")?, Vec::new());
    for index in new {
        let stream = &config.input.streams[index];
        let Some(last) = server.last_entry(&stream.name)? else { continue };
        position.streams[index] = begun(last);
        position.history.insert(stream.name.clone(), last.to_string());
        fields.push((stream.name.clone(), last.to_string()));
        fields.push((format!("{ENTRIES}{}", stream.name), "0".to_owned()));
        fields.push((format!("{HISTORY}{}", stream.name), last.to_string()));
        let count: u64 = link.ask(&Cmd::xlen(&stream.name))?;
        let fate = match stream.holds {
            Holds::Bars => "they are read as history, and nothing of them is published",
            Holds::Signals => "their bars are past, and none of them is taken",
        };
        let name = &stream.name;
        lines.push(format!("note: {name} is new to this engine and holds {count} entries up to {last}: {fate}"));
    }
    if fields.is_empty() {
        return Ok(lines);
    }
    // At once: a start that is killed before the first batch would take for history what has come meanwhile.
    lease.confirm(&mut link)?;
    link.ask::<()>(&cmd("MULTI"))?;
    link.ask::<()>(cmd("HSET").arg(&lease.spec.position_key).arg(&fields))?;
    if link.ask::<Value>(&cmd("EXEC"))? == Value::Nil {
        bail!("the lease {} was lost while the position was set", lease.spec.key);
    }
    Ok(lines)
}

/// Where a stream stands whose entries up to this one are history.
pub fn begun(last: StreamId) -> StreamStart {
    StreamStart { published: last, start: last, ..StreamStart::default() }
}
