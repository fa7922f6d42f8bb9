//! Connecting to the Redis server of a configuration: the position read, the sink and the source made. Blocks.

use crate::{
    config::{CalculationEvents as Events, Config, Layer, Override, Start},
    engine::{
        Arrived, CalculationEvents, Dial, ENTRIES, Incidents, Recovery, RedisLink, RedisOutputOptions, RedisSink,
        RedisSinkOptions, RedisSource, RedisSourceOptions, load_journal,
    },
    feed::streams::{Exception, StreamStart},
    model::{Directory, StreamId},
    publish::{KeySpec, Lease, LeaseSpec, OutputNames, StreamSpec, check_key, check_outputs},
    redis_io::{Address, Link, LinkOptions, Tls, TlsFiles},
};
use anyhow::{Context, Result};
use redis::{Cmd, Value};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

/// The server of a configuration.
pub struct Server<'a> {
    config: &'a Config,
    address: Address,
    tls: Option<Tls>,
}

/// Where an engine stands in its inputs: by stream the last entry whose effects are committed.
#[derive(Debug)]
pub struct Position {
    /// By stream, in the configuration's order.
    pub streams: Vec<StreamStart>,
    /// What was taken out of order up to there.
    pub journal: Vec<Exception>,
    /// Name of the batch that it was committed with.
    pub batch: Option<Vec<u8>>,
    /// Checksum of the configuration that it was made with.
    pub config: Option<String>,
    /// Its identity, which the snapshots that belong to it share.
    pub origin: Option<u64>,
}

impl Position {
    /// Whether there was a position at all.
    pub fn found(&self) -> bool {
        self.batch.is_some() || self.streams.iter().any(|stream| stream.published != StreamId::default())
    }
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
    /// An address that is none, files for TLS that are not good.
    pub fn new(config: &'a Config) -> Result<Self> {
        let address = config.redis.url.address().context("redis.url")?;
        let tls = tls(config, &address)?;
        Ok(Self { config, address, tls })
    }

    /// A new connection.
    ///
    /// # Errors
    /// A server that is not there or refuses.
    pub fn connect(&self, role: &str) -> Result<Link> {
        Ok(Link::connect(&self.address, &self.link_options(role))?)
    }

    fn link_options(&self, role: &str) -> LinkOptions {
        LinkOptions {
            name: format!("wagehood-engine:{}:{role}", self.config.engine.name),
            connect_timeout: Duration::from_millis(self.config.redis.connect_timeout_ms),
            reply_timeout: Duration::from_millis(self.config.redis.timeout_ms),
            tls: self.tls.clone(),
            receive_bytes_max: self.config.limits.read_buffer_max_bytes,
            ..LinkOptions::default()
        }
    }

    /// The lease of this engine's name.
    pub fn lease(&self) -> LeaseSpec {
        let key = self.config.output.keys.lease_key(&self.config.engine.name);
        LeaseSpec { epoch_key: format!("{key}:epoch"), key, ttl_ms: self.config.redis.lease_ms }
    }

    /// The address, without its password.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The key of the position.
    pub fn position_key(&self) -> String {
        self.config.output.keys.position_key(&self.config.engine.name)
    }

    /// The documents of the configuration that the server holds, as layers.
    ///
    /// # Errors
    /// A server that refuses.
    pub fn documents(&self, link: &mut Link) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        for key in self.config.redis.document_keys() {
            if let Some(bytes) = link.ask(&Cmd::get(&key))? {
                layers.push(Layer::Document { key, bytes });
            }
        }
        Ok(layers)
    }

    /// Reads where the engine stands.
    ///
    /// # Errors
    /// A server that refuses, or a position that is none.
    pub fn position(&self, link: &mut Link) -> Result<Position> {
        let key = self.position_key();
        check_key(link, &key, "hash")?;
        let fields: HashMap<Vec<u8>, Vec<u8>> = link.ask(&Cmd::hgetall(&key))?;
        let field = |name: &str| fields.get(name.as_bytes());
        let mut streams = Vec::new();
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
            let fresh = published == StreamId::default();
            let start = match self.config.input.start {
                Start::Newest if fresh => self.last_id(link, &stream.name)?,
                _ => StreamId::default(),
            };
            let entries = field(&format!("{ENTRIES}{}", stream.name));
            let entries = entries.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).filter(|&n| n > 0);
            streams.push(StreamStart { published, published_entries: entries, start, start_number: None });
        }
        let batch = field("batch").cloned();
        let config = field("config").map(|text| String::from_utf8_lossy(text).into_owned());
        let inputs: Vec<&str> = self.config.input.streams.iter().map(|stream| stream.name.as_str()).collect();
        let journal = self.config.output.keys.journal_key(&self.config.engine.name);
        let journal = load_journal(link, &journal, &inputs)?;
        let origin = field("origin").and_then(|text| u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok());
        Ok(Position { streams, journal, batch, config, origin })
    }

    /// The newest entry of a stream, the zero id where there is none.
    fn last_id(&self, link: &mut Link, stream: &str) -> Result<StreamId> {
        let newest: Vec<(StreamId, Value)> = link.ask(&Cmd::xrevrange_count(stream, "+", "-", 1))?;
        Ok(newest.first().map(|(id, _)| *id).unwrap_or_default())
    }

    /// The source of the input streams.
    ///
    /// # Errors
    /// A server that is not there.
    pub fn source(&self, position: &Position, incidents: &Arc<Incidents>) -> Result<RedisSource> {
        self.source_of(&position.streams, &position.journal, false, incidents)
    }

    /// A source of what has been published of the input streams, which ends there.
    ///
    /// # Errors
    /// A server that is not there.
    pub fn history(
        &self,
        starts: &[StreamStart],
        journal: &[Exception],
        incidents: &Arc<Incidents>,
    ) -> Result<RedisSource> {
        self.source_of(starts, journal, true, incidents)
    }

    fn source_of(
        &self,
        starts: &[StreamStart],
        journal: &[Exception],
        ends: bool,
        incidents: &Arc<Incidents>,
    ) -> Result<RedisSource> {
        let input = &self.config.input;
        let (address, link_options) = (self.address.clone(), self.link_options("reader"));
        let dial = Dial::new("reader", self.config.redis.reconnect_max_ms, Arc::clone(incidents), move || {
            Ok(Link::connect(&address, &link_options)?)
        });
        let options = RedisSourceOptions {
            streams: input.streams.iter().map(|s| (s.name.clone(), s.timeframe)).collect(),
            starts: starts.to_vec(),
            journal: journal.to_vec(),
            count: input.read_count as u64,
            block_ms: if ends { 0 } else { input.block_ms },
            timeout_ms: self.config.redis.timeout_ms,
            entry_bytes_max: self.config.limits.max_entry_bytes,
            ends,
            dial,
        };
        Ok(RedisSource::new(self.connect("reader")?, options))
    }

    /// The publisher's way back: a connection on which the lease is confirmed and the position read.
    fn recovery(&self, lease: &Lease, position: &Position, incidents: &Arc<Incidents>) -> Recovery {
        let (address, options) = (self.address.clone(), self.link_options("publisher"));
        let (lease, key) = (lease.clone(), self.position_key());
        let dial = Dial::new("publisher", self.config.redis.reconnect_max_ms, Arc::clone(incidents), move || {
            let mut link = Link::connect(&address, &options)?;
            RedisSink::check(&mut link)?;
            lease.confirm(&mut link)?;
            let batch = link.ask(&Cmd::hget(&key, "batch"))?;
            Ok(Arrived { link, batch })
        });
        Recovery { dial, position_key: self.position_key(), batch: position.batch.clone() }
    }

    /// The output, after a look at the keys that it will write; the position is kept, under a lease, where one is given.
    ///
    /// # Errors
    /// A server that is not there or refuses, a key of another type, a lease that has been lost.
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
        let limits = RedisSinkOptions {
            batch_bytes_max: self.config.limits.write_buffer_max_bytes,
            reply_timeout_ns: self.config.redis.timeout_ms * 1_000_000,
        };
        let output = &self.config.output;
        let inputs: Vec<String> = self.config.input.streams.iter().map(|s| s.name.clone()).collect();
        let options = RedisOutputOptions {
            names,
            calculation_events: match output.calculation_events {
                Events::Bars => CalculationEvents::Bars,
                Events::Signals => CalculationEvents::Signals,
                Events::Off => CalculationEvents::Off,
            },
            bars: output.bars,
            alerts: output.alerts,
            latest_values: output.latest_values,
            silent: false,
            latest_interval_ns: output.batch_interval_ms * 1_000_000,
            position: position.map_or_else(Vec::new, |(p, _)| p.streams.clone()),
            position_key: position.map(|_| key),
            journal: StreamSpec::new(&output.keys.journal_key(&self.config.engine.name), output.streams.journal_maxlen),
            inputs,
            active_bars: self.config.correlation.active_bars,
            stamp,
        };
        let mut sink = RedisSink::start(link, limits)?;
        let Some((position, lease)) = position else { return Ok(RedisLink { sink, recovery: None, options }) };
        lease.confirm(sink.link())?;
        sink.guard(lease.clone());
        Ok(RedisLink { sink, recovery: Some(self.recovery(lease, position, incidents)), options })
    }

    fn names(&self) -> OutputNames {
        let (s, k) = (&self.config.output.streams, &self.config.output.keys);
        let stream = StreamSpec::new;
        let key = |template: &str, ttl_s| KeySpec::new(&format!("{}{template}", k.prefix), ttl_s);
        OutputNames {
            signals: stream(&s.signals, s.signals_maxlen),
            bars: stream(&s.market_data_prefix, s.market_data_maxlen),
            calculation_events: stream(&s.calculation_events, s.calculation_events_maxlen),
            alerts: stream(&s.alerts, s.alerts_maxlen),
            dead_letter: stream(&s.dead_letter, s.dead_letter_maxlen),
            calculations: key(&k.calculations, k.calculations_ttl_s),
            timeframe_indicators: key(&k.timeframe_indicators, k.timeframe_indicators_ttl_s),
            composite_signals: key(&k.composite, k.composite_ttl_s),
            latest_price: key(&k.latest_price, k.latest_price_ttl_s),
        }
    }
}
