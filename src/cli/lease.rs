//! Taking the lease of an engine's name at start: at once, as the heir of a dead process, or as a standby. Blocks.

use super::{note::note, redis::Server};
use crate::publish::{Attempt, Lease, LeaseError};
use anyhow::{Result, bail};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Time between two attempts.
const EVERY: Duration = Duration::from_millis(200);

/// Takes the lease. Where another holds it whose process cannot be seen, that one is given the time of a lease to renew
/// it; then, or where it can be seen to run, it is an error, or with `standby` waited for.
///
/// # Errors
/// [`LeaseError::Held`] names the holder; a server that is gone or refuses; a stop while waiting.
pub fn take_lease(server: &Server<'_>, standby: bool, quiet: bool, stop: &AtomicBool) -> Result<Lease> {
    let spec = server.lease();
    let started = Instant::now();
    let mut waited_for = None;
    loop {
        match server.connect("start").and_then(|mut link| Ok(spec.attempt(&mut link)?)) {
            Ok(Attempt::Taken(lease)) => return Ok(lease),
            Ok(Attempt::Held { holder, alive, .. }) => {
                let key = spec.key.clone();
                let over = started.elapsed() > Duration::from_millis(spec.ttl_ms) + EVERY;
                let other = alive && !holder.is_self();
                if !standby && (other || over) {
                    return Err(LeaseError::Held { holder, key }.into());
                }
                if waited_for.as_ref() != Some(&holder) && !quiet {
                    note(&format!("waiting: {holder} holds {key}"));
                }
                waited_for = Some(holder);
            }
            // A standby outlives a restart of the server as well.
            Err(error) if standby && waited_for.is_some() => {
                let _: anyhow::Error = error;
            }
            Err(error) => return Err(error),
        }
        if stop.load(Ordering::Relaxed) {
            bail!("stopped while waiting for the lease {}", spec.key);
        }
        std::thread::sleep(EVERY);
    }
}
