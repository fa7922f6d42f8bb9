//! Whether the connections stand and the input streams are read as they grow.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::{config::HealthConfig, telemetry::human_ns};

pub(super) fn check(figures: &HealthFigures, config: &HealthConfig) -> HealthFinding {
    if figures.streams.is_empty() && figures.links.is_empty() {
        return HealthFinding::unknown("the feed is not Redis");
    }
    let mut found = HealthFinding::ok("connected, and the streams are read as they grow");
    for (name, down_ms) in &figures.links {
        let Some(down_ms) = *down_ms else { continue };
        found.show(format!("{name}_down_ms"), down_ms as f64);
        let state = if down_ms >= config.down_failing_ms { HealthState::Failing } else { HealthState::Degraded };
        found.worse(
            state,
            format!("the {name} has had no connection to Redis for {}", human_ns(down_ms.saturating_mul(1_000_000))),
            "start the server, or mend the way to it; the engine connects again by itself and reads on where it was",
        );
    }
    for stream in &figures.streams {
        found.show(format!("{}_lag_entries", stream.name), stream.lag_entries as f64);
        let name = format!("{}_lag_ms", stream.name);
        let state =
            found.judge(name, stream.lag_ms as f64, config.lag_degraded_ms as f64, Some(config.lag_failing_ms as f64));
        if state > HealthState::Ok {
            let behind = human_ns(stream.lag_ms.saturating_mul(1_000_000));
            found.worse(
                state,
                format!("{} is read {behind} and {} entries behind", stream.name, stream.lag_entries),
                "the engine is slower than the stream: look for the blocked agent in /status, and at the server's SLOWLOG; a \
                 backlog after a restart goes away by itself",
            );
        }
        if stream.trimmed > 0 {
            found.worse(
                HealthState::Failing,
                format!("{} lost {} entries to trimming before they were read", stream.name, stream.trimmed),
                "let the stream keep more (MAXLEN of its writer) than the longest stop of the engine",
            );
        }
    }
    found
}
