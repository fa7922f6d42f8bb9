//! Signals across timeframes: the composite confidence of each, and which of them are held back.
//!
//! [`Correlator`] is a pure state machine over groups: the signals of one symbol and one sequence. It allocates only
//! when a new symbol is added, and never blocks.

mod correlator;
mod filter;
mod table;

pub use correlator::{Correlator, Verdict};
pub use filter::HeldBack;

use crate::model::Timeframe;

/// Correlation weights by default: interval in seconds, weight.
const WEIGHTS: [(f64, f64); 5] = [(1.0, 0.2), (60.0, 0.4), (300.0, 0.6), (3_600.0, 0.8), (86_400.0, 1.0)];

/// The weight of a timeframe's signals where the configuration does not say: interpolated in log(interval), constant
/// beyond the ends.
#[must_use]
pub fn default_weight(timeframe: Timeframe) -> f64 {
    let seconds = timeframe.interval_ms() as f64 / 1_000.0;
    let first = WEIGHTS[0];
    if seconds <= first.0 {
        return first.1;
    }
    for pair in WEIGHTS.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if seconds == x1 {
            return y1;
        }
        if seconds < x1 {
            return y0 + (y1 - y0) * (seconds / x0).ln() / (x1 / x0).ln();
        }
    }
    WEIGHTS[WEIGHTS.len() - 1].1
}
