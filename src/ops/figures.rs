//! The figures that health is judged by, taken from the counters over a window of time.

use super::board::Latencies;
use crate::{
    model::Refusal,
    telemetry::{EngineSnapshot, Latency, ProcessUsage},
};
use std::collections::{HashMap, VecDeque};

/// The latency of a trading style, over the window.
#[derive(Debug, Clone, Default)]
pub struct StyleFigures {
    /// The style.
    pub name: String,
    /// Its budget, ns.
    pub budget_ns: u64,
    /// Signals.
    pub count: u64,
    /// 99th percentile, ns.
    pub p99_ns: u64,
}

/// An input stream.
#[derive(Debug, Clone, Default)]
pub struct StreamFigures {
    /// Its name.
    pub name: String,
    /// Entries not yet read.
    pub lag_entries: u64,
    /// Age of the next of them, ms.
    pub lag_ms: u64,
    /// Entries lost to trimming in the window.
    pub trimmed: u64,
    /// How long after its bar's end the last record came, ms.
    pub delay_ms: u64,
}

/// An agent.
#[derive(Debug, Clone, Default)]
pub struct AgentFigures {
    /// Its name.
    pub name: String,
    /// Time since its duty cycles were last seen to grow, ms.
    pub silent_ms: u64,
    /// Share of the window for which it waited for the next stage.
    pub blocked_share: f64,
}

/// What is known of judged signals.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Signals with an outcome.
    pub outcomes: u64,
    /// Skill of the calibrated confidence against the base rate.
    pub skill: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
}

/// Plain figures at one moment.
#[derive(Debug, Clone, Default)]
pub struct HealthFigures {
    /// Whether the engine was told to end: agents that are done stand still.
    pub draining: bool,
    /// Latency by style.
    pub styles: Vec<StyleFigures>,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// The memory that the process may have, bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Input streams.
    pub streams: Vec<StreamFigures>,
    /// Connections: whose, and for how long they have been lost, ms.
    pub links: Vec<(String, Option<u64>)>,
    /// Agents.
    pub agents: Vec<AgentFigures>,
    /// Records in the window.
    pub records: u64,
    /// Those that were refused, by reason.
    pub refused: Vec<(Refusal, u64)>,
    /// Published signals of the window that were stale.
    pub stale: u64,
    /// Time since the last record, s.
    pub silence_s: f64,
    /// What is known of judged signals.
    pub quality: Option<Quality>,
}

/// Makes figures of counters: remembers what they were.
#[derive(Debug)]
pub(super) struct Observer {
    window_ms: u64,
    /// Earlier readings with their monotonic times, ms.
    past: VecDeque<(u64, EngineSnapshot)>,
    /// By agent: duty cycles, and when they last grew.
    cycles: HashMap<String, (u64, u64)>,
    /// By connection: since when it is lost.
    down: HashMap<String, u64>,
    /// Records, and when they last grew.
    records: (u64, u64),
    memory_limit_bytes: Option<u64>,
}

/// Readings that are kept, whatever the window.
const PAST_MAX: usize = 121;

impl Observer {
    /// Has seen nothing yet.
    pub fn new(window_s: u64) -> Self {
        Self {
            window_ms: window_s * 1_000,
            past: VecDeque::new(),
            cycles: HashMap::new(),
            down: HashMap::new(),
            records: (0, 0),
            memory_limit_bytes: crate::telemetry::memory_limit(),
        }
    }

    /// The oldest reading of the window, with its time, ms.
    pub fn oldest(&self) -> Option<&(u64, EngineSnapshot)> {
        self.past.front()
    }

    /// The reading before the last, for rates of this moment.
    pub fn before(&self) -> Option<&(u64, EngineSnapshot)> {
        self.past.iter().rev().nth(1)
    }

    /// Takes a reading at a monotonic time, ms.
    pub fn take(
        &mut self,
        now_ms: u64,
        now: EngineSnapshot,
        latencies: &Latencies,
        process: ProcessUsage,
        draining: bool,
    ) -> HealthFigures {
        let (then_ms, then) = match self.past.front() {
            Some((ms, then)) => (*ms, then.clone()),
            None => (now_ms, now.clone()),
        };
        let span_ns = (now_ms.saturating_sub(then_ms)).saturating_mul(1_000_000);
        if now.reader.records_in != self.records.0 || self.past.is_empty() {
            self.records = (now.reader.records_in, now_ms);
        }
        let refused = Refusal::ALL.iter().filter(|reason| !reason.is_asked_for()).map(|reason| {
            let index = reason.index();
            (*reason, now.reader.refused[index].saturating_sub(then.reader.refused[index]))
        });
        let figures = HealthFigures {
            draining,
            styles: styles(latencies),
            rss_bytes: process.rss_bytes,
            memory_limit_bytes: self.memory_limit_bytes,
            streams: streams(&now, &then),
            links: self.links(&now, now_ms),
            agents: self.agents(&now, &then, now_ms, span_ns),
            records: now.reader.records_in.saturating_sub(then.reader.records_in),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
            stale: now.publisher.stale.saturating_sub(then.publisher.stale),
            silence_s: now_ms.saturating_sub(self.records.1) as f64 / 1e3,
            quality: quality(&now),
        };
        self.remember(now_ms, now);
        figures
    }

    /// Keeps as many readings as the window needs, in steps that grow with it.
    fn remember(&mut self, now_ms: u64, now: EngineSnapshot) {
        let step = self.window_ms / (PAST_MAX as u64 - 1);
        let close = self.past.iter().rev().nth(1).is_some_and(|(ms, _)| now_ms.saturating_sub(*ms) < step);
        if close {
            self.past.pop_back();
        }
        self.past.push_back((now_ms, now));
        while self.past.len() > PAST_MAX
            || self.past.get(1).is_some_and(|(ms, _)| now_ms.saturating_sub(*ms) >= self.window_ms)
        {
            self.past.pop_front();
        }
    }

    fn links(&mut self, now: &EngineSnapshot, now_ms: u64) -> Vec<(String, Option<u64>)> {
        let mut all = Vec::new();
        for (name, link) in &now.links {
            if link.down == 0 {
                self.down.remove(name);
            } else {
                self.down.entry(name.clone()).or_insert(now_ms);
            }
            all.push((name.clone(), self.down.get(name).map(|since| now_ms.saturating_sub(*since))));
        }
        all
    }

    fn agents(&mut self, now: &EngineSnapshot, then: &EngineSnapshot, now_ms: u64, span_ns: u64) -> Vec<AgentFigures> {
        let mut all = Vec::new();
        for (index, (name, agent)) in now.agents.iter().enumerate() {
            let seen = self.cycles.entry(name.clone()).or_insert((agent.duty_cycles, now_ms));
            if seen.0 != agent.duty_cycles {
                *seen = (agent.duty_cycles, now_ms);
            }
            let before = then.agents.get(index).map_or(0, |(_, agent)| agent.blocked_ns);
            let blocked_ns = agent.blocked_ns.saturating_sub(before);
            let blocked_share = if span_ns == 0 { 0.0 } else { (blocked_ns as f64 / span_ns as f64).min(1.0) };
            all.push(AgentFigures { name: name.clone(), silent_ms: now_ms.saturating_sub(seen.1), blocked_share });
        }
        all
    }
}

/// What the publisher tells of the calibrated confidence, where there is one.
fn quality(now: &EngineSnapshot) -> Option<Quality> {
    let counters = &now.publisher;
    let skill = 1.0 - counters.calibrated_brier_ppm as f64 / counters.base_brier_ppm as f64;
    let calibration_error = counters.calibration_error_ppm as f64 / 1e6;
    (counters.calibrated > 0).then_some(Quality { outcomes: counters.calibrated, skill, calibration_error })
}

fn styles(latencies: &Latencies) -> Vec<StyleFigures> {
    let styles = latencies.rows.iter().filter(|row| matches!(row.latency, Latency::Style(_)));
    let style = |row: &super::LatencyFigures| StyleFigures {
        name: row.latency.name().to_owned(),
        budget_ns: row.budget_ns.unwrap_or(u64::MAX),
        count: row.window.count,
        p99_ns: row.window.p99_ns,
    };
    styles.map(style).collect()
}

fn streams(now: &EngineSnapshot, then: &EngineSnapshot) -> Vec<StreamFigures> {
    let before = |index: usize| then.streams.get(index).map_or(0, |(_, stream)| stream.trimmed);
    let stream = |(index, (name, stream)): (usize, &(String, crate::telemetry::StreamSnapshot))| StreamFigures {
        name: name.clone(),
        lag_entries: stream.lag_entries,
        lag_ms: stream.lag_ms,
        trimmed: stream.trimmed.saturating_sub(before(index)),
        delay_ms: stream.delay_ms,
    };
    now.streams.iter().enumerate().map(stream).collect()
}
