//! What `bench latency` is asked to measure.

use super::{bars::Form, budget::Budgets, interrupt::Interrupt, schedule::Shape, server::Socket};
use crate::model::{Timeframe, TradingStyle};
use std::{path::PathBuf, time::Duration};

/// What is measured.
#[derive(Debug, Clone)]
pub struct LatencyOptions {
    /// The program that is started as engine and as echo.
    pub exe: PathBuf,
    /// Shape of the load.
    pub shape: Shape,
    /// Symbols.
    pub symbols: usize,
    /// Bars per second and symbol; at the start, for a ramp.
    pub rate: f64,
    /// Length of the measured part.
    pub duration: Duration,
    /// Length of the part before it.
    pub warm_up: Duration,
    /// Timeframes; bars of the shortest come in.
    pub timeframes: Vec<Timeframe>,
    /// Styles that the symbols have in turn.
    pub styles: Vec<TradingStyle>,
    /// How the server of the run's own is reached.
    pub socket: Socket,
    /// Another server.
    pub url: Option<String>,
    /// How bars travel.
    pub form: Form,
    /// Settings of the engine, `key=value`.
    pub settings: Vec<String>,
    /// Core of the generator.
    pub core: Option<usize>,
    /// Without Redis.
    pub embedded: bool,
    /// Whether the cores are watched for hiccups.
    pub hiccups: bool,
    /// Whether the bare echo is measured too.
    pub echo: bool,
    /// Slices of the engine, each between two of the echo.
    pub slices: u16,
    /// Stops the engine for so long in the middle, to see whether the figures show it.
    pub stall: Option<Duration>,
    /// What latencies may be.
    pub budgets: Budgets,
    /// Name of the run.
    pub name: String,
    /// Name of the host in the folder's name; none: its own.
    pub host: Option<String>,
    /// Folder of the runs.
    pub runs: PathBuf,
    /// Ends it early.
    pub interrupt: Interrupt,
}
