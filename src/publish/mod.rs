//! Composite signals in, bytes out: encoders of every published form.
//!
//! The encoders append to the caller's buffers, allocate nothing else and never block; [`FileSink`] blocks on its
//! writes. All of it runs on the thread of the publishing agent. The output is a function of the input and the
//! configuration alone: no wall clock, no counter of this process.

mod alerts;
mod bars;
mod check;
mod compat;
mod cross;
mod dead_letter;
mod events;
mod fields;
mod file;
mod frames;
mod indicators;
mod json;
mod keys;
mod latest;
mod latest_hash;
mod lease;
mod levels;
mod merge;
mod names;
mod performance;
mod process;
mod read;
mod selection;
mod signal;
mod signals;
mod statistics;
#[cfg(test)]
mod tests;
mod tree;
mod vote;

pub use alerts::{Notice, Severity, xadd_notice, xadd_signal_alert};
pub use bars::{BAR_CSV_HEADER, bar_csv, indicator_csv, indicator_csv_header, xadd_bar};
pub use check::{check_key, check_outputs, check_performance};
pub use compat::{CompatView, SymbolConfig, xadd_compat_event};
pub use cross::{MatrixView, hset_matrix_row, matrix_json_line};
pub use dead_letter::{DeadLetter, DeadLetterLimits, xadd_dead_letter};
pub use events::{SymbolResults, xadd_calculation_event, xadd_calculation_event_json};
pub use file::{FileError, FileSink};
pub use frames::{
    Dictionary, DictionaryError, PeerRecord, SignalFlags, SignalFrame, SignalFrameError, SignalFrames, SignalNames,
    SignalRecord,
};
pub use indicators::keep_indicators;
pub use json::{Array, Object};
pub use keys::{
    LatestValues, set_calculations, set_composite_signal, set_latest_price, set_symbol_latest, set_timeframe_indicators,
};
pub use latest::{Fresh, Latest, SavedLatest};
pub use latest_hash::hset_latest;
pub use lease::{Attempt, Holder, Lease, LeaseError, LeaseSpec};
pub use levels::LevelRules;
pub use merge::{Item, Merge};
pub use names::{CompatNames, HashSpec, InputKind, KeySpec, Labels, OutputNames, Sources, StreamSpec};
pub use performance::{hset_counts, hset_figures, outcome_json_line, push_figures};
pub use read::{EntryFields, SignalEntryError, SignalReader, SignalTexts};
pub use selection::{Switched, switch_json_line, xadd_switch};
pub use signal::{push_signal_id, signal_json_line, xadd_signal, xadd_signal_json};
pub use signals::SignalWriter;
pub use statistics::{set_statistics, statistics_csv, statistics_csv_header};
pub use vote::Vote;
