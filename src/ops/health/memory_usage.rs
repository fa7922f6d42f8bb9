//! How much of the memory that it may have the process holds.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::{config::HealthConfig, telemetry::human_bytes};

pub(super) fn check(figures: &HealthFigures, config: &HealthConfig) -> HealthFinding {
    let Some(limit) = figures.memory_limit_bytes.filter(|limit| *limit > 0 && figures.rss_bytes > 0) else {
        return HealthFinding::unknown("the system does not say how much memory there is");
    };
    let share = figures.rss_bytes as f64 / limit as f64;
    let text = format!("{} of {} are resident", human_bytes(figures.rss_bytes), human_bytes(limit));
    let mut found = HealthFinding::ok(text.clone());
    found.show("resident_bytes", figures.rss_bytes as f64);
    found.show("limit_bytes", limit as f64);
    let state = found.judge("resident_share", share, config.memory_degraded, Some(config.memory_failing));
    if state > HealthState::Ok {
        found.worse(
            state,
            text,
            "fewer symbols or timeframes, smaller buffer_size or engine.ring_size, or more memory; /status shows memory by \
             component",
        );
    }
    found
}
