//! The agents: each drives one stage, on a thread of its own or with the others on one.
//!
//! The rule of all of them, which makes rings of any size safe on any number of threads: first flush the outlets; take
//! a new work item only when they are clear. An item's messages always fit (the spill), so no agent ever waits in the
//! middle of one.

mod aggregator;
mod closed;
mod ease;
mod finder;
mod outcomes;
mod owner;
mod publisher;
mod reader;
mod rows_wanted;
mod statistics;
mod window;
mod worker;
mod worker_wiring;

pub use aggregator::{AggregatorAgent, AggregatorWiring};
pub use publisher::{BatchRules, PublisherAgent, PublisherWiring};
pub use reader::{Barriers, ReaderAgent, ReaderWiring};
pub use rows_wanted::{RowsWanted, StatisticsWanted};
pub use worker::WorkerAgent;
pub use worker_wiring::WorkerWiring;
