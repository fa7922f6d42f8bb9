//! Connecting to the Redis server of a configuration: the position read, the sink and the source made. Blocks.

use super::{
    clocks::{self, ClockFindings, Committed},
    documents::{self, compatible},
    host::Host,
    past::ReadHistory,
    secrets,
};
use crate::{
    config::{Config, Layer, Override, SignalsFormat, Start},
    engine::{
        Arrived, Dial, ENTRIES, Incidents, Recovery, RedisLink, RedisOutputOptions, RedisSink, RedisSinkOptions,
        RemoteStore, ServerTime, load_journal,
    },
    feed::{
        EntryForm,
        streams::{Exception, StreamStart},
    },
    lab::doctor::ServerClocks,
    model::{Directory, StreamId},
    publish::{
        CompatNames, Dictionary, HashSpec, KeySpec, Lease, LeaseSpec, OutputNames, SignalFrame, SignalFrames,
        SignalNames, SignalWriter, StreamSpec, check_key, check_outputs, check_performance,
    },
    redis_io::{Address, Link, LinkError, LinkOptions, Network, Tls, TlsFiles},
    runtime::{Clock, HostTime},
};
use anyhow::{Context, Result, bail};
use redis::{Cmd, Value};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

/// The server of a configuration.
pub struct Server<'a> {
    pub(super) config: &'a Config,
    pub(super) address: Address,
    tls: Option<Tls>,
    /// The network and its chance, where they are simulated.
    network: Option<(Network, u64)>,
    /// The clock of the host.
    pub(super) clock: Clock,
    /// Its time, from the source to the output.
    pub(super) time: Arc<ServerTime>,
    /// Stands before the names of all that is written.
    prefix: String,
}

/// The position of an engine in its inputs: by stream, the last entry whose effects are committed.
#[derive(Debug, Clone)]
pub struct Position {
    /// By stream, in the configuration's order.
    pub streams: Vec<StreamStart>,
    /// What a second reading cannot derive up to there.
    pub journal: Vec<Exception>,
    /// The moment, Unix ms, up to which everything is committed.
    pub moment: i64,
    /// What the clocks say.
    pub clocks: ClockFindings,
    /// Name of the batch that committed it.
    pub batch: Option<Vec<u8>>,
    /// Checksum of the configuration it was made with.
    pub config: Option<String>,
    /// Its identity, which the snapshots that belong to it share.
    pub origin: Option<u64>,
    /// By stream: its oldest entry at the last start.
    pub first: Vec<Option<StreamId>>,
    /// What the server called itself at the last commit.
    pub server: Option<String>,
    /// What was read of history before the streams.
    pub history: ReadHistory,
    /// By stream: whether the position says nothing of it.
    pub is_new: Vec<bool>,
}

/// What stands before the name of an input of history in the position's field for what was read of it.
pub const HISTORY: &str = "history:";

impl Position {
    /// Whether there was a position at all.
    pub fn found(&self) -> bool {
        self.batch.is_some() || self.streams.iter().any(|stream| stream.published != StreamId::default())
    }
}

/// The position's field for the oldest entry of a stream.
pub fn first_field(stream: &str) -> String {
    format!("first:{stream}")
}

/// What `--redis` asks for: the feed is Redis, at this address if there is one.
pub fn over(url: Option<&String>, layers: &mut Vec<Layer>) {
    layers.push(Layer::Override(Override::new("input.feed", "redis")));
    if let Some(url) = url {
        layers.push(Layer::Override(Override::new("redis.url", url.as_str())));
    }
}

/// What TLS connections to this address are made with, where it wants any. Blocks.
///
/// # Errors
/// Files that are not there, or not what they should be.
pub fn tls(config: &Config, address: &Address) -> Result<Option<Tls>> {
    if !address.is_tls() {
        return Ok(None);
    }
    let [ca, cert, key] = [&config.redis.tls_ca, &config.redis.tls_cert, &config.redis.tls_key]
        .map(|name| (!name.is_empty()).then(|| Path::new(name)));
    let files = TlsFiles { ca, client: cert.zip(key) };
    Ok(Some(Tls::load(files).context("redis.tls_ca, redis.tls_cert, redis.tls_key")?))
}

impl<'a> Server<'a> {
    /// The server that the configuration names.
    ///
    /// # Errors
    /// The address or the files for TLS are invalid.
    pub fn new(config: &'a Config) -> Result<Self> {
        let address = secrets::address(&config.redis)?;
        let tls = tls(config, &address)?;
        Ok(Self {
            config,
            address,
            tls,
            network: None,
            clock: Clock::new(),
            time: Arc::default(),
            prefix: String::new(),
        })
    }

    /// The same on the network of a host.
    ///
    /// # Errors
    /// Those of [`Server::new`].
    pub fn on(host: &Host, config: &'a Config) -> Result<Self> {
        Ok(Self { network: host.network(), clock: host.clock().clone(), ..Self::new(config)? })
    }

    /// The same with a prefix before the names of streams and keys.
    pub fn prefixed(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Makes sure that no engine holds a lease under these names, whatever its own name.
    ///
    /// # Errors
    /// One does; a server that refuses.
    pub fn refuse_live(&self) -> Result<()> {
        let mut link = self.connect("replay")?;
        let mut pattern = String::new();
        for c in format!("{}{}", self.prefix, self.config.output.keys.lease_key("\u{0}")).chars() {
            match c {
                '\0' => pattern.push('*'),
                '*' | '?' | '[' | ']' | '\\' => pattern.extend(['\\', c]),
                c => pattern.push(c),
            }
        }
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = link.ask(&scan)?;
            // Beside a lease stands for ever what its holders have counted and committed.
            if let Some(key) = keys.iter().find(|key| !key.ends_with(":epoch") && !key.ends_with(":committed")) {
                bail!(
                    "an engine runs on {} whose streams this replay would write to: it holds {key}; give another \
                     --redis-prefix, such as replay:",
                    self.address
                );
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// The server is not reachable or refuses.
    pub fn connect(&self, role: &str) -> Result<Link> {
        Ok(Link::connect(&self.address, &self.link_options(role))?)
    }

    /// A new connection for a key that is of no partition.
    ///
    /// # Errors
    /// The server is not reachable or refuses.
    pub fn connect_for(&self, role: &str, key: &str) -> Result<Link> {
        let options = LinkOptions { key: Some(key.to_owned()), ..self.link_options(role) };
        Ok(Link::connect(&self.address, &options)?)
    }

    pub(super) fn link_options(&self, role: &str) -> LinkOptions {
        LinkOptions {
            name: format!("wagehood-engine:{}:{role}", self.config.engine.name),
            connect_timeout: Duration::from_millis(self.config.redis.connect_timeout_ms),
            reply_timeout: Duration::from_millis(self.config.redis.timeout_ms),
            tls: self.tls.clone(),
            key: Some(self.position_key()),
            network: self.network.as_ref().map(|(network, _)| network.clone()),
            receive_bytes_max: self.config.limits.read_buffer_max_bytes,
            ..LinkOptions::default()
        }
    }

    /// The lease of this engine's name.
    pub fn lease(&self) -> LeaseSpec {
        let key = format!("{}{}", self.prefix, self.config.output.keys.lease_key(&self.config.engine.name));
        LeaseSpec {
            epoch_key: format!("{key}:epoch"),
            committed_key: format!("{key}:committed"),
            position_key: self.position_key(),
            key,
            ttl_ms: self.config.redis.lease_ms,
        }
    }

    /// The snapshots that the server keeps, of the position of this origin; this process writes them as `writer`, which
    /// no other has used.
    pub fn snapshots(&self, origin: u64, writer: u64) -> RemoteStore {
        let config = self.config;
        let connect = self.connector("snapshots");
        let key = config.output.keys.snapshot_key(&config.engine.name);
        RemoteStore::new(connect, key, (origin, writer), config.state.redis_bytes_max)
    }

    /// Makes connections of a role.
    pub fn connector(&self, role: &str) -> Box<dyn Fn() -> Result<Link, LinkError> + Send> {
        let (address, options) = (self.address.clone(), self.link_options(role));
        Box::new(move || Link::connect(&address, &options))
    }

    /// The address, without its password.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The key of the position.
    pub fn position_key(&self) -> String {
        format!("{}{}", self.prefix, self.config.output.keys.position_key(&self.config.engine.name))
    }

    /// The documents of the configuration that the server holds, as layers.
    ///
    /// # Errors
    /// The server refuses.
    pub fn documents(&self, link: &mut Link) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        for key in self.config.redis.document_keys() {
            // In a cluster each is somewhere else.
            let mut own = if self.is_cluster() { Some(self.connect_for("documents", &key)?) } else { None };
            if let Some(bytes) = documents::read(own.as_mut().unwrap_or(link), &key)? {
                layers.push(Layer::Document { key, bytes });
            }
        }
        Ok(layers)
    }

    /// Reads the position of the engine.
    ///
    /// # Errors
    /// The server refuses, or the saved position is invalid.
    pub fn position(&self, link: &mut Link) -> Result<Position> {
        let key = self.position_key();
        check_key(link, &key, "hash")?;
        let fields: HashMap<Vec<u8>, Vec<u8>> = link.ask(&Cmd::hgetall(&key))?;
        let field = |name: &str| fields.get(name.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let history = fields.iter().filter_map(|(name, value)| Some((name.strip_prefix(HISTORY.as_bytes())?, value)));
        let history: ReadHistory = history.map(|(name, value)| (text(name), text(value))).collect();
        let (mut streams, mut first) = (Vec::new(), Vec::new());
        for stream in &self.config.input.streams {
            check_key(link, &stream.name, "stream")?;
            let published = match field(&stream.name) {
                Some(text) => StreamId::parse(text).with_context(|| {
                    format!(
                        "{key} holds {:?} for the stream {}, which is no entry id",
                        text.escape_ascii().to_string(),
                        stream.name
                    )
                })?,
                None => StreamId::default(),
            };
            first.push(field(&first_field(&stream.name)).and_then(|text| StreamId::parse(text)));
            if published == StreamId::default() {
                streams.push(self.fresh(link, &stream.name)?);
                continue;
            }
            let entries = field(&format!("{ENTRIES}{}", stream.name));
            let entries = entries.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).filter(|&n| n > 0);
            // Behind what was history when it was added.
            let start = history.get(&stream.name).and_then(|text| StreamId::parse(text.as_bytes())).unwrap_or_default();
            streams.push(StreamStart { published, published_entries: entries, start, ..StreamStart::default() });
        }
        let batch = field("batch").cloned();
        let config = field("config").map(|text| String::from_utf8_lossy(text).into_owned());
        let number = |name: &str| std::str::from_utf8(field(name)?).ok()?.parse::<i64>().ok();
        let boot = field("boot").map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
        let committed = || {
            let host = HostTime { wall_ms: number("host_ms")?, uptime_ms: number("uptime_ms")? };
            let (server_ms, offset_ms) = (number("time_ms")?, number("offset_ms")?);
            Some(Committed { server_ms, offset_ms, host, boot: &boot })
        };
        let inputs: Vec<&str> = self.config.input.streams.iter().map(|stream| stream.name.as_str()).collect();
        let journal = self.config.output.keys.journal_key(&self.config.engine.name);
        let journal = load_journal(link, &journal, &inputs)?;
        let origin = field("origin").and_then(|text| u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok());
        let server = field("server").map(|text| String::from_utf8_lossy(text).into_owned());
        let newest = streams.iter().map(|stream| i64::try_from(stream.published.ms).unwrap_or(i64::MAX)).max();
        let moment = number("moment").or(newest).unwrap_or(i64::MIN);
        let clocks = self.clocks(link, committed(), &journal, &mut streams)?;
        let is_new = self.config.input.streams.iter().map(|stream| field(&stream.name).is_none()).collect();
        Ok(Position { streams, journal, moment, clocks, batch, config, origin, first, server, history, is_new })
    }

    /// Where a stream is read from of which nothing has been published.
    ///
    /// # Errors
    /// The server refuses.
    pub fn fresh(&self, link: &mut Link, stream: &str) -> Result<StreamStart> {
        let start = match self.config.input.start {
            Start::Newest => {
                let newest: Vec<(StreamId, Value)> = link.ask(&Cmd::xrevrange_count(stream, "+", "-", 1))?;
                newest.first().map(|(id, _)| *id).unwrap_or_default()
            }
            Start::Oldest => StreamId::default(),
        };
        Ok(StreamStart { start, ..StreamStart::default() })
    }

    /// What the clocks say, against what was committed; tells the streams of a step in between.
    fn clocks(
        &self,
        link: &mut Link,
        committed: Option<Committed<'_>>,
        journal: &[Exception],
        streams: &mut [StreamStart],
    ) -> Result<ClockFindings> {
        for (index, start) in streams.iter_mut().enumerate() {
            // What is known of the ids up to the position.
            let of = |exception: &&Exception| exception.source.index() == index;
            let offset_ms = journal.iter().rev().filter(of).find_map(|exception| exception.offset_ms);
            start.offset_ms = offset_ms.unwrap_or(0);
        }
        let input = &self.config.input.streams;
        let prices = self.config.prices();
        let asked = input.iter().map(|stream| (stream.name.as_str(), EntryForm::of(stream, prices)));
        let host = self.clock.host_time();
        let now = ServerClocks::ask(link, asked, || host.wall_ms)?;
        let found = clocks::compare(&now, committed, host, input.iter().map(|stream| stream.clock), streams);
        // A reading from the beginning finds them where they changed.
        streams.iter_mut().for_each(|start| start.offset_ms = 0);
        Ok(found)
    }

    /// A dial on the server's network: a simulated one has no threads.
    pub(super) fn dialled<T: Send + 'static>(&self, dial: Dial<T>) -> Dial<T> {
        match &self.network {
            Some((_, seed)) => dial.inline(*seed),
            None => dial,
        }
    }

    /// How a publisher reconnects: confirms the lease and reads the position; `batch` committed it last.
    pub fn recovery(&self, lease: &Lease, batch: Option<Vec<u8>>, incidents: &Arc<Incidents>) -> Recovery {
        let (address, options, limits) = (self.address.clone(), self.link_options("publisher"), self.limits());
        let (lease, key) = (lease.clone(), self.position_key());
        let dial = Dial::new("publisher", self.config.redis.reconnect_max_ms, Arc::clone(incidents), move || {
            let mut link = Link::connect(&address, &options)?;
            RedisSink::check(&mut link, limits.on_disk)?;
            lease.confirm(&mut link)?;
            let batch = link.ask(&Cmd::hget(&key, "batch"))?;
            Ok(Arrived { link, batch })
        });
        let dial = self.dialled(dial);
        Recovery { dial, position_key: self.position_key(), batch }
    }

    /// The output, after a check of the keys that it will write; given a lease, it keeps the position under it.
    ///
    /// # Errors
    /// The server is not reachable or refuses, a key has another type, or the lease was lost.
    pub fn output(
        &self,
        directory: &Directory,
        position: Option<(&Position, &Lease)>,
        stamp: Vec<(String, String)>,
        incidents: &Arc<Incidents>,
    ) -> Result<RedisLink> {
        let mut link = self.connect("publisher")?;
        let names = self.names();
        let key = self.position_key();
        check_outputs(&mut link, &names, directory, &key)?;
        if self.config.performance.enabled {
            check_performance(&mut link, &names, directory, &self.config.strategies.roster())?;
        }
        if self.config.cross_asset.enabled {
            check_key(&mut link, &names.market_correlation, "hash")?;
        }
        let limits = self.limits();
        let output = &self.config.output;
        let inputs: Vec<String> = self.config.input.streams.iter().map(|s| s.name.clone()).collect();
        let options = RedisOutputOptions {
            names,
            signals: self.signal_writer(&mut link, directory)?,
            calculation_events_format: output.calculation_events_format,
            calculation_events: output.calculation_events,
            bars: output.bars,
            alerts: output.alerts,
            latest_values: output.latest_values.then_some(output.latest_format),
            indicators: output.indicator_bits(),
            compat: compatible(self.config),
            silent: false,
            latest_interval_ns: output.batch_interval_ms * 1_000_000,
            position: position.map_or_else(Vec::new, |(p, _)| p.streams.clone()),
            moment: position.map_or(0, |(p, _)| p.moment.max(0)),
            position_key: position.map(|_| key),
            committed_key: position.map(|(_, lease)| lease.spec.committed_key.clone()),
            journal: StreamSpec::new(&output.keys.journal_key(&self.config.engine.name), output.streams.journal_maxlen),
            inputs,
            active_bars: self.config.correlation.active_bars,
            server_time: position.map(|_| Arc::clone(&self.time)),
            stamp,
        };
        let mut sink = RedisSink::start(link, limits)?;
        let apart = self.apart(incidents)?;
        let Some((position, lease)) = position else { return Ok(RedisLink { sink, recovery: None, apart, options }) };
        lease.confirm(sink.link())?;
        sink.guard(lease.clone());
        Ok(RedisLink { sink, recovery: Some(self.recovery(lease, position.batch.clone(), incidents)), apart, options })
    }

    /// What writes the signals: for frames, with the names that there are already.
    fn signal_writer(&self, link: &mut Link, directory: &Directory) -> Result<SignalWriter> {
        let output = &self.config.output;
        match output.signals_format {
            SignalsFormat::Fields => return Ok(SignalWriter::Fields),
            SignalsFormat::Json => return Ok(SignalWriter::Json),
            SignalsFormat::Frame => {}
        }
        let key = format!("{}{}", self.prefix, output.keys.names_key(&self.config.engine.name));
        check_key(link, &key, "hash")?;
        let saved: HashMap<String, String> = link.ask(&Cmd::hgetall(&key))?;
        let dictionary = Dictionary::new(&key, &saved, directory, &self.config.strategies.roster())?;
        // What is there must stay readable: a hash that was deleted would begin anew, with other numbers.
        let stream = format!("{}{}", self.prefix, output.streams.signals);
        let newest: Vec<(String, HashMap<String, Vec<u8>>)> = link.ask(&Cmd::xrevrange_count(&stream, "+", "-", 1))?;
        let frame =
            newest.first().filter(|(_, fields)| fields.get("names").is_some_and(|named| *named == key.as_bytes()));
        if let Some(frame) = frame.and_then(|(_, fields)| SignalFrame::parse(fields.get("frame")?).ok()) {
            frame.check_names(&SignalNames::new(saved)).with_context(|| {
                format!("the newest entry of {stream} cannot be read; restore {key} from a backup, or delete the stream {stream}")
            })?;
        }
        let frames = SignalFrames::new(dictionary, output.streams.signals_maxlen);
        Ok(SignalWriter::Frames(Box::new(frames)))
    }

    /// Bounds of a writer of transactions.
    pub fn limits(&self) -> RedisSinkOptions {
        RedisSinkOptions {
            batch_bytes_max: self.config.limits.write_buffer_max_bytes,
            reply_timeout_ns: self.config.redis.timeout_ms * 1_000_000,
            replicas: self.config.redis.replicas,
            replicas_wait_ms: self.config.redis.replicas_wait_ms,
            on_disk: self.config.redis.on_disk,
        }
    }

    pub fn names(&self) -> OutputNames {
        let (s, k) = (&self.config.output.streams, &self.config.output.keys);
        let prefix = &self.prefix;
        let stream = |name: &str, maxlen| StreamSpec::new(&format!("{prefix}{name}"), maxlen);
        let key = |template: &str, ttl_s| KeySpec::new(&format!("{prefix}{}{template}", k.prefix), ttl_s);
        OutputNames {
            signals: stream(&s.signals, s.signals_maxlen),
            bars: stream(&s.market_data_prefix, s.market_data_maxlen),
            calculation_events: stream(&s.calculation_events, s.calculation_events_maxlen),
            alerts: stream(&s.alerts, s.alerts_maxlen),
            dead_letter: stream(&s.dead_letter, s.dead_letter_maxlen),
            selection: stream(&s.selection, s.selection_maxlen),
            calculations: key(&k.calculations, k.calculations_ttl_s),
            timeframe_indicators: key(&k.timeframe_indicators, k.timeframe_indicators_ttl_s),
            composite_signals: key(&k.composite, k.composite_ttl_s),
            latest_price: key(&k.latest_price, k.latest_price_ttl_s),
            latest: key(&k.latest, k.latest_ttl_s),
            statistics: key(&k.statistics, k.statistics_ttl_s),
            performance: HashSpec::new(&format!("{prefix}{}{}", k.prefix, k.performance)),
            market_correlation: format!("{prefix}{}", k.market_correlation_key(self.config.cross_asset.timeframe)),
            compat: CompatNames::new(&format!("{prefix}{}", k.prefix)),
        }
    }
}
