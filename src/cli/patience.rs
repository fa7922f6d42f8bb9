//! Waiting at the start for a server that is not ready: one line per change of state, growing pauses. Blocks.
//!
//! A server that is there and says that it will be ready is waited for as long as it takes. One that is not there may be
//! a wrong address, and is waited for `redis.start_wait_s`. What only a person can change ends the start at once.

use super::{note::note, notify::Notifier};
use crate::{
    config::RedisConfig,
    engine::Backoff,
    publish::LeaseError,
    redis_io::{LinkError, ServerErrorKind},
};
use anyhow::{Result, anyhow, bail};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Time between two looks whether the user wants to wait no longer.
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
        Some(LinkError::Server { kind: ServerErrorKind::ReadOnly | ServerErrorKind::Unknown, .. }) => Worth::Limited,
        Some(LinkError::Server { kind, .. }) if kind.is_transient() => Worth::Unlimited,
        Some(link) if link.is_transient() => Worth::Limited,
        _ => Worth::Nothing,
    }
}

/// The waiting of one start.
pub struct Patience<'a> {
    limit: Duration,
    backoff: Backoff,
    quiet: bool,
    stop: &'a AtomicBool,
    notifier: Notifier,
    /// Since when the server has not been there.
    absent: Option<Instant>,
}

impl<'a> Patience<'a> {
    /// Waits as the configuration says, until `stop` is raised.
    pub fn new(config: &RedisConfig, quiet: bool, stop: &'a AtomicBool) -> Self {
        Self {
            limit: Duration::from_secs(config.start_wait_s),
            backoff: Backoff::new("start", config.reconnect_max_ms),
            quiet,
            stop,
            notifier: Notifier::from_env(),
            absent: None,
        }
    }

    /// What `attempt` gives, which is made again while waiting is worth it.
    ///
    /// # Errors
    /// The attempt's, where waiting is not worth it, or no longer; a stop while waiting.
    pub fn wait<T>(&mut self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let (started, mut said, mut attempts) = (Instant::now(), String::new(), 1u32);
        loop {
            let error = match attempt() {
                Ok(value) => {
                    self.absent = None;
                    self.backoff.reset();
                    if !said.is_empty() {
                        let seconds = started.elapsed().as_secs_f64();
                        self.say(&format!("Redis is ready after {seconds:.1} s, {attempts} attempts"));
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            match worth(&error) {
                Worth::Nothing => return Err(error),
                Worth::Unlimited => self.absent = None,
                Worth::Limited => {
                    let waited = self.absent.get_or_insert_with(Instant::now).elapsed();
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
        if self.limit.is_zero() {
            return error;
        }
        anyhow!("{error:#}; waited {} s for it (redis.start_wait_s)", self.limit.as_secs())
    }

    fn pause(&mut self) -> Result<()> {
        let until = Instant::now() + Duration::from_nanos(self.backoff.next_ns());
        loop {
            if self.stop.load(Ordering::Relaxed) {
                bail!("stopped while waiting for Redis");
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    fn say(&self, line: &str) {
        self.notifier.starting(line, Duration::from_nanos(self.backoff.max_ns()) + EXTENSION);
        if !self.quiet {
            note(line);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Config;
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
        for text in ["NOAUTH …", "WRONGPASS …", "NOPERM …", "ERR unknown command", "WRONGTYPE …", "MOVED 1 x"] {
            assert_eq!(worth(&server(text).into()), Worth::Nothing, "{text}");
        }
        assert_eq!(worth(&refused().into()), Worth::Limited);
        assert_eq!(worth(&server("READONLY …").into()), Worth::Limited);
        assert_eq!(worth(&server("FLUXDOWN …").into()), Worth::Limited);
        assert_eq!(worth(&anyhow!("something else")), Worth::Nothing);
    }

    #[test]
    fn it_waits_for_what_it_should_and_no_longer() {
        let (stop, mut config) = (AtomicBool::new(false), Config::default().redis);
        config.start_wait_s = 0;
        config.reconnect_max_ms = 1;
        let mut patience = Patience::new(&config, true, &stop);
        let mut left = 20;
        let waited = patience.wait(|| {
            left -= 1;
            if left > 0 { Err(server("LOADING").into()) } else { Ok(left) }
        });
        assert_eq!(waited.unwrap(), 0);
        assert!(patience.wait(|| Err::<(), _>(refused().into())).unwrap_err().to_string().contains("cannot connect"));
        config.start_wait_s = 1;
        let mut patience = Patience::new(&config, true, &stop);
        let error = patience.wait(|| Err::<(), _>(refused().into())).unwrap_err().to_string();
        assert!(error.contains("waited 1 s"), "{error}");
        stop.store(true, Ordering::Relaxed);
        assert!(patience.wait(|| Err::<(), _>(server("LOADING").into())).unwrap_err().to_string().contains("stopped"));
    }
}
