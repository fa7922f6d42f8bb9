//! Base bars in, bars of every higher timeframe out.
//!
//! [`TimeBarAggregator`] is a pure state machine: it allocates only when a new symbol is added, never blocks, and takes
//! time from its input alone. A bar of a higher timeframe closes at the first of: the base bar arrives that completes
//! it; a record of its symbol arrives that belongs to a later bar; the clock of its symbol has passed it, which the stage
//! before says.

mod builder;
mod closes;
mod drifts;
mod routes;
mod time_bars;

pub use builder::BarBuilder;
pub use closes::{Closes, SavedCloses};
pub use drifts::{Closings, Drifts, SavedDrifts};
pub use routes::Routes;
pub use time_bars::{OpenBars, TimeBarAggregator};
