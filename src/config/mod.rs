//! Configuration: typed, mirrors `config/default.toml`; unknown keys and bad values are refused, all of them at once.
//!
//! Layers override each other: the embedded defaults, a file, the documents in Redis, the command line. They are merged
//! as trees whose every value knows its origin (`node`), then read into types by rules (`section`, `rules`) that
//! collect faults instead of stopping at the first, then checked together (`checks`), then resolved to the dense
//! tables of a [`Plan`]. All of this runs once, at start, and may allocate.

mod aliases;
mod checks;
mod documents;
mod effective;
mod fault;
mod input;
mod layers;
mod node;
mod origin;
mod output;
mod params;
mod parse;
mod plan;
mod resolve;
mod root;
mod rules;
mod section;
mod state;
#[cfg(test)]
mod tests;
mod threads;
mod timeframes;
mod url;
mod watchlist;

pub use effective::Effective;
pub use fault::{Fault, Faults};
pub use input::{Feed, InputConfig, MockConfig, RedisConfig, Start, StreamConfig};
pub use layers::{DEFAULT_TOML, Layer, Loaded, Override};
pub use origin::Origin;
pub use output::{CalculationEvents, KeysConfig, OutputConfig, StreamsConfig};
pub use params::StrategiesConfig;
pub use plan::{Asset, CellSpec, Plan, StyleRules};
pub use root::{Config, CorrelationConfig, StylesConfig};
pub use state::StateConfig;
pub use threads::{CoresConfig, EngineConfig, Idle, LimitsConfig, TelemetryConfig, Threading, Threads, TimeConfig};
pub use timeframes::{TimeframeConfig, TimeframesConfig, default_weight};
pub use url::{RedisUrl, redact};
pub use watchlist::{AssetConfig, AssetTimeframe};

pub use crate::{
    model::PriceMethod,
    strategies::{MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK, StrategyParams},
};
