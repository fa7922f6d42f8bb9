//! Composite signals in, bytes out: encoders of every published form.
//!
//! The encoders append to buffers of their caller, allocate nothing besides and never block; [`FileSink`] blocks for its
//! writes. All of it runs on the publishing agent's thread.
//! What is written is a function of the input and the configuration alone: no wall clock, no counter of this process.

mod alerts;
mod bars;
mod check;
mod dead_letter;
mod events;
mod fields;
mod file;
mod indicators;
mod json;
mod keys;
mod latest;
mod lease;
mod merge;
mod names;
mod process;
mod signal;
#[cfg(test)]
mod tests;
mod vote;

pub use alerts::{Notice, Severity, xadd_notice, xadd_signal_alert};
pub use bars::{BAR_CSV_HEADER, bar_csv, indicator_csv, indicator_csv_header, xadd_bar};
pub use check::{check_key, check_outputs};
pub use dead_letter::{DeadLetter, DeadLetterLimits, xadd_dead_letter};
pub use events::{SymbolResults, xadd_calculation_event};
pub use file::{FileError, FileSink};
pub use json::{Array, Object};
pub use keys::{LatestValues, set_calculations, set_composite_signal, set_latest_price, set_timeframe_indicators};
pub use latest::{Fresh, Latest, SavedLatest};
pub use lease::{Attempt, Holder, Lease, LeaseError, LeaseSpec};
pub use merge::{Item, Merge};
pub use names::{KeySpec, Labels, OutputNames, Source, Sources, StreamSpec};
pub use signal::{push_signal_id, signal_json_line, xadd_signal};
pub use vote::Vote;
