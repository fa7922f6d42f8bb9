//! Latency budgets, read from `perf/budgets.toml`.

use crate::model::TradingStyle;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Budgets of one trading style.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleBudget {
    /// 99th percentile, ms; `None` if there is no limit.
    pub p99_ms: Option<f64>,
    /// 99.9th percentile, ms; `None` if there is no limit.
    pub p999_ms: Option<f64>,
    /// Maximum, ms; `None` if there is no limit.
    pub max_ms: Option<f64>,
}

impl StyleBudget {
    /// The limits with their names and quantiles, ms; the maximum has quantile 1.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        [("p99", 0.99, self.p99_ms), ("p99.9", 0.999, self.p999_ms), ("max", 1.0, self.max_ms)]
            .into_iter()
            .filter_map(|(name, quantile, limit)| Some((name, quantile, limit?)))
    }
}

/// Budgets by load, then by trading style. A load is a shape (`burst`), a shape with a number of symbols
/// (`burst-10000`), or `embedded`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budgets(pub BTreeMap<String, BTreeMap<TradingStyle, StyleBudget>>);

impl Budgets {
    /// The budgets of the repository.
    ///
    /// # Errors
    /// The embedded file is wrong; a test reads it.
    pub fn built_in() -> anyhow::Result<Self> {
        Ok(toml::from_str(include_str!("../../../perf/budgets.toml"))?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or does not hold budgets.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        use anyhow::Context;
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a file of budgets", path.display()))
    }

    /// The budgets of the first of these loads that has any; `None` if no load has any.
    #[must_use]
    pub fn of(&self, loads: &[&str]) -> BTreeMap<TradingStyle, StyleBudget> {
        loads.iter().find_map(|load| self.0.get(*load)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_of_the_repository_are_read() {
        let budgets = Budgets::built_in().unwrap();
        for (shape, maximum) in [("steady", 100.0), ("burst", 100.0), ("ramp", 100.0)] {
            let styles = budgets.of(&["none", shape]);
            assert_eq!(styles.len(), 3, "{shape}");
            assert_eq!(styles[&TradingStyle::Day].max_ms, Some(maximum));
        }
        assert!(toml::from_str::<Budgets>("[steady.day]\np98_ms = 1").is_err());
    }
}
