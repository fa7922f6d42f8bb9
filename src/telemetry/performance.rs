//! What the signals are worth, as a report shows it. Not hot.

use super::table::{Table, exact_count};
use crate::model::CONFIDENCE_BINS;

/// The figures of a timeframe and strategy at one horizon. Returns in basis points, less fees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutcomeSummary {
    /// Outcomes.
    pub n: u64,
    /// Share that was won.
    pub win_rate: f64,
    /// Its interval, 95 %.
    pub wilson: [f64; 2],
    /// Mean return.
    pub net_mean_bps: f64,
    /// Its standard error, clustered by time; NaN where that cannot be told.
    pub mean_se_bps: f64,
    /// Skill of the confidence: above 0 is better than the share won before. NaN where that cannot be told.
    pub skill: f64,
    /// By tenth of the confidence: signals, sum of their confidences, how many were won. Of the calibrated confidence where
    /// there is one, else of the composite.
    pub bins: [(u64, f64, u64); CONFIDENCE_BINS],
}

/// The figures of a timeframe and strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceRow {
    /// Name of the timeframe.
    pub timeframe: String,
    /// Name of the strategy.
    pub strategy: &'static str,
    /// By horizon: 1, 3 and 10 bars.
    pub horizons: [OutcomeSummary; 3],
}

impl OutcomeSummary {
    fn won(&self) -> String {
        let [low, high] = self.wilson.map(|share| share * 100.0);
        if self.n == 0 { "–".to_owned() } else { format!("{:.1} ({low:.1}–{high:.1})", self.win_rate * 100.0) }
    }

    fn mean(&self) -> String {
        match (self.n, self.mean_se_bps.is_finite()) {
            (0, _) => "–".to_owned(),
            (_, true) => format!("{:+.1} ±{:.1}", self.net_mean_bps, self.mean_se_bps),
            // One block of time tells no error.
            (_, false) => format!("{:+.1} ±?", self.net_mean_bps),
        }
    }

    fn skill(&self) -> String {
        if self.skill.is_finite() { format!("{:+.3}", self.skill) } else { "–".to_owned() }
    }
}

/// The table of a report.
pub(super) fn performance_table(rows: &[PerformanceRow]) -> Table {
    let title = "What became of the signals: mean return after fees, bps, ± standard error; won after 10 bars";
    let heads = ["", "strategy", "n", "1 bar", "3 bars", "10 bars", "won, %", "skill"];
    let mut table = Table::new(title, &heads);
    for PerformanceRow { timeframe, strategy, horizons } in rows {
        let [one, three, ten] = horizons;
        table.row([
            timeframe.clone(),
            (*strategy).to_owned(),
            exact_count(ten.n),
            one.mean(),
            three.mean(),
            ten.mean(),
            ten.won(),
            ten.skill(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_a_hundred_columns() {
        let figures = OutcomeSummary {
            n: 123_456,
            win_rate: 0.498,
            wilson: [0.473, 0.523],
            net_mean_bps: -12.3,
            mean_se_bps: 6.7,
            skill: -0.233,
            bins: [(0, 0.0, 0); CONFIDENCE_BINS],
        };
        let row = |timeframe: &str, figures| PerformanceRow {
            timeframe: timeframe.to_owned(),
            strategy: "bollinger_breakout",
            horizons: [figures; 3],
        };
        let none = OutcomeSummary { n: 0, mean_se_bps: f64::NAN, ..figures };
        let text = performance_table(&[row("15m", figures), row("1d", none)]).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("-12.3 ±6.7") && text.contains("49.8 (47.3–52.3)"), "{text}");
    }
}
