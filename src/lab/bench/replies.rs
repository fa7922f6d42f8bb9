//! Blocking waits for the replies of a link.

use crate::redis_io::Link;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{io, time::Duration};

/// Waits until bytes arrive or the timeout passes.
///
/// # Errors
/// The socket fails.
pub fn wait(link: &Link, timeout: Duration, writable: bool) -> io::Result<()> {
    let flags = if writable { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let timeout = Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: timeout.subsec_nanos().into() };
    match poll(&mut [PollFd::new(link, flags)], Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the next reply and returns its length; meanwhile sends what is left to send. `None` at the timeout.
///
/// # Errors
/// The link fails.
pub fn next(link: &mut Link, timeout: Duration) -> io::Result<Option<usize>> {
    let sent = link.write_pending()?;
    if let Some(len) = link.reply().map_err(io::Error::other)? {
        return Ok(Some(len));
    }
    wait(link, timeout, !sent)?;
    link.fill()?;
    link.write_pending()?;
    link.reply().map_err(io::Error::other)
}
