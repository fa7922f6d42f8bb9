//! `[output]`: what is published, where, and how long it is kept.

use super::{
    node::{Data, Node},
    rules::{Flag, Scalar, Template, Text, choice, choice_enum, int, text},
    section::{List, Optional, nested, section},
    shape::Shape,
};
use crate::model::{Timeframe, TradingStyle};

choice_enum! {
    /// Which bars produce a calculation event.
    CalculationEvents {
        /// Every closed bar.
        Bars = "bars",
        /// Bars with a signal.
        Signals = "signals",
        /// No bars.
        Off = "off",
    }
}

choice_enum! {
    /// How signals are written to their stream.
    SignalsFormat {
        /// An entry each, with a field for each value.
        Fields = "fields",
        /// An entry each, with one field of JSON.
        Json = "json",
        /// An entry a batch, with a binary frame of all its signals.
        Frame = "frame",
    }
}

choice_enum! {
    /// How calculation events are written to their stream.
    EventsFormat {
        /// An entry each, with its fields.
        Fields = "fields",
        /// An entry each, with one field of JSON.
        Json = "json",
    }
}

choice_enum! {
    /// How latest values are kept.
    LatestFormat {
        /// A key for each value, each with a lifetime of its own.
        Keys = "keys",
        /// A hash for each symbol.
        Hash = "hash",
    }
}

choice_enum! {
    /// Which readers of the existing system the keys and events are written for.
    Compat {
        /// None: JSON, with everything that there is.
        Off = "off",
        /// Those of the version in use, with one timeframe.
        Current = "current",
        /// Those of the version with several timeframes.
        Multi = "multi",
        /// Those of the version that reads JSON.
        Later = "later",
    }
}

section! {
    /// What is published, and how it is batched.
    OutputConfig {
        /// File for the signals of a mock input, one JSON object per line; empty for none.
        signals_file: String = Text { empty: true },
        /// Number of entries in a full batch.
        batch_entries: usize = int(1, 100_000),
        /// Longest wait of an entry for its batch, ms.
        batch_interval_ms: u64 = int(0, 60_000),
        /// How signals are written to their stream.
        signals_format: SignalsFormat = choice(),
        /// Which bars produce calculation events.
        calculation_events: CalculationEvents = choice(),
        /// How calculation events are written to their stream.
        calculation_events_format: EventsFormat = choice(),
        /// Whether closed bars of longer timeframes are published.
        bars: bool = Flag,
        /// Whether the keys of latest values are written.
        latest_values: bool = Flag,
        /// How they are kept.
        latest_format: LatestFormat = choice(),
        /// Whether alerts are published.
        alerts: bool = Flag,
        /// Which indicators are in the keys and events of latest values.
        indicators: Vec<&'static str> = List(IndicatorName),
        /// Signals that a trading style may publish in a second.
        max_signals_per_s: SignalRates = nested(),
        /// Which readers of the existing system keys and events are for; `None` where nobody has said.
        compat: Option<Compat> = Optional(&choice()),
        /// Names and lengths of the streams.
        streams: StreamsConfig = nested(),
        /// Names and lifetimes of the keys.
        keys: KeysConfig = nested(),
    }
}

section! {
    /// Signals that a trading style may publish in a second of the log; 0 for as many as there are.
    SignalRates {
        /// Within the day.
        day: u32 = int(0, 1_000_000),
        /// Days.
        swing: u32 = int(0, 1_000_000),
        /// Weeks and longer.
        position: u32 = int(0, 1_000_000),
    }
}

impl SignalRates {
    /// The limits by [`TradingStyle::index`].
    #[must_use]
    pub const fn table(&self) -> [u32; TradingStyle::ALL.len()] {
        [self.day, self.swing, self.position]
    }
}

/// The indicators of the keys and events, by name, with their parameters in the existing system, which are fixed.
pub(super) const INDICATORS: [(&str, &[(&str, f64)]); 7] = [
    ("sma_50", &[("period", 50.0)]),
    ("sma_200", &[("period", 200.0)]),
    ("ema_12", &[("period", 12.0)]),
    ("ema_26", &[("period", 26.0)]),
    ("rsi_14", &[("period", 14.0)]),
    ("macd", &[("fast", 12.0), ("slow", 26.0), ("signal", 9.0)]),
    ("bollinger_bands", &[("period", 20.0), ("std_dev", 2.0)]),
];

/// The name of one of them.
struct IndicatorName;

impl Scalar for IndicatorName {
    type Out = &'static str;
    fn read(&self, node: &Node) -> Option<&'static str> {
        let Data::Text(name) = &node.data else { return None };
        INDICATORS.iter().map(|(known, _)| *known).find(|known| known == name)
    }
    fn allowed(&self) -> String {
        INDICATORS.map(|(name, _)| format!("{name:?}")).join(", ")
    }
    fn shape(&self) -> Shape {
        Shape::OneOf(INDICATORS.map(|(name, _)| name.to_owned()).to_vec())
    }
}

impl OutputConfig {
    /// Which indicators are in the keys and events, as bits by their place in the manual's default.
    #[must_use]
    pub fn indicator_bits(&self) -> u8 {
        let bit = |(k, (name, _)): (usize, &(&str, _))| u8::from(self.indicators.contains(name)) << k;
        INDICATORS.iter().enumerate().map(bit).sum()
    }
}

/// Maximum length of a stream that you may configure, entries.
const MAX_LEN: i64 = 1_000_000_000;
/// Maximum lifetime of a key, s.
const MAX_TTL: i64 = 31_536_000;

section! {
    /// The output streams; their lengths are approximate.
    StreamsConfig {
        /// Stream of the signals.
        signals: String = text(),
        /// Its length, entries.
        signals_maxlen: u64 = int(1, MAX_LEN),
        /// Prefix of the streams of closed bars; the name of the timeframe follows, or stands at `{timeframe}`.
        market_data_prefix: String = text(),
        /// Length of each of them, entries.
        market_data_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the calculation events.
        calculation_events: String = text(),
        /// Its length, entries.
        calculation_events_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the alerts.
        alerts: String = text(),
        /// Its length, entries.
        alerts_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the dead letters.
        dead_letter: String = text(),
        /// Its length, entries.
        dead_letter_maxlen: u64 = int(1, MAX_LEN),
        /// Letters of one reason in an hour while there are others; 0 for half of the length.
        dead_letter_quota: u64 = int(0, MAX_LEN),
        /// Stream of the switches of the selection.
        selection: String = text(),
        /// Its length, entries.
        selection_maxlen: u64 = int(1, MAX_LEN),
        /// Length of an engine's journal, entries.
        journal_maxlen: u64 = int(1, MAX_LEN),
    }
}

impl StreamsConfig {
    /// Dead letters of one reason in an hour while there are others.
    #[must_use]
    pub fn letter_quota(&self) -> u64 {
        if self.dead_letter_quota > 0 { self.dead_letter_quota } else { self.dead_letter_maxlen.div_ceil(2) }
    }

    /// Name of the stream of a timeframe's closed bars.
    #[must_use]
    pub fn market_data(&self, timeframe: Timeframe) -> String {
        let prefix = &self.market_data_prefix;
        match prefix.split_once("{timeframe}") {
            Some((before, behind)) => format!("{before}{timeframe}{behind}"),
            None => format!("{prefix}{timeframe}"),
        }
    }
}

section! {
    /// The output keys; each name is appended to the prefix.
    KeysConfig {
        /// Prefix of all keys.
        prefix: String = Text { empty: true },
        /// Latest results of a symbol.
        calculations: String = Template(&["{symbol}"]),
        /// Lifetime, s.
        calculations_ttl_s: u64 = int(1, MAX_TTL),
        /// Latest indicators of a symbol on a timeframe.
        timeframe_indicators: String = Template(&["{symbol}", "{timeframe}"]),
        /// Lifetime, s.
        timeframe_indicators_ttl_s: u64 = int(1, MAX_TTL),
        /// Latest composite of a symbol.
        composite: String = Template(&["{symbol}"]),
        /// Lifetime, s.
        composite_ttl_s: u64 = int(1, MAX_TTL),
        /// Latest bar of a symbol.
        latest_price: String = Template(&["{symbol}"]),
        /// Lifetime, s.
        latest_price_ttl_s: u64 = int(1, MAX_TTL),
        /// All latest values of a symbol, as a hash.
        latest: String = Template(&["{symbol}"]),
        /// Lifetime, s.
        latest_ttl_s: u64 = int(1, MAX_TTL),
        /// Latest statistics of the windows of a symbol on a timeframe.
        statistics: String = Template(&["{symbol}", "{timeframe}"]),
        /// Lifetime, s.
        statistics_ttl_s: u64 = int(1, MAX_TTL),
        /// Hash of the figures of a timeframe and strategy; never expires.
        performance: String = Template(&["{timeframe}", "{strategy}"]),
        /// Hash of what symbols have in common, by symbol; never expires.
        market_correlation: String = Template(&["{timeframe}"]),
        /// Input position of an engine, committed with its output; never expires.
        position: String = Template(&["{name}"]),
        /// The journal of an engine: what it took out of order. Never expires.
        journal: String = Template(&["{name}"]),
        /// The lease: which process of this engine name may write.
        lease: String = Template(&["{name}"]),
        /// The names in frames of signals, by number. Never expires.
        names: String = Template(&["{name}"]),
        /// The last good documents of an engine; with `:changes` appended the stream of their changes. Never expire.
        config: String = Template(&["{name}"]),
        /// Index of the snapshots of an engine, and prefix of their chunks. Never expires.
        snapshot: String = Template(&["{name}"]),
        /// The map from symbols to partitions; with the engine's name and more appended who shares them. Never expires.
        partitions: String = text(),
        /// How the engine is.
        health: String = Template(&["{name}"]),
        /// Lifetime, s.
        health_ttl_s: u64 = int(1, MAX_TTL),
    }
}

impl KeysConfig {
    /// Key of the latest composite of a symbol.
    #[must_use]
    pub fn composite_key(&self, symbol: &str) -> String {
        self.fill(&self.composite, symbol, "")
    }

    /// Key of the figures of a timeframe and strategy.
    #[must_use]
    pub fn performance_key(&self, timeframe: &str, strategy: &str) -> String {
        format!("{}{}", self.prefix, self.performance.replace("{timeframe}", timeframe).replace("{strategy}", strategy))
    }

    /// Key of what symbols have in common, by intervals of a timeframe.
    #[must_use]
    pub fn market_correlation_key(&self, timeframe: Option<Timeframe>) -> String {
        let timeframe = timeframe.map_or(String::new(), |timeframe| timeframe.to_string());
        format!("{}{}", self.prefix, self.market_correlation.replace("{timeframe}", &timeframe))
    }

    /// Key of the position of an engine by name.
    #[must_use]
    pub fn position_key(&self, name: &str) -> String {
        self.fill(&self.position.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the journal of an engine by name.
    #[must_use]
    pub fn journal_key(&self, name: &str) -> String {
        self.fill(&self.journal.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the lease of an engine by name.
    #[must_use]
    pub fn lease_key(&self, name: &str) -> String {
        self.fill(&self.lease.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the names in the frames of an engine by name.
    #[must_use]
    pub fn names_key(&self, name: &str) -> String {
        self.fill(&self.names.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the last good documents of an engine by name.
    #[must_use]
    pub fn config_key(&self, name: &str) -> String {
        self.fill(&self.config.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the index of the snapshots of an engine by name.
    #[must_use]
    pub fn snapshot_key(&self, name: &str) -> String {
        self.fill(&self.snapshot.replace("{name}", "{symbol}"), name, "")
    }

    /// Key of the map from symbols to partitions.
    #[must_use]
    pub fn partitions_key(&self) -> String {
        format!("{}{}", self.prefix, self.partitions)
    }

    /// What the keys begin with of the members that share the partitions of an engine by name: all in one slot.
    #[must_use]
    pub fn members_key(&self, name: &str) -> String {
        format!("{}:{{{name}}}", self.partitions_key())
    }

    /// Key of the health of an engine by name.
    #[must_use]
    pub fn health_key(&self, name: &str) -> String {
        self.fill(&self.health.replace("{name}", "{symbol}"), name, "")
    }

    /// Fills in the timeframe first, so that a symbol that looks like a placeholder is left alone.
    pub(super) fn fill(&self, template: &str, symbol: &str, timeframe: &str) -> String {
        format!("{}{}", self.prefix, template.replace("{timeframe}", timeframe).replace("{symbol}", symbol))
    }
}
