//! Configuration: typed, mirrors `config/default.toml`; unknown keys and bad values are refused, all of them at once.
//!
//! Layers override each other: the embedded defaults, a file, the documents in Redis, the command line. They are merged
//! as trees whose every value knows its origin (`node`), then read into types by rules (`section`, `rules`) that
//! collect faults instead of stopping at the first, then checked together (`checks`), then resolved to the dense
//! tables of a [`Plan`]. All of this runs once, at start, and may allocate.

mod aliases;
mod calendar_checks;
mod calendars;
mod checker;
mod checks;
mod cross;
mod custom;
mod custom_rules;
#[cfg(test)]
mod custom_tests;
mod documents;
mod effective;
mod external;
mod fault;
mod heal;
mod ingest;
mod input;
mod judge;
mod layers;
mod names;
mod node;
mod origin;
mod output;
mod overrides;
mod params;
mod parse;
mod partition_map;
mod partition_tag;
mod partitioned;
mod partitions;
mod plan;
mod publish;
mod resolve;
mod root;
mod rules;
mod schema;
mod section;
mod shape;
mod state;
mod statistics;
mod streams;
mod telemetry;
#[cfg(test)]
mod tests;
mod threads;
mod timeframes;
mod url;
mod wall_checks;
mod watchlist;
mod wire;

pub use calendars::CalendarsConfig;
pub(crate) use calendars::date;
pub use cross::{CrossAssetConfig, CrossRules};
pub use custom::CustomConfig;
pub use effective::Effective;
pub use external::ExternalStrategy;
pub(crate) use fault::nearest;
pub use fault::{Fault, Faults};
pub use ingest::{BarForm, IngestConfig, ProviderConfig};
pub use input::{Feed, HistoryConfig, HistoryFiles, InputConfig, MockConfig, RedisConfig, Start};
pub use judge::{
    CalibrationConfig, CalibrationRules, HorizonChoice, LaneDetail, PerformanceConfig, PerformanceRules,
    SelectionConfig, SelectionEffect, SelectionRules,
};
pub use layers::{DEFAULT_TOML, Layer, Loaded, Override};
pub use origin::Origin;
pub use output::{
    CalculationEvents, Compat, EventsFormat, KeysConfig, LatestFormat, OutputConfig, SignalRates, SignalsFormat,
    StreamsConfig,
};
pub use overrides::Overrides;
pub use params::StrategiesConfig;
pub use partition_map::PartitionMap;
pub use partitions::{OwnPartitions, PartitionsConfig};
pub use plan::{Asset, CellSpec, Plan, StyleRules};
pub use publish::{MaxAge, MaxAges, PublishConfig};
pub use root::{Config, CorrelationConfig, ProfileTimeframe, StyleConfig, StylesConfig};
pub(crate) use rules::Named;
pub use schema::schema;
pub use state::{SnapshotStore, StateConfig};
pub use statistics::StatisticsConfig;
pub use streams::{Final, Holds, Metadata, StreamClock, StreamConfig, StreamField, StreamRule, Unknown, ZeroVolume};
pub use telemetry::{HealthConfig, LogFormat, LogLevel, ReportLength, TelemetryConfig};
pub use threads::{CoresConfig, EngineConfig, Idle, LimitsConfig, Threading, Threads, TimeConfig};
pub use timeframes::{TimeframeConfig, TimeframesConfig, default_weight};
pub use url::{RedisUrl, redact};
pub use watchlist::{AssetConfig, AssetTimeframe, Prices};
pub use wire::{Pickled, WireError, WireForm, decode as decode_document, encode as encode_document};

pub use crate::{
    model::PriceMethod,
    strategies::{MAX_LOOKBACK, MAX_PERIOD, MAX_SWING_LOOKBACK, StrategyParams},
};
