//! Taking the lease of an engine's name at start: at once, as the heir of a dead process, or as a standby. Blocks.

use super::{host::Host, notify::Notifier, redis::Server, session::Stopped};
use crate::publish::{Attempt, Lease, LeaseError};
use anyhow::{Context as _, Result};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Time between two attempts.
const EVERY: Duration = Duration::from_millis(200);

/// Takes the lease. If the holder's process cannot be checked, it gets the duration of a lease to renew it. If it does,
/// or is seen to run, that is an error; with `standby`, this waits for it instead. `meanwhile` is called between attempts.
///
/// # Errors
/// [`LeaseError::Held`] names the holder; else the server is gone or refuses, or the user stopped the wait.
pub fn take_lease(
    host: &Host,
    server: &Server<'_>,
    standby: bool,
    quiet: bool,
    stop: &AtomicBool,
    mut meanwhile: impl FnMut(),
) -> Result<Lease> {
    let spec = server.lease();
    let started_ns = host.clock().ns();
    let (mut waited_for, mut notifier) = (None, Notifier::from_env());
    loop {
        match server.connect("start").and_then(|mut link| Ok(spec.attempt(&mut link)?)) {
            Ok(Attempt::Taken(lease)) => return Ok(lease),
            Ok(Attempt::Held { holder, alive, .. }) => {
                let key = spec.key.clone();
                let waited = Duration::from_nanos(host.clock().ns().saturating_sub(started_ns));
                let over = waited > Duration::from_millis(spec.ttl_ms) + EVERY;
                let other = alive && !holder.is_self();
                if !standby && (other || over) {
                    return Err(LeaseError::Held { holder, key }.into());
                }
                if waited_for.as_ref() != Some(&holder) && !quiet {
                    host.say(&format!("waiting: {holder} holds {key}"));
                }
                if standby && waited_for.as_ref() != Some(&holder) {
                    notifier.standing_by(&format!("standby: {holder} holds {key}"));
                }
                waited_for = Some(holder);
            }
            // A standby outlives a restart of the server as well.
            Err(error) if standby && waited_for.is_some() => {
                notifier.standing_by(&format!("standby: {error}"));
            }
            Err(error) => return Err(error),
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Stopped).with_context(|| format!("stopped while waiting for the lease {}", spec.key));
        }
        // A standby that waits is alive; nobody must restart it for that.
        notifier.tick(Instant::now(), false, std::iter::empty());
        meanwhile();
        host.sleep(EVERY);
    }
}
