//! The whole configuration.

use super::{
    AssetConfig, CalendarsConfig, CalibrationConfig, CrossAssetConfig, EngineConfig, IngestConfig, InputConfig,
    LimitsConfig, MockConfig, OutputConfig, PartitionsConfig, PerformanceConfig, PublishConfig, RedisConfig,
    SelectionConfig, StateConfig, StatisticsConfig, StrategiesConfig, StyleRules, TelemetryConfig, TimeConfig,
    TimeframesConfig,
    rules::{int, not_negative, real},
    section::{FromSection, Optional, Section, Tables, nested, section},
    shape::{Declared, Shape},
    timeframes::{BUFFER, each_timeframe},
};
use crate::model::{Timeframe, TradingStyle};
use std::collections::BTreeMap;

section! {
    /// The configuration, structured as `config/default.toml`.
    Config {
        /// The symbols; empty with the mock feed, which then names its own.
        watchlist: Vec<AssetConfig> = Tables(AssetConfig::read),
        /// When the markets of the symbols are open.
        calendars: CalendarsConfig = nested(),
        /// The agents, their threads and rings.
        engine: EngineConfig = nested(),
        /// Where bars come from.
        input: InputConfig = nested(),
        /// The partitions of the symbols.
        partitions: PartitionsConfig = nested(),
        /// The mock market.
        mock: MockConfig = nested(),
        /// How market data comes in by itself.
        ingest: IngestConfig = nested(),
        /// The Redis server.
        redis: RedisConfig = nested(),
        /// State that survives a restart.
        state: StateConfig = nested(),
        /// Which timeframes are calculated, and how.
        timeframes: TimeframesConfig = nested(),
        /// The clocks of the symbols.
        time: TimeConfig = nested(),
        /// Signals across timeframes.
        correlation: CorrelationConfig = nested(),
        /// What the signals are worth.
        performance: PerformanceConfig = nested(),
        /// How likely a signal is to win.
        calibration: CalibrationConfig = nested(),
        /// The selection of timeframes.
        selection: SelectionConfig = nested(),
        /// Statistics of the last bars of a cell.
        statistics: StatisticsConfig = nested(),
        /// How much the symbols move together.
        cross_asset: CrossAssetConfig = nested(),
        /// Rules of the trading styles.
        styles: StylesConfig = nested(),
        /// What of old news is published, and how.
        publish: PublishConfig = nested(),
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
        day: StyleConfig = nested(),
        /// Days.
        swing: StyleConfig = nested(),
        /// Weeks and longer.
        position: StyleConfig = nested(),
    }
}

/// One trading style: its rules, and settings of timeframes for the symbols that have it as their profile.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleConfig {
    /// Its rules.
    pub rules: StyleRules,
    /// How long after its end a bar is held by the ingestion until corrections of it have come, s.
    pub settle_s: i64,
    /// By timeframe.
    pub timeframes: BTreeMap<Timeframe, ProfileTimeframe>,
}

/// Settings of a timeframe for the symbols of one profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileTimeframe {
    /// How often its latest values are refreshed between closes, s.
    pub update_frequency_seconds: Option<f64>,
    /// Number of closed bars kept.
    pub buffer_size: Option<usize>,
}

impl FromSection for StyleConfig {
    fn read(section: &mut Section<'_, '_>) -> Self {
        let rules = StyleRules {
            min_composite_confidence: section.get("min_composite_confidence", real(0.0, 1.0)),
            min_calibrated_confidence: section.get("min_calibrated_confidence", real(0.0, 1.0)),
            cooldown_bars: section.get("cooldown_bars", int(0, 1_000_000)),
            budget_ms: section.get("budget_ms", int(1, 3_600_000)),
        };
        let settle_s = section.get("settle_s", int(0, 86_400));
        let mut timeframes = BTreeMap::new();
        section.declare("timeframes", || Declared::Shape(Shape::Table, "tables by timeframe".to_owned()));
        if let Some(node) = section.node("timeframes") {
            each_timeframe(&mut section.below("timeframes", node), |timeframe, inner| {
                let settings = ProfileTimeframe {
                    update_frequency_seconds: inner.get("update_frequency_seconds", Optional(&not_negative())),
                    buffer_size: inner.get("buffer_size", Optional(&int(BUFFER.0, BUFFER.1))),
                };
                timeframes.insert(timeframe, settings);
            });
        }
        Self { rules, settle_s, timeframes }
    }
}

impl StylesConfig {
    /// The rules by [`TradingStyle::index`].
    #[must_use]
    pub const fn table(&self) -> [StyleRules; TradingStyle::ALL.len()] {
        [self.day.rules, self.swing.rules, self.position.rules]
    }

    /// How long after its end a bar is held by the ingestion until corrections of it have come, ms.
    #[must_use]
    pub const fn settle_ms(&self, style: TradingStyle) -> i64 {
        self.of(style).settle_s * 1_000
    }

    /// One of them.
    pub(super) const fn of(&self, style: TradingStyle) -> &StyleConfig {
        match style {
            TradingStyle::Day => &self.day,
            TradingStyle::Swing => &self.swing,
            TradingStyle::Position => &self.position,
        }
    }
}
