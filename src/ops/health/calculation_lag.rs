//! Whether signals are as quick as their budgets want them: the 99th percentile of each style, over the window.

use super::{HealthFigures, HealthFinding, HealthState};
use crate::{config::HealthConfig, telemetry::human_ns};

pub(super) fn check(figures: &HealthFigures, config: &HealthConfig) -> HealthFinding {
    if figures.styles.iter().all(|style| style.count == 0) {
        return HealthFinding::unknown("no signal has been published lately");
    }
    let mut found = HealthFinding::ok("signals are within their budgets");
    for style in figures.styles.iter().filter(|style| style.count > 0) {
        let budgets = style.p99_ns as f64 / style.budget_ns.max(1) as f64;
        found.show(format!("{}_p99_ns", style.name), style.p99_ns as f64);
        let name = format!("{}_p99_budgets", style.name);
        let state = found.judge(name, budgets, config.latency_degraded, Some(config.latency_failing));
        if state > HealthState::Ok {
            found.worse(
                state,
                format!(
                    "1% of the {} signals took {} or longer; their budget is {}",
                    style.name,
                    human_ns(style.p99_ns),
                    human_ns(style.budget_ns)
                ),
                "look at /status for the agent that is busy or blocked; `wagehood-engine doctor` says what this host costs; \
                 fewer symbols or timeframes, or more cores, if it is the load",
            );
        }
    }
    found
}
