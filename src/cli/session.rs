//! What `run` and `replay` have in common: layers of the configuration, signals of the system, the status line, the
//! report.

use super::{
    buffers::BufferWatch,
    habits::Habits,
    log::{LogLine, log, partition},
    narrator::Narrator,
    note::note,
    notify::Notifier,
    operations::Feeder,
    reload::Reload,
    supervised::Supervised,
    top::ScreenBeside,
};

pub use super::layers::{common_layers, layers};
pub use super::stopped::Stopped;
use crate::{
    config::ReportLength,
    engine::{Engine, Sample},
    judge::Judge,
    model::SourceId,
    ops::{Remark, RunPhase},
    publish::Sources,
    runtime::{FailureKind, background},
    telemetry::{HgrmUnit, HistogramSet, Latency, ReaderSnapshot, Report, exact_count, percent, write_hgrm},
};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{Access, access};
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between two checks of the engine.
const TICK: Duration = Duration::from_millis(100);
/// How long threads may take to end that have been told to do so at once.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// How many times rarer the status is without a terminal, where it cannot stay on the last line.
const LOG_FACTOR: u32 = 60;

/// Raised by Ctrl-C and SIGTERM; a second one ends the process at once.
///
/// # Errors
/// The system accepts no handler.
pub fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds the flag down and only raises it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// The engine was told to end and could not write everything in time.
#[derive(Debug, thiserror::Error)]
#[error(
    "gave up after {after_s} s (engine.shutdown_s): not all that was read could be written{why}. Of the rest nothing is \
     committed{again}"
)]
pub struct Abandoned {
    after_s: u64,
    why: String,
    again: &'static str,
}

/// Ends a start that is told to end and hangs: by itself it looks only between two requests to the server.
pub struct StartGuard(Arc<AtomicBool>);

impl StartGuard {
    /// Watches until it is dropped.
    pub fn watch(stop: &Arc<AtomicBool>, limit: Duration) -> Self {
        let (over, stop) = (Arc::new(AtomicBool::new(false)), Arc::clone(stop));
        let shared = Arc::clone(&over);
        // Without the thread a start that hangs takes as long as its requests do.
        let _ = std::thread::Builder::new().name("start guard".to_owned()).spawn(move || {
            let mut since = None;
            while !shared.load(Ordering::Relaxed) {
                if stop.load(Ordering::Relaxed) && since.get_or_insert_with(Instant::now).elapsed() >= limit {
                    note(&Stopped.to_string());
                    std::process::exit(0);
                }
                std::thread::sleep(TICK / 2);
            }
        });
        Self(over)
    }
}

impl Drop for StartGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long a session lasts and what it shows.
#[derive(Debug)]
pub struct SessionOptions {
    /// Ends after this time.
    pub duration: Option<Duration>,
    /// How long its end may take.
    pub shutdown: Duration,
    /// Whether the input keeps what is not committed, to be read again.
    pub keeps_input: bool,
    /// Bytes read and bytes in all, for a progress bar.
    pub progress: Option<(Arc<AtomicU64>, Option<u64>)>,
    /// Records before the live ones, which only warm the engine up.
    pub history: u64,
    /// Whether the input comes as fast as it can be taken.
    pub full_speed: bool,
    /// Time between two status lines on a terminal, if any.
    pub status_every: Option<Duration>,
    /// Time between two interim reports, if any, and what they have in them.
    pub report_every: Option<(Duration, ReportLength)>,
    /// Folder for the histograms.
    pub histograms: Option<PathBuf>,
    /// No status and no report.
    pub quiet: bool,
    /// Whether results go to standard output, so that the report must not.
    pub results_on_stdout: bool,
    /// Names of the inputs.
    pub sources: Arc<Sources>,
    /// The screen that is shown meanwhile, if any: then lines for people are not written over it.
    pub screen: Option<ScreenBeside>,
    /// Whom it tells how things are, if anybody asks.
    pub feeder: Option<Feeder>,
    /// What says that there is another configuration to go on with.
    pub reload: Option<Arc<Reload>>,
    /// Who starts and stops its engine, where it comes and goes while the process goes on.
    pub supervised: Option<Arc<Supervised>>,
    /// What is to be said before the report, of what the reader has counted and of the first refused record.
    pub verdict: fn(&ReaderSnapshot, Option<&str>) -> Option<String>,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// The report at its end.
    pub report: Report,
    /// The first refused record: where it was, what it said and why it was refused.
    pub first_refused: Option<String>,
    /// What the signals were worth, where that was followed.
    pub judge: Option<Judge>,
    /// Whether the user ended it.
    pub stopped: bool,
    /// Whether it ended because there is another configuration to go on with.
    pub reload: bool,
}

/// Watches an engine until it ends, then reports.
pub struct RunSession {
    engine: Engine,
    options: SessionOptions,
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
    /// Whether the status stays on its line.
    live: bool,
    started: Instant,
    last_log: Instant,
    narrator: Narrator,
    warm: bool,
    samples: usize,
    first_refused: Option<String>,
    habits: Habits,
    buffers: BufferWatch,
    notifier: Notifier,
}

impl RunSession {
    /// A session with a started engine.
    ///
    /// # Errors
    /// The system accepts no signal handler.
    pub fn new(engine: Engine, options: SessionOptions, stop: Arc<AtomicBool>) -> Result<Self> {
        let alone = partition().is_none();
        let live = alone && std::io::stderr().is_terminal() && !options.quiet && options.screen.is_none();
        let bar = match &options.progress {
            _ if !live => ProgressBar::hidden(),
            Some((_, Some(total))) => ProgressBar::new(*total),
            _ => ProgressBar::new_spinner(),
        };
        let template = match &options.progress {
            Some((_, Some(_))) => "{wide_bar} {percent:>3}%  eta {eta}  {msg}",
            _ => "{spinner} {elapsed_precise}  {wide_msg}",
        };
        bar.set_style(ProgressStyle::with_template(template)?);
        let now = Instant::now();
        let warm = options.history == 0;
        let narrator = Narrator::new(now, options.keeps_input)?;
        Ok(Self {
            engine,
            options,
            stop,
            bar,
            live,
            started: now,
            last_log: now,
            narrator,
            warm,
            samples: 0,
            first_refused: None,
            habits: Habits::default(),
            buffers: BufferWatch::default(),
            notifier: Notifier::from_env(),
        })
    }

    /// Runs until the input or the time ends, the user stops it, or it fails.
    ///
    /// # Errors
    /// The engine's failure, after the report.
    pub fn run(self) -> Result<Ended> {
        self.run_unless(|| false)?.context("the session was given up")
    }

    /// The same, but without a word, and without an end, where a failure is one that `given_up` knows of.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_unless(mut self, given_up: impl Fn() -> bool) -> Result<Option<Ended>> {
        background();
        let mut draining = None;
        let (mut abandoned, mut reload) = (false, false);
        let mut until = self.options.duration.map(|duration| self.started + duration);
        self.begin();
        while !self.engine.wait(TICK) {
            let now = Instant::now();
            self.alive(now, draining.is_some());
            if !self.warm && self.engine.snapshot().reader.accepted >= self.options.history {
                self.warm = true;
                self.notifier.ready();
                self.enter(RunPhase::Running);
                self.narrator.warm(now, &self.engine);
                self.say(&format!("warm after {:.1} s", self.started.elapsed().as_secs_f64()));
                until = self.options.duration.map(|duration| now + duration);
            }
            if draining.is_none() && self.is_to_end(until, now, &mut reload) {
                draining = Some(now);
                self.drain(reload);
            }
            if draining.is_some_and(|since| now.duration_since(since) >= self.options.shutdown) {
                abandoned = true;
                self.engine.abandon();
                break;
            }
            self.tick(now);
        }
        drop(self.options.screen.take());
        // A thread that hangs in the file system ends with the process.
        let ended = !abandoned || self.engine.wait(LAST_WAIT);
        let failure = if ended { self.engine.join().err() } else { None };
        if failure.is_some() && given_up() {
            self.bar.finish_and_clear();
            return Ok(None);
        }
        self.tell_refusals();
        self.tell_habits();
        self.bar.finish_and_clear();
        // Nobody is there to read a report.
        if let Some(failure) = failure.clone().filter(|failure| failure.kind == FailureKind::ReaderGone) {
            return Err(failure.into());
        }
        let report = Report { full_speed: self.options.full_speed, ..self.narrator.whole(&self.engine)? };
        if let Some(dir) = &self.options.histograms {
            write_histograms(dir, &self.engine.histograms()?)?;
        }
        if let Some(verdict) = (self.options.verdict)(&report.counters.reader, self.first_refused.as_deref()) {
            self.say(&verdict);
        }
        // It goes on: a report comes at the end.
        if !self.options.quiet && !reload {
            if self.options.results_on_stdout {
                note(&report.to_string());
            } else {
                let own = partition().map_or_else(String::new, |partition| format!("partition {partition}\n"));
                writeln!(std::io::stdout().lock(), "{own}{report}")?;
            }
        }
        match failure {
            Some(failure) => Err(failure.into()),
            None if abandoned => Err(self.abandoned().into()),
            None => {
                let (stopped, judge) = (self.stop.load(Ordering::Relaxed), self.engine.take_judge());
                let reload = reload && !stopped;
                Ok(Some(Ended { report, first_refused: self.first_refused, judge, stopped, reload }))
            }
        }
    }

    /// Whether it is to end, for good or to go on with another configuration.
    fn is_to_end(&self, until: Option<Instant>, now: Instant, reload: &mut bool) -> bool {
        let over = self.warm && until.is_some_and(|until| now >= until);
        let stopped = over || self.stop.load(Ordering::Relaxed);
        *reload = !stopped && self.options.reload.as_ref().is_some_and(|reload| reload.is_due());
        stopped || *reload
    }

    /// Has the engine finish what has been read: for good, or to go on with another configuration.
    fn drain(&mut self, reload: bool) {
        self.tell_reload();
        if !reload {
            if self.options.supervised.is_none() {
                self.notifier.stopping();
            }
            self.enter(RunPhase::Draining);
        }
        let why = if reload { "configuration: taking the change" } else { "stopping" };
        self.say(&format!("{why}: finishing what has been read"));
        self.engine.drain();
    }

    /// Says what the thread that watches the configuration has to say.
    fn tell_reload(&self) {
        let lines = self.options.reload.as_ref().map(|reload| reload.lines()).unwrap_or_default();
        lines.iter().for_each(|line| self.say(line));
    }

    /// Tells the service manager whether the agents come round.
    fn alive(&mut self, now: Instant, draining: bool) {
        let agents = self.engine.snapshot().agents;
        self.notifier.tick(now, draining, agents.iter().map(|(_, agent)| agent.duty_cycles));
    }

    /// Tells everybody that the engine has started.
    fn begin(&self) {
        self.enter(if self.warm { RunPhase::Running } else { RunPhase::Warming });
        if self.warm {
            self.notifier.ready();
        }
    }

    /// Tells those who ask in which phase the engine is.
    fn enter(&self, phase: RunPhase) {
        if let Some(feeder) = &self.options.feeder {
            feeder.enter(phase);
        }
    }

    /// What was given up.
    fn abandoned(&self) -> Abandoned {
        let links = self.engine.snapshot().links;
        let down: Vec<&str> = links.iter().filter(|(_, link)| link.down > 0).map(|(who, _)| who.as_str()).collect();
        let why = if down.is_empty() { String::new() } else { format!(", with {} disconnected", down.join(" and ")) };
        let again = if self.options.keeps_input { ", and the next start reads it again" } else { "" };
        Abandoned { after_s: self.options.shutdown.as_secs(), why, again }
    }

    /// Shows how things are going.
    fn tick(&mut self, now: Instant) {
        if let Some(supervised) = &self.options.supervised {
            supervised.accepts(self.engine.snapshot().reader.accepted);
        }
        let mut feeder = self.options.feeder.as_mut();
        self.engine.collect(|interval| {
            self.narrator.interval(interval);
            if let Some(feeder) = &mut feeder {
                feeder.interval(interval);
            }
        });
        let lines = feeder.map_or_else(Vec::new, |feeder| feeder.tell(now, &self.engine));
        lines.iter().for_each(|remark| self.remark(remark));
        self.tell_refusals();
        self.tell_habits();
        self.tell_reload();
        for (level, line) in self.buffers.look(now, &mut self.engine) {
            self.tell(&LogLine { level, target: "buffers", code: "buffer_resized", ..LogLine::of(&line) });
        }
        let complaints = self.narrator.complaints(now, &self.engine.snapshot(), self.samples as u64);
        complaints.iter().for_each(|line| self.tell(&LogLine { target: "reader", code: "input", ..LogLine::of(line) }));
        if let Some((read, _)) = &self.options.progress {
            self.bar.set_position(read.load(Ordering::Relaxed));
        }
        let since_log = now.duration_since(self.last_log);
        let factor = if self.live { 1 } else { LOG_FACTOR };
        let due = self.options.status_every.is_some_and(|every| since_log >= every * factor);
        if due && (!self.options.quiet || self.notifier.is_on()) {
            self.last_log = now;
            let line = self.status(now);
            self.notifier.status(&line);
            if self.live { self.bar.set_message(line) } else { self.say(&line) }
        }
        if let Some((every, length)) = self.options.report_every
            && self.narrator.since_report(now) >= every
            && !self.options.quiet
            && let Some(report) = self.narrator.report(now, &self.engine, length)
        {
            self.say(&report);
        }
        self.engine.request();
    }

    /// The status in one line.
    fn status(&mut self, now: Instant) -> String {
        let snapshot = self.engine.snapshot();
        if !self.warm {
            let (done, all) = (snapshot.reader.accepted, self.options.history);
            let part = percent(done as f64 / all.max(1) as f64);
            return format!("warming up on recorded history: {part} of {} bars", exact_count(all));
        }
        self.narrator.status(now, snapshot)
    }

    /// Reports what has happened, and names the first refused records of each reason.
    fn tell_refusals(&mut self) {
        for line in self.engine.incidents() {
            self.tell(&LogLine { code: "incident", ..LogLine::of(&line) });
        }
        let samples = self.engine.refusals().since(self.samples);
        self.samples += samples.len();
        for Sample { reason, source, text } in samples {
            let mut name = Vec::new();
            self.options.sources.push_id(&mut name, source);
            let _: SourceId = source;
            let name = String::from_utf8_lossy(&name);
            let line = format!("refused ({}) {name}: {text}", reason.name());
            let ids = [("reason", reason.name()), ("source_id", &*name)];
            self.tell(&LogLine { target: "reader", code: "record_refused", ids: &ids, ..LogLine::of(&line) });
            self.first_refused.get_or_insert(line);
        }
    }

    /// Says what the records of streams have in common.
    fn tell_habits(&mut self) {
        if self.options.keeps_input
            && let Some(line) = self.habits.line(&self.engine.snapshot().reader)
        {
            self.say(&line);
        }
    }

    /// A line for people, beside the results.
    fn say(&self, text: &str) {
        self.tell(&LogLine::of(text));
    }

    /// A line of the operations thread.
    fn remark(&self, remark: &Remark) {
        let ids: Vec<(&str, &str)> = remark.ids.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let Remark { level, target, code, text, .. } = remark;
        self.tell(&LogLine { level: *level, target, code, ids: &ids, text });
    }

    /// The same, with what ties it to others.
    fn tell(&self, line: &LogLine<'_>) {
        if self.options.quiet || self.options.screen.is_some() {
            return;
        }
        if self.live {
            self.bar.suspend(|| log(line));
        } else {
            log(line);
        }
    }
}

/// The folder of the histograms, where there is to be one: made and found to be writable, so that a long run does not learn
/// at its end that it is not.
///
/// # Errors
/// A folder that cannot be made or written.
pub fn histograms_dir(configured: &str) -> Result<Option<PathBuf>> {
    if configured.is_empty() {
        return Ok(None);
    }
    let dir = PathBuf::from(configured);
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {configured} (telemetry.histograms_dir)"))?;
    access(&dir, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(std::io::Error::from)
        .with_context(|| format!("cannot write to {configured} (telemetry.histograms_dir)"))?;
    Ok(Some(dir))
}

/// Writes every histogram that has something in it.
fn write_histograms(dir: &Path, histograms: &HistogramSet) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for latency in Latency::ALL {
        let Some(histogram) = histograms.histogram(latency).filter(|h| !h.is_empty()) else { continue };
        let path = dir.join(format!("{}.hgrm", latency.name()));
        write_hgrm(&path, histogram, HgrmUnit::Microseconds)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
