//! `bench latency`: bars sent on a fixed schedule, signals watched for, the engine a process of its own between them.
//!
//! ```text
//!  generator ──XADD──▶ Redis ──XREAD──▶ engine (or the echo, its peer) ──XADD──▶ Redis ──XREAD──▶ subscriber
//!      └───────────── the schedule: when each bar was meant to be sent ◀───────────────────────────────┘
//! ```
//!
//! The load is open: the generator never waits for the engine, and a latency counts from the *intended* time of its
//! bar, so that a stalled engine (or a stalled generator) is charged for every bar that it kept waiting.

mod bars;
mod beside;
mod budget;
mod child;
mod echo;
mod embedded;
mod engine_config;
mod generator;
mod host;
mod interrupt;
mod latency;
mod options;
mod phase;
mod replies;
mod results;
mod rig;
mod schedule;
mod server;
mod slices;
mod stall;
mod subscriber;
mod tempdir;
mod throughput;
mod track;
mod verdict;

pub use bars::Form;
pub use budget::{Budgets, StyleBudget};
pub use echo::echo;
pub use interrupt::{Interrupt, Interrupted};
pub use latency::{Outcome, latency};
pub use options::LatencyOptions;
pub use schedule::{Schedule, Shape, Step};
pub use server::Socket;
pub(crate) use throughput::{FIGURE_HEADS, TICK, thousands};
pub use throughput::{
    Figure, ThroughputInfo, ThroughputOptions, ThroughputOutcome, throughput, throughput_text, write_throughput_views,
};
pub use track::Track;
