//! `[output]`: what is published, where, and how much of it is kept.

use super::{
    rules::{Flag, Template, Text, choice, choice_enum, int, text},
    section::{nested, section},
};
use crate::model::Timeframe;

choice_enum! {
    /// Which bars make an entry of the calculation events.
    CalculationEvents {
        /// Every closed bar of a symbol.
        Bars = "bars",
        /// Bars with a signal.
        Signals = "signals",
        /// None.
        Off = "off",
    }
}

section! {
    /// What is published and how it is batched.
    OutputConfig {
        /// File that signals go to where the feed is the mock, one JSON object a line; empty writes none.
        signals_file: String = Text { empty: true },
        /// Entries that fill a batch.
        batch_entries: usize = int(1, 100_000),
        /// Longest wait of an entry for its batch, ms.
        batch_interval_ms: u64 = int(0, 60_000),
        /// Which bars make calculation events.
        calculation_events: CalculationEvents = choice(),
        /// Whether closed bars of higher timeframes are published.
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

/// Longest stream that may be asked for, entries.
const MAX_LEN: i64 = 1_000_000_000;
/// Longest lifetime of a key, s.
const MAX_TTL: i64 = 31_536_000;

section! {
    /// Streams written; lengths are approximate.
    StreamsConfig {
        /// Stream of the signals.
        signals: String = text(),
        /// Entries it keeps.
        signals_maxlen: u64 = int(1, MAX_LEN),
        /// What the name of a timeframe is appended to for the stream of its closed bars.
        market_data_prefix: String = text(),
        /// Entries each of these keeps.
        market_data_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the calculation events.
        calculation_events: String = text(),
        /// Entries it keeps.
        calculation_events_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the alerts.
        alerts: String = text(),
        /// Entries it keeps.
        alerts_maxlen: u64 = int(1, MAX_LEN),
        /// Stream of the refused records.
        dead_letter: String = text(),
        /// Entries it keeps.
        dead_letter_maxlen: u64 = int(1, MAX_LEN),
        /// Entries that the journal of an engine keeps.
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
    /// Keys written; each name is appended to the prefix.
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
        /// Position of an engine in its inputs, committed with its output; never expires.
        position: String = Template(&["{name}"]),
        /// Stream of what an engine took out of order; never expires.
        journal: String = Template(&["{name}"]),
        /// Which process of an engine's name may write.
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

    /// Fills in the timeframe first, so that a symbol that looks like a place is left alone.
    fn fill(&self, template: &str, symbol: &str, timeframe: &str) -> String {
        format!("{}{}", self.prefix, template.replace("{timeframe}", timeframe).replace("{symbol}", symbol))
    }
}
