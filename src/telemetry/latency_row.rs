//! A latency as a row of a table, with its budget. Not hot.

use super::{
    histogram::{Latency, LatencySummary},
    table::{exact_count, human_ns},
};

/// One latency and its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyRow {
    /// What was measured.
    pub latency: Latency,
    /// Its figures.
    pub summary: LatencySummary,
    /// Latency budget, ns; `None` for a stage, which has no budget.
    pub budget_ns: Option<u64>,
}

impl LatencyRow {
    /// Whether the maximum is within the budget; `None` without a budget, or without a measurement.
    #[must_use]
    pub fn passes(&self) -> Option<bool> {
        let budget_ns = self.budget_ns.filter(|_| self.summary.count > 0)?;
        Some(self.summary.max_ns <= budget_ns)
    }

    /// As a row of a table; at full speed it has no verdict.
    pub(super) fn cells(&self, full_speed: bool) -> Vec<String> {
        let s = &self.summary;
        let mut cells = vec![self.latency.name().to_owned(), exact_count(s.count)];
        match s.count {
            0 => cells.extend((0..5).map(|_| "–".to_owned())),
            _ => cells.extend([s.p50_ns, s.p90_ns, s.p99_ns, s.p999_ns, s.max_ns].map(human_ns)),
        }
        if let Some(budget_ns) = self.budget_ns {
            let verdict = match self.passes() {
                Some(true) if !full_speed => "PASS",
                Some(false) if !full_speed => "FAIL",
                _ => "–",
            };
            cells.extend([human_ns(budget_ns), verdict.to_owned()]);
        }
        cells
    }
}
