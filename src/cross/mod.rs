//! Correlation across assets: how much a symbol moves with all others, and how many independent signals those of one timeframe
//! and side are worth.
//!
//! [`CrossAssets`] stands behind the correlator, which it does not influence. It is told of intervals by the aggregator
//! ([`Crossing`](crate::model::Crossing)) and of signals by the publisher. It is the one part that looks across symbols: what
//! it says of a symbol depends on the company.
//!
//! A pure state machine. An interval costs a multiplication and an addition for every pair of symbols, a signal a look at
//! the signals of its timeframe and side. It allocates only when a symbol appears.

mod assets;
mod crowd;
mod matrix;
mod sum;

pub use assets::{CrossAssets, SavedCross};
pub use matrix::{Matrix, Presence};
