//! `[output]`: what is published, where, and how long it is kept.

use super::{
    rules::{Flag, Template, Text, choice, choice_enum, int, text},
    section::{nested, section},
};
use crate::model::Timeframe;

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

section! {
    /// What is published, and how it is batched.
    OutputConfig {
        /// File for the signals of a mock input, one JSON object per line; empty for none.
        signals_file: String = Text { empty: true },
        /// Number of entries in a full batch.
        batch_entries: usize = int(1, 100_000),
        /// Longest wait of an entry for its batch, ms.
        batch_interval_ms: u64 = int(0, 60_000),
        /// Which bars produce calculation events.
        calculation_events: CalculationEvents = choice(),
        /// Whether closed bars of longer timeframes are published.
        bars: bool = Flag,
        /// Whether the keys of latest values are written.
        latest_values: bool = Flag,
        /// Whether alerts are published.
        alerts: bool = Flag,
        /// Names and lengths of the streams.
        streams: StreamsConfig = nested(),
        /// Names and lifetimes of the keys.
        keys: KeysConfig = nested(),
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
        /// Prefix of the streams of closed bars; the name of the timeframe follows.
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
        /// Length of an engine's journal, entries.
        journal_maxlen: u64 = int(1, MAX_LEN),
    }
}

impl StreamsConfig {
    /// Name of the stream of a timeframe's closed bars.
    #[must_use]
    pub fn market_data(&self, timeframe: Timeframe) -> String {
        format!("{}{timeframe}", self.market_data_prefix)
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
        /// Input position of an engine, committed with its output; never expires.
        position: String = Template(&["{name}"]),
        /// The journal of an engine: what it took out of order. Never expires.
        journal: String = Template(&["{name}"]),
        /// The lease: which process of this engine name may write.
        lease: String = Template(&["{name}"]),
    }
}

impl KeysConfig {
    /// Key of the latest composite of a symbol.
    #[must_use]
    pub fn composite_key(&self, symbol: &str) -> String {
        self.fill(&self.composite, symbol, "")
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

    /// Fills in the timeframe first, so that a symbol that looks like a placeholder is left alone.
    fn fill(&self, template: &str, symbol: &str, timeframe: &str) -> String {
        format!("{}{}", self.prefix, template.replace("{timeframe}", timeframe).replace("{symbol}", symbol))
    }
}
