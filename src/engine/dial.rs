//! Reconnecting without blocking: a short-lived thread dials, and the agent polls for the result. Where connecting does not
//! block, the agent's own thread may dial.
//!
//! Only [`Dial::is_up`] is hot.

use super::{Backoff, Incidents};
use crate::{
    publish::LeaseError,
    redis_io::{LinkError, ServerErrorKind, code},
    telemetry::LinkCounters,
};
use crossbeam_utils::CachePadded;
use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
};

/// Time between two polls of a thread that dials, ns.
const LOOK_NS: u64 = 2_000_000;

/// Why a server could not be connected to.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It is absent, or refuses the connection.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Another engine has taken over.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl DialError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Link(error) | Self::Lease(LeaseError::Link(error)) => error.is_transient(),
            Self::Lease(_) => false,
        }
    }

    /// The server's error, if the server refused.
    fn server(&self) -> Option<(ServerErrorKind, &str)> {
        match self {
            Self::Link(LinkError::Server { kind, text, .. })
            | Self::Lease(LeaseError::Link(LinkError::Server { kind, text, .. })) => Some((*kind, text)),
            _ => None,
        }
    }
}

type Outcome<T> = Result<T, DialError>;

enum State<T> {
    Up { since_ns: u64 },
    Waiting { until_ns: u64 },
    Dialing { outcome: Receiver<Outcome<T>>, look_ns: u64 },
}

/// Reconnects one side, the reader or the publisher, to the server.
pub struct Dial<T> {
    who: &'static str,
    make: Arc<dyn Fn() -> Outcome<T> + Send + Sync>,
    /// A connection that breaks at once does not reset the pauses.
    backoff: Backoff,
    state: State<T>,
    /// Whether it dials on the thread that polls.
    inline: bool,
    /// Attempts since the connection was lost.
    attempts: u32,
    lost_ns: u64,
    counted_ns: u64,
    /// The unknown code that was warned of last.
    unknown_code: String,
    incidents: Arc<Incidents>,
    counters: Arc<CachePadded<LinkCounters>>,
}

impl<T> fmt::Debug for Dial<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("who", &self.who).field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Dial<T> {
    /// A dial that connects with `make`, which blocks and runs on a thread of its own. Connected at first.
    #[must_use]
    pub fn new(
        who: &'static str,
        max_ms: u64,
        incidents: Arc<Incidents>,
        make: impl Fn() -> Outcome<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            who,
            make: Arc::new(make),
            backoff: Backoff::new(who, max_ms),
            state: State::Up { since_ns: 0 },
            inline: false,
            attempts: 0,
            lost_ns: 0,
            counted_ns: 0,
            unknown_code: String::new(),
            incidents,
            counters: LinkCounters::shared(),
        }
    }

    /// The same without a thread: whoever polls dials. Its pauses are random by this seed.
    #[must_use]
    pub fn inline(mut self, seed: u64) -> Self {
        self.backoff = Backoff::seeded(self.who, self.backoff.max_ns() / 1_000_000, seed);
        self.inline = true;
        self
    }

    /// Which side it connects.
    #[must_use]
    pub fn who(&self) -> &'static str {
        self.who
    }

    /// The counters of attempts and times.
    #[must_use]
    pub fn counters(&self) -> Arc<CachePadded<LinkCounters>> {
        Arc::clone(&self.counters)
    }

    /// Takes lines for the log.
    #[must_use]
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// Whether the side is connected.
    #[inline]
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// The connection is lost, or must be replaced.
    #[cold]
    pub fn lost(&mut self, now_ns: u64, reason: &dyn fmt::Display) {
        let State::Up { since_ns } = self.state else { return };
        self.incidents.note(format!("{} disconnected: {reason}; connecting again", self.who));
        if now_ns.saturating_sub(since_ns) > self.backoff.max_ns() {
            self.backoff.reset();
        }
        self.attempts = 0;
        self.lost_ns = now_ns;
        self.counted_ns = now_ns;
        self.counters.down.set(1);
        self.wait(now_ns);
    }

    /// Warns of an error whose code is in no table, and names the code: once until another such code comes.
    #[cold]
    pub fn warn_of_code(&mut self, kind: ServerErrorKind, text: &str) {
        let code = code(text);
        if kind != ServerErrorKind::Unknown || code == self.unknown_code {
            return;
        }
        self.incidents.note(format!(
            "warning: {}: the server answers with {code}, a code that this version does not know; it tries again, with growing pauses: {text}",
            self.who
        ));
        self.unknown_code = code.into_owned();
    }

    fn wait(&mut self, now_ns: u64) {
        let pause_ns = self.backoff.next_ns();
        self.state = State::Waiting { until_ns: now_ns + pause_ns };
    }

    /// Time until which to wait before something that was refused is tried again on the same connection, ns.
    pub fn pause_until_ns(&mut self, now_ns: u64) -> u64 {
        now_ns + self.backoff.next_ns()
    }

    /// Something has succeeded: the next pause is a short one.
    #[inline]
    pub fn succeeded(&mut self) {
        self.backoff.reset();
    }

    /// The new connection, once there is one. Never blocks, unless it dials by itself; else starts a thread if an attempt is
    /// due.
    ///
    /// # Errors
    /// A fault that no further attempt can change.
    pub fn poll(&mut self, now_ns: u64) -> Result<Option<T>, DialError> {
        self.counters.down_ns.add(now_ns.saturating_sub(self.counted_ns));
        self.counted_ns = now_ns;
        match &mut self.state {
            State::Up { .. } => Ok(None),
            State::Waiting { until_ns } => {
                if now_ns >= *until_ns {
                    self.dial(now_ns);
                }
                Ok(None)
            }
            State::Dialing { outcome, look_ns } => match outcome.try_recv() {
                Ok(Ok(made)) => {
                    self.connected(now_ns);
                    Ok(Some(made))
                }
                Ok(Err(error)) if !error.is_transient() => Err(error),
                Err(TryRecvError::Empty) => {
                    *look_ns = now_ns + LOOK_NS;
                    Ok(None)
                }
                Ok(Err(error)) => {
                    if let Some((kind, text)) = error.server() {
                        self.warn_of_code(kind, text);
                    }
                    self.wait(now_ns);
                    Ok(None)
                }
                Err(TryRecvError::Disconnected) => {
                    self.wait(now_ns);
                    Ok(None)
                }
            },
        }
    }

    fn dial(&mut self, now_ns: u64) {
        let (give, outcome) = sync_channel(1);
        let make = Arc::clone(&self.make);
        self.attempts += 1;
        self.counters.attempts.bump();
        if self.inline {
            // There is room for it.
            drop(give.send(make()));
            self.state = State::Dialing { outcome, look_ns: now_ns };
            return;
        }
        let thread = std::thread::Builder::new().name(format!("{} dials", self.who));
        // The engine may have ended meanwhile: then no one takes it.
        match thread.spawn(move || drop(give.send(make()))) {
            Ok(_) => self.state = State::Dialing { outcome, look_ns: now_ns + LOOK_NS },
            Err(_) => self.wait(now_ns),
        }
    }

    fn connected(&mut self, now_ns: u64) {
        let seconds = now_ns.saturating_sub(self.lost_ns) as f64 / 1e9;
        self.incidents.note(format!("{} reconnected after {seconds:.2} s, {} attempts", self.who, self.attempts));
        self.counters.reconnects.bump();
        self.counters.down.set(0);
        self.state = State::Up { since_ns: now_ns };
    }

    /// Time of the next poll or attempt, ns; none while connected.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        match self.state {
            State::Up { .. } => None,
            State::Waiting { until_ns } => Some(until_ns),
            State::Dialing { look_ns, .. } => Some(look_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io, sync::atomic::AtomicU32, sync::atomic::Ordering, time::Duration};

    fn refused() -> DialError {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        LinkError::Connect { address: "there".to_owned(), source }.into()
    }

    /// Polls every millisecond of made-up time until something comes.
    fn dial(mut dial: Dial<u32>) -> (Result<u32, DialError>, u64, Vec<String>) {
        let mut now_ns = 1_000_000_000;
        dial.lost(now_ns, &"pulled");
        loop {
            now_ns += 1_000_000;
            if matches!(dial.state, State::Dialing { .. }) {
                std::thread::sleep(Duration::from_micros(200));
            }
            match dial.poll(now_ns) {
                Ok(None) => {}
                Ok(Some(made)) => return (Ok(made), now_ns, dial.incidents.take()),
                Err(error) => return (Err(error), now_ns, dial.incidents.take()),
            }
        }
    }

    #[test]
    fn it_tries_until_it_gets_through_and_says_so_once() {
        let (tries, incidents) = (AtomicU32::new(0), Arc::new(Incidents::default()));
        let (made, _, lines) = dial(Dial::new("reader", 100, incidents, move || {
            let tried = tries.fetch_add(1, Ordering::Relaxed);
            if tried < 9 { Err(refused()) } else { Ok(tried) }
        }));
        assert_eq!(made.unwrap(), 9);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("pulled") && lines[1].contains("10 attempts"), "{lines:?}");
    }

    #[test]
    fn an_unknown_code_is_warned_of_once_and_tried_again() {
        let (tries, incidents) = (AtomicU32::new(0), Arc::new(Incidents::default()));
        let (made, now_ns, lines) = dial(Dial::new("reader", 100, incidents, move || {
            let tried = tries.fetch_add(1, Ordering::Relaxed);
            let text = if tried == 6 { "DRYFLUX" } else { "FLUXDOWN the flux is down" }.to_owned();
            let kind = ServerErrorKind::of(text.as_bytes());
            let error = LinkError::Server { address: "there".to_owned(), what: "PING".to_owned(), kind, text };
            if tried < 8 { Err(error.into()) } else { Ok(tried) }
        }));
        assert_eq!(made.unwrap(), 8);
        let warnings: Vec<&String> = lines.iter().filter(|line| line.starts_with("warning: reader: ")).collect();
        let named = |index: usize, code: &str| warnings[index].contains(&format!("answers with {code}, a code"));
        assert!(
            warnings.len() == 3 && named(0, "FLUXDOWN") && named(1, "DRYFLUX") && named(2, "FLUXDOWN"),
            "{lines:?}"
        );
        // Nine pauses of 20 ms at first and 100 ms at last, of each at least a half.
        assert!(now_ns > 1_300_000_000, "{now_ns}");
    }

    #[test]
    fn what_nothing_can_change_ends_it() {
        let (made, ..) = dial(Dial::new("reader", 100, Arc::default(), || {
            let source = io::Error::from(io::ErrorKind::PermissionDenied);
            Err(LinkError::Connect { address: "there".to_owned(), source }.into())
        }));
        assert!(made.is_err());
    }
}
