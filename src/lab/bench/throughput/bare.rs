//! The baseline: reads a stream as fast as it can and discards the entries without decoding them.

use super::producer::Flow;
use crate::{
    lab::bench::replies,
    model::StreamId,
    redis_io::{Link, encode_xread},
};
use anyhow::{Context, Result};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Reads a stream until it is stopped, and counts the entries read.
///
/// It scans each reply once for its end, and then back from there for the id to continue from.
///
/// # Errors
/// The server is gone or refuses a command.
pub fn bare(mut link: Link, stream: &str, count: u64, flow: &Flow, stop: &AtomicBool) -> Result<()> {
    flow.thread.store(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs().into(), Ordering::Release);
    let mut last = StreamId::default();
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        encode_xread(link.outbox(), count, Some(100), [(stream.as_bytes(), last)].into_iter());
        let len = loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            link.write_pending()?;
            if link.fill()? == 0 {
                replies::wait(&link, Duration::from_millis(100), false)?;
            } else if let Some(len) = link.reply()? {
                break len;
            }
        };
        let reply = &link.received()[..len];
        // *1 *2 $n <name> *<entries>
        if let Some(entries) = reply.strip_prefix(b"*1\r\n*2\r\n$") {
            let header = entries.split(|&byte| byte == b'\n').nth(2).context("a reply of another shape")?;
            let digits = header.strip_prefix(b"*").and_then(|text| text.strip_suffix(b"\r"));
            done += number(digits.context("a reply of another shape")?).context("a reply of another shape")?;
            last = last_id(reply).context("a reply without an id")?;
        }
        link.consume(len);
        flow.done.store(done, Ordering::Release);
    }
    Ok(())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The id of the last entry: the last array of two elements whose first element is an id.
fn last_id(reply: &[u8]) -> Option<StreamId> {
    memchr::memmem::rfind_iter(reply, b"*2\r\n$").find_map(|at| {
        let mut lines = reply[at..].split(|&byte| byte == b'\n').skip(2);
        StreamId::parse(lines.next()?.strip_suffix(b"\r")?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_is_found_from_the_end() {
        let reply = b"*1\r\n*2\r\n$1\r\ns\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$3\r\n1-2\r\n*2\r\n$1\r\na\r\n$9\r\n*2\r\n$1\r\nx\r\n\r\n";
        assert_eq!(last_id(reply), Some(StreamId { ms: 1, seq: 2 }));
    }
}
