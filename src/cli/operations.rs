//! The operations thread of `run`, and `health`, which asks it.

use super::{
    asked::{address_of, token},
    host::Host,
    note::note,
    redis::Server,
    top::ScreenBeside,
    watch_args::HealthArgs,
};
use crate::{
    config::{Config, LogLevel, Plan},
    engine::{Engine, Tap, tap},
    ops::{Board, Latencies, Operations, OperationsOptions, Relay, Remark, RunPhase, get},
    telemetry::{HistogramSet, Latency},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    io::{Write, stdout},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// Bars and signals that may wait for the operations thread: some 4 MB.
const TAP_ROOM: usize = 8_192;
/// Time between two words on latencies.
const TELL: Duration = Duration::from_secs(1);
/// How long an engine that runs may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Tells the operations thread what only the thread that watches the engine knows.
#[derive(Debug)]
pub struct Feeder {
    board: Arc<Board>,
    /// Latencies of the last while: of this half of the window, of the half before it, and room for their sum.
    halves: [HistogramSet; 2],
    sum: HistogramSet,
    half: Duration,
    turned: Instant,
    told: Option<Instant>,
    /// Ends with this.
    operations: Operations,
}

/// What a start needs of the operations thread.
#[derive(Debug)]
pub struct Operating {
    /// For the session.
    pub feeder: Feeder,
    /// For the publisher.
    pub tap: Option<Tap>,
}

/// Starts the operations thread, if the configuration wants it.
///
/// # Errors
/// An address that is taken, a token that cannot be read.
pub fn operate(host: &Host, config: &Config, standby: bool) -> Result<Option<Operating>> {
    let telemetry = &config.telemetry;
    let on_redis = config.input.feed.is_redis();
    let relay = (telemetry.health_to_redis && on_redis).then(|| relay(host, config)).transpose()?;
    let listens = telemetry.address().is_some();
    // Whoever wants every signal in the log gets them from there.
    let watches = listens || telemetry.log_level >= LogLevel::Debug;
    if !watches && relay.is_none() {
        return Ok(None);
    }
    let (tap, watch) = watches.then(|| tap(TAP_ROOM)).unzip();
    let board = Board::new(if standby { RunPhase::Standby } else { RunPhase::Starting });
    let options = OperationsOptions {
        name: config.engine.name.clone(),
        config_version: config_version(&config.plan()),
        telemetry: telemetry.clone(),
        token: token(&telemetry.token_file)?,
        watch,
        relay,
    };
    let operations = Operations::start(options, Arc::clone(&board))?;
    if let Some(address) = operations.address() {
        note(&format!("listening on http://{address}"));
    }
    let set = || HistogramSet::new(&Latency::ALL);
    let feeder = Feeder {
        board,
        halves: [set()?, set()?],
        sum: set()?,
        half: Duration::from_secs(telemetry.health.window_s) / 2,
        turned: Instant::now(),
        told: None,
        operations,
    };
    Ok(Some(Operating { feeder, tap }))
}

/// The checksum of what is calculated, as it stands beside the position.
pub(super) fn config_version(plan: &Plan) -> String {
    format!("{:08x}", crc32fast::hash(format!("{plan:?}").as_bytes()))
}

fn relay(host: &Host, config: &Config) -> Result<Relay> {
    let server = Server::on(host, config)?;
    let keys = &config.output.keys;
    Ok(Relay {
        connect: server.connector("health"),
        key: keys.health_key(&config.engine.name),
        ttl_s: keys.health_ttl_s,
        names: server.names(),
        alerts: config.output.alerts,
    })
}

impl Feeder {
    /// Tells in which phase the engine is.
    pub fn enter(&self, phase: RunPhase) {
        self.board.enter(phase);
    }

    /// Tells that the engine has started.
    pub fn started(&self, engine: &Engine) {
        self.board.started(engine.probe());
    }

    /// The screen of this engine, where it answers anybody.
    ///
    /// # Errors
    /// A token that cannot be read, a thread that cannot be started.
    pub fn screen(&self, token_file: &str, stop: &Arc<AtomicBool>) -> Result<Option<ScreenBeside>> {
        let Some(address) = self.operations.address() else { return Ok(None) };
        Ok(Some(ScreenBeside::show(address.to_string(), token(token_file)?, Arc::clone(stop))?))
    }

    /// Takes the latencies of an interval.
    pub fn interval(&mut self, interval: &HistogramSet) {
        self.halves[0].add(interval);
    }

    /// Tells how long things take, now and then; lines for people.
    pub fn tell(&mut self, now: Instant, engine: &Engine) -> Vec<Remark> {
        if self.told.is_none_or(|told| now.duration_since(told) >= TELL) {
            self.told = Some(now);
            if now.duration_since(self.turned) >= self.half {
                self.turned = now;
                self.halves.swap(0, 1);
                self.halves[0].clear();
            }
            self.sum.clear();
            self.halves.iter().for_each(|half| self.sum.add(half));
            let probe = engine.probe();
            let budget_ns = |style: crate::model::TradingStyle| probe.plan.styles[style.index()].budget_ms * 1_000_000;
            if let Ok(total) = engine.histograms() {
                self.board.measured(Latencies::new(&total, &self.sum, budget_ns), engine.performance());
            }
        }
        self.board.lines()
    }
}

/// `health`: asks a running engine how it is; the exit code is 0 for ok, 1 for degraded, 2 for failing or not there.
///
/// # Errors
/// A configuration that does not hold, an output that cannot be written.
pub fn health(args: &HealthArgs) -> Result<u8> {
    let (address, file) = address_of(&args.running, &args.engine)?;
    let text = match get(&address, token(&file)?.as_deref(), "/health", ANSWER) {
        Ok(text) => text,
        Err(error) => {
            note(&format!("error: {error}"));
            return Ok(2);
        }
    };
    let health: Value =
        serde_json::from_str(&text).with_context(|| format!("what answers at {address} is no engine"))?;
    let mut out = stdout().lock();
    if args.json {
        writeln!(out, "{health:#}")?;
    } else {
        write_health(&health, &mut out)?;
    }
    Ok(match health["status"].as_str() {
        Some("ok") => 0,
        Some("failing") => 2,
        _ => 1,
    })
}

/// Health as lines for people.
fn write_health(health: &Value, out: &mut impl Write) -> std::io::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    writeln!(out, "{}: {}, {}", text(&health["engine"]), text(&health["status"]), text(&health["phase"]))?;
    if let Some(why) = health["not_ready_because"].as_str() {
        writeln!(out, "  not ready: {why}")?;
    }
    for (name, component) in health["components"].as_object().into_iter().flatten() {
        writeln!(out, "  {:<9} {name}: {}", text(&component["status"]), text(&component["why"]))?;
        if let Some(remedy) = component["remedy"].as_str().filter(|remedy| !remedy.is_empty()) {
            writeln!(out, "            → {remedy}")?;
        }
    }
    Ok(())
}
