//! `bench scale`: deployments that this machine cannot run, in a model whose costs this machine has measured.
//!
//! ```text
//!  calibration ──▶ costs ─┐
//!                         ├──▶ model, a discrete-event run ──▶ how busy, how late, what to buy
//!  scenario: symbols, ────┘             ▲
//!  nodes, zones, losses                 └── the same load on a few real servers and engines: the model's error
//! ```
//!
//! A run of the model is a function of costs, scenario and seed.

mod agenda;
mod bed;
mod calibrate;
mod costs;
mod dice;
mod layout;
mod losses;
mod outcome;
mod page;
mod queue;
mod sample;
mod scenario;
mod sizing;
mod small_set;
mod state;
mod text;
mod world;

#[cfg(test)]
mod tests;

pub use calibrate::{CalibrateOptions, calibrate};
pub use costs::{CommonCosts, Compared, Cost, Costs, FormCosts};
pub use outcome::{EngineFigure, Lateness, ModelSecond, NodeFigure, ScaleOutcome, simulate};
pub use page::{LOADS, checked_cells, costs_mark, write_page};
pub use scenario::{HotSymbols, Loss, Lost, Scenario, Spread};
pub use small_set::{CheckOptions, check};
pub use text::{costs_text, scale_text};
