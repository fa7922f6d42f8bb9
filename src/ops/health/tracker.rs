//! What is said of the components over time: a state must last before it is shown, so that nothing flaps.

use super::{COMPONENTS, HealthFigures, HealthFinding, HealthState};
use crate::config::HealthConfig;
use serde_json::{Value, json};

/// A component as it is shown.
#[derive(Debug)]
struct Shown {
    name: &'static str,
    state: HealthState,
    /// Since when, Unix ms.
    since_ms: i64,
    /// What it has been found to be instead, and since when, monotonic ms.
    other: Option<(HealthState, u64)>,
    finding: HealthFinding,
}

/// A change of state that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthChange {
    /// The component.
    pub component: &'static str,
    /// How it was.
    pub from: HealthState,
    /// How it is.
    pub to: HealthState,
    /// Why.
    pub why: String,
    /// What would mend it.
    pub remedy: String,
}

/// The health of an engine.
#[derive(Debug)]
pub struct Health {
    config: HealthConfig,
    components: Vec<Shown>,
}

impl Health {
    /// Nothing is known yet, at this Unix time, ms.
    #[must_use]
    pub fn new(config: HealthConfig, wall_ms: i64) -> Self {
        let unknown = |name| Shown {
            name,
            state: HealthState::Unknown,
            since_ms: wall_ms,
            other: None,
            finding: HealthFinding::unknown("the engine has not started"),
        };
        Self { config, components: COMPONENTS.iter().map(|component| unknown(component.name)).collect() }
    }

    /// Looks at the figures, at a monotonic and a Unix time, ms; what has changed.
    pub fn look(&mut self, figures: &HealthFigures, now_ms: u64, wall_ms: i64) -> Vec<HealthChange> {
        let findings: Vec<HealthFinding> =
            COMPONENTS.iter().map(|component| (component.check)(figures, &self.config)).collect();
        let mut changes = Vec::new();
        for (shown, finding) in self.components.iter_mut().zip(findings) {
            let found = finding.state;
            let from = shown.state;
            let lasts_ms = match (from, found) {
                // The first word needs no patience unless it is a bad one.
                (HealthState::Unknown, HealthState::Ok) => 0,
                _ if found > from => self.config.worse_after_s * 1_000,
                _ => self.config.better_after_s * 1_000,
            };
            if found == from {
                shown.other = None;
                shown.finding = finding;
                continue;
            }
            // The time runs as long as it is on the same side of what is shown.
            let since = match shown.other {
                Some((other, since)) if (other > from) == (found > from) => since,
                _ => now_ms,
            };
            shown.other = Some((found, since));
            if now_ms.saturating_sub(since) < lasts_ms {
                continue;
            }
            let HealthFinding { why, remedy, .. } = finding.clone();
            changes.push(HealthChange { component: shown.name, from, to: found, why, remedy });
            *shown = Shown { state: found, since_ms: wall_ms, other: None, finding, name: shown.name };
        }
        changes
    }

    /// How the engine is: as its worst component of which anything is known.
    #[must_use]
    pub fn overall(&self) -> HealthState {
        let known = self.components.iter().map(|shown| shown.state).filter(|state| *state != HealthState::Unknown);
        known.max().unwrap_or(HealthState::Unknown)
    }

    /// How each component is: its name and state.
    pub fn components(&self) -> impl Iterator<Item = (&'static str, HealthState)> {
        self.components.iter().map(|shown| (shown.name, shown.state))
    }

    /// All of it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut components = serde_json::Map::new();
        for shown in &self.components {
            let mut one = shown.finding.to_json();
            one["status"] = json!(shown.state.name());
            one["since_ms"] = json!(shown.since_ms);
            components.insert(shown.name.to_owned(), one);
        }
        json!({ "status": self.overall().name(), "components": components })
    }
}
