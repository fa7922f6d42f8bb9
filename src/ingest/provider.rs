//! What a provider is to the rest: something that is polled and gives events.

use super::market::{Event, PastWanted};
use crate::{
    config::{IngestConfig, ProviderConfig},
    feed::MergedSource,
    model::Timeframe,
    runtime::{AgentError, Interests, Now},
};
use std::{collections::HashMap, fmt, time::Duration};

/// A source of market data. Polled by one thread; never blocks.
pub trait Provider: fmt::Debug {
    /// Does what can be done without waiting, and adds what has happened.
    ///
    /// # Errors
    /// What no waiting will mend; says what would.
    fn poll(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), AgentError>;

    /// Asks for bars of the past; they come as events. A provider without a past needs no such thing: its symbols are joined
    /// where they were left.
    fn want(&mut self, wanted: PastWanted) {
        let _ = wanted;
    }

    /// What it waits for besides time.
    fn interests<'a>(&'a self, set: &mut Interests<'a>) {
        let _ = set;
    }

    /// When it wants to be polled, monotonic ns; `None` where only its descriptors matter.
    fn deadline_ns(&self) -> Option<u64>;

    /// Whether every symbol has a bar in every interval, trades or not.
    fn is_dense(&self) -> bool {
        false
    }

    /// How it is, in a few words, for people.
    fn state(&self) -> String {
        String::new()
    }

    /// What it wants to be told when it is made the next time: kept with the position.
    fn memory(&self) -> Option<String> {
        None
    }
}

/// What a provider is made of.
pub struct Commission<'a> {
    /// The symbols that are wanted.
    pub symbols: &'a [String],
    /// Interval of the bars.
    pub timeframe: Timeframe,
    /// Whether nothing but the past is wanted.
    pub past_only: bool,
    /// The settings of the ingestion.
    pub config: &'a IngestConfig,
    /// Its key and its secret, where the user has some.
    pub keys: [Option<String>; 2],
    /// Its settings.
    pub settings: Option<&'a ProviderConfig>,
    /// The start of the newest bar that has been published, by the name of the symbol, Unix ms.
    pub newest: &'a HashMap<String, i64>,
    /// What it wanted to be told.
    pub memory: Option<&'a str>,
    /// The time.
    pub now: Now,
    /// Seed of what is made up, and time between two instants at which all bars come together, s.
    pub made_up: (u64, u64),
    /// Bars a second, where the user has said it.
    pub rate: Option<f64>,
    /// How far back to begin, where the user has said it.
    pub past: Option<Duration>,
    /// Recorded bars, where the user has named files.
    pub recorded: Option<MergedSource>,
    /// How many times the recorded speed; infinite for all that is possible.
    pub speed: f64,
}

impl fmt::Debug for Commission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commission").field("symbols", &self.symbols.len()).finish_non_exhaustive()
    }
}

/// Why a provider cannot be made: says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CommissionError(pub String);

/// A kind of provider.
#[derive(Debug, Clone, Copy)]
pub struct Maker {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Whether it makes symbols up where there are none.
    pub invents: bool,
    /// The variables of the environment that hold its key and its secret, where it wants any.
    pub keys: Option<[&'static str; 2]>,
    /// Makes one.
    pub make: fn(Commission<'_>) -> Result<Box<dyn Provider>, CommissionError>,
}
