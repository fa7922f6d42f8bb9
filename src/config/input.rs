//! `[input]`, `[mock]` and `[redis]`: where bars come from.

use super::{
    rules::{Flag, Scalar as _, Text, TimeframeText, Url, choice, choice_enum, int, text},
    section::{Section, Tables, section},
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
    }
}

/// One input stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// Name of the stream.
    pub name: String,
    /// Interval of its bars, which are base bars.
    pub timeframe: Timeframe,
}

impl StreamConfig {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let name = section.get("name", text());
        let Some(node) = section.node("timeframe") else {
            section.missing("timeframe", &TimeframeText.allowed());
            return None;
        };
        let timeframe = TimeframeText.read(node);
        if timeframe.is_none() {
            let key = section.key("timeframe");
            section.refuse(node, key, &TimeframeText.allowed());
        }
        Some(Self { name, timeframe: timeframe? })
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
        /// How long the lease lasts without renewal, ms: after it, another process of the same engine name may take
        /// over.
        lease_ms: u64 = int(500, 600_000),
        /// Whether the configuration documents in Redis are a layer.
        config_from_redis: bool = Flag,
        /// Prefix of the keys of these documents.
        config_prefix: String = text(),
    }
}

impl RedisConfig {
    /// Names of the configuration documents in Redis.
    pub const DOCUMENTS: [&'static str; 4] = ["watchlist", "strategies", "indicators", "system"];

    /// Keys of the configuration documents in Redis.
    #[must_use]
    pub fn document_keys(&self) -> [String; 4] {
        Self::DOCUMENTS.map(|name| format!("{}{name}", self.config_prefix))
    }
}
