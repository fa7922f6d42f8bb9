//! Queries a Redis server for the doctor. Only reads; blocks.

use super::{redis_clocks::ServerClocks, redis_streams::StreamProbe};
use crate::{
    feed::EntryForm,
    redis_io::{Address, Link, LinkError, LinkOptions, Tls},
    runtime::Clock,
};
use redis::{ConnectionAddr, InfoDict, cmd};
use std::{collections::HashMap, time::Duration};

/// Number of round trips measured.
const TRIPS: usize = 2_000;

/// The server to query and what to query.
#[derive(Debug, Clone)]
pub struct RedisQuestions {
    /// The server.
    pub address: Address,
    /// Key of the hash that holds the engine's positions.
    pub position_key: String,
    /// The input streams, with the forms of their entries.
    pub streams: Vec<(String, EntryForm)>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a reply.
    pub timeout: Duration,
    /// Largest reply that the engine accepts, bytes.
    pub reply_bytes_max: usize,
    /// Certificates for TLS connections.
    pub tls: Option<Tls>,
    /// Whether the server is to say what its disk has.
    pub on_disk: bool,
}

/// A round trip over one kind of socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoundTrip {
    /// The round trips were measured.
    Measured {
        /// Address measured.
        address: String,
        /// Median, ns.
        p50_ns: u64,
        /// 99th percentile, ns.
        p99_ns: u64,
    },
    /// The server does not listen on such a socket.
    Off,
    /// It was not measured, for this reason.
    Unknown(String),
}

/// Answers of a server.
#[derive(Debug)]
pub struct RedisProbe {
    /// Address of the server, without its password.
    pub address: String,
    /// Why the connection failed; `None` if it did not. The other fields are empty if it did.
    pub failure: Option<String>,
    /// `INFO`, by name; `None` if it was refused.
    pub info: Option<InfoDict>,
    /// `CONFIG GET *`, by name; `None` if it was refused.
    pub settings: Option<HashMap<String, String>>,
    /// The round trip over the Unix domain socket.
    pub socket: RoundTrip,
    /// The round trip over TCP.
    pub tcp: RoundTrip,
    /// Its clock, and the newest entries; `None` if it was refused.
    pub clocks: Option<ServerClocks>,
    /// The input streams.
    pub streams: Vec<StreamProbe>,
    /// Largest reply that the engine accepts, bytes.
    pub reply_bytes_max: usize,
    /// Whether the server is to say what its disk has.
    pub on_disk: bool,
}

impl RedisProbe {
    /// Connects and runs all queries; what is refused stays unknown.
    #[must_use]
    pub fn ask(questions: &RedisQuestions, clock: &Clock) -> Self {
        let address = &questions.address;
        let mut probe = Self {
            address: address.to_string(),
            failure: None,
            info: None,
            settings: None,
            socket: RoundTrip::Unknown("no connection".to_owned()),
            tcp: RoundTrip::Unknown("no connection".to_owned()),
            clocks: None,
            streams: Vec::new(),
            reply_bytes_max: questions.reply_bytes_max,
            on_disk: questions.on_disk,
        };
        let options = LinkOptions {
            name: "wagehood-engine:doctor".to_owned(),
            connect_timeout: questions.connect_timeout,
            reply_timeout: questions.timeout,
            tls: questions.tls.clone(),
            ..LinkOptions::default()
        };
        let mut link = match Link::connect(address, &options) {
            Ok(link) => link,
            Err(error) => {
                probe.failure = Some(error.to_string());
                return probe;
            }
        };
        probe.info = link.ask(&cmd("INFO")).ok();
        let settings: Option<HashMap<_, _>> = link.ask(cmd("CONFIG").arg("GET").arg("*")).ok();
        probe.settings = settings.filter(|all| !all.is_empty());
        let measured = |link: &mut Link, address: &Address| {
            round_trip(link, clock).map_or_else(
                |error| RoundTrip::Unknown(error.to_string()),
                |(p50_ns, p99_ns)| RoundTrip::Measured { address: address.to_string(), p50_ns, p99_ns },
            )
        };
        let over = |socket: ConnectionAddr| {
            let other = address.over(socket);
            match Link::connect(&other, &options) {
                Ok(mut link) => measured(&mut link, &other),
                Err(error) => RoundTrip::Unknown(error.to_string()),
            }
        };
        let own = measured(&mut link, address);
        (probe.socket, probe.tcp) = match address.socket() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                (probe.elsewhere(true, host).map_or_else(|none| none, over), own)
            }
            _ => (own, probe.elsewhere(false, "").map_or_else(|none| none, over)),
        };
        probe.streams = questions
            .streams
            .iter()
            .map(|(name, _)| StreamProbe::ask(&mut link, name, &questions.position_key))
            .collect();
        let streams = questions.streams.iter().map(|(name, form)| (name.as_str(), form.clone()));
        probe.clocks = ServerClocks::ask(&mut link, streams, || clock.now().wall_ms()).ok();
        probe
    }

    /// A setting of the server.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.as_ref()?.get(name).map(String::as_str)
    }

    /// A value of `INFO`.
    pub(super) fn figure(&self, name: &str) -> Option<String> {
        self.info.as_ref()?.get(name)
    }

    /// The other address of the same server: its Unix domain socket, or its TCP port on this host.
    fn elsewhere(&self, unix: bool, host: &str) -> Result<ConnectionAddr, RoundTrip> {
        let unknown = |reason: &str| Err(RoundTrip::Unknown(reason.to_owned()));
        let local = ["localhost", "127.0.0.1", "::1", ""].contains(&host);
        if !local {
            return unknown("the server is on another host");
        }
        let Some(setting) = self.setting(if unix { "unixsocket" } else { "port" }) else {
            return unknown("the server does not tell where it listens (CONFIG GET)");
        };
        match setting {
            "" | "0" => Err(RoundTrip::Off),
            path if unix => Ok(ConnectionAddr::Unix(path.into())),
            port => match port.parse() {
                Ok(port) => Ok(ConnectionAddr::Tcp("127.0.0.1".to_owned(), port)),
                Err(_) => unknown("the server's port is not a number"),
            },
        }
    }
}

/// Median and 99th percentile of round trips, ns.
fn round_trip(link: &mut Link, clock: &Clock) -> Result<(u64, u64), LinkError> {
    let ping = cmd("PING");
    let mut times = Vec::with_capacity(TRIPS);
    for trip in 0..TRIPS + TRIPS / 10 {
        let begin = clock.ns();
        link.ask::<()>(&ping)?;
        // The first round trips warm up.
        if trip >= TRIPS / 10 {
            times.push(clock.ns() - begin);
        }
    }
    times.sort_unstable();
    Ok((times[TRIPS / 2], times[TRIPS * 99 / 100]))
}
