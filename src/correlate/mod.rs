//! Signals across timeframes: the composite confidence of each, and which of them are held back.
//!
//! [`Correlator`] is a pure state machine over groups: the signals of one symbol whose bars end together. It allocates
//! only when a new symbol is added, and never blocks.

mod correlator;
mod filter;
mod rate;
mod table;

pub use correlator::{Correlator, SymbolSignals, Verdict};
pub use rate::RateState;
pub use table::EntryState;

pub use crate::{config::default_weight, model::HeldBack};
