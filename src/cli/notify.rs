//! Tells systemd how the engine is (`Type=notify`, `WatchdogSec=`): the protocol of sd_notify(3), which is a datagram.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is sent. Nothing here blocks: a datagram that finds no room is
//! lost.

use super::roll;
use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::{Duration, Instant},
};

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Time after which the manager considers a silent engine dead.
    watchdog: Option<Duration>,
    /// When it was last told that the engine is alive, and the duty cycles of each agent then.
    alive: Option<(Instant, Vec<u64>)>,
}

impl Notifier {
    /// The socket that the environment names; `None` if it names none or an invalid one.
    #[must_use]
    pub fn from_env() -> Self {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let text = |name: &str| std::env::var(name).ok();
        let ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let us = text("WATCHDOG_USEC").and_then(|us| us.parse().ok()).filter(|&us| ours && us > 0);
        Self::new(&address, us.map(Duration::from_micros)).unwrap_or_default()
    }

    /// Sends to a socket: a path, or a name in the abstract namespace after an `@`.
    ///
    /// # Errors
    /// The address is invalid, or no file descriptor is left.
    pub fn new(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some((socket, address)), watchdog, alive: None })
    }

    /// Whether there is a manager to tell.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.socket.is_some()
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen cannot be told.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }

    /// The engine is not ready yet, and why; asks for this much more time.
    pub fn starting(&self, why: &str, extension: Duration) {
        // One that was a standby is ready already, and its watchdog runs.
        let alive = if self.watchdog.is_some() && roll::alive() { "\nWATCHDOG=1" } else { "" };
        self.send(&format!("EXTEND_TIMEOUT_USEC={}\nSTATUS={}{alive}", extension.as_micros(), why.replace('\n', " ")));
    }

    /// The engine waits for another to end, as long as it takes: that is what it was started for, so it is ready.
    pub fn standing_by(&self, why: &str) {
        let ready = if roll::ready() { "READY=1\n" } else { "" };
        self.send(&format!("{ready}STATUS={}", why.replace('\n', " ")));
    }

    /// The engine works.
    pub fn ready(&self) {
        if roll::ready() {
            self.send("READY=1");
        }
    }

    /// The engine has been asked to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=finishing what has been read");
    }

    /// How things are going, in one line.
    pub fn status(&self, line: &str) {
        self.send(&format!("STATUS={}", line.replace('\n', " ")));
    }

    /// Called often; `cycles` are the duty cycles of each agent so far. Every half of the watchdog's time it says that
    /// the engine is alive, if each agent has come around since: one that hangs lets the time run out. While the engine
    /// drains, agents that are done stand still, and one that moves is enough.
    ///
    /// An agent that waits for a server comes around: what a restart does not cure does not restart the engine.
    pub fn tick(&mut self, now: Instant, draining: bool, cycles: impl Iterator<Item = u64>) {
        let Some(watchdog) = self.watchdog else { return };
        if self.alive.as_ref().is_some_and(|(last, _)| now.duration_since(*last) < watchdog / 2) {
            return;
        }
        let cycles: Vec<u64> = cycles.collect();
        let moving = self.alive.as_ref().is_none_or(|(_, before)| {
            let mut moved = cycles.iter().zip(before).map(|(now, before)| now > before);
            if draining { moved.any(|moved| moved) } else { moved.all(|moved| moved) }
        });
        if moving {
            if roll::alive() {
                self.send("WATCHDOG=1");
            }
            self.alive = Some((now, cycles));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        socket.set_nonblocking(true).unwrap();
        let length = socket.recv(&mut buffer).unwrap_or(0);
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_arrive_at_a_path_and_at_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("wagehood-notify-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let at_name = format!("@{name}");
        for (socket, address) in [(by_path, path.as_os_str()), (by_name, OsStr::new(&at_name))] {
            let notifier = Notifier::new(address, None).unwrap();
            assert!(notifier.is_on());
            notifier.ready();
            assert_eq!(received(&socket), "READY=1");
            notifier.status("one\ntwo");
            assert_eq!(received(&socket), "STATUS=one two");
            notifier.stopping();
            assert!(received(&socket).starts_with("STOPPING=1\n"));
        }
        assert!(Notifier::new(OsStr::new(&"x".repeat(200)), None).is_err());
    }

    #[test]
    fn a_manager_that_is_gone_or_full_holds_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(path.as_os_str(), None).unwrap();
        (0..10_000).for_each(|_| notifier.status("full"));
        drop(socket);
        notifier.ready();
        Notifier::default().ready();
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_time_and_only_while_every_agent_moves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut notifier = Notifier::new(path.as_os_str(), Some(Duration::from_secs(10))).unwrap();
        let begin = Instant::now();
        let mut fed = |seconds, draining, cycles: [u64; 2]| {
            notifier.tick(begin + Duration::from_secs(seconds), draining, cycles.into_iter());
            !received(&socket).is_empty()
        };
        assert!(fed(0, false, [0, 0]));
        assert!(!fed(4, false, [5, 5]), "too early");
        assert!(fed(5, false, [5, 5]));
        assert!(!fed(10, false, [9, 5]), "the second agent hangs");
        assert!(!fed(11, false, [12, 5]));
        assert!(fed(12, false, [13, 6]), "it came around after all");
        assert!(fed(17, true, [13, 7]), "the first one is done");
        assert!(!fed(22, true, [13, 7]));
    }
}
