//! Options of `bench latency`.

use super::{bars::Form, budget::Budgets, interrupt::Interrupt, schedule::Shape, server::Socket};
use crate::model::{Timeframe, TradingStyle};
use std::{path::PathBuf, time::Duration};

/// Options of `bench latency`.
#[derive(Debug, Clone)]
pub struct LatencyOptions {
    /// The program to start as engine and as echo.
    pub exe: PathBuf,
    /// Shape of the load.
    pub shape: Shape,
    /// Number of symbols.
    pub symbols: usize,
    /// Bars per second and symbol; of a ramp, the rate of its first step.
    pub rate: f64,
    /// Length of the measured part.
    pub duration: Duration,
    /// Length of the warm-up.
    pub warm_up: Duration,
    /// Timeframes; the shortest is the base.
    pub timeframes: Vec<Timeframe>,
    /// Trading styles, given to the symbols in turn.
    pub styles: Vec<TradingStyle>,
    /// How to connect to the server that the bench starts.
    pub socket: Socket,
    /// URL of another server to use; `None` to start one.
    pub url: Option<String>,
    /// Encoding of the bars.
    pub form: Form,
    /// Further settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Core of the generator; `None` if it is not pinned.
    pub core: Option<usize>,
    /// Whether to measure the engine without Redis.
    pub embedded: bool,
    /// Whether to watch the cores for hiccups.
    pub hiccups: bool,
    /// Whether to measure the echo too.
    pub echo: bool,
    /// Number of slices of the engine; the echo runs before and after each.
    pub slices: u16,
    /// Length of a deliberate stall of the engine in the middle, to check that the figures show it; `None` for none.
    pub stall: Option<Duration>,
    /// Latency budgets.
    pub budgets: Budgets,
    /// Name of the run.
    pub name: String,
    /// Name of the host in the folder's name; `None` for its own name.
    pub host: Option<String>,
    /// Folder that holds the runs.
    pub runs: PathBuf,
    /// Stops the bench early.
    pub interrupt: Interrupt,
}
