//! The whole configuration.

use super::{
    AssetConfig, EngineConfig, Faults, InputConfig, Layer, LimitsConfig, Loaded, MockConfig, OutputConfig, RedisConfig,
    StateConfig, StrategiesConfig, StyleRules, TelemetryConfig, TimeConfig, TimeframesConfig, layers,
    rules::{int, real},
    section::{FromSection, Section, Tables, nested, section},
};
use crate::model::TradingStyle;

section! {
    /// The configuration, structured as `config/default.toml`.
    Config {
        /// The symbols; empty with the mock feed, which then names its own.
        watchlist: Vec<AssetConfig> = Tables(AssetConfig::read),
        /// The agents, their threads and rings.
        engine: EngineConfig = nested(),
        /// Where bars come from.
        input: InputConfig = nested(),
        /// The mock market.
        mock: MockConfig = nested(),
        /// The Redis server.
        redis: RedisConfig = nested(),
        /// State that survives a restart.
        state: StateConfig = nested(),
        /// Which timeframes are calculated, and how.
        timeframes: TimeframesConfig = nested(),
        /// Event time.
        time: TimeConfig = nested(),
        /// Signals across timeframes.
        correlation: CorrelationConfig = nested(),
        /// Rules of the trading styles.
        styles: StylesConfig = nested(),
        /// What is published and how it is batched.
        output: OutputConfig = nested(),
        /// Limits.
        limits: LimitsConfig = nested(),
        /// Counters and histograms.
        telemetry: TelemetryConfig = nested(),
        /// Parameters of the strategies.
        strategies: StrategiesConfig = nested(),
    }
}

section! {
    /// Signals across timeframes.
    CorrelationConfig {
        /// Bars of its timeframe for which a signal stays active.
        active_bars: i64 = int(0, 100_000),
        /// Composite confidence from which on a signal is also an alert.
        alert_confidence: f64 = real(0.0, 1.0),
    }
}

section! {
    /// Rules of the trading styles.
    StylesConfig {
        /// Within the day.
        day: StyleRules = nested(),
        /// Days.
        swing: StyleRules = nested(),
        /// Weeks and longer.
        position: StyleRules = nested(),
    }
}

impl FromSection for StyleRules {
    fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            min_composite_confidence: section.get("min_composite_confidence", real(0.0, 1.0)),
            cooldown_bars: section.get("cooldown_bars", int(0, 1_000_000)),
            budget_ms: section.get("budget_ms", int(1, 3_600_000)),
        }
    }
}

impl StylesConfig {
    /// The rules by [`TradingStyle::index`].
    #[must_use]
    pub const fn table(&self) -> [StyleRules; TradingStyle::ALL.len()] {
        [self.day, self.swing, self.position]
    }
}

impl Default for Config {
    /// The embedded file is valid: a test checks that, not the program.
    fn default() -> Self {
        layers::load(&[], false).0.config
    }
}

impl Config {
    /// Merges these layers over the defaults; the kinds may come in any order.
    ///
    /// # Errors
    /// All faults of all layers.
    pub fn load(layers: &[Layer]) -> Result<Loaded, Faults> {
        Self::checked(layers, false)
    }

    /// As [`Config::load`], but accepts an empty watchlist if `redis.config_from_redis` will supply one. For
    /// connecting before the documents are read, and for checks without a server.
    ///
    /// # Errors
    /// All faults of all layers.
    pub fn load_offline(layers: &[Layer]) -> Result<Loaded, Faults> {
        Self::checked(layers, true)
    }

    fn checked(layers: &[Layer], offline: bool) -> Result<Loaded, Faults> {
        let (loaded, faults) = layers::load(layers, offline);
        if faults.is_empty() { Ok(loaded) } else { Err(Faults::sorted(faults)) }
    }
}
