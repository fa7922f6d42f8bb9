//! How the engine is, by component: pure rules over plain figures, with hysteresis. Each component is a file and a row here.

mod calculation_lag;
mod input_records;
mod memory_usage;
mod redis_streams;
mod signal_quality;
mod tracker;
mod worker_status;

#[cfg(test)]
mod tests;

pub use super::figures::HealthFigures;
pub use tracker::{Health, HealthChange};

use crate::config::HealthConfig;
use serde_json::{Value, json};

/// How a component is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// As it should be.
    Ok,
    /// Nothing is known of it, or not enough.
    Unknown,
    /// It works, but somebody should look.
    Degraded,
    /// It does not do what it is for.
    Failing,
}

impl HealthState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Unknown, Self::Degraded, Self::Failing];

    /// Name as shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// A figure that a component was judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthFigure {
    /// What it is, with its unit last.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// From where on it is degraded, if it is judged.
    pub degraded: Option<f64>,
    /// From where on it is failing.
    pub failing: Option<f64>,
}

/// What a component was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthFinding {
    /// How it is.
    pub state: HealthState,
    /// Why, in a sentence.
    pub why: String,
    /// What would mend it; empty where nothing is to be done.
    pub remedy: String,
    /// What it was judged by.
    pub figures: Vec<HealthFigure>,
}

impl HealthFinding {
    /// Nothing is known.
    fn unknown(why: &str) -> Self {
        Self { state: HealthState::Unknown, why: why.to_owned(), remedy: String::new(), figures: Vec::new() }
    }

    /// All is well so far; figures make it worse.
    fn ok(why: impl Into<String>) -> Self {
        Self { state: HealthState::Ok, why: why.into(), remedy: String::new(), figures: Vec::new() }
    }

    /// Makes it worse, if it is not as bad already.
    fn worse(&mut self, state: HealthState, why: impl Into<String>, remedy: impl Into<String>) {
        if state > self.state {
            *self = Self { state, why: why.into(), remedy: remedy.into(), figures: std::mem::take(&mut self.figures) };
        }
    }

    /// Adds a figure with its thresholds, and returns what it says.
    fn judge(&mut self, name: impl Into<String>, value: f64, degraded: f64, failing: Option<f64>) -> HealthState {
        self.figures.push(HealthFigure { name: name.into(), value, degraded: Some(degraded), failing });
        match failing {
            Some(failing) if value >= failing => HealthState::Failing,
            _ if value >= degraded => HealthState::Degraded,
            _ => HealthState::Ok,
        }
    }

    /// Adds a figure that is only shown.
    fn show(&mut self, name: impl Into<String>, value: f64) {
        self.figures.push(HealthFigure { name: name.into(), value, degraded: None, failing: None });
    }

    /// As JSON.
    fn to_json(&self) -> Value {
        let figure = |figure: &HealthFigure| {
            let mut all = json!({ "name": figure.name, "value": figure.value });
            for (key, threshold) in [("degraded_from", figure.degraded), ("failing_from", figure.failing)] {
                if let Some(threshold) = threshold {
                    all[key] = json!(threshold);
                }
            }
            all
        };
        json!({
            "status": self.state.name(),
            "why": self.why,
            "remedy": self.remedy,
            "figures": self.figures.iter().map(figure).collect::<Vec<_>>(),
        })
    }
}

/// A component of health.
#[derive(Debug)]
pub struct Component {
    /// Name as shown.
    pub name: &'static str,
    /// Its rule.
    pub check: fn(&HealthFigures, &HealthConfig) -> HealthFinding,
}

/// The components, in the order in which they are shown.
pub const COMPONENTS: [Component; 6] = [
    Component { name: "calculation_lag", check: calculation_lag::check },
    Component { name: "memory_usage", check: memory_usage::check },
    Component { name: "redis_streams", check: redis_streams::check },
    Component { name: "worker_status", check: worker_status::check },
    Component { name: "signal_quality", check: signal_quality::check },
    Component { name: "input_records", check: input_records::check },
];
