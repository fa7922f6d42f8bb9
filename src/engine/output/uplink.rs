//! A sink that outlives its connection: what was refused is sent again, what nobody knows about is looked up.
//!
//! Never blocks but in [`Uplink::release`]; allocates only when something has gone wrong.

use super::Written;
use crate::{
    engine::Dial,
    publish::{LeaseError, RedisSink, SinkError, SinkState},
    redis_io::{Command, Commands, Link},
    runtime::{AgentError, Interests},
    telemetry::PublisherCounters,
};
use crossbeam_utils::CachePadded;
use std::{sync::Arc, time::Duration};

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

/// What an uplink needs besides its sink, so as to survive a lost connection.
#[derive(Debug)]
pub struct Recovery {
    /// The way back to the server.
    pub dial: Dial<Arrived>,
    /// Key of the position.
    pub position_key: String,
    /// Name of the batch that the position was committed with at the start.
    pub batch: Option<Vec<u8>>,
}

/// A [`RedisSink`] with a way back. Without one any failure is final.
#[derive(Debug)]
pub struct Uplink {
    sink: RedisSink,
    recovery: Option<Recovery>,
    /// Number and name of the last batch closed.
    number: u64,
    name: Vec<u8>,
    in_flight: bool,
    /// When the held batch is sent again, ns; and since when it is refused.
    resend_ns: Option<u64>,
    refused_ns: Option<u64>,
    last_commit_ns: u64,
    written_bytes: u64,
    counters: Arc<CachePadded<PublisherCounters>>,
}

impl Uplink {
    /// An uplink over this sink.
    #[must_use]
    pub fn new(sink: RedisSink, recovery: Option<Recovery>, counters: Arc<CachePadded<PublisherCounters>>) -> Self {
        Self {
            sink,
            recovery,
            number: 0,
            name: Vec::with_capacity(64),
            in_flight: false,
            resend_ns: None,
            refused_ns: None,
            last_commit_ns: 0,
            written_bytes: 0,
            counters,
        }
    }

    /// The batch being built.
    #[inline]
    pub fn batch(&mut self) -> &mut Commands {
        self.sink.batch()
    }

    /// Commands in the batch being built.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> u32 {
        self.sink.pending()
    }

    /// Whether the batch being built is below its bound of bytes.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.sink.has_room()
    }

    /// Whether a batch is on its way, or waits to be sent again.
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// Bytes handed to the socket so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The name of the batch being built, which belongs into its position.
    pub fn next_name(&mut self) -> &[u8] {
        self.number += 1;
        self.name.clear();
        if let Some(lease) = self.sink.lease() {
            lease.push_batch(&mut self.name, self.number);
        }
        &self.name
    }

    /// Closes the batch.
    ///
    /// # Errors
    /// Where another is on its way.
    pub fn commit(&mut self, now_ns: u64) -> Result<(), AgentError> {
        self.written_bytes += self.sink.batch().bytes().len() as u64;
        let armed = self.sink.is_armed();
        if !self.sink.commit("", &[], now_ns) {
            return Err("a batch was closed while another is on its way".into());
        }
        self.in_flight = true;
        self.last_commit_ns = now_ns;
        if let Some(recovery) = self.recovery.as_mut().filter(|_| !armed) {
            recovery.dial.lost(now_ns, &"the lease has passed");
        }
        Ok(())
    }

    /// Whether the lease wants to be renewed by a batch, be it an empty one.
    #[inline]
    #[must_use]
    pub fn renewal_due(&self, now_ns: u64) -> bool {
        !self.in_flight && self.renewal_ns().is_some_and(|due_ns| now_ns >= due_ns)
    }

    fn renewal_ns(&self) -> Option<u64> {
        self.sink.lease().map(|lease| self.last_commit_ns + lease.spec.ttl_ms * 1_000_000 / 3)
    }

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
        if let Some(at_ns) = self.resend_ns {
            if now_ns < at_ns {
                return Ok(Written::Pending);
            }
            self.resend(now_ns);
        }
        match self.sink.poll(now_ns) {
            Ok(SinkState::InFlight) => Ok(Written::Pending),
            Ok(SinkState::Idle | SinkState::Committed { .. }) => {
                self.committed(now_ns);
                Ok(Written::All)
            }
            Ok(SinkState::Held) => Err("a batch is held although nobody asked for it".into()),
            Err(error) => self.failed(error, now_ns),
        }
    }

    #[inline]
    fn committed(&mut self, now_ns: u64) {
        if !std::mem::take(&mut self.in_flight) {
            return;
        }
        let Some(recovery) = &mut self.recovery else { return };
        let batch = recovery.batch.get_or_insert_default();
        batch.clear();
        batch.extend_from_slice(&self.name);
        recovery.dial.succeeded();
        if let Some(since_ns) = self.refused_ns.take() {
            let seconds = now_ns.saturating_sub(since_ns) as f64 / 1e9;
            recovery.dial.incidents().note(format!("publisher: the server takes batches again after {seconds:.2} s"));
        }
    }

    #[cold]
    fn failed(&mut self, error: SinkError, now_ns: u64) -> Result<Written, AgentError> {
        let Some(recovery) = self.recovery.as_mut().filter(|_| error.is_transient()) else {
            return Err(error.into());
        };
        if error.needs_new_link() {
            recovery.dial.lost(now_ns, &error);
        } else {
            if self.refused_ns.is_none() {
                self.refused_ns = Some(now_ns);
                recovery.dial.incidents().note(format!("publisher: {error}; the batch is kept and sent again"));
            }
            self.resend_ns = Some(recovery.dial.pause_until_ns(now_ns));
        }
        Ok(Written::Pending)
    }

    #[cold]
    fn resend(&mut self, now_ns: u64) {
        self.resend_ns = None;
        self.counters.resent.bump();
        self.sink.resend(now_ns);
    }

    /// Goes on over a new connection. The batch whose answer was lost has been committed where the position says so, and
    /// only there.
    #[cold]
    fn arrived(&mut self, arrived: Arrived, now_ns: u64) -> Result<(), AgentError> {
        let Some(recovery) = &mut self.recovery else { return Ok(()) };
        self.sink.replace_link(arrived.link);
        self.resend_ns = None;
        let found = arrived.batch;
        if self.in_flight && found.as_ref().is_some_and(|found| *found == self.name) {
            recovery.dial.incidents().note("publisher: the batch under way had been committed".to_owned());
            self.sink.forget();
        } else if found.is_none() || found == recovery.batch {
            if self.in_flight {
                self.resend(now_ns);
            }
        } else {
            let found = String::from_utf8_lossy(&found.unwrap_or_default()).into_owned();
            return Err(LeaseError::Overtaken { key: recovery.position_key.clone(), found }.into());
        }
        Ok(())
    }

    /// Time by which it wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        let dial_ns = self.recovery.as_ref().and_then(|recovery| recovery.dial.deadline_ns());
        let idle_ns = self.renewal_ns().filter(|_| !self.in_flight);
        dial_ns.or(self.resend_ns).or(self.sink.deadline_ns()).or(idle_ns)
    }

    /// Waits for the server's answer, and for room in the socket.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        let up = self.recovery.as_ref().is_none_or(|recovery| recovery.dial.is_up());
        if !self.in_flight || !up || self.resend_ns.is_some() {
            return;
        }
        if self.sink.wants_write() {
            set.readable_or_writable(self.sink.as_fd());
        } else {
            set.readable(self.sink.as_fd());
        }
    }

    /// Gives the lease up, so that the next engine need not wait until it expires. Blocks, at the very end.
    pub fn release(&mut self) {
        let Some(lease) = self.sink.lease().filter(|_| !self.in_flight && self.sink.is_armed()).cloned() else {
            return;
        };
        // Watched: what is deleted is ours. Where it fails, the lease expires by itself.
        let link = self.sink.link();
        for command in [&["MULTI"][..], &["DEL", &lease.spec.key], &["EXEC"]] {
            let sent = link.request("release of the lease", RELEASE_TIMEOUT, |out| {
                let mut words = Command::new(out, command.len());
                command.iter().for_each(|word| {
                    words.arg(word);
                });
            });
            if sent.is_err() {
                return;
            }
        }
    }
}
