//! Whether every agent comes round, and is not held up by the one behind it.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::{
    config::HealthConfig,
    telemetry::{human_ns, percent},
};

pub(super) fn check(figures: &HealthFigures, config: &HealthConfig) -> HealthFinding {
    if figures.agents.is_empty() {
        return HealthFinding::unknown("no agent runs yet");
    }
    let mut found = HealthFinding::ok(format!("{} agents come round", figures.agents.len()));
    for agent in &figures.agents {
        let name = format!("{}_silent_ms", agent.name.replace(' ', "_"));
        let (degraded, failing) = (config.stall_degraded_ms as f64, config.stall_failing_ms as f64);
        let state = found.judge(name, agent.silent_ms as f64, degraded, Some(failing));
        if state > HealthState::Ok && !figures.draining {
            found.worse(
                state,
                format!(
                    "{} has not come round for {}",
                    agent.name,
                    human_ns(agent.silent_ms.saturating_mul(1_000_000))
                ),
                "a file or the system holds it up, or it hangs: see where with `cat /proc/PID/task/*/stack`; a restart goes on \
                 where the last batch ended",
            );
        }
        let name = format!("{}_blocked_share", agent.name.replace(' ', "_"));
        let state = found.judge(name, agent.blocked_share, config.blocked_degraded, None);
        if state > HealthState::Ok {
            found.worse(
                state,
                format!("{} waits {} of the time for the stage behind it", agent.name, percent(agent.blocked_share)),
                "the stage behind is the bottleneck: Redis, for the publisher; see busy shares in /status",
            );
        }
    }
    found
}
