//! Changes of the configuration while the engine runs: a thread looks at the documents now and then, and at the file where it
//! is told to. A change that holds is handed to the session, which finishes what has been read and starts again with it; one
//! that does not is refused, and everything goes on as before. Blocks, on a thread of its own.

#![allow(clippy::disallowed_types, reason = "a lock between two threads that both may wait")]

use super::{
    calendar::this_year,
    host::Host,
    kept::{Documents, Kept, complete, documents, key},
    part::EnginePart,
    redis::Server,
};
use crate::{
    config::{Config, Layer, Loaded},
    redis_io::Link,
    runtime::{Clock, background},
};
use anyhow::Result;
use redis::{Cmd, cmd};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Time between two looks whether there is something to do.
const TICK: Duration = Duration::from_millis(50);
/// Entries of the alert stream are in pieces of this length at most.
const MESSAGE_MAX: usize = 2_000;

/// A configuration to go on with.
#[derive(Debug)]
pub struct Next {
    /// The layers below the documents: the file may have been read again.
    pub layers: Vec<Layer>,
    /// What they and the documents say.
    pub config: Config,
    /// The documents.
    pub documents: Documents,
}

/// What the thread and the session share.
#[derive(Debug, Default)]
pub struct Reload {
    due: AtomicBool,
    over: AtomicBool,
    next: Mutex<Option<Next>>,
    lines: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reload {
    /// Whether there is a configuration to go on with.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
    }

    /// Lines for people.
    pub fn lines(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.lines))
    }
}

/// The thread that watches; ends with this.
#[derive(Debug)]
pub struct Watching {
    /// What it shares with the session.
    pub reload: Arc<Reload>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    /// The configuration to go on with; the thread ends.
    pub fn finish(mut self) -> Option<Next> {
        self.end();
        lock(&self.reload.next).take()
    }

    fn end(&mut self) {
        self.reload.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.end();
    }
}

/// What is watched.
#[derive(Debug)]
pub struct Watcher {
    /// The configuration in effect.
    pub config: Config,
    /// What of it the engine is.
    pub part: EnginePart,
    /// The layers without documents.
    pub layers: Vec<Layer>,
    /// The file among them, to be read again.
    pub file: Option<PathBuf>,
    /// The documents in effect.
    pub documents: Documents,
    /// Raised where the file is to be read again.
    pub hup: Arc<AtomicBool>,
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(self) -> Result<Watching> {
        let reload = Arc::new(Reload::default());
        let shared = Arc::clone(&reload);
        let thread = std::thread::Builder::new().name("configuration".to_owned()).spawn(move || self.run(&shared))?;
        Ok(Watching { reload, thread: Some(thread) })
    }

    fn run(mut self, reload: &Reload) {
        background();
        let host = Host::new(Clock::new());
        let poll = Duration::from_secs(self.config.redis.config_poll_s);
        let from_redis = self.config.redis.config_from_redis;
        let own = self.part.of(&self.config);
        let (mut link, mut looked) = (None, Instant::now());
        let mut refused: Option<(Documents, Vec<Layer>)> = None;
        while !reload.over.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            let hup = self.hup.swap(false, Ordering::Relaxed);
            let due = !poll.is_zero() && looked.elapsed() >= poll;
            if !hup && !due {
                continue;
            }
            looked = Instant::now();
            let seen = look(&own, &host, &mut link);
            // A server that is away is asked again; the engine says that it is.
            let Ok((found, question)) = seen else {
                link = None;
                self.hup.fetch_or(hup, Ordering::Relaxed);
                continue;
            };
            let again = hup || question.is_some();
            let answer = self.judge(found, again, from_redis, &mut refused);
            if let (Some(link), Some(question)) = (&mut link, question) {
                let text = answer.as_ref().map_or_else(|line| line.clone(), |next| outcome(next.is_some()));
                // Whoever has asked asks again.
                let _ = link.ask::<()>(cmd("HSET").arg(key(&own)).arg(&[("answered", question), ("answer", text)][..]));
            }
            match answer {
                Err(line) if !line.is_empty() => {
                    alert(&own, &mut link, "error", std::slice::from_ref(&line));
                    lock(&reload.lines).push(line);
                }
                Err(_) | Ok(None) => {}
                Ok(Some(next)) => {
                    let lines = differences(&own, &self.part.of(&next.config));
                    alert(&own, &mut link, "warning", &lines);
                    lock(&reload.lines).extend(lines);
                    *lock(&reload.next) = Some(next);
                    reload.due.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    /// What to make of what was found: nothing, a configuration to go on with, or a line on what does not hold, which is
    /// empty where it has been said.
    fn judge(
        &mut self,
        mut found: Vec<Layer>,
        again: bool,
        from_redis: bool,
        refused: &mut Option<(Documents, Vec<Layer>)>,
    ) -> Result<Option<Next>, String> {
        let order = self.config.redis.document_keys();
        if from_redis {
            complete(&mut found, &self.documents, &order);
        }
        let now = documents(&found);
        let mut layers = self.layers.clone();
        if let Some(file) = self.file.as_ref().filter(|_| again) {
            let read =
                Layer::open(file).map_err(|faults| format!("the configuration cannot be read again: {faults}"))?;
            if let Some(old) = layers.iter_mut().find(|layer| matches!(layer, Layer::File { .. })) {
                *old = read;
            }
        }
        if now == self.documents && layers == self.layers {
            *refused = None;
            return Ok(None);
        }
        let same = refused.as_ref().is_some_and(|(documents, before)| *documents == now && *before == layers);
        if same && !again {
            return Err(String::new());
        }
        let all = [&layers[..], &found[..]].concat();
        let loaded = Config::load(&all).and_then(|loaded| loaded.config.check_calendars(this_year()).map(|()| loaded));
        let Loaded { config, .. } = loaded.map_err(|faults| {
            *refused = Some((now.clone(), layers.clone()));
            format!("the configuration has changed and does not hold; everything goes on as before: {faults}")
        })?;
        *refused = None;
        let config = as_far_as_it_can(&self.config, config);
        if config == self.config && now == self.documents {
            self.layers = layers;
            return Err("what has changed counts from the next start".to_owned());
        }
        Ok(Some(Next { layers, config, documents: now }))
    }
}

/// The documents in the server, and what `config reload` asks.
fn look(config: &Config, host: &Host, kept: &mut Option<Link>) -> Result<(Vec<Layer>, Option<String>)> {
    let server = Server::on(host, config)?;
    let mut link = match kept.take() {
        Some(link) => link,
        None => server.connect("configuration")?,
    };
    let field = |link: &mut Link, name: &str| link.ask::<Option<String>>(&Cmd::hget(key(config), name));
    let asked = field(&mut link, "asked")?;
    let answered = if asked.is_some() { field(&mut link, "answered")? } else { None };
    let question = asked.filter(|question| answered.as_ref() != Some(question));
    let found = if config.redis.config_from_redis { server.documents(&mut link)? } else { Vec::new() };
    *kept = Some(link);
    Ok((found, question))
}

/// An entry of the alert stream for each line.
fn alert(config: &Config, link: &mut Option<Link>, kind: &str, lines: &[String]) {
    let Some(link) = link.as_mut().filter(|_| config.output.alerts) else { return };
    let streams = &config.output.streams;
    let at = crate::model::time::Iso8601(Clock::new().now().wall_ms()).to_string();
    for line in lines {
        let message: String = line.chars().take(MESSAGE_MAX).collect();
        let fields = [
            ("event_id", format!("alert_{kind}_configuration_{at}")),
            ("type", kind.to_owned()),
            ("symbol", "SYSTEM".to_owned()),
            ("message", message),
            ("timestamp", at.clone()),
            ("metadata", "{\"component\":\"configuration\"}".to_owned()),
        ];
        let maxlen = redis::streams::StreamMaxlen::Approx(streams.alerts_maxlen as usize);
        // An alert that cannot be written stands in the log.
        let _ = link.ask::<()>(&Cmd::xadd_maxlen(&streams.alerts, maxlen, "*", &fields));
    }
}

fn outcome(taken: bool) -> String {
    if taken { "taken".to_owned() } else { "nothing has changed".to_owned() }
}

/// The new configuration, with what cannot change while the engine runs as it was.
pub(super) fn as_far_as_it_can(old: &Config, new: Config) -> Config {
    let Config { engine, input, partitions, mock, redis, state, limits, telemetry, ingest, output, .. } = old.clone();
    let mut next = Config { engine, input, partitions, mock, redis, state, limits, telemetry, ingest, ..new };
    (next.output.streams, next.output.keys) = (output.streams, output.keys);
    next
}

/// What a change does to the symbols, and that there is one, a line each.
fn differences(old: &Config, new: &Config) -> Vec<String> {
    let by_name = |config: &Config| -> BTreeMap<String, String> {
        config.assets().into_iter().map(|asset| (asset.symbol.clone(), format!("{asset:?}"))).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let mut lines = Vec::new();
    let mut say = |what: &str, names: Vec<&String>| {
        if !names.is_empty() {
            let text = names.iter().take(20).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 20 { format!(" and {} more", names.len() - 20) } else { String::new() };
            lines.push(format!("configuration: {what}: {text}{more}"));
        }
    };
    say("added", after.keys().filter(|name| !before.contains_key(*name)).collect());
    say("removed", before.keys().filter(|name| !after.contains_key(*name)).collect());
    say("changed", after.keys().filter(|name| before.get(*name).is_some_and(|own| *own != after[*name])).collect());
    let parts = [
        ("strategies", old.strategies != new.strategies),
        ("timeframes", old.timeframes != new.timeframes),
        ("calendars", old.calendars != new.calendars),
        ("styles", old.styles != new.styles),
        ("correlation", old.correlation != new.correlation),
        ("output", old.output != new.output),
    ];
    lines.extend(
        parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| format!("configuration: changed: {name}")),
    );
    lines
}

/// Asks a running engine to read its configuration again, and waits for what it says.
///
/// # Errors
/// The server is gone or refuses; no engine answers.
pub fn ask(config: &Config) -> Result<String> {
    let host = Host::new(Clock::new());
    let server = Server::on(&host, config)?;
    let mut link = server.connect("config")?;
    let question = format!("{:016x}", host.new_number());
    link.ask::<()>(&Cmd::hset(key(config), "asked", &question))?;
    let patience = Duration::from_secs(3 * config.redis.config_poll_s.max(1) + 10);
    let started = Instant::now();
    while started.elapsed() < patience {
        std::thread::sleep(TICK);
        let answered: Option<String> = link.ask(&Cmd::hget(key(config), "answered"))?;
        if answered.as_ref() == Some(&question) {
            let answer: Option<String> = link.ask(&Cmd::hget(key(config), "answer"))?;
            return Ok(answer.unwrap_or_default());
        }
    }
    anyhow::bail!(
        "no engine named {} has answered in {} s: none runs, or redis.config_poll_s is 0; then send it SIGHUP",
        config.engine.name,
        patience.as_secs()
    )
}

/// What documents a start goes on with: those found, and the kept ones where some are missing; what there is to say.
///
/// # Errors
/// The server is gone or refuses.
pub fn start_documents(config: &Config, server: &Server<'_>, layers: &[Layer]) -> Result<(Vec<Layer>, Vec<String>)> {
    let mut link = server.connect("start")?;
    let mut found = server.documents(&mut link)?;
    let kept = Kept::read(config, &mut link)?;
    let order = config.redis.document_keys();
    let missing = complete(&mut found, &kept.documents, &order);
    let mut lines = Vec::new();
    if !missing.is_empty() {
        lines.push(format!(
            "{} {} not there: goes on with what was last good, change {}",
            missing.join(", "),
            if missing.len() == 1 { "is" } else { "are" },
            kept.number
        ));
    }
    if !kept.documents.is_empty()
        && documents(&found) != kept.documents
        && let Err(faults) = Config::load(&[layers, &found[..]].concat())
    {
        lines.push(format!(
            "the documents do not hold: goes on with what was last good, change {}: {faults}",
            kept.number
        ));
        found = kept.documents.into_iter().map(|(key, bytes)| Layer::Document { key, bytes }).collect();
        complete(&mut found, &Documents::new(), &order);
    }
    Ok((found, lines))
}
