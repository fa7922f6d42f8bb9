//! Indicator values in, signals out: one file a strategy, and the [`Cell`] in which they meet.
//!
//! A strategy looks at one closed bar ([`BarView`]) and gives at most one candidate, in two steps: `fires` finds on
//! every bar, without branching, which of its conditions hold; `candidate` weighs them on the few bars on which one
//! does. Values that are not ready are NaN, so that a condition that reads one is false. Nothing here allocates after a
//! cell has been made.
//!
//! # Add a strategy
//!
//! A strategy `my_strategy` is one file, `src/strategies/my_strategy.rs`, named in two places: `mod my_strategy;` in
//! this file, and `MyStrategy = my_strategy,` in `list.rs`. From the list come its number and name, its section of the
//! configuration with the checks, its name in the existing system, its kinds, its place in the cells' memory, in the
//! order of publication, in the votes, and in the report. The file has, in this order:
//!
//! 1. `kinds!`: what it finds, each with its published name and the names of its factors.
//! 2. `params!`: its parameters, each with its meaning, default, allowed values and names in the existing system; the
//!    first is `enabled`. `Params::check` compares parameters with each other.
//! 3. `memory!`: what it remembers from bar to bar, word by word: a `number`, a `history` of a condition, or `bits`. A
//!    strategy that remembers nothing has `()`. Eight words are a cache line of every cell.
//! 4. Its conditions, numbered: `const BUY: Fired = Fired::condition(0);`.
//! 5. `impl Rules for Params`: which conditions are edges (they count only where they did not hold at the bar before);
//!    which indicators it reads, with their periods (`needs`); how far it looks back (`look_back`); `fires`, on every bar;
//!    `candidate`, on the few bars on which a condition holds.
//!
//! `fires` is written in operations of a `Vector`, `V::gt(a, b)` instead of `a > b`, so that it serves one cell or
//! eight at once, and every processor gives the same bits. It must not branch on the values, nor allocate. What it
//! reads by name in `row.change.now` and `row.change.before` is listed in [`Reading`](crate::indicators::Reading).
//!
//! Its section of `config/default.toml` is the manual of its parameters; a test compares the two. Until it has one, its
//! defaults are those of the declaration. `added.rs` is a strategy for the tests alone, complete in a hundred lines. At
//! most 64 conditions fit, of all strategies together: the compiler says so where there are more.
//!
//! # Prices at or below zero
//!
//! A symbol with `price = "any"` may have them: a spread, or oil in April 2020. What is relative to a price is then relative
//! to its size, |p|, so that its sign is that of the change: the momentum (pᵢ − pᵢ₋ₘ)/|pᵢ₋ₘ|, the velocity and the histogram
//! of `macd_rsi` over |p|, the distance of the averages of `ma_crossover` over |EMA200|, the width of the bands over |M|, the
//! strength of a breakout over |band|. At a price of exactly 0 such a ratio counts as 0, and a band whose middle is 0 has no
//! width. So the signals of prices −p are those of p with the sides exchanged. Where the ratio of two prices is the
//! definition itself, the strategy cannot run on such a symbol, and a note says so at the start: `sr_breakout`, whose
//! levels gather pivots within a share of their price ([`StrategyParams::ABOVE_ZERO`]).
//!
mod block;
pub mod bollinger_breakout;
mod cell;
mod cells;
pub mod common;
pub mod custom;
mod custom_strategy;
mod fired;
mod found;
mod kinds;
mod layout;
mod levels;
mod list;
mod look_back;
pub mod ma_crossover;
pub mod macd_rsi;
mod memory;
mod params;
mod past;
mod pivots;
mod roster;
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
pub use custom_strategy::CustomStrategy;
pub use layout::CellLayout;
pub(crate) use list::{Pick, TABLES};
pub use list::{Strategy, StrategyParams};
pub use params::{MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK};
pub(crate) use params::{Number, ParamVisitor, Whole};
pub use roster::Roster;
pub use signal_kind::SignalKind;
pub use view::BarView;

use fired::{Findings, Fired};

#[cfg(test)]
pub mod added;
#[cfg(test)]
mod cell_tests;
