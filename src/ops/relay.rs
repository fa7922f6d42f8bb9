//! Health into Redis: its key, and the alerts of its changes. On a thread of its own, because a server may be slow to answer:
//! what finds it busy is dropped, as the next word on health is newer anyway. Alerts wait for the server, up to a bound.

use crate::{
    publish::{Notice, OutputNames, xadd_notice},
    redis_io::{Commands, Link, LinkError},
    runtime::background,
};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::JoinHandle,
    time::Duration,
};

/// Words that may wait.
const WORDS_MAX: usize = 8;
/// Alerts that wait for a server that is away.
const ALERTS_MAX: usize = 256;

/// What is to be written.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// All of the health, as JSON.
    pub json: String,
    /// What has changed.
    pub alerts: Vec<Alert>,
}

/// A change that is an alert.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    /// How bad it is.
    pub severity: crate::publish::Severity,
    /// What, and what would mend it.
    pub message: String,
    /// When, Unix ms.
    pub at_ms: i64,
}

/// How to reach the server, and where to write.
pub struct Relay {
    /// Makes a connection.
    pub connect: Box<dyn Fn() -> Result<Link, LinkError> + Send>,
    /// The key of the health.
    pub key: String,
    /// Its lifetime, s.
    pub ttl_s: u64,
    /// Names of the streams.
    pub names: OutputNames,
    /// Whether alerts are written.
    pub alerts: bool,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The thread that writes; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    words: Option<SyncSender<Word>>,
    /// Alerts that found no room.
    waiting: Vec<Alert>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(relay: Relay) -> std::io::Result<Self> {
        let (words, inbox) = sync_channel(WORDS_MAX);
        let thread = std::thread::Builder::new().name("health to redis".to_owned());
        let thread = thread.spawn(move || write_all(relay, &inbox))?;
        Ok(Self { words: Some(words), waiting: Vec::new(), thread: Some(thread) })
    }

    /// Has this written, if there is room. Returns at once.
    pub fn write(&mut self, json: String, alerts: Vec<Alert>) {
        self.waiting.extend(alerts);
        self.waiting.truncate(ALERTS_MAX);
        let Some(words) = &self.words else { return };
        let word = Word { json, alerts: std::mem::take(&mut self.waiting) };
        if let Err(std::sync::mpsc::TrySendError::Full(word)) = words.try_send(word) {
            self.waiting = word.alerts;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.words = None;
        // One that hangs in a system call ends with the process.
        drop(self.thread.take());
    }
}

fn write_all(mut relay: Relay, inbox: &Receiver<Word>) {
    background();
    let (mut link, mut owed) = (None::<Link>, Vec::<Alert>::new());
    loop {
        let word = match inbox.recv_timeout(Duration::from_secs(60)) {
            Ok(word) => word,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        owed.extend(word.alerts);
        owed.truncate(ALERTS_MAX);
        if link.is_none() {
            link = (relay.connect)().ok();
        }
        let Some(open) = &mut link else { continue };
        // The engine's own links say what is wrong with the server.
        if write(&mut relay, open, &word.json, &mut owed).is_err() {
            link = None;
        }
    }
}

fn write(relay: &mut Relay, link: &mut Link, json: &str, owed: &mut Vec<Alert>) -> Result<(), LinkError> {
    let mut set = redis::cmd("SET");
    set.arg(&relay.key).arg(format!("JSON:{json}")).arg("EX").arg(relay.ttl_s);
    link.ask::<redis::Value>(&set)?;
    while relay.alerts && !owed.is_empty() {
        let Alert { severity, message, at_ms } = &owed[0];
        let mut commands = Commands::with_capacity(1_024);
        xadd_notice(
            &mut commands,
            &mut relay.names,
            &Notice { severity: *severity, component: "health", message, at_ms: *at_ms },
        );
        link.ask_encoded(&commands)?;
        owed.remove(0);
    }
    owed.clear();
    Ok(())
}
