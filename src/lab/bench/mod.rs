//! `bench latency`: sends bars on a fixed schedule and waits for the signals. The engine is its own process.
//!
//! ```text
//!  generator ──XADD──▶ Redis ──XREAD──▶ engine (or the echo, its baseline) ──XADD──▶ Redis ──XREAD──▶ subscriber
//!      └─────────────── the schedule: when each bar was meant to be sent ◀─────────────────────────────────┘
//! ```
//!
//! The load is open: the generator never waits for the engine. A latency counts from the *intended* send time of its
//! bar, so that a stall of the engine or of the generator counts for every bar that it delayed.

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
mod scale;
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
pub use scale::{
    CalibrateOptions, CheckOptions, CommonCosts, Compared, Cost, Costs, EngineFigure, FormCosts, HotSymbols, LOADS,
    Lateness, Loss, Lost, ModelSecond, NodeFigure, ScaleOutcome, Scenario, Spread, calibrate, check, checked_cells,
    costs_mark, costs_text, scale_text, simulate, write_page,
};
pub use schedule::{Schedule, Shape, Step};
pub use server::Socket;
pub(crate) use throughput::{FIGURE_HEADS, TICK};
pub use throughput::{
    Figure, ThroughputInfo, ThroughputOptions, ThroughputOutcome, throughput, throughput_text, write_throughput_views,
};
pub use track::Track;
