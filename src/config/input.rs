//! `[input]`, `[mock]` and `[redis]`: where bars come from.

use super::{
    rules::{Flag, Scalar as _, Text, TimeframeText, Url, choice, choice_enum, int, text},
    section::{Section, Tables, section},
    url::RedisUrl,
};
use crate::model::Timeframe;

choice_enum! {
    /// Where bars come from.
    Feed {
        /// Made up by the engine itself.
        Mock = "mock",
        /// Redis streams.
        Redis = "redis",
    }
}

choice_enum! {
    /// Where reading starts when there is no position to resume from.
    Start {
        /// With the oldest entry the stream still has.
        Oldest = "oldest",
        /// With what arrives from now on.
        Newest = "newest",
    }
}

section! {
    /// Where bars come from.
    InputConfig {
        /// Kind of feed.
        feed: Feed = choice(),
        /// Entries read per stream and read.
        read_count: usize = int(1, 100_000),
        /// How long a read waits for an entry, ms; 0 does not wait.
        block_ms: u64 = int(0, 60_000),
        /// Where reading starts when there is no position to resume from.
        start: Start = choice(),
        /// The streams.
        streams: Vec<StreamConfig> = Tables(StreamConfig::read),
    }
}

/// One input stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// Name of the stream.
    pub name: String,
    /// Interval of its bars: a base.
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
    /// The made-up market.
    MockConfig {
        /// Symbols made up where the watchlist is empty.
        symbols: usize = int(1, 65_535),
        /// Seed of the random walk; the same seed gives the same bars.
        seed: u64 = int(0, i64::MAX),
        /// Whether bars of the past come first, at full speed, so that long windows are ready at once.
        history: bool = Flag,
        /// Time between two instants in which all symbols' bars come at once, s; 0 makes none.
        burst_every_s: u64 = int(0, 86_400),
    }
}

section! {
    /// The Redis server.
    RedisConfig {
        /// Its address.
        url: RedisUrl = Url,
        /// File of the authorities that a TLS server's certificate may be of; empty for those of the system.
        tls_ca: String = Text { empty: true },
        /// File of the certificate that is shown to a TLS server; empty for none.
        tls_cert: String = Text { empty: true },
        /// File of its private key.
        tls_key: String = Text { empty: true },
        /// Longest wait for a connection, ms.
        connect_timeout_ms: u64 = int(1, 600_000),
        /// Longest wait for a reply, ms.
        timeout_ms: u64 = int(1, 600_000),
        /// How long a start waits for a server that is not there, s.
        start_wait_s: u64 = int(0, 31_536_000),
        /// Longest pause between two attempts to connect again, ms.
        reconnect_max_ms: u64 = int(1, 600_000),
        /// How long an engine may be silent before another of its name may take over, ms.
        lease_ms: u64 = int(500, 600_000),
        /// Whether the documents of the configuration in Redis are a layer of it.
        config_from_redis: bool = Flag,
        /// Prefix of the keys of these documents.
        config_prefix: String = text(),
    }
}

impl RedisConfig {
    /// Names of the documents of a configuration in Redis.
    pub const DOCUMENTS: [&'static str; 4] = ["watchlist", "strategies", "indicators", "system"];

    /// Keys of the documents of a configuration in Redis.
    #[must_use]
    pub fn document_keys(&self) -> [String; 4] {
        Self::DOCUMENTS.map(|name| format!("{}{name}", self.config_prefix))
    }
}
