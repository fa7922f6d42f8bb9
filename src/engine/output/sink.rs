//! Batches of results and the input position they were made from, committed together: one `MULTI … EXEC` each, sent until
//! it is committed, once.
//!
//! Polled by the publishing agent and never blocking but in [`RedisSink::release`]; two reused buffers, so that one batch is
//! built while the one before is on its way. Nothing is allocated besides their growth, up to the bound that
//! [`RedisSink::has_room`] keeps, unless something goes wrong.

mod answers;
mod error;
mod losses;
mod recovery;
#[cfg(test)]
mod tests;

pub use error::SinkError;
pub use recovery::{Arrived, Recovery};

use super::Written;
use crate::{
    publish::{Lease, StreamSpec},
    redis_io::{Commands, Link, LinkError},
    runtime::{AgentError, Interests},
    telemetry::PublisherCounters,
};
use answers::{Answered, Answers};
use crossbeam_utils::CachePadded;
use redis::cmd;
use std::{io, os::fd::AsFd, sync::Arc};

/// Bounds of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisSinkOptions {
    /// Size from which a batch takes no more commands, bytes. Two batches exist at once.
    pub batch_bytes_max: usize,
    /// Longest wait for the answer to a batch, ns; a server that is silent for longer counts as lost.
    pub reply_timeout_ns: u64,
    /// Replicas that must have a batch before it counts as written; 0 where the server's own word is enough.
    pub replicas: u32,
    /// How long the server waits for them at a time, ms: less than the wait for an answer.
    pub replicas_wait_ms: u64,
    /// Whether the disks of the server and of these replicas must have it.
    pub on_disk: bool,
}

impl Default for RedisSinkOptions {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1 << 20,
            reply_timeout_ns: 5_000_000_000,
            replicas: 0,
            replicas_wait_ms: 1_000,
            on_disk: false,
        }
    }
}

/// Batches that renew a lease while it lasts, where there are so many: the others are shorter for it.
const RENEWALS_A_LEASE: u64 = 6;

/// What the batch that was closed last is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flight {
    /// It is committed, or there was none yet.
    None,
    /// It is on its way.
    Flying,
    /// It was not committed, or nobody knows: it waits for its time to be sent again, or for a new connection.
    Held,
}

/// A writer of transactions, with a way back to its server. Without one any failure is final.
#[derive(Debug)]
pub struct RedisSink {
    link: Link,
    options: RedisSinkOptions,
    building: Commands,
    flying: Commands,
    flight: Flight,
    /// Bytes of the flying batch up to what is sent behind its transaction, and what that has before its commands.
    behind_at: usize,
    behind_has: &'static [u8],
    /// Bytes of the flying batch that are sent.
    written: usize,
    answers: Answers,
    /// What no transaction is run without, and some renew.
    lease: Option<Lease>,
    /// When the next batch renews it, ns.
    renew_ns: u64,
    sent_ns: u64,
    /// When the last batch was closed, ns.
    committed_ns: u64,
    recovery: Option<Recovery>,
    /// Number and name of the last batch closed.
    number: u64,
    name: Vec<u8>,
    /// When the held batch is sent again, ns; and since when it is refused.
    resend_ns: Option<u64>,
    refused_ns: Option<u64>,
    /// Since when too few replicas or disks have the batch.
    short_ns: Option<u64>,
    written_bytes: u64,
    counters: Arc<CachePadded<PublisherCounters>>,
    /// Where it is named what a batch was committed without.
    dead_letter: Option<StreamSpec>,
}

impl RedisSink {
    /// A sink over a link of its own; blocks for one exchange, which makes sure that the account may run transactions.
    ///
    /// # Errors
    ///
    /// [`LinkError`] as [`Link::ask`] has them.
    pub fn start(mut link: Link, options: RedisSinkOptions) -> Result<Self, LinkError> {
        Self::check(&mut link, options.on_disk)?;
        let mut sink = Self {
            link,
            options,
            building: Commands::with_capacity(options.batch_bytes_max),
            flying: Commands::with_capacity(options.batch_bytes_max),
            flight: Flight::None,
            behind_at: 0,
            behind_has: b"",
            written: 0,
            answers: Answers::new(options.replicas, options.on_disk),
            short_ns: None,
            lease: None,
            renew_ns: 0,
            sent_ns: 0,
            committed_ns: 0,
            recovery: None,
            number: 0,
            name: Vec::with_capacity(64),
            resend_ns: None,
            refused_ns: None,
            written_bytes: 0,
            counters: PublisherCounters::shared(),
            dead_letter: None,
        };
        sink.begin();
        Ok(sink)
    }

    /// Makes sure that the account may run transactions: without the right to `MULTI` the commands after it would be
    /// run one by one. Where batches are to be `on_disk`, that the server can say that they are. Blocks.
    ///
    /// # Errors
    ///
    /// [`LinkError`] as [`Link::ask`] has them.
    pub fn check(link: &mut Link, on_disk: bool) -> Result<(), LinkError> {
        if on_disk {
            link.ask::<()>(cmd("WAITAOF").arg(1).arg(0).arg(1))?;
        }
        link.ask::<()>(&cmd("MULTI"))?;
        link.ask(&cmd("EXEC"))
    }

    /// Commits nothing from here on unless this lease is held, which the link's [`Lease::confirm`] has just found.
    pub fn guard(&mut self, lease: Lease) {
        self.lease = Some(lease);
        self.answers.armed = true;
    }

    /// Has a way back from here on, and counts here.
    pub fn recover(&mut self, recovery: Option<Recovery>, counters: Arc<CachePadded<PublisherCounters>>) {
        (self.recovery, self.counters) = (recovery, counters);
    }

    fn begin(&mut self) {
        self.building.clear();
        self.building.command(1).arg("MULTI");
    }

    /// The batch being built, for the encoders; check [`RedisSink::has_room`] before.
    #[inline]
    pub fn batch(&mut self) -> &mut Commands {
        &mut self.building
    }

    /// Whether the batch being built takes another command, where so many bytes are to come anyway; where not, commit it, and
    /// wait while one is in flight.
    #[inline]
    #[must_use]
    pub fn has_room(&self, beside: usize) -> bool {
        self.building.bytes().len() + beside < self.options.batch_bytes_max
    }

    /// Commands in the batch being built.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> u32 {
        self.building.count().saturating_sub(1)
    }

    /// The link, for requests while nothing is in flight.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Whether a batch is on its way, or waits to be sent again.
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.flight != Flight::None
    }

    /// Bytes of the batches closed so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// From when on the lease wants to be renewed by a batch, be it an empty one, ns.
    #[inline]
    #[must_use]
    pub fn renewal_ns(&self) -> Option<u64> {
        let lease = self.lease.as_ref().filter(|_| !self.is_in_flight())?;
        Some(self.committed_ns + lease.spec.ttl_ms * 1_000_000 / 3)
    }

    /// Up to when nobody else can have taken the lease that the last batch was committed under, ns; for ever without one.
    #[must_use]
    pub fn lease_until_ns(&self, now_ns: u64) -> u64 {
        let Some(lease) = &self.lease else { return u64::MAX };
        let ttl_ns = lease.spec.ttl_ms * 1_000_000;
        // On a new connection it was renewed just now.
        let renewed_ns = if self.renew_ns == 0 { now_ns } else { self.renew_ns };
        (renewed_ns + ttl_ns).saturating_sub(2 * ttl_ns / RENEWALS_A_LEASE)
    }

    /// Time by which it wants to be polled, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        let dial_ns = self.recovery.as_ref().and_then(|recovery| recovery.dial.deadline_ns());
        let answer_ns = (self.flight == Flight::Flying).then_some(self.sent_ns + self.options.reply_timeout_ns);
        dial_ns.or(self.resend_ns).or(answer_ns).or(self.renewal_ns())
    }

    /// Waits for the server's answer, and for room in the socket.
    pub fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        if self.flight != Flight::Flying {
            return;
        }
        if self.wants_write() {
            set.readable_or_writable(self.link.as_fd());
        } else {
            set.readable(self.link.as_fd());
        }
    }

    /// Whether part of the batch in flight has not been taken by the socket yet.
    fn wants_write(&self) -> bool {
        self.flight == Flight::Flying && self.written < self.flying.bytes().len()
    }

    /// The name of the batch being built, which belongs into its position.
    pub fn next_name(&mut self) -> &[u8] {
        self.number += 1;
        self.name.clear();
        if let Some(lease) = &self.lease {
            lease.push_batch(&mut self.name, self.number);
        }
        &self.name
    }

    /// Closes the batch and hands it to [`RedisSink::poll`], which sends it.
    ///
    /// # Errors
    ///
    /// Where another is in flight.
    pub fn commit(&mut self, now_ns: u64) -> Result<(), AgentError> {
        if self.is_in_flight() {
            return Err("a batch was closed while another is on its way".into());
        }
        self.written_bytes += self.building.bytes().len() as u64;
        if let Some(lease) = self.lease.as_ref().filter(|_| now_ns >= self.renew_ns) {
            self.building.command(3).arg("PEXPIRE").arg(&lease.spec.key).uint(lease.spec.ttl_ms);
            self.renew_ns = now_ns + lease.spec.ttl_ms * 1_000_000 / RENEWALS_A_LEASE;
        }
        self.answers.expect(self.building.count());
        self.building.command(1).arg("EXEC");
        self.behind_at = self.building.bytes().len();
        self.behind_has = self.link.prelude();
        behind(&mut self.building, &self.options, self.lease.as_ref(), self.behind_has);
        std::mem::swap(&mut self.building, &mut self.flying);
        self.begin();
        self.send_from_start(now_ns);
        self.committed_ns = now_ns;
        if !self.answers.armed {
            self.lost_lease(now_ns);
        }
        Ok(())
    }

    /// Sends the closed batch, or sends it again from its start: after a refusal on the same link, after a loss on a new
    /// one once its position is known not to have been written.
    fn send_from_start(&mut self, now_ns: u64) {
        let prelude = self.link.prelude();
        if self.behind_has != prelude {
            self.flying.cut(self.behind_at);
            self.behind_has = prelude;
            behind(&mut self.flying, &self.options, self.lease.as_ref(), prelude);
        }
        self.link.outbox().extend_from_slice(prelude);
        self.flight = Flight::Flying;
        self.written = 0;
        self.answers.restart();
        self.sent_ns = now_ns;
    }

    /// Sends and receives what the socket takes and has, `now_ns` on the clock of [`RedisSink::commit`].
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the batch is held then, but for one that was committed in part. After a lost link or a malformed
    /// reply the link must be replaced.
    #[inline]
    fn exchange(&mut self, now_ns: u64) -> Result<Written, SinkError> {
        self.advance(now_ns).inspect_err(|error| {
            let done = matches!(error, SinkError::Partly { .. });
            self.flight = if done { Flight::None } else { Flight::Held };
        })
    }

    fn advance(&mut self, now_ns: u64) -> Result<Written, SinkError> {
        loop {
            let sent = self.send()?;
            let received = self.link.fill().map_err(|e| self.lost(e))?;
            while let Some(len) = self.link.reply().map_err(|e| SinkError::protocol(self.link.address(), e))? {
                let reply = &self.link.received()[..len];
                let answered = self.answers.take(reply, self.lease.as_ref(), self.link.address());
                self.link.consume(len);
                match answered? {
                    Answered::More => {}
                    Answered::Committed => {
                        self.flight = Flight::None;
                        return Ok(Written::All);
                    }
                    Answered::Short => self.wait_again(now_ns),
                }
            }
            // There is no answer yet to what has just been sent.
            if received == 0 && (sent == 0 || !self.wants_write()) {
                break;
            }
        }
        if now_ns.saturating_sub(self.sent_ns) > self.options.reply_timeout_ns {
            return Err(self.lost(io::Error::from(io::ErrorKind::TimedOut)));
        }
        Ok(Written::Pending)
    }

    /// Asks again for the replicas of a batch that is committed: it is not written before they have it.
    #[cold]
    fn wait_again(&mut self, now_ns: u64) {
        let mut commands = Commands::with_capacity(256);
        behind(&mut commands, &self.options, self.lease.as_ref(), self.link.prelude());
        self.link.outbox().extend_from_slice(commands.bytes());
        self.answers.wait_again();
        self.sent_ns = now_ns;
        self.fell_short(now_ns);
    }

    /// Sends what the socket takes: the number of bytes.
    #[inline]
    fn send(&mut self) -> Result<usize, SinkError> {
        // What goes before the batch, or asks for the replicas again, where anything does.
        let sent = self.link.write_pending().map_err(|e| self.lost(e))?;
        let rest = &self.flying.bytes()[self.written..];
        if rest.is_empty() || !sent {
            return Ok(0);
        }
        match self.link.write(rest) {
            Ok(len) => {
                self.written += len;
                Ok(len)
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, source: io::Error) -> SinkError {
        SinkError::Lost { address: self.link.address().to_owned(), source }
    }
}

/// What is sent behind a transaction: the question for its replicas or the disk, and for the next batch a look at the lease, whose
/// transaction is not run if it changes hands after that. Commands on keys have this prelude.
fn behind(commands: &mut Commands, options: &RedisSinkOptions, lease: Option<&Lease>, prelude: &[u8]) {
    if options.on_disk {
        let mut wait = commands.command(4);
        wait.arg("WAITAOF").uint(1).uint(options.replicas.into()).uint(options.replicas_wait_ms);
    } else if options.replicas > 0 {
        commands.command(3).arg("WAIT").uint(options.replicas.into()).uint(options.replicas_wait_ms);
    }
    if let Some(lease) = lease {
        commands.raw(prelude);
        commands.command(2).arg("WATCH").arg(&lease.spec.key);
        commands.raw(prelude);
        commands.command(2).arg("GET").arg(&lease.spec.key);
    }
}
