//! `[ingest]`: how market data comes in by itself.

use super::{
    rules::{Template, Text, TimeframeText, choice, choice_enum, int, text},
    section::{Field, Optional, Section, section},
    shape::{ANY, Declared, Shape},
};
use crate::model::Timeframe;
use std::collections::BTreeMap;

choice_enum! {
    /// How bars are written into their stream.
    BarForm {
        /// Up to 1,024 bars in one entry.
        Frames = "frames",
        /// One entry of flat fields a bar.
        Fields = "fields",
    }
}

section! {
    /// The ingestion of market data.
    IngestConfig {
        /// Which provider; empty where the command line names it.
        provider: String = Text { empty: true },
        /// Name under which the position is kept; empty for that of the provider.
        name: String = Text { empty: true },
        /// Interval of the bars; they go to the input streams of this interval.
        timeframe: Option<Timeframe> = Optional(&TimeframeText),
        /// How bars are written.
        form: BarForm = choice(),
        /// Entries that a stream keeps, approximately; 0 for all.
        maxlen: u64 = int(0, i64::MAX),
        /// Time between two heartbeats of a stream, ms.
        heartbeat_ms: u64 = int(10, 60_000),
        /// Template of the key of the position.
        position: String = Template(&["{name}"]),
        /// Template of the key of the lease.
        lease: String = Template(&["{name}"]),
        /// Stream of the corrections.
        corrections: String = text(),
        /// Entries that it keeps, approximately.
        corrections_maxlen: u64 = int(1, i64::MAX),
        /// How long after its end a bar may come, ms, before it counts as absent.
        grace_ms: u64 = int(0, 600_000),
        /// Longest wait for a connection, and again for the handshakes, ms.
        connect_timeout_ms: u64 = int(1, 600_000),
        /// Longest wait for what an exchange has to answer, ms.
        answer_ms: u64 = int(1, 600_000),
        /// First pause before a connection is made again, ms.
        reconnect_min_ms: u64 = int(1, 600_000),
        /// Longest such pause, ms.
        reconnect_max_ms: u64 = int(1, 3_600_000),
        /// Time between two pings, ms.
        ping_ms: u64 = int(10, 600_000),
        /// Longest wait for the answer to a ping, ms.
        pong_ms: u64 = int(10, 600_000),
        /// Time without any data after which a connection counts as dead, ms, of markets that never close.
        idle_ms: u64 = int(10, 86_400_000),
        /// Time after which a symbol that is silent while others speak is subscribed again, ms.
        silent_ms: u64 = int(10, 86_400_000),
        /// How long bars of the past are asked for before they are given up, ms.
        give_up_ms: u64 = int(1, 86_400_000),
        /// Pause of a circuit breaker when it opens first, ms.
        breaker_min_ms: u64 = int(1, 3_600_000),
        /// Longest pause of a circuit breaker, ms.
        breaker_max_ms: u64 = int(1, 86_400_000),
        /// Longest message, bytes.
        message_bytes_max: usize = int(1 << 10, 1 << 30),
        /// File of the authorities that are trusted; empty for those of the system.
        tls_ca: String = Text { empty: true },
        /// Settings by provider.
        providers: BTreeMap<String, ProviderConfig> = Providers,
    }
}

section! {
    /// Settings of one provider; what is not there is as the provider itself has it.
    ProviderConfig {
        /// Which of its feeds.
        feed: Option<String> = Optional(&text()),
        /// Address of the stream, `wss://…`.
        stream_url: Option<String> = Optional(&text()),
        /// Address of the history, `https://…`.
        history_url: Option<String> = Optional(&text()),
        /// File that holds the key.
        key_file: Option<String> = Optional(&text()),
        /// File that holds the secret.
        secret_file: Option<String> = Optional(&text()),
        /// Requests for the history a minute.
        requests_per_minute: Option<u64> = Optional(&int(1, 1_000_000)),
        /// Symbols that are subscribed with one message.
        symbols_per_message: Option<usize> = Optional(&int(1, 100_000)),
        /// Bars that are asked for with one request.
        page_bars: Option<usize> = Optional(&int(1, 1_000_000)),
        /// Age at which a connection is replaced, ms; 0: never.
        age_max_ms: Option<u64> = Optional(&int(0, 31_536_000_000)),
    }
}

/// Tables by the names of providers.
struct Providers;

impl Field for Providers {
    type Out = BTreeMap<String, ProviderConfig>;
    fn take(&self, section: &mut Section<'_, '_>, key: &'static str) -> Self::Out {
        let mut found = BTreeMap::new();
        section.declare(key, || Declared::Shape(Shape::Table, "tables by the name of a provider".to_owned()));
        let Some(node) = section.node(key) else { return found };
        let mut tables = section.below(key, node);
        for (name, node) in tables.rest() {
            tables.declare(name, || Declared::Every(ANY));
            tables.declare(name, || Declared::Shape(Shape::Table, "the settings of one provider".to_owned()));
            let mut inner = tables.below(name, node);
            found.insert(name.to_owned(), super::section::FromSection::read(&mut inner));
            inner.finish();
        }
        found
    }
}

impl IngestConfig {
    /// The settings of a provider, where there are some.
    #[must_use]
    pub fn of(&self, provider: &str) -> Option<&ProviderConfig> {
        self.providers.get(provider)
    }
}
