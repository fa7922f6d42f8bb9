//! What `run` and `replay` have in common: layers of the configuration, signals of the system, the status line, the
//! report.

use super::{args::CommonArgs, note::note, notify::Notifier};
use crate::{
    config::{Layer, Override},
    engine::{Engine, Sample},
    model::SourceId,
    publish::Sources,
    runtime::background,
    telemetry::{HgrmUnit, HistogramSet, Latency, LatencySummary, Report, StatusLine, write_hgrm},
};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time between two looks at the engine.
const TICK: Duration = Duration::from_millis(100);
/// How many times rarer the status is where there is no terminal on whose last line it could stay.
const LOG_FACTOR: u32 = 5;

/// The layers that the command line asks for.
///
/// # Errors
/// A file that cannot be read, a `--set` that is none.
pub fn layers(config: Option<&Path>, set: &[String]) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    if let Some(path) = config {
        layers.push(Layer::open(path)?);
    }
    for text in set {
        let Some(one) = Override::parse(text) else {
            // Anything but a key may be meant for redis.url.
            let key = text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
            let shown = if key { format!(" {text}") } else { String::new() };
            bail!("--set{shown}: write KEY=VALUE, such as engine.workers=3")
        };
        layers.push(Layer::Override(one));
    }
    Ok(layers)
}

/// The layers of the arguments that `run` and `replay` share.
pub fn common_layers(args: &CommonArgs, layers: &mut Vec<Layer>) {
    let mut over = |key: &str, value: toml::Value| layers.push(Layer::Override(Override::new(key, value)));
    if let Some(workers) = args.workers {
        over("engine.workers", i64::from(workers).into());
    }
    if let Some(threading) = &args.threading {
        over("engine.threading", threading.clone().into());
    }
    if let Some(dir) = &args.histograms {
        over("telemetry.histograms_dir", dir.display().to_string().into());
    }
}

/// Raised by Ctrl-C and SIGTERM; a second one ends the process at once.
///
/// # Errors
/// Where the system takes no handler.
pub fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the first signal finds the flag down and only raises it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// How long a session lasts and what it shows.
#[derive(Debug)]
pub struct SessionOptions {
    /// Ends after this time.
    pub duration: Option<Duration>,
    /// Bytes read and bytes in all, for a progress bar.
    pub progress: Option<(Arc<AtomicU64>, Option<u64>)>,
    /// Records before the live ones, while which the engine only warms up.
    pub history: u64,
    /// Time between two status lines on a terminal, if any.
    pub status_every: Option<Duration>,
    /// Time between two reports on the way, if any.
    pub report_every: Option<Duration>,
    /// Folder for the histograms.
    pub histograms: Option<PathBuf>,
    /// No status and no report.
    pub quiet: bool,
    /// Whether results go to standard output, so that the report must not.
    pub results_on_stdout: bool,
    /// Names of the inputs.
    pub sources: Arc<Sources>,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// The report at its end.
    pub report: Report,
    /// The first refused record: where it was, what it said and why it was refused.
    pub first_refused: Option<String>,
    /// Whether the user ended it.
    pub stopped: bool,
}

/// Watches an engine until it ends, then reports.
pub struct Session {
    engine: Engine,
    options: SessionOptions,
    stop: Arc<AtomicBool>,
    bar: ProgressBar,
    /// Whether the status stays on its line.
    live: bool,
    started: Instant,
    last_log: Instant,
    last_report: Instant,
    last_status: (Instant, u64),
    /// Latencies since the last status line.
    recent: HistogramSet,
    warm: bool,
    samples: usize,
    first_refused: Option<String>,
    notifier: Notifier,
}

impl Session {
    /// A session with a started engine.
    ///
    /// # Errors
    /// Where the system takes no signal handler.
    pub fn new(engine: Engine, options: SessionOptions, stop: Arc<AtomicBool>) -> Result<Self> {
        let live = std::io::stderr().is_terminal() && !options.quiet;
        let bar = match &options.progress {
            _ if !live => ProgressBar::hidden(),
            Some((_, Some(total))) => ProgressBar::new(*total),
            _ => ProgressBar::new_spinner(),
        };
        let template = match &options.progress {
            Some((_, Some(_))) => "{wide_bar} {percent:>3}%  eta {eta}  {msg}",
            _ => "{spinner} {elapsed_precise}  {msg}",
        };
        bar.set_style(ProgressStyle::with_template(template)?);
        let now = Instant::now();
        let warm = options.history == 0;
        Ok(Self {
            engine,
            options,
            stop,
            bar,
            live,
            started: now,
            last_log: now,
            last_report: now,
            last_status: (now, 0),
            recent: HistogramSet::new(&Latency::ALL)?,
            warm,
            samples: 0,
            first_refused: None,
            notifier: Notifier::from_env(),
        })
    }

    /// Runs to the end: that of the input, of the time, of the user's patience, or a failure.
    ///
    /// # Errors
    /// The engine's failure, after the report.
    pub fn run(mut self) -> Result<Ended> {
        background();
        let mut draining = false;
        let mut until = self.options.duration.map(|duration| self.started + duration);
        if self.warm {
            self.notifier.ready();
        }
        while !self.engine.wait(TICK) {
            let now = Instant::now();
            let agents = self.engine.snapshot().agents;
            self.notifier.tick(now, draining, agents.iter().map(|(_, agent)| agent.duty_cycles));
            if !self.warm && self.engine.snapshot().reader.accepted >= self.options.history {
                self.warm = true;
                self.notifier.ready();
                self.last_status = (now, self.engine.snapshot().closed());
                self.say(&format!("warm after {:.1} s", self.started.elapsed().as_secs_f64()));
                until = self.options.duration.map(|duration| now + duration);
            }
            let over = self.warm && until.is_some_and(|until| now >= until);
            if !draining && (over || self.stop.load(Ordering::Relaxed)) {
                draining = true;
                self.notifier.stopping();
                self.say("stopping: finishing what has been read");
                self.engine.drain();
            }
            self.tick(now);
        }
        let failure = self.engine.join().err();
        self.tell_refusals();
        self.bar.finish_and_clear();
        let report = self.engine.report()?;
        if let Some(dir) = &self.options.histograms {
            write_histograms(dir, &self.engine.histograms()?)?;
        }
        if !self.options.quiet {
            if self.options.results_on_stdout {
                note(&report.to_string());
            } else {
                writeln!(std::io::stdout().lock(), "{report}")?;
            }
        }
        match failure {
            Some(failure) => Err(failure.into()),
            None => Ok(Ended { report, first_refused: self.first_refused, stopped: self.stop.load(Ordering::Relaxed) }),
        }
    }

    /// Shows how things are going.
    fn tick(&mut self, now: Instant) {
        self.engine.collect(&mut self.recent);
        self.tell_refusals();
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
        if let Some(every) = self.options.report_every
            && now.duration_since(self.last_report) >= every
            && !self.options.quiet
        {
            self.last_report = now;
            if let Ok(report) = self.engine.report() {
                self.say(&report.to_string());
            }
        }
        self.engine.request();
    }

    /// The status in one line.
    fn status(&mut self, now: Instant) -> String {
        let snapshot = self.engine.snapshot();
        if !self.warm {
            let (done, all) = (snapshot.reader.accepted, self.options.history);
            return format!("warming up on recorded history: {} % of {all} bars", (done * 100 / all.max(1)).min(100));
        }
        let (before, bars) = self.last_status;
        let closed = snapshot.closed();
        let rate = (closed.saturating_sub(bars)) as f64 / now.duration_since(before).as_secs_f64().max(1e-9);
        self.last_status = (now, closed);
        let worst = |quantile: fn(&LatencySummary) -> u64| {
            Latency::STYLES.iter().map(|latency| quantile(&self.recent.summary(*latency))).max().unwrap_or(0)
        };
        let (p50_ns, p99_ns) = (worst(|summary| summary.p50_ns), worst(|summary| summary.p99_ns));
        self.recent.clear();
        let down: String = snapshot
            .links
            .iter()
            .filter(|(_, link)| link.down > 0)
            .fold(String::new(), |text, (who, _)| text + "  " + who + " disconnected");
        let line = StatusLine {
            bars: closed,
            bars_per_s: rate as u64,
            signals: snapshot.published(),
            p50_ns,
            p99_ns,
            backlog: snapshot.backlog(),
        };
        line.to_string() + &down
    }

    /// Says what has happened, and names the first refused records of each reason.
    fn tell_refusals(&mut self) {
        for line in self.engine.incidents() {
            self.say(&line);
        }
        let samples = self.engine.refusals().since(self.samples);
        self.samples += samples.len();
        for Sample { reason, source, text } in samples {
            let mut name = Vec::new();
            self.options.sources.push_id(&mut name, source);
            let _: SourceId = source;
            let line = format!("refused ({}) {}: {text}", reason.name(), String::from_utf8_lossy(&name));
            self.say(&line);
            self.first_refused.get_or_insert(line);
        }
    }

    /// A line for people, beside the results.
    fn say(&self, line: &str) {
        if self.options.quiet {
            return;
        }
        if self.live {
            self.bar.suspend(|| note(line));
        } else {
            note(line);
        }
    }
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
