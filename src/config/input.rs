//! `[input]`, `[mock]` and `[redis]`: where bars come from.

use super::{
    rules::{Flag, Text, Url, choice, choice_enum, int, text},
    section::{List, Optional, Section, Tables, section},
    streams::{Holds, StreamConfig, interval},
    url::RedisUrl,
};
use crate::model::Timeframe;

choice_enum! {
    /// The kind of input.
    Feed {
        /// The mock market of the engine.
        Mock = "mock",
        /// Redis streams.
        Redis = "redis",
        /// The same, filled by an ingestion that runs as a child of the engine.
        Ingest = "ingest",
    }
}

impl Feed {
    /// Whether streams of Redis are read.
    #[must_use]
    pub const fn is_redis(self) -> bool {
        matches!(self, Self::Redis | Self::Ingest)
    }
}

choice_enum! {
    /// Where reading starts if there is no committed position.
    Start {
        /// At the oldest entry that the stream still has.
        Oldest = "oldest",
        /// At the entries that arrive from now on.
        Newest = "newest",
    }
}

section! {
    /// Where bars come from.
    InputConfig {
        /// Kind of feed.
        feed: Feed = choice(),
        /// Maximum number of entries per stream and read.
        read_count: usize = int(1, 100_000),
        /// How long a read waits for an entry, ms; 0 does not wait.
        block_ms: u64 = int(0, 60_000),
        /// Where reading starts if there is no committed position.
        start: Start = choice(),
        /// The input streams.
        streams: Vec<StreamConfig> = Tables(StreamConfig::read),
        /// Stream of signals of strategies outside; empty for none.
        external_signals: String = Text { empty: true },
        /// Bars of the past, read before the streams, in this order.
        history: Vec<HistoryConfig> = Tables(HistoryConfig::read),
    }
}

impl InputConfig {
    /// The input streams that hold bars.
    pub fn bar_streams(&self) -> impl Iterator<Item = &StreamConfig> + Clone {
        self.streams.iter().filter(|stream| stream.holds == Holds::Bars)
    }

    /// Puts the stream of signals among the input streams, where there is one and streams are read.
    pub(super) fn with_signals(&mut self) {
        if self.feed.is_redis() && !self.external_signals.is_empty() {
            self.streams.extend(StreamConfig::of_signals(&self.external_signals, &self.streams));
        }
    }
}

/// Bars of the past, read before the input streams.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryConfig {
    /// A stream, read as an input stream up to what it holds at the first start.
    Stream(StreamConfig),
    /// Files, brought into the order of time together.
    Files(HistoryFiles),
}

/// Files of bars.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryFiles {
    /// Where they are.
    pub paths: Vec<String>,
    /// Interval of their bars.
    pub timeframe: Timeframe,
    /// How they are to be read, where they do not tell: names and values of the options of `replay`.
    pub options: Vec<(&'static str, String)>,
}

impl HistoryConfig {
    /// What may be said of how files are to be read, by key: as the options of `replay`.
    pub const OPTIONS: [&'static str; 7] =
        ["symbol", "symbol_from_name", "timezone", "stamp", "date_order", "decimal", "zero_volume"];

    /// Interval of the bars, which are base bars.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        match self {
            Self::Stream(stream) => stream.timeframe,
            Self::Files(files) => files.timeframe,
        }
    }

    /// Its name, for people and for what is remembered of it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stream(stream) => stream.name.clone(),
            Self::Files(files) => files.paths.join(", "),
        }
    }

    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        if !section.has("files") {
            return StreamConfig::read(section).map(Self::Stream);
        }
        let paths = section.get("files", List(text()));
        let interval = interval(section);
        let mut options = Vec::new();
        for key in Self::OPTIONS {
            options.extend(section.get(key, Optional(&text())).map(|value| (key, value)));
        }
        if section.has("columns") {
            options.push(("columns", section.get("columns", List(text())).join(",")));
        }
        if paths.is_empty() {
            section.fault("files", "is empty; allowed: one path or more".to_owned());
        }
        Some(Self::Files(HistoryFiles { paths, timeframe: interval?, options }))
    }
}

section! {
    /// The mock market.
    MockConfig {
        /// Number of symbols, used if the watchlist is empty.
        symbols: usize = int(1, 65_535),
        /// Seed of the random walk; the same seed gives the same bars.
        seed: u64 = int(0, i64::MAX),
        /// Whether a history of past bars comes first, at full speed, so that long windows are warm at once.
        history: bool = Flag,
        /// Time between two instants at which the bars of all symbols come together, s; 0 for none.
        burst_every_s: u64 = int(0, 86_400),
    }
}

section! {
    /// The Redis server.
    RedisConfig {
        /// URL of the server.
        url: RedisUrl = Url,
        /// File whose first line is the password; empty for none.
        password_file: String = Text { empty: true },
        /// File of the certificate authorities for a TLS server; empty for those of the system.
        tls_ca: String = Text { empty: true },
        /// File of the client certificate for a TLS server; empty for none.
        tls_cert: String = Text { empty: true },
        /// File of the private key of the client certificate.
        tls_key: String = Text { empty: true },
        /// Longest wait for a connection, ms.
        connect_timeout_ms: u64 = int(1, 600_000),
        /// Longest wait for a reply, ms.
        timeout_ms: u64 = int(1, 600_000),
        /// How long a start waits for a server that is absent, s.
        start_wait_s: u64 = int(0, 31_536_000),
        /// Longest pause between two attempts to reconnect, ms.
        reconnect_max_ms: u64 = int(1, 600_000),
        /// Replicas that must have a batch before it counts as written.
        replicas: u32 = int(0, 16),
        /// How long the server waits for them at a time, ms.
        replicas_wait_ms: u64 = int(1, 600_000),
        /// Whether the disks of the server and of these replicas must have it.
        on_disk: bool = Flag,
        /// How long the lease lasts without renewal, ms: after it, another process of the same engine name may take
        /// over.
        lease_ms: u64 = int(500, 600_000),
        /// Whether the configuration documents in Redis are a layer.
        config_from_redis: bool = Flag,
        /// Prefix of the keys of these documents.
        config_prefix: String = text(),
        /// Time between two looks at these documents, s; 0 for none.
        config_poll_s: u64 = int(0, 86_400),
    }
}

impl RedisConfig {
    /// Names of the configuration documents in Redis; of what two of them say, the later counts.
    pub const DOCUMENTS: [&'static str; 6] =
        ["timeframe_configs", "strategy_matrix", "watchlist", "strategies", "indicators", "system"];

    /// Keys of the configuration documents in Redis.
    #[must_use]
    pub fn document_keys(&self) -> [String; Self::DOCUMENTS.len()] {
        Self::DOCUMENTS.map(|name| format!("{}{name}", self.config_prefix))
    }
}
