//! Checks that involve several values.

use super::{
    Config, Feed,
    fault::Fault,
    input::StreamConfig,
    node::Node,
    resolve::{MAX_STREAMS, cannot, makeable, symbols, timeframes},
};
use crate::model::{MAX_SYMBOL_LEN, MAX_TIMEFRAMES, Timeframe};
use std::collections::{BTreeMap, BTreeSet};

/// Finds where a key was written, and reports a fault there.
struct Checks<'a> {
    tree: &'a Node,
    faults: &'a mut Vec<Fault>,
}

impl Checks<'_> {
    fn fault(&mut self, path: &[&str], problem: String) {
        let origin = self.tree.nearest(path).origin.clone();
        let mut key = String::new();
        for part in path {
            if part.parse::<usize>().is_ok() {
                key = format!("{key}[{part}]");
            } else if key.is_empty() {
                key = (*part).to_owned();
            } else {
                key = format!("{key}.{part}");
            }
        }
        self.faults.push(Fault { origin, key, problem });
    }

    fn require(&mut self, good: bool, path: &[&str], problem: impl FnOnce() -> String) {
        if !good {
            self.fault(path, problem());
        }
    }
}

/// Checks a configuration whose single values are all valid; `offline` as in [`Config::load_offline`].
pub(super) fn check(config: &Config, tree: &Node, offline: bool, faults: &mut Vec<Fault>) {
    let mut checks = Checks { tree, faults };
    engine(config, &mut checks);
    streams(config, &mut checks);
    watchlist(config, offline, &mut checks);
    intervals(config, &mut checks);
    tls(config, &mut checks);
    let limits = &config.limits;
    checks.require(limits.max_entry_bytes <= limits.read_buffer_max_bytes, &["limits", "max_entry_bytes"], || {
        format!("found {}; allowed: at most read_buffer_max_bytes", limits.max_entry_bytes)
    });
    checks.require(config.input.block_ms < config.redis.timeout_ms, &["input", "block_ms"], || {
        let (block, timeout) = (config.input.block_ms, config.redis.timeout_ms);
        format!("found {block}; allowed: less than redis.timeout_ms, which is {timeout}, or a quiet stream looks dead")
    });
}

/// Files for TLS have no effect without TLS: a user who names them does not want plain text on the network.
fn tls(config: &Config, checks: &mut Checks<'_>) {
    let redis = &config.redis;
    for (key, one, other) in
        [("tls_cert", &redis.tls_cert, &redis.tls_key), ("tls_key", &redis.tls_key, &redis.tls_cert)]
    {
        checks.require(one.is_empty() || !other.is_empty(), &["redis", key], || {
            "is there without the other of redis.tls_cert and redis.tls_key; allowed: both or neither".into()
        });
    }
    let plain = redis.url.address().is_ok_and(|address| address.is_plain_tcp());
    for (key, file) in [("tls_ca", &redis.tls_ca), ("tls_cert", &redis.tls_cert)] {
        checks.require(file.is_empty() || !plain, &["redis", key], || {
            "is there, but redis.url is without TLS and nothing would be encrypted; write rediss://, or leave it away".into()
        });
    }
}

fn engine(config: &Config, checks: &mut Checks<'_>) {
    let engine = &config.engine;
    let pinned = engine.cores.workers.len();
    checks.require(
        engine.workers == 0 || pinned == 0 || pinned == engine.workers,
        &["engine", "cores", "workers"],
        || format!("has {pinned} cores; allowed: one for each of the {} workers, or none", engine.workers),
    );
    let cores = &engine.cores;
    let single = [cores.reader, cores.aggregator, cores.publisher, cores.telemetry];
    let mut seen = BTreeSet::new();
    for core in single.into_iter().flatten().chain(cores.workers.iter().copied()) {
        checks.require(seen.insert(core), &["engine", "cores"], || format!("core {core} is given to two agents"));
    }
}

fn streams(config: &Config, checks: &mut Checks<'_>) {
    let streams = &config.input.streams;
    let path = ["input", "streams"];
    checks.require(!streams.is_empty(), &path, || {
        "is empty; allowed: one stream or more, each name and timeframe (the mock makes bars of these timeframes)"
            .into()
    });
    checks.require(streams.len() <= MAX_STREAMS, &path, || {
        format!("has {}; allowed: at most {MAX_STREAMS} streams", streams.len())
    });
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, StreamConfig { name, .. }) in streams.iter().enumerate() {
        if let Some(first) = seen.insert(name, i) {
            let text = format!("{:?} is input.streams[{first}] already", name);
            checks.fault(&["input", "streams", &i.to_string(), "name"], text);
        }
    }
    if config.input.feed == Feed::Redis && config.output.bars {
        written_and_read(config, checks);
    }
}

/// A stream of closed bars that is also an input would feed the engine its own output.
fn written_and_read(config: &Config, checks: &mut Checks<'_>) {
    for timeframe in timeframes(config) {
        let written = config.output.streams.market_data(timeframe);
        let made =
            config.input.streams.iter().any(|s| s.timeframe < timeframe && timeframe.is_multiple_of(s.timeframe));
        let read = config.input.streams.iter().position(|stream| stream.name == written);
        if let Some(i) = read.filter(|_| made) {
            let text = format!(
                "{written:?} is also where closed {timeframe} bars are written; allowed: another name, another \
                 output.streams.market_data_prefix, or output.bars = false"
            );
            checks.fault(&["input", "streams", &i.to_string(), "name"], text);
        }
    }
}

fn watchlist(config: &Config, offline: bool, checks: &mut Checks<'_>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, asset) in config.watchlist.iter().enumerate() {
        let index = i.to_string();
        let path = ["watchlist", &index, "symbol"];
        let symbol = asset.symbol.as_str();
        if let Some(first) = seen.insert(symbol, i) {
            checks.fault(&path, format!("{symbol:?} is watchlist[{first}] already"));
        }
        checks.require(symbol.len() <= MAX_SYMBOL_LEN, &path, || {
            format!("is {} bytes long; allowed: at most {MAX_SYMBOL_LEN}", symbol.len())
        });
        checks.require(!symbol.chars().any(|c| c.is_whitespace() || c.is_control()), &path, || {
            format!("found {symbol:?}; allowed: no spaces or control characters")
        });
        if let Some(timeframes) = &asset.timeframes {
            let some = timeframes.values().any(|timeframe| timeframe.enabled);
            checks.require(some || !asset.enabled, &["watchlist", &index, "timeframes"], || {
                "enables no timeframe; leave the key away for all of them, or set enabled = false for the symbol".into()
            });
        }
    }
    let count = symbols(config);
    checks.require(count <= config.limits.max_symbols, &["limits", "max_symbols"], || {
        format!("found {}; allowed: {count} or more, so many symbols are enabled", config.limits.max_symbols)
    });
    let brought = offline && config.redis.config_from_redis;
    let path: &[&str] = if config.watchlist.is_empty() { &["input", "feed"] } else { &["watchlist"] };
    checks.require(config.input.feed == Feed::Mock || count > 0 || brought, path, || {
        "the feed is redis and no symbol is enabled, so every record would be refused; write a [[watchlist]] table with \
         symbol = \"SPY\" for each symbol, or set redis.config_from_redis = true"
            .into()
    });
}

/// Checks that the timeframes can be made from the bars of the streams.
fn intervals(config: &Config, checks: &mut Checks<'_>) {
    let enabled = timeframes(config);
    checks.require(!enabled.is_empty(), &["timeframes", "list"], || "no timeframe is enabled".into());
    let bases: BTreeSet<Timeframe> = config.input.streams.iter().map(|stream| stream.timeframe).collect();
    for &timeframe in enabled.iter().filter(|_| !bases.is_empty()) {
        let name = timeframe.to_string();
        let own = checks.tree.nearest(&["timeframes"]).table().is_some_and(|table| table.contains_key(&name));
        let path = ["timeframes", if own { &name } else { "list" }];
        checks.require(makeable(timeframe, &bases), &path, || cannot(timeframe, &bases));
    }
    let all = enabled.union(&bases).count();
    checks.require(all <= MAX_TIMEFRAMES, &["timeframes", "list"], || {
        format!("there are {all} timeframes with the streams' own; allowed: at most {MAX_TIMEFRAMES}")
    });
}
