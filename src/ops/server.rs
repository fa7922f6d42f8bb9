//! The thread: one loop over the listener and its connections, the publisher's tap, and the clock.

use super::{
    board::{Board, Remark, Told},
    connection::{Connection, Outcome},
    events::{Events, KEPT_MAX, push_passing},
    figures::Observer,
    health::{Health, HealthChange, HealthState},
    market::Market,
    relay::{Alert, Relay, Writer},
    request::{HttpRequest, RequestError},
    routes::{Answer, Desk, Guard},
    status,
    view::{Traffic, View},
};
use crate::{
    config::{LogLevel, TelemetryConfig},
    engine::{SeenSignal, Tapped, Watch},
    model::{IndicatorRow, Roster},
    publish::{Labels, Severity, push_signal_id, signal_json_line},
    runtime::background,
    telemetry::{EngineSnapshot, ProcessUsage},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Longest wait for a socket, ms: how late an event may be.
const TURN_MS: i64 = 50;
/// Time between two looks at the engine, ms.
const LOOK_MS: u64 = 1_000;
/// Time between two signs of life to a listener, ms.
const ALIVE_MS: u64 = 15_000;
/// Bars and signals taken from the tap in one turn: far less than is kept, so that whoever keeps up misses nothing.
const TAKES: usize = KEPT_MAX / 8;

/// What is served, and where.
#[derive(Debug)]
pub struct OperationsOptions {
    /// Name of the engine.
    pub name: String,
    /// Checksum of its configuration.
    pub config_version: String,
    /// The configuration.
    pub telemetry: TelemetryConfig,
    /// The token that requests must show.
    pub token: Option<String>,
    /// What has been published, if anybody is to see it.
    pub watch: Option<Watch>,
    /// Where health is written to.
    pub relay: Option<Relay>,
}

/// Why it cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OperationsError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} (telemetry.listen): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the operations thread: {0}")]
    Thread(#[from] io::Error),
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Operations {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    address: Option<SocketAddr>,
}

impl Operations {
    /// Listens, and starts the thread.
    ///
    /// # Errors
    /// [`OperationsError`]
    pub fn start(options: OperationsOptions, board: Arc<Board>) -> Result<Self, OperationsError> {
        let listener = match options.telemetry.address() {
            Some(address) => {
                let refused = |source| OperationsError::Listen { address, source };
                let listener = TcpListener::bind(address).map_err(refused)?;
                listener.set_nonblocking(true).map_err(refused)?;
                Some(listener)
            }
            None => None,
        };
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let stop = Arc::new(AtomicBool::new(false));
        let mut service = Service::new(options, board, listener)?;
        let ends = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("operations".to_owned()).spawn(move || {
            background();
            while !ends.load(Ordering::Relaxed) {
                service.turn();
            }
            service.last_words();
        })?;
        Ok(Self { stop, thread: Some(thread), address })
    }

    /// Where it listens; with port 0 the system has chosen one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It turns at least every 50 ms.
            let _ = thread.join();
        }
    }
}

/// Everything the thread holds.
#[derive(Debug)]
struct Service {
    name: String,
    config_version: String,
    guard: Guard,
    connections_max: usize,
    board: Arc<Board>,
    listener: Option<TcpListener>,
    connections: Vec<Connection>,
    watch: Option<Watch>,
    writer: Option<Writer>,
    started: Instant,
    looked_ms: Option<u64>,
    observer: Observer,
    health: Health,
    market: Market,
    events: Events,
    traffic: Traffic,
    /// Bars for those who listen, since the last turn.
    bars: Vec<IndicatorRow>,
    /// Whether there was more in the tap than a turn takes.
    more: bool,
    /// Whether every signal is a line of the log.
    log_signals: bool,
}

/// A published signal as a line of the log, with everything that ties it to other lines.
fn remark(seen: &SeenSignal, labels: Labels<'_>, config_version: &str) -> Remark {
    let signal = &seen.composite.signal;
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let ids = vec![
        ("signal_id", text(&|out| push_signal_id(out, signal, labels.directory))),
        ("source_id", text(&|out| labels.sources.push_id(out, signal.source))),
        ("sequence", signal.seq.to_string()),
        ("config_version", config_version.to_owned()),
    ];
    let (kind, symbol) = (signal.candidate.kind.name(), labels.directory.symbol(signal.symbol));
    let confidence = seen.composite.composite_confidence;
    let text = format!("{} {symbol} at {}: {kind}, {confidence:.2}", signal.candidate.side.name(), signal.price);
    Remark { level: LogLevel::Debug, target: "publisher", code: "signal", ids, text }
}

fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Service {
    fn new(options: OperationsOptions, board: Arc<Board>, listener: Option<TcpListener>) -> io::Result<Self> {
        let OperationsOptions { name, config_version, telemetry, token, watch, relay } = options;
        let log_signals = telemetry.log_level >= LogLevel::Debug;
        let loopback = telemetry.address().is_none_or(|address| address.ip().is_loopback());
        Ok(Self {
            name,
            config_version,
            guard: Guard { token, loopback },
            connections_max: telemetry.connections_max,
            board,
            listener,
            connections: Vec::new(),
            watch,
            writer: relay.map(Writer::start).transpose()?,
            started: Instant::now(),
            looked_ms: None,
            observer: Observer::new(telemetry.health.window_s),
            health: Health::new(telemetry.health, wall_ms()),
            market: Market::default(),
            events: Events::new(wall_ms().unsigned_abs()),
            traffic: Traffic::default(),
            bars: Vec::new(),
            more: false,
            log_signals,
        })
    }

    /// Waits for something to do, for a moment, and does it.
    fn turn(&mut self) {
        self.wait();
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told = self.board.told();
        self.take_seen(&told);
        if self.looked_ms.is_none_or(|looked| now_ms.saturating_sub(looked) >= LOOK_MS) {
            self.looked_ms = Some(now_ms);
            self.look(&told, now_ms);
        }
        self.accept(now_ms);
        self.give_events(&told, now_ms);
        self.serve(&told, now_ms);
    }

    fn wait(&self) {
        let listener = self.listener.iter().map(|listener| PollFd::new(listener, PollFlags::IN));
        let connections = self.connections.iter().map(|connection| {
            let (stream, flags) = connection.interest();
            PollFd::new(stream, flags)
        });
        let mut all: Vec<PollFd<'_>> = listener.chain(connections).collect();
        let limit = Timespec { tv_sec: 0, tv_nsec: if self.more { 0 } else { TURN_MS * 1_000_000 } };
        if poll(&mut all, Some(&limit)).is_err() {
            // Interrupted, or out of memory for the moment.
            std::thread::sleep(Duration::from_millis(1));
        }
        let busy = all.iter().any(|fd| !fd.revents().is_empty());
        drop(all);
        // However many clients push, others get the core as well.
        if busy && !self.more {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes what has been published since the last turn.
    fn take_seen(&mut self, told: &Told) {
        let (Some(watch), Some(probe)) = (&mut self.watch, &told.probe) else { return };
        let labels = Labels { directory: &probe.directory, sources: &probe.sources };
        let wanted = self.connections.iter().any(Connection::listens);
        self.bars.clear();
        let mut line = Vec::new();
        self.more = true;
        for _ in 0..TAKES {
            match watch.take_next() {
                Some(Tapped::Bar(row, replayed)) => {
                    self.market.bar(&row, replayed);
                    if wanted && !replayed {
                        self.bars.push(row);
                    }
                }
                Some(Tapped::Signal(seen)) => {
                    self.market.signal(seen.composite.signal.symbol, seen.market_correlation());
                    line.clear();
                    seen.weighed(|weighed| signal_json_line(&mut line, weighed, labels));
                    self.events.add("signal", &String::from_utf8_lossy(&line));
                    if self.log_signals {
                        self.board.say(remark(&seen, labels, &self.config_version));
                    }
                }
                None => {
                    self.more = false;
                    break;
                }
            }
        }
    }

    /// Looks at the engine: what has changed is an event, a line and an alert.
    fn look(&mut self, told: &Told, now_ms: u64) {
        let Some(probe) = &told.probe else { return };
        let draining = told.phase == super::RunPhase::Draining;
        let process = ProcessUsage::read();
        let figures = self.observer.take(now_ms, probe.snapshot(), &told.latencies, process, draining);
        let at_ms = wall_ms();
        let mut alerts = Vec::new();
        for HealthChange { component, from, to, why, remedy } in self.health.look(&figures, now_ms, at_ms) {
            let event = json!({
                "component": component, "from": from.name(), "to": to.name(), "why": why, "remedy": remedy, "at_ms": at_ms,
            });
            self.events.add("state", &event.to_string());
            let bad = to >= HealthState::Degraded;
            let mend = if bad && !remedy.is_empty() { format!("; {remedy}") } else { String::new() };
            let message = format!("{component} is {} (was {}): {why}{mend}", to.name(), from.name());
            if bad || from >= HealthState::Degraded {
                let level = if bad { LogLevel::Warn } else { LogLevel::Info };
                let ids = vec![("component", component.to_owned()), ("state", to.name().to_owned())];
                let text = format!("health: {message}");
                self.board.say(Remark { level, target: "health", code: "health_changed", ids, text });
                let severity = if to == HealthState::Failing { Severity::Error } else { Severity::Warning };
                alerts.push(Alert { severity, message, at_ms });
            }
        }
        if self.writer.is_some() {
            let json = self.view_of(told, |desk| status::health(&desk.view).to_string());
            if let Some(writer) = &mut self.writer {
                writer.write(json, alerts);
            }
        }
    }

    /// Says goodbye in Redis: the key must not claim that all is well until it expires.
    fn last_words(&mut self) {
        let told = self.board.told();
        let json = self.view_of(&told, |desk| status::health(&desk.view).to_string());
        if let Some(writer) = &mut self.writer {
            writer.write(json, Vec::new());
        }
    }

    fn accept(&mut self, now_ms: u64) {
        let Some(listener) = &self.listener else { return };
        // Few enough that everybody is heard a few times before they have to make room.
        for _ in 0..(self.connections_max / 4).max(1) {
            let Ok((stream, _)) = listener.accept() else { break };
            if self.connections.len() >= self.connections_max {
                // The oldest that has not even asked yet makes room; else there is none.
                let oldest =
                    self.connections.iter().enumerate().filter_map(|(k, c)| Some((c.unasked_since_ms()?, k))).min();
                self.traffic.cut += 1;
                match oldest {
                    Some((_, place)) => drop(self.connections.remove(place)),
                    None => continue,
                }
            }
            self.connections.extend(Connection::new(stream, now_ms));
        }
    }

    /// Puts events into the buffers of those who listen.
    fn give_events(&mut self, told: &Told, now_ms: u64) {
        let directory = told.probe.as_ref().map(|probe| &probe.directory);
        for connection in &mut self.connections {
            let Some((listening, out)) = connection.listening() else { continue };
            let before = out.len();
            if listening.next < self.events.oldest() {
                push_passing(out, "gap", "{}");
                listening.next = self.events.oldest();
            }
            for event in self.events.from(listening.next) {
                self.events.push(out, event);
                self.traffic.events += 1;
            }
            listening.next = self.events.next();
            for row in &self.bars {
                let wanted = listening.cells.contains(&(row.bar.symbol, row.bar.timeframe));
                if let Some(directory) = directory.filter(|_| wanted) {
                    let bar = &row.bar;
                    let data = json!({
                        "symbol": directory.symbol(bar.symbol), "timeframe": directory.timeframe_name(bar.timeframe),
                        "bar": [bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, row.indicators.values()],
                    });
                    // A NaN is written as null.
                    push_passing(out, "bar", &data.to_string());
                    self.traffic.events += 1;
                }
            }
            if out.len() == before && now_ms.saturating_sub(listening.sent_ms) >= ALIVE_MS {
                out.extend_from_slice(b":\n\n");
            }
            if out.len() > before {
                listening.sent_ms = now_ms;
            }
        }
    }

    fn serve(&mut self, told: &Told, now_ms: u64) {
        let mut place = 0;
        while place < self.connections.len() {
            match self.connections[place].go_on(now_ms) {
                Outcome::Open => place += 1,
                Outcome::Closed => drop(self.connections.remove(place)),
                Outcome::Cut => {
                    self.traffic.cut += 1;
                    drop(self.connections.remove(place));
                }
                Outcome::Asked(asked) => {
                    self.traffic.connections = self.connections.len();
                    let head_only = asked.as_ref().is_ok_and(|request| request.head_only);
                    let answer = self.answer(told, asked);
                    let good = matches!(answer.status, 200 | 303 | 503);
                    self.traffic.answered += u64::from(good);
                    self.traffic.refused += u64::from(!good);
                    let bytes = answer.bytes(head_only);
                    let listening = answer.listening.filter(|_| !head_only);
                    self.connections[place].answer(bytes, listening, now_ms);
                }
            }
        }
    }

    fn answer(&self, told: &Told, asked: Result<HttpRequest, RequestError>) -> Answer {
        match asked {
            Ok(request) => self.view_of(told, |desk| {
                let answer = self.guard.answer(desk, &request);
                // Those who stay must leave room for those who come.
                let listeners = self.connections.iter().filter(|connection| connection.listens()).count();
                if answer.listening.is_some() && listeners >= self.connections_max / 2 {
                    return Answer::text(503, "too many listen already: see telemetry.connections_max");
                }
                answer
            }),
            Err(error) => Answer::text(error.status(), &error.to_string()),
        }
    }

    /// Calls `with` with everything that answers are made of, as of now.
    fn view_of<T>(&self, told: &Told, with: impl FnOnce(&Desk<'_>) -> T) -> T {
        let probe = told.probe.as_ref();
        let snapshot = probe.map_or_else(EngineSnapshot::default, crate::engine::Probe::snapshot);
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let before = self.observer.before().or_else(|| self.observer.oldest());
        let view = View {
            name: &self.name,
            config_version: self.config_version.clone(),
            phase: told.phase,
            elapsed_ns: probe.map_or(0, crate::engine::Probe::elapsed_ns),
            wall_ms: wall_ms(),
            snapshot: &snapshot,
            before: before.map(|(ms, then)| (now_ms.saturating_sub(*ms) as f64 / 1e3, then)),
            latencies: &told.latencies,
            performance: &told.performance,
            memory: probe.map_or_else(Vec::new, crate::engine::Probe::memory),
            process: ProcessUsage::read(),
            health: &self.health,
            market: &self.market,
            timeframes: probe.map_or_else(Vec::new, |p| p.plan.timeframes.iter().map(ToString::to_string).collect()),
            roster: probe.map_or_else(Roster::default, |probe| probe.plan.roster),
            traffic: self.traffic,
            missed: self.watch.as_ref().map_or(0, Watch::missed),
        };
        with(&Desk {
            view,
            events: &self.events,
            directory: probe.map(|probe| &*probe.directory),
            questions: probe.and_then(crate::engine::Probe::questions),
        })
    }
}
