//! Counters, histograms, reports: how the engine performs. Counting and recording are hot; the rest is not.

mod brief;
mod budget;
mod counter;
mod counters;
mod engine;
mod hgrm;
mod histogram;
mod latency_row;
mod memory;
mod merge;
mod performance;
mod report;
mod status_line;
mod table;
mod thread_usage;

pub use brief::Brief;
pub use budget::{memory_limit, memory_stalled_pct};
pub use counter::{Counter, Readout};
pub use counters::*;
pub use engine::{EngineCounters, EngineSnapshot};
pub use hgrm::{HgrmUnit, format_hgrm, write_hgrm};
pub use histogram::{Collector, HIGHEST_NS, HistogramSet, Latency, LatencySummary, Recorder, Stage, recorder};
pub use latency_row::LatencyRow;
pub use memory::{ProcessUsage, resident_bytes};
pub use merge::{MergeError, merge};
pub use performance::{OutcomeSummary, PerformanceRow};
pub use report::Report;
pub use status_line::StatusLine;
pub use table::{Table, exact_count, human_bytes, human_count, human_ns, percent};
pub use thread_usage::ThreadUsage;
