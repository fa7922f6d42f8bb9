//! Indicator values in, signals out: one file a strategy, and the [`Cell`] in which they meet.
//!
//! A strategy is a small state machine that looks at one closed bar ([`BarView`]) and gives at most one [`Candidate`], in
//! two steps: `fires` finds on every bar, without branching, which of its conditions hold; `candidate` weighs them on the
//! few bars on which one does.
//! Values that are not ready are NaN, so that a condition that reads one is false. Nothing here allocates after a cell
//! has been made.

mod block;
mod bollinger_breakout;
mod cell;
#[cfg(test)]
mod cell_tests;
mod cells;
mod fired;
mod layout;
mod levels;
mod ma_crossover;
mod macd_rsi;
mod row;
mod rsi_trend;
mod sr_breakout;
mod step;
mod swing;
mod traces;
mod view;

pub use cell::Cell;
pub use cells::Cells;
pub use layout::CellLayout;
pub use view::BarView;

use crate::model::Candidate;
use fired::{Findings, Fired};

/// The number within [0, 1] that is nearest to `x`.
#[inline]
pub(crate) fn clamp(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

/// The better of the candidates so far and one more: it must reach `min_confidence`, and equals keep the earlier.
#[inline]
fn better(best: Option<Candidate>, candidate: Candidate, min_confidence: f64) -> Option<Candidate> {
    let good = candidate.confidence >= min_confidence;
    match best {
        Some(b) if !good || candidate.confidence <= b.confidence => Some(b),
        _ if good => Some(candidate),
        _ => None,
    }
}
