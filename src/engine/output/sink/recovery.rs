//! How a sink outlives its connection: what was refused is sent again, what nobody knows about is looked up.
//!
//! Never blocks but in [`RedisSink::release`]; allocates only when something has gone wrong.

use super::{Flight, RedisSink, SinkError};
use crate::{
    engine::{Dial, output::Written},
    publish::LeaseError,
    redis_io::{Link, ServerErrorKind},
    runtime::AgentError,
};
use std::time::Duration;

/// Longest wait for the answers to the release of the lease.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(500);

/// A new connection of the publisher, on which the lease has been confirmed.
#[derive(Debug)]
pub struct Arrived {
    /// The connection.
    pub link: Link,
    /// Name of the batch that the position there was committed with.
    pub batch: Option<Vec<u8>>,
}

/// What a sink needs to survive a lost connection.
#[derive(Debug)]
pub struct Recovery {
    /// The way back to the server.
    pub dial: Dial<Arrived>,
    /// Key of the position.
    pub position_key: String,
    /// Name of the batch that the position was committed with at the start.
    pub batch: Option<Vec<u8>>,
}

impl RedisSink {
    /// Moves the batch in flight on.
    ///
    /// # Errors
    /// What sending again or connecting again cannot change.
    #[inline]
    pub fn poll(&mut self, now_ns: u64) -> Result<Written, AgentError> {
        if let Some(recovery) = self.recovery.as_mut().filter(|recovery| !recovery.dial.is_up()) {
            let Some(arrived) = recovery.dial.poll(now_ns)? else { return Ok(Written::Pending) };
            self.arrived(arrived, now_ns)?;
        }
        if self.resend_ns.is_some_and(|at_ns| now_ns >= at_ns) {
            self.resend(now_ns);
        }
        match self.flight {
            Flight::None => Ok(Written::All),
            Flight::Held => Ok(Written::Pending),
            Flight::Flying => match self.exchange(now_ns) {
                Ok(Written::Pending) => Ok(Written::Pending),
                Ok(Written::All) => {
                    self.committed(now_ns);
                    Ok(Written::All)
                }
                Err(error) => self.failed(error, now_ns),
            },
        }
    }

    #[inline]
    fn committed(&mut self, now_ns: u64) {
        let Some(recovery) = &mut self.recovery else { return };
        let batch = recovery.batch.get_or_insert_default();
        batch.clear();
        batch.extend_from_slice(&self.name);
        recovery.dial.succeeded();
        if let Some(since_ns) = self.refused_ns.take() {
            let seconds = now_ns.saturating_sub(since_ns) as f64 / 1e9;
            recovery.dial.incidents().note(format!("publisher: the server takes batches again after {seconds:.2} s"));
        }
        if let Some(since_ns) = self.short_ns.take() {
            let seconds = now_ns.saturating_sub(since_ns) as f64 / 1e9;
            let who = if self.options.on_disk { "disks have" } else { "replicas have" };
            recovery.dial.incidents().note(format!("publisher: the {who} the batch after {seconds:.2} s"));
        }
    }

    /// Too few replicas or disks have the batch that is committed.
    pub(super) fn fell_short(&mut self, now_ns: u64) {
        self.counters.short_of_replicas.bump();
        if self.short_ns.is_none() {
            self.short_ns = Some(now_ns);
            if let Some(recovery) = &mut self.recovery {
                let wanted = self.options.replicas;
                recovery.dial.incidents().note(if self.options.on_disk {
                    format!(
                        "warning: publisher: the disks of the server and of {wanted} replicas (redis.on_disk, redis.replicas) do not \
                         all have the last batch: nothing further is written before they do; see that appendfsync is always or \
                         everysec, that replicas run, follow and have appendonly, and that redis.replicas_wait_ms is long enough"
                    )
                } else {
                    format!(
                        "warning: publisher: fewer than {wanted} replicas (redis.replicas) have the last batch: nothing further is \
                         written before they do; see that they run and follow, or ask for fewer"
                    )
                });
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: SinkError, now_ns: u64) -> Result<Written, AgentError> {
        if matches!(error, SinkError::Partly { .. }) {
            self.name_losses();
        }
        let Some(recovery) = self.recovery.as_mut().filter(|_| error.is_transient()) else {
            return Err(error.into());
        };
        if let Some((kind, text)) = error.server() {
            recovery.dial.warn_of_code(kind, text);
        }
        if error.needs_new_link() {
            recovery.dial.lost(now_ns, &error);
        } else {
            if self.refused_ns.is_none() {
                self.refused_ns = Some(now_ns);
                recovery.dial.incidents().note(format!("publisher: {error}; the batch is kept and sent again"));
            }
            self.resend_ns = Some(recovery.dial.pause_until_ns(now_ns));
            let is_moving = error.server().is_some_and(|(kind, _)| kind == ServerErrorKind::Moving);
            if is_moving && !self.link.prelude().is_empty() {
                self.make_streams();
            }
        }
        Ok(Written::Pending)
    }

    #[cold]
    fn resend(&mut self, now_ns: u64) {
        self.resend_ns = None;
        self.counters.resent.bump();
        self.send_from_start(now_ns);
    }

    /// Dials anew, because the lease was not ours when it was looked at last; the batch just closed waits.
    #[cold]
    pub(super) fn lost_lease(&mut self, now_ns: u64) {
        if let Some(recovery) = &mut self.recovery {
            recovery.dial.lost(now_ns, &"the lease has passed");
            self.flight = Flight::Held;
        }
    }

    /// Goes on over a new connection, on which the lease has been confirmed; the old one is closed.
    pub(super) fn replace_link(&mut self, link: Link) {
        self.link = link;
        self.answers.armed = true;
        self.renew_ns = 0;
        if self.flight == Flight::Flying {
            self.flight = Flight::Held;
        }
    }

    /// Goes on over a new connection. The batch whose answer was lost has been committed where the position says so, and
    /// only there.
    #[cold]
    fn arrived(&mut self, arrived: Arrived, now_ns: u64) -> Result<(), AgentError> {
        self.replace_link(arrived.link);
        self.resend_ns = None;
        let Some(recovery) = &mut self.recovery else { return Ok(()) };
        let found = arrived.batch;
        let held = self.flight == Flight::Held;
        let had_one = recovery.batch.as_ref().is_some_and(|batch| !batch.is_empty());
        if held && found.as_ref().is_some_and(|found| *found == self.name) {
            recovery.dial.incidents().note("publisher: the batch under way had been committed".to_owned());
            self.flight = Flight::None;
            self.committed(now_ns);
        } else if found.is_none() && had_one {
            return Err(LeaseError::Vanished { key: recovery.position_key.clone() }.into());
        } else if found.is_none() || found == recovery.batch {
            if held {
                self.resend(now_ns);
            }
        } else {
            let found = String::from_utf8_lossy(&found.unwrap_or_default()).into_owned();
            return Err(LeaseError::Overtaken { key: recovery.position_key.clone(), found }.into());
        }
        Ok(())
    }

    /// Gives the lease up, so that the next engine need not wait until it expires. Blocks, at the very end.
    pub fn release(&mut self) {
        let idle = !self.is_in_flight() && self.answers.armed;
        let Some(lease) = self.lease.clone().filter(|_| idle) else { return };
        let _ = lease.give_up(&mut self.link, RELEASE_TIMEOUT);
    }
}
