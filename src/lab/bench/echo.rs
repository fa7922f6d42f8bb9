//! The baseline: a process that reads an entry and writes it back. It shows the latency of Redis and the host alone.

use super::replies;
use crate::model::StreamId;
use crate::redis_io::{Address, Command, Link, LinkOptions, XreadCursor, XreadItem, encode_xread};
use anyhow::{Result, bail};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Copies every entry of one stream to another until it is stopped. Blocks while there is no entry.
///
/// # Errors
/// The server is gone or refuses a command.
pub fn echo(url: &str, from: &str, to: &str, stop: &AtomicBool) -> Result<()> {
    let address: Address = url.parse()?;
    let mut link = Link::connect(&address, &LinkOptions { name: "bench-echo".to_owned(), ..LinkOptions::default() })?;
    let mut last = StreamId::default();
    let mut out = Vec::with_capacity(1 << 16);
    while !stop.load(Ordering::Relaxed) {
        encode_xread(link.outbox(), 512, Some(100), [(from.as_bytes(), last)].into_iter());
        let Some(len) = reply(&mut link, stop)? else { return Ok(()) };
        let mut cursor = XreadCursor::default();
        let mut entries = 0;
        while let Some(item) = cursor.next(&link.received()[..len])? {
            match item {
                XreadItem::Stream(_) => {}
                XreadItem::Error(text) => bail!("XREAD: {}", text.escape_ascii()),
                XreadItem::Entry(entry) => {
                    last = entry.id;
                    entries += 1;
                    let mut command = Command::new(&mut out, 6 + 2 * entry.fields.len());
                    command.arg("XADD").arg(to).arg("MAXLEN").arg("~").uint(10_000).arg("*");
                    for (name, value) in entry.fields {
                        command.arg(name).arg(value);
                    }
                }
            }
        }
        link.consume(len);
        link.outbox().append(&mut out);
        for _ in 0..entries {
            let Some(len) = reply(&mut link, stop)? else { return Ok(()) };
            link.consume(len);
        }
    }
    Ok(())
}

fn reply(link: &mut Link, stop: &AtomicBool) -> Result<Option<usize>> {
    while !stop.load(Ordering::Relaxed) {
        if let Some(len) = replies::next(link, Duration::from_millis(200))? {
            return Ok(Some(len));
        }
    }
    Ok(None)
}
