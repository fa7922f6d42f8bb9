//! The figures of the signals of one key at one horizon, as they are shown.

use wincode::{SchemaRead, SchemaWrite};

/// What is kept of the signals of one symbol, timeframe and strategy at one horizon, however many symbols there are.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
pub struct LaneCounts {
    /// Outcomes.
    pub n: u32,
    /// Outcomes that were left out: the window had a jump that looks like a split.
    pub void: u32,
    /// Returns above 0.
    pub wins: u32,
    /// Returns of exactly 0.
    pub draws: u32,
    /// Mean return, basis points, gross.
    pub mean_bps: f64,
}

/// Bins of a confidence, all as wide.
pub const CONFIDENCE_BINS: usize = 10;

/// How good a confidence was as a probability of winning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreFigures {
    /// Mean squared error, 0 to 1; less is better.
    pub brier: f64,
    /// 1 − Brier / Brier of the share that had been won before; above 0 is better than that. `None` without one.
    pub skill: Option<f64>,
    /// Mean log loss, nats.
    pub log_loss: f64,
    /// Expected calibration error: how far the confidence is from the share that wins, 0 to 1.
    pub ece: f64,
    /// By tenth of the confidence: signals, sum of their confidences, how many were won.
    pub bins: [(u64, f64, u64); CONFIDENCE_BINS],
}

/// The figures of a key at a horizon. Returns in basis points, gross.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalFigures {
    /// Outcomes.
    pub n: u64,
    /// Outcomes that were left out: the window had a jump that looks like a split.
    pub void: u64,
    /// Returns above 0.
    pub wins: u64,
    /// Returns of exactly 0.
    pub draws: u64,
    /// Share that was won.
    pub win_rate: f64,
    /// Its Wilson interval, 95 %, as if no two outcomes overlapped.
    pub wilson: [f64; 2],
    /// Its standard error, clustered by block; NaN with fewer than two blocks.
    pub win_rate_se: f64,
    /// Mean return.
    pub mean_bps: f64,
    /// Mean return less the fees of entry and exit.
    pub net_mean_bps: f64,
    /// Standard deviation of the returns.
    pub sd_bps: f64,
    /// Standard error of the mean, clustered by block; NaN with fewer than two blocks.
    pub mean_se_bps: f64,
    /// Blocks of time that the outcomes fall into.
    pub blocks: f64,
    /// Median return, from buckets an eighth of an octave wide.
    pub median_bps: f64,
    /// Sum of the gains over sum of the losses; `None` without a loss.
    pub profit_factor: Option<f64>,
    /// Mean gain over mean loss; `None` without a loss.
    pub payoff: Option<f64>,
    /// Mean of the best on the way.
    pub mfe_bps: f64,
    /// Mean of the worst on the way.
    pub mae_bps: f64,
    /// Mean of what the next open took.
    pub slip_bps: f64,
    /// Exponentially weighted, half-life 1,000 outcomes: how many, share won, mean return.
    pub recent: [f64; 3],
    /// Brier score of the share that had been won before.
    pub brier_base: f64,
    /// Of the composite confidence.
    pub composite: Option<ScoreFigures>,
    /// Of the calibrated confidence, where there was one.
    pub calibrated: Option<ScoreFigures>,
}
