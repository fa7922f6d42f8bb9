//! Batches of results and the input position they were made from, committed together: one `MULTI … EXEC` each.
//!
//! Polled by the publishing agent and never blocking; two reused buffers, so that one batch is built while the one
//! before is on its way. Nothing is allocated besides their growth, up to the bound that [`RedisSink::has_room`] keeps.

use super::lease::Lease;
use super::sink_error::SinkError;
use crate::redis_io::{Command, Commands, Limits, Link, LinkError, ServerErrorKind, Token, token};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Bounds of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisSinkOptions {
    /// Size from which a batch takes no more commands, bytes. Two batches exist at once.
    pub batch_bytes_max: usize,
    /// Longest wait for the answer to a batch, ns; a server that is silent for longer counts as lost.
    pub reply_timeout_ns: u64,
}

impl Default for RedisSinkOptions {
    fn default() -> Self {
        Self { batch_bytes_max: 1 << 20, reply_timeout_ns: 5_000_000_000 }
    }
}

/// Batches that renew a lease while it lasts, where there are so many: the others are shorter for it.
const RENEWALS_A_LEASE: u64 = 6;

/// What a sink is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkState {
    /// Nothing is on its way.
    Idle,
    /// A batch is on its way.
    InFlight,
    /// A batch has just been committed; told once.
    Committed {
        /// Commands in it, the position's own not counted.
        entries: u32,
    },
    /// A batch was not committed, or nobody knows: it waits for [`RedisSink::resend`] or [`RedisSink::forget`].
    Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flight {
    None,
    Flying,
    Held,
}

/// A writer of transactions.
#[derive(Debug)]
pub struct RedisSink {
    link: Link,
    options: RedisSinkOptions,
    building: Commands,
    flying: Commands,
    flight: Flight,
    /// Bytes of the flying batch that are sent.
    written: usize,
    /// Commands of the flying batch that are answered.
    answered: u32,
    /// Commands of the flying batch besides the transaction's own.
    entries: u32,
    /// Which command of the flying batch is the `EXEC`.
    exec_at: u32,
    /// What the `EXEC` of a guarded batch has come to, while the answers behind it are on their way.
    outcome: Option<Result<(), SinkError>>,
    /// What no transaction is run without, and some renew.
    lease: Option<Lease>,
    /// Whether the lease was ours when it was looked at last, on this link.
    armed: bool,
    /// When the next batch renews it, ns.
    renew_ns: u64,
    sent_ns: u64,
    /// The first command that was refused, while the transaction was put together.
    refused: Option<(u32, ServerErrorKind, String)>,
}

impl RedisSink {
    /// A sink over a link of its own; blocks for one exchange, which makes sure that the account may run transactions.
    ///
    /// # Errors
    ///
    /// [`LinkError`] as [`Link::request`] has them.
    pub fn start(mut link: Link, options: RedisSinkOptions) -> Result<Self, LinkError> {
        Self::check(&mut link, Duration::from_nanos(options.reply_timeout_ns))?;
        let mut sink = Self {
            link,
            options,
            building: Commands::with_capacity(options.batch_bytes_max),
            flying: Commands::with_capacity(options.batch_bytes_max),
            flight: Flight::None,
            written: 0,
            answered: 0,
            entries: 0,
            exec_at: 0,
            outcome: None,
            lease: None,
            armed: true,
            renew_ns: 0,
            sent_ns: 0,
            refused: None,
        };
        sink.begin();
        Ok(sink)
    }

    /// Makes sure that the account may run transactions: without the right to `MULTI` the commands after it would be
    /// run one by one. Blocks.
    ///
    /// # Errors
    ///
    /// [`LinkError`] as [`Link::request`] has them.
    pub fn check(link: &mut Link, timeout: Duration) -> Result<(), LinkError> {
        for name in ["MULTI", "EXEC"] {
            link.request(name, timeout, |out| {
                Command::new(out, 1).arg(name);
            })?;
        }
        Ok(())
    }

    /// Commits nothing from here on unless this lease is held, which the link's [`Lease::confirm`] has just found.
    pub fn guard(&mut self, lease: Lease) {
        self.lease = Some(lease);
        self.armed = true;
    }

    /// The lease that guards the batches.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Whether the next batch can be committed on this link as far as the lease is concerned.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.armed
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

    /// Whether the batch being built takes another command; where not, commit it, and wait while one is in flight.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.building.bytes().len() < self.options.batch_bytes_max
    }

    /// Commands in the batch being built.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> u32 {
        self.building.count().saturating_sub(1)
    }

    /// The link, for its descriptor, and for requests while nothing is in flight.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The socket, to wait for the answer; and, while [`RedisSink::wants_write`], for room.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Time by which the answer to the batch in flight must be there, ns.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        (self.flight == Flight::Flying).then_some(self.sent_ns + self.options.reply_timeout_ns)
    }

    /// Whether part of the batch in flight has not been taken by the socket yet.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.flight == Flight::Flying && self.written < self.flying.bytes().len()
    }

    /// Closes the batch with the position, `HSET position_key` of these fields (at least one), and hands it to
    /// [`RedisSink::poll`], which sends it; false, and nothing done, while another is in flight or held.
    #[must_use]
    pub fn commit(&mut self, position_key: &str, position: &[(&[u8], &[u8])], now_ns: u64) -> bool {
        if self.flight != Flight::None {
            return false;
        }
        self.entries = self.pending();
        if !position.is_empty() {
            let mut command = self.building.command(2 + 2 * position.len());
            command.arg("HSET").arg(position_key);
            for (name, value) in position {
                command.arg(name).arg(value);
            }
        }
        if let Some(lease) = self.lease.as_ref().filter(|_| now_ns >= self.renew_ns) {
            self.building.command(3).arg("PEXPIRE").arg(&lease.spec.key).uint(lease.spec.ttl_ms);
            self.renew_ns = now_ns + lease.spec.ttl_ms * 1_000_000 / RENEWALS_A_LEASE;
        }
        self.exec_at = self.building.count();
        self.building.command(1).arg("EXEC");
        if let Some(lease) = &self.lease {
            // For the next batch: its transaction is not run if the lease changes hands after this look at it.
            self.building.command(2).arg("WATCH").arg(&lease.spec.key);
            self.building.command(2).arg("GET").arg(&lease.spec.key);
        }
        std::mem::swap(&mut self.building, &mut self.flying);
        self.begin();
        self.resend(now_ns);
        true
    }

    /// Sends the held batch again, from its start: after a refusal on the same link, after a loss on a new one
    /// ([`RedisSink::replace_link`]) once its position is known not to have been written.
    pub fn resend(&mut self, now_ns: u64) {
        self.flight = Flight::Flying;
        self.written = 0;
        self.answered = 0;
        self.refused = None;
        self.outcome = None;
        self.sent_ns = now_ns;
    }

    /// Drops the held batch, because its position turned out to have been written or nobody wants it any more; returns
    /// the number of its commands.
    pub fn forget(&mut self) -> u32 {
        self.flight = Flight::None;
        self.entries
    }

    /// Goes on over a new link, what was in flight being held; the old link is closed. Where there is a lease, the link
    /// has confirmed it.
    pub fn replace_link(&mut self, link: Link) {
        self.link = link;
        self.armed = true;
        self.renew_ns = 0;
        if self.flight == Flight::Flying {
            self.flight = Flight::Held;
        }
    }

    /// Sends and receives what the socket takes and has, `now_ns` on the clock of [`RedisSink::commit`].
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the batch is held then, but for one that was committed in part. After a lost link or a malformed
    /// reply the link must be replaced.
    #[inline]
    pub fn poll(&mut self, now_ns: u64) -> Result<SinkState, SinkError> {
        match self.flight {
            Flight::None => Ok(SinkState::Idle),
            Flight::Held => Ok(SinkState::Held),
            Flight::Flying => self.advance(now_ns).inspect_err(|error| {
                let done = matches!(error, SinkError::Partly { .. });
                self.flight = if done { Flight::None } else { Flight::Held };
            }),
        }
    }

    fn advance(&mut self, now_ns: u64) -> Result<SinkState, SinkError> {
        loop {
            let sent = self.send()?;
            let received = self.link.fill().map_err(|e| self.lost(e))?;
            while let Some(len) = self.link.reply().map_err(|e| SinkError::protocol(&self.link, e))? {
                let done = self.answer(len);
                self.link.consume(len);
                if done? {
                    self.flight = Flight::None;
                    return Ok(SinkState::Committed { entries: self.entries });
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
        Ok(SinkState::InFlight)
    }

    /// Sends what the socket takes: the number of bytes.
    #[inline]
    fn send(&mut self) -> Result<usize, SinkError> {
        let rest = &self.flying.bytes()[self.written..];
        if rest.is_empty() {
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

    /// Takes the next answer, the first `len` bytes received; true where it completes the transaction.
    fn answer(&mut self, len: usize) -> Result<bool, SinkError> {
        let reply = &self.link.received()[..len];
        let index = self.answered;
        self.answered += 1;
        let shape = || SinkError::shape(&self.link);
        let Some((element, next)) = token(reply, 0, &Limits::NONE).unwrap_or(None) else { return Err(shape()) };
        if index < self.exec_at {
            match element {
                Token::Simple(_) => {}
                Token::Error(text) if index == 0 => {
                    return Err(SinkError::no_transaction(&self.link, text));
                }
                Token::Error(text) => {
                    let kind = ServerErrorKind::of(text);
                    let words = || String::from_utf8_lossy(text).into_owned();
                    self.refused.get_or_insert_with(|| (index - 1, kind, words()));
                }
                _ => return Err(shape()),
            }
            return Ok(false);
        }
        if index > self.exec_at {
            return match (index - self.exec_at, element, &self.lease) {
                (_, Token::Error(text), _) => Err(SinkError::no_transaction(&self.link, text)),
                (1, Token::Simple(_), _) => Ok(false),
                (2, found, Some(lease)) => {
                    self.armed = found == Token::Bulk(lease.value.as_bytes());
                    self.outcome.take().unwrap_or_else(|| Err(shape())).map(|()| true)
                }
                _ => Err(shape()),
            };
        }
        let outcome = match element {
            Token::Array(results) if results + 1 == self.exec_at as usize => match first_error(reply, next) {
                None => Ok(()),
                Some((command, failed, text)) => Err(SinkError::partly(&self.link, command, failed, text)),
            },
            Token::Nil if self.lease.is_some() => Err(SinkError::Fenced { address: self.link.address().to_owned() }),
            Token::Error(text) => {
                let kind = ServerErrorKind::of(text);
                let words = String::from_utf8_lossy(text).into_owned();
                let (command, kind, text) = self.refused.take().unwrap_or((index - 1, kind, words));
                Err(SinkError::Refused { address: self.link.address().to_owned(), command, kind, text })
            }
            _ => return Err(shape()),
        };
        if self.lease.is_none() {
            return outcome.map(|()| true);
        }
        self.outcome = Some(outcome);
        Ok(false)
    }

    fn lost(&self, source: io::Error) -> SinkError {
        SinkError::Lost { address: self.link.address().to_owned(), source }
    }
}

/// The first error among the results that begin at `pos`: its index, the number of errors, and its text.
///
/// The results of the commands that are published are single elements.
fn first_error(reply: &[u8], mut pos: usize) -> Option<(u32, u32, &[u8])> {
    let (mut index, mut failed, mut first) = (0, 0, None);
    while let Ok(Some((element, next))) = token(reply, pos, &Limits::NONE) {
        if let Token::Error(text) = element {
            first.get_or_insert((index, text));
            failed += 1;
        }
        index += 1;
        pos = next;
    }
    first.map(|(index, text)| (index, failed, text))
}

#[cfg(test)]
mod tests;
