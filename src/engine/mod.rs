//! The table of agents, cores and rings; start, halt, drain.

mod merge;

pub use merge::{Item, Merge};
