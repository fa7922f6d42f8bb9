//! What the thread that watches the engine tells the one that answers: the phase, the engine, the latencies. Not hot.
#![allow(clippy::disallowed_types, reason = "taken a few times a second by two nice threads, for moments")]

use crate::{
    config::LogLevel,
    engine::Probe,
    model::TradingStyle,
    telemetry::{HistogramSet, Latency, LatencySummary, PerformanceRow},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where an engine is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPhase {
    /// It connects, reads its position, makes its state again.
    Starting,
    /// It waits for another engine of its name to end.
    Standby,
    /// It reads history that only warms it up.
    Warming,
    /// It works.
    Running,
    /// It was told to end, and finishes what it has read.
    Draining,
}

impl RunPhase {
    /// Name as shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Warming => "warming",
            Self::Running => "running",
            Self::Draining => "draining",
        }
    }

    /// Why an engine in this phase is not ready; `None` for the one in which it is.
    #[must_use]
    pub const fn not_ready(self) -> Option<&'static str> {
        match self {
            Self::Starting => Some("the engine starts: it connects, and makes its state again"),
            Self::Standby => Some("the engine is a standby: another engine of this name holds the lease"),
            Self::Warming => Some("the engine warms up on recorded history"),
            Self::Running => None,
            Self::Draining => Some("the engine was told to end"),
        }
    }
}

/// One latency.
#[derive(Debug, Clone)]
pub struct LatencyFigures {
    /// What was measured.
    pub latency: Latency,
    /// Latency budget, ns; `None` for a stage.
    pub budget_ns: Option<u64>,
    /// Since the start.
    pub total: LatencySummary,
    /// Over the last minute or so.
    pub window: LatencySummary,
    /// Upper edges of the buckets, ns, and the times up to each, since the start.
    pub buckets: Vec<(u64, u64)>,
}

/// All latencies.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// By latency, in the order of reports.
    pub rows: Vec<LatencyFigures>,
}

/// First and last edge, ns: 1 µs, 100 s. Of the styles, those between 10 µs and 10 s are fine.
const DECADES: [u32; 2] = [3, 11];
const FINE_DECADES: [u32; 2] = [4, 10];
/// Edges in a decade: each is 12 % above the one before.
const EDGES_A_DECADE: u32 = 20;
/// The same where they are fine: 2 %, so that a quantile between two of them is as near.
const FINE_EDGES_A_DECADE: u32 = 117;

/// The upper edges of the buckets of a latency, ns. A budget is one of them.
fn edges_ns(latency: Latency, budgets_ns: &[u64]) -> Vec<u64> {
    let grid = |[from, to]: [u32; 2], parts: u32| {
        (from * parts..=to * parts).map(move |step| 10_f64.powf(f64::from(step) / f64::from(parts)).round() as u64)
    };
    let mut edges: Vec<u64> = grid(DECADES, EDGES_A_DECADE).chain(budgets_ns.iter().copied()).collect();
    if matches!(latency, Latency::Style(_)) {
        edges.extend(grid(FINE_DECADES, FINE_EDGES_A_DECADE));
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

impl Latencies {
    /// Figures of these histograms: since the start, and of the last while.
    #[must_use]
    pub fn new(total: &HistogramSet, window: &HistogramSet, budget_ns: impl Fn(TradingStyle) -> u64) -> Self {
        let styles = TradingStyle::ALL;
        let budget = |latency| match latency {
            Latency::Style(style) => Some(budget_ns(style)),
            Latency::Stage(_) => None,
        };
        let budgets_ns = styles.map(&budget_ns);
        let row = |latency: Latency| LatencyFigures {
            latency,
            budget_ns: budget(latency),
            total: total.summary(latency),
            window: window.summary(latency),
            buckets: buckets(total, latency, &edges_ns(latency, &budgets_ns)),
        };
        Self { rows: Latency::ALL.into_iter().map(row).collect() }
    }
}

/// Edges, and the recorded times up to each.
fn buckets(set: &HistogramSet, latency: Latency, edges_ns: &[u64]) -> Vec<(u64, u64)> {
    let mut counts = vec![0; edges_ns.len()];
    for value in set.histogram(latency).into_iter().flat_map(|histogram| histogram.iter_recorded()) {
        let place = edges_ns.partition_point(|edge| *edge < value.value_iterated_to());
        if let Some(count) = counts.get_mut(place) {
            *count += value.count_since_last_iteration();
        }
    }
    let mut sum = 0;
    let up_to = counts.into_iter().map(|count| {
        sum += count;
        sum
    });
    edges_ns.iter().copied().zip(up_to).collect()
}

/// A line for people.
#[derive(Debug, Clone)]
pub struct Remark {
    /// How bad it is.
    pub level: LogLevel,
    /// What it is about.
    pub target: &'static str,
    /// Its kind.
    pub code: &'static str,
    /// What ties it to other lines.
    pub ids: Vec<(&'static str, String)>,
    /// What it says.
    pub text: String,
}

/// What is on the board.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub phase: RunPhase,
    pub probe: Option<Probe>,
    pub latencies: Arc<Latencies>,
    pub performance: Arc<Vec<PerformanceRow>>,
    /// Unread lines for people, of changes of health.
    pub lines: Vec<Remark>,
}

/// The board.
#[derive(Debug)]
pub struct Board(Mutex<Told>);

/// Lines that are kept unread.
const LINES_MAX: usize = 10_000;

impl Board {
    /// An engine that starts, or waits for another to end.
    #[must_use]
    pub fn new(phase: RunPhase) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Told {
            phase,
            probe: None,
            latencies: Arc::default(),
            performance: Arc::default(),
            lines: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells in which phase the engine is.
    pub fn enter(&self, phase: RunPhase) {
        self.lock().phase = phase;
    }

    /// Tells that there is an engine now.
    pub fn started(&self, probe: Probe) {
        self.lock().probe = Some(probe);
    }

    /// Tells how long things took, and what the signals were worth.
    pub fn measured(&self, latencies: Latencies, performance: Vec<PerformanceRow>) {
        let mut told = self.lock();
        told.latencies = Arc::new(latencies);
        told.performance = Arc::new(performance);
    }

    /// Takes the unread lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<Remark> {
        std::mem::take(&mut self.lock().lines)
    }

    /// Adds a line for people.
    pub(super) fn say(&self, line: Remark) {
        let mut told = self.lock();
        if told.lines.len() < LINES_MAX {
            told.lines.push(line);
        }
    }

    pub(super) fn told(&self) -> Told {
        self.lock().clone()
    }
}
