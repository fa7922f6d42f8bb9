//! What a person is told of a running engine: the status line, the reports of an interval, and what is wrong with the input.

use super::{flood::Flood, mostly_refused::MostlyRefused, quiet_input::QuietInput};
use crate::{
    config::ReportLength,
    engine::Engine,
    telemetry::{
        Brief, EngineSnapshot, HistogramSet, Latency, LatencyRow, LatencySummary, ProcessUsage, Report, StatusLine,
    },
};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Width of a line that nobody has said the width of, characters.
const USUAL_WIDTH: usize = 120;

/// Remembers what was told last.
#[derive(Debug)]
pub struct Narrator {
    status: (Instant, EngineSnapshot),
    report: (Instant, EngineSnapshot),
    /// Latencies since the last status line, and since the last report.
    recent: HistogramSet,
    interval: HistogramSet,
    /// What was counted until the engine was warm, and how long that took, ns.
    warm_up: Option<(EngineSnapshot, u64)>,
    /// Signals published, and when their number last grew.
    signals: (u64, Option<Instant>),
    flood: Flood,
    mostly: MostlyRefused,
    quiet: QuietInput,
}

impl Narrator {
    /// Has told nothing yet. A live one, whose input goes on, tells of silence.
    ///
    /// # Errors
    /// As [`HistogramSet::new`].
    pub fn new(now: Instant, live: bool) -> Result<Self> {
        Ok(Self {
            status: (now, EngineSnapshot::default()),
            report: (now, EngineSnapshot::default()),
            recent: HistogramSet::new(&Latency::ALL)?,
            interval: HistogramSet::new(&Latency::STYLES)?,
            warm_up: None,
            signals: (0, None),
            flood: Flood::new(now),
            mostly: MostlyRefused::new(now),
            quiet: QuietInput::new(now, live),
        })
    }

    /// Takes the latencies of a moment.
    pub fn interval(&mut self, interval: &HistogramSet) {
        self.recent.add(interval);
        self.interval.add(interval);
    }

    /// The engine is warm: what was before does not count.
    pub fn warm(&mut self, now: Instant, engine: &Engine) {
        let snapshot = engine.snapshot();
        self.warm_up = Some((snapshot.clone(), engine.elapsed_ns()));
        self.status = (now, snapshot.clone());
        self.report = (now, snapshot);
        self.recent.clear();
        self.interval.clear();
    }

    /// What is wrong with the input, where it is time to say so; so many refused records were shown one by one.
    pub fn complaints(&mut self, now: Instant, snapshot: &EngineSnapshot, shown: u64) -> Vec<String> {
        let reader = &snapshot.reader;
        let mostly = self.mostly.line(now, reader);
        // One of the two is enough.
        let flood = if mostly.is_some() { None } else { self.flood.line(now, &reader.refused, shown) };
        mostly.into_iter().chain(flood).chain(self.quiet.lines(now, snapshot)).collect()
    }

    /// The status in one line, as wide as the terminal.
    pub fn status(&mut self, now: Instant, snapshot: EngineSnapshot) -> String {
        let (before, then) = &self.status;
        let seconds = now.duration_since(*before).as_secs_f64().max(1e-9);
        let rate = |of: fn(&EngineSnapshot) -> u64| (of(&snapshot).saturating_sub(of(then)) as f64 / seconds) as u64;
        let published = snapshot.published();
        if published > self.signals.0 {
            self.signals = (published, Some(now));
        }
        let summaries = Latency::STYLES.map(|latency| self.recent.summary(latency));
        let worst = |quantile: fn(&LatencySummary) -> u64| {
            summaries.iter().filter(|summary| summary.count > 0).map(quantile).max()
        };
        let line = StatusLine {
            bars: snapshot.closed(),
            bars_per_s: rate(EngineSnapshot::closed),
            signals: published,
            last_signal_s: self.signals.1.map(|at| now.duration_since(at).as_secs()),
            p50_ns: worst(|summary| summary.p50_ns),
            p99_ns: worst(|summary| summary.p99_ns),
            refused_per_s: rate(EngineSnapshot::refused),
            lag_ms: snapshot.streams.iter().map(|(_, stream)| stream.lag_ms).max(),
            backlog: snapshot.backlog(),
            defined: snapshot.defined(),
        };
        let down: String = snapshot
            .links
            .iter()
            .filter(|(_, link)| link.down > 0)
            .fold(String::new(), |text, (who, _)| text + "  " + who + " disconnected");
        self.recent.clear();
        self.status = (now, snapshot);
        // Before it stand a spinner and the time.
        let width = terminal_width().unwrap_or(USUAL_WIDTH).saturating_sub(12 + down.chars().count());
        line.within(width) + &down
    }

    /// The report of the interval since the last one; of everything, if that is asked for.
    pub fn report(&mut self, now: Instant, engine: &Engine, length: ReportLength) -> Option<String> {
        if length == ReportLength::Full {
            self.report.0 = now;
            return self.whole(engine).ok().map(|report| report.to_string());
        }
        let snapshot = engine.snapshot();
        let plan = engine.probe().plan;
        let row = |latency: Latency| {
            let Latency::Style(style) = latency else { return None };
            let budget_ns = Some(plan.styles[style.index()].budget_ms * 1_000_000);
            Some(LatencyRow { latency, summary: self.interval.summary(latency), budget_ns })
        };
        let text = Brief {
            interval_ns: u64::try_from(now.duration_since(self.report.0).as_nanos()).unwrap_or(u64::MAX),
            before: &self.report.1,
            now: &snapshot,
            latencies: Latency::STYLES.into_iter().filter_map(row).collect(),
            rss_bytes: ProcessUsage::read().rss_bytes,
        }
        .to_string();
        self.interval.clear();
        self.report = (now, snapshot);
        Some(text)
    }

    /// The report of everything since the engine was warm.
    ///
    /// # Errors
    /// As [`HistogramSet::new`].
    pub fn whole(&self, engine: &Engine) -> Result<Report> {
        Ok(Report { warm_up: self.warm_up.clone(), ..engine.report()? })
    }

    /// Time since the last report.
    pub fn since_report(&self, now: Instant) -> Duration {
        now.duration_since(self.report.0)
    }
}

/// Width of the terminal at standard error, characters, if it is one.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
