//! What the signals are worth, for whoever reports: written by the publisher, now and then.

use crate::{
    config::Plan,
    judge::Judge,
    model::{CONFIDENCE_BINS, HORIZONS, Roster, SignalFigures, Strategy, TimeframeId},
    telemetry::{Counter, OutcomeSummary, PerformanceRow},
};
use std::sync::OnceLock;

/// The figures of a key at a horizon that a report shows. Those that are no counts are kept as bits.
#[derive(Debug, Default)]
struct Shown {
    n: Counter,
    figures: [Counter; 6],
    /// By tenth of the confidence: signals, sum of their confidences, how many were won.
    bins: [[Counter; 3]; CONFIDENCE_BINS],
}

/// The figures that reports show, and all of them at the end.
#[derive(Debug)]
pub struct PerformanceLedger {
    timeframes: Vec<String>,
    roster: Roster,
    /// By timeframe and strategy.
    shown: Vec<[Shown; HORIZONS.len()]>,
    judge: OnceLock<Judge>,
}

impl PerformanceLedger {
    /// A ledger of a plan in which nothing is written.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let rows = if plan.performance.enabled { plan.timeframes.len() * plan.roster.count() } else { 0 };
        Self {
            timeframes: plan.timeframes.iter().map(ToString::to_string).collect(),
            roster: plan.roster,
            shown: (0..rows).map(|_| Default::default()).collect(),
            judge: OnceLock::new(),
        }
    }

    /// Writes the figures of a timeframe and strategy at a horizon.
    pub fn write(&self, timeframe: TimeframeId, strategy: Strategy, horizon: usize, figures: &SignalFigures) {
        let Some(row) = self.shown.get(timeframe.index() * self.roster.count() + strategy.index()) else { return };
        let said = figures.calibrated.or(figures.composite);
        let skill = said.and_then(|score| score.skill).unwrap_or(f64::NAN);
        let [low, high] = figures.wilson;
        let SignalFigures { win_rate, net_mean_bps, mean_se_bps, .. } = *figures;
        let shown = &row[horizon];
        shown.n.set(figures.n);
        let values = [win_rate, low, high, net_mean_bps, mean_se_bps, skill];
        shown.figures.iter().zip(values).for_each(|(to, value)| to.set(value.to_bits()));
        for ([count, sum, won], (n, said, wins)) in
            shown.bins.iter().zip(said.map(|score| score.bins).into_iter().flatten())
        {
            count.set(n);
            sum.set(said.to_bits());
            won.set(wins);
        }
    }

    /// Takes everything, at the end.
    pub fn close(&self, judge: Judge) {
        // A ledger is closed once: there is one publisher.
        let _ = self.judge.set(judge);
    }

    /// Everything, once the engine has ended.
    #[must_use]
    pub fn take_judge(&mut self) -> Option<Judge> {
        self.judge.take()
    }

    /// What a report shows: timeframes with strategies that have had an outcome.
    #[must_use]
    pub fn rows(&self) -> Vec<PerformanceRow> {
        let summary = |shown: &Shown| {
            let [win_rate, low, high, net_mean_bps, mean_se_bps, skill] =
                shown.figures.each_ref().map(|bits| f64::from_bits(bits.get()));
            let bin = |[n, said, wins]: &[Counter; 3]| (n.get(), f64::from_bits(said.get()), wins.get());
            let (n, bins) = (shown.n.get(), shown.bins.each_ref().map(bin));
            OutcomeSummary { n, win_rate, wilson: [low, high], net_mean_bps, mean_se_bps, skill, bins }
        };
        let rows = self.shown.iter().enumerate().map(|(index, row)| PerformanceRow {
            timeframe: self.timeframes[index / self.roster.count()].clone(),
            strategy: self.roster.at(index % self.roster.count()).name(),
            horizons: row.each_ref().map(summary),
        });
        rows.filter(|row| row.horizons.iter().any(|summary| summary.n > 0)).collect()
    }
}
