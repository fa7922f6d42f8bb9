//! Indicator values in, signals out: one file a strategy, and the [`Cell`] in which they meet.
//!
//! A strategy looks at one closed bar ([`BarView`]) and gives at most one candidate, in two steps: `fires` finds on every
//! bar, without branching, which of its conditions hold; `candidate` weighs them on the few bars on which one does. Values
//! that are not ready are NaN, so that a condition that reads one is false. Nothing here allocates after a cell has been
//! made.

mod block;
pub mod bollinger_breakout;
mod cell;
#[cfg(test)]
mod cell_tests;
mod cells;
pub mod common;
mod fired;
mod kinds;
mod layout;
mod levels;
mod list;
pub mod ma_crossover;
pub mod macd_rsi;
mod memory;
mod params;
mod past;
mod pivots;
mod row;
pub mod rsi_trend;
mod rules;
mod signal_kind;
pub mod sr_breakout;
mod step;
mod traces;
mod view;

pub use cell::Cell;
pub use cells::Cells;
pub use layout::CellLayout;
pub(crate) use list::{Pick, TABLES};
pub use list::{Strategy, StrategyParams};
pub use params::{MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK};
pub(crate) use params::{Number, ParamVisitor, Whole};
pub use signal_kind::SignalKind;
pub use view::BarView;

use fired::{Findings, Fired};
