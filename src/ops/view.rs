//! Everything that an answer is made of, at one moment.

use super::{
    board::{Latencies, RunPhase},
    health::{Health, HealthState},
    market::Market,
};
use crate::{
    model::Roster,
    telemetry::{EngineSnapshot, PerformanceRow, ProcessUsage},
};

/// What the listener itself has done.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    /// Open connections.
    pub connections: usize,
    /// Requests that were answered with what they asked for.
    pub answered: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Connections that were cut: too slow, or too many.
    pub cut: u64,
    /// Events given to clients.
    pub events: u64,
}

/// The engine at one moment.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// Name of the engine.
    pub name: &'a str,
    /// Checksum of its configuration.
    pub config_version: String,
    pub phase: RunPhase,
    /// Time since the start, ns; 0 before it.
    pub elapsed_ns: u64,
    /// Unix time, ms.
    pub wall_ms: i64,
    pub snapshot: &'a EngineSnapshot,
    /// An earlier reading, and how long ago it was, s.
    pub before: Option<(f64, &'a EngineSnapshot)>,
    pub latencies: &'a Latencies,
    /// What the signals were worth, where it is known.
    pub performance: &'a [PerformanceRow],
    pub memory: Vec<(String, u64)>,
    pub process: ProcessUsage,
    pub health: &'a Health,
    pub market: &'a Market,
    pub timeframes: Vec<String>,
    /// The strategies.
    pub roster: Roster,
    pub traffic: Traffic,
    /// Bars and signals that the publisher's tap had no room for.
    pub missed: u64,
}

impl View<'_> {
    /// Time since the start, s.
    pub fn uptime_s(&self) -> f64 {
        self.elapsed_ns as f64 / 1e9
    }

    /// Why the engine is not ready to be relied on; `None` where it is.
    pub fn not_ready(&self) -> Option<String> {
        if let Some(why) = self.phase.not_ready() {
            return Some(why.to_owned());
        }
        let down = self.snapshot.links.iter().find(|(_, link)| link.down > 0);
        if let Some((name, _)) = down {
            return Some(format!("the {name} has no connection to Redis"));
        }
        let failing = |name: &str| {
            self.health.components().any(|(component, state)| component == name && state == HealthState::Failing)
        };
        failing("redis_streams").then(|| "redis_streams is failing: see /health".to_owned())
    }

    /// How fast a number grows, per second; `None` where nothing is known yet.
    pub fn rate(&self, of: impl Fn(&EngineSnapshot) -> u64) -> Option<f64> {
        let (seconds, before) = self.before.filter(|(seconds, _)| *seconds > 0.0)?;
        Some(of(self.snapshot).saturating_sub(of(before)) as f64 / seconds)
    }
}
