//! Waiting at the start for a server that is not ready: one line per change of state, growing pauses. Blocks.
//!
//! If the server answers that it will be ready, this waits as long as it takes. If it does not answer, the address may
//! be wrong: this waits for `redis.start_wait_s`. An error that only a person can fix ends the start at once.

use super::{host::Host, note::explain, notify::Notifier, stopped::Stopped};
use crate::{
    config::RedisConfig,
    engine::Backoff,
    publish::LeaseError,
    redis_io::{LinkError, ServerErrorKind},
};
use anyhow::{Context as _, Result};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Time between two checks whether the user has stopped the wait.
const LOOK: Duration = Duration::from_millis(50);
/// What the service manager is asked for beyond the next attempt.
const EXTENSION: Duration = Duration::from_secs(30);

/// How long an error is worth waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Nothing,
    /// The server is not there, or is not the right one: perhaps the address is wrong.
    Limited,
    /// The server says that it will be ready.
    Unlimited,
}

fn worth(error: &anyhow::Error) -> Worth {
    let link = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(LeaseError::Link(link)) => Some(link),
        _ => cause.downcast_ref::<LinkError>(),
    });
    match link {
        // A replica may be the wrong server, and so may one that speaks in unknown codes.
        Some(LinkError::Server {
            kind: ServerErrorKind::ReadOnly | ServerErrorKind::Moved | ServerErrorKind::Unknown,
            ..
        }) => Worth::Limited,
        Some(LinkError::Server { kind, .. }) if kind.is_transient() => Worth::Unlimited,
        Some(link) if link.is_transient() => Worth::Limited,
        _ => Worth::Nothing,
    }
}

/// A server was not there in time.
#[derive(Debug, thiserror::Error)]
#[error("{why}{waited}")]
pub struct NotThere {
    why: String,
    /// For how long it was waited for, where it was.
    waited: String,
}

/// The waiting of one start.
pub struct Patience<'a> {
    host: &'a Host,
    limit: Duration,
    backoff: Backoff,
    quiet: bool,
    stop: &'a AtomicBool,
    notifier: Notifier,
    /// Since when the server has not been there, ns.
    absent_ns: Option<u64>,
}

impl<'a> Patience<'a> {
    /// Waits as the configuration says, until `stop` is raised.
    pub fn new(host: &'a Host, config: &RedisConfig, quiet: bool, stop: &'a AtomicBool) -> Self {
        let seed = host.network().map_or_else(|| u64::from(std::process::id()), |(_, seed)| seed);
        Self {
            host,
            limit: Duration::from_secs(config.start_wait_s),
            backoff: Backoff::seeded("start", config.reconnect_max_ms, seed),
            quiet,
            stop,
            notifier: Notifier::from_env(),
            absent_ns: None,
        }
    }

    /// Repeats `attempt` while waiting is worth it; returns its result.
    ///
    /// # Errors
    /// That of the last attempt, or the user stopped the wait.
    pub fn wait<T>(&mut self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let (started_ns, mut said, mut attempts) = (self.host.clock().ns(), String::new(), 1u32);
        loop {
            let error = match attempt() {
                Ok(value) => {
                    self.absent_ns = None;
                    self.backoff.reset();
                    if !said.is_empty() {
                        let seconds = self.since(started_ns).as_secs_f64();
                        self.say(&format!("Redis is ready after {seconds:.1} s, {attempts} attempts"));
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            match worth(&error) {
                Worth::Nothing => return Err(error),
                Worth::Unlimited => self.absent_ns = None,
                Worth::Limited => {
                    let since_ns = *self.absent_ns.get_or_insert_with(|| self.host.clock().ns());
                    let waited = self.since(since_ns);
                    if waited >= self.limit {
                        return Err(self.too_long(error));
                    }
                }
            }
            let why = error.to_string();
            if why != said {
                self.say(&format!("waiting for Redis: {why}"));
                said = why;
            }
            self.pause()?;
            attempts += 1;
        }
    }

    fn too_long(&self, error: anyhow::Error) -> anyhow::Error {
        let waited = match self.limit.as_secs() {
            0 => String::new(),
            seconds => format!("; waited {seconds} s for it (redis.start_wait_s)"),
        };
        NotThere { why: explain(&error), waited }.into()
    }

    fn since(&self, ns: u64) -> Duration {
        Duration::from_nanos(self.host.clock().ns().saturating_sub(ns))
    }

    fn pause(&mut self) -> Result<()> {
        let until_ns = self.host.clock().ns() + self.backoff.next_ns();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stopped).context("stopped while waiting for Redis");
            }
            let left = Duration::from_nanos(until_ns.saturating_sub(self.host.clock().ns()));
            if left.is_zero() {
                return Ok(());
            }
            self.notifier.tick(Instant::now(), false, std::iter::empty());
            self.host.sleep(left.min(LOOK));
        }
    }

    fn say(&self, line: &str) {
        self.notifier.starting(line, Duration::from_nanos(self.backoff.max_ns()) + EXTENSION);
        if !self.quiet {
            self.host.say(line);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{config::Config, runtime::Clock};
    use std::io;

    fn server(text: &str) -> LinkError {
        let kind = ServerErrorKind::of(text.as_bytes());
        LinkError::Server { address: "there".to_owned(), what: "PING".to_owned(), kind, text: text.to_owned() }
    }

    fn refused() -> LinkError {
        LinkError::Connect { address: "there".to_owned(), source: io::ErrorKind::ConnectionRefused.into() }
    }

    #[test]
    fn what_is_worth_waiting_for() {
        for text in ["LOADING …", "BUSY …", "MASTERDOWN …", "ERR max number of clients reached"] {
            assert_eq!(worth(&server(text).into()), Worth::Unlimited, "{text}");
            assert_eq!(worth(&LeaseError::Link(server(text)).into()), Worth::Unlimited, "{text}");
        }
        for text in ["NOAUTH …", "WRONGPASS …", "NOPERM …", "ERR unknown command", "WRONGTYPE …"] {
            assert_eq!(worth(&server(text).into()), Worth::Nothing, "{text}");
        }
        assert_eq!(worth(&refused().into()), Worth::Limited);
        assert_eq!(worth(&server("READONLY …").into()), Worth::Limited);
        assert_eq!(worth(&server("FLUXDOWN …").into()), Worth::Limited);
        assert_eq!(worth(&server("MOVED 1 x").into()), Worth::Limited, "a slot that has moved may come back");
        assert_eq!(worth(&anyhow::anyhow!("something else")), Worth::Nothing);
    }

    #[test]
    fn it_waits_for_what_it_should_and_no_longer() {
        let (stop, mut config) = (AtomicBool::new(false), Config::default().redis);
        config.start_wait_s = 0;
        config.reconnect_max_ms = 1;
        let host = Host::new(Clock::new());
        let mut patience = Patience::new(&host, &config, true, &stop);
        let mut left = 20;
        let waited = patience.wait(|| {
            left -= 1;
            if left > 0 { Err(server("LOADING").into()) } else { Ok(left) }
        });
        assert_eq!(waited.unwrap(), 0);
        assert!(patience.wait(|| Err::<(), _>(refused().into())).unwrap_err().to_string().contains("cannot connect"));
        config.start_wait_s = 1;
        let mut patience = Patience::new(&host, &config, true, &stop);
        let error = patience.wait(|| Err::<(), _>(refused().into())).unwrap_err().to_string();
        assert!(error.contains("waited 1 s"), "{error}");
        stop.store(true, Ordering::Relaxed);
        assert!(patience.wait(|| Err::<(), _>(server("LOADING").into())).unwrap_err().to_string().contains("stopped"));
    }
}
