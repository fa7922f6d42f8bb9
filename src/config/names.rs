//! One check over everything that has a name in the server: what is read and what is written must not be the same key.
//!
//! A stream that is both would feed the engine its own output for ever; of two outputs under one name, one would overwrite
//! the other or fail for its type.

use super::{
    Config, HistoryConfig,
    output::{CalculationEvents, LatestFormat, SignalsFormat},
    resolve::timeframes,
    streams::Holds,
};
use crate::model::{Strategy, Timeframe};
use std::collections::{BTreeSet, HashMap};

/// Fields of the position that are no streams, and what stands before the names of streams there.
const FIELDS: [&str; 12] = [
    "batch",
    "seq",
    "moment",
    "time_ms",
    "offset_ms",
    "host_ms",
    "uptime_ms",
    "version",
    "config",
    "origin",
    "boot",
    "server",
];
const PREFIXES: [&str; 3] = ["entries:", "first:", "history:"];

/// A name, where it is written and what it is for.
struct Name {
    path: Vec<String>,
    name: String,
    what: String,
}

fn name(path: &[&str], name: impl Into<String>, what: impl Into<String>) -> Name {
    Name { path: path.iter().map(|part| (*part).to_owned()).collect(), name: name.into(), what: what.into() }
}

/// The names that are used twice, or for something else: where each is written, and what is wrong with it.
pub(super) fn check(config: &Config) -> Vec<(Vec<String>, String)> {
    let mut faults = Vec::new();
    let mut seen: HashMap<String, Name> = HashMap::new();
    let inputs = if config.input.feed.is_redis() { inputs(config) } else { Vec::new() };
    for input in &inputs {
        let reserved = FIELDS.contains(&&*input.name) || PREFIXES.iter().any(|prefix| input.name.starts_with(prefix));
        if reserved {
            let text = format!(
                "found {:?}, which is a field of the engine's own position; allowed: any other name",
                input.name
            );
            faults.push((input.path.clone(), text));
        }
    }
    let all = inputs.into_iter().chain(streams(config)).chain(bars(config)).chain(keys(config)).chain(latest(config));
    for name in all {
        match seen.get(&name.name) {
            None => {
                seen.insert(name.name.clone(), name);
            }
            // Two inputs of one name are told of where the inputs are checked.
            Some(other) if other.path.first() == name.path.first() && name.path[0] == "input" => {}
            Some(other) => {
                let text =
                    format!("{:?} is {} and also {}; allowed: a name of its own", name.name, name.what, other.what);
                faults.push((name.path, text));
            }
        }
    }
    faults
}

fn inputs(config: &Config) -> Vec<Name> {
    let streams = config.input.streams.iter().enumerate();
    let history = config.input.history.iter().enumerate().filter_map(|(i, input)| match input {
        HistoryConfig::Stream(stream) => {
            let index = i.to_string();
            Some(name(&["input", "history", &index, "name"], &stream.name, format!("input.history[{i}]")))
        }
        HistoryConfig::Files(_) => None,
    });
    streams
        .map(|(i, stream)| {
            let index = i.to_string();
            match stream.holds {
                Holds::Bars => name(&["input", "streams", &index, "name"], &stream.name, format!("input.streams[{i}]")),
                Holds::Signals => {
                    name(&["input", "external_signals"], &stream.name, "input.external_signals".to_owned())
                }
            }
        })
        .chain(history)
        .collect()
}

/// The output streams that are written.
fn streams(config: &Config) -> Vec<Name> {
    let (output, streams) = (&config.output, &config.output.streams);
    let all = [
        ("signals", &streams.signals, true),
        ("calculation_events", &streams.calculation_events, output.calculation_events != CalculationEvents::Off),
        ("alerts", &streams.alerts, output.alerts),
        ("dead_letter", &streams.dead_letter, true),
        ("selection", &streams.selection, config.selection.rules(config.performance.enabled).is_on()),
    ];
    let written = all.into_iter().filter(|(.., written)| *written);
    written.map(|(key, text, _)| name(&["output", "streams", key], text, format!("output.streams.{key}"))).collect()
}

/// The streams of closed bars that are made of shorter ones.
fn bars(config: &Config) -> Vec<Name> {
    let shorter = |timeframe: Timeframe| {
        config.input.bar_streams().any(|s| s.timeframe < timeframe && timeframe.is_multiple_of(s.timeframe))
    };
    let made = timeframes(config).into_iter().filter(|timeframe| config.output.bars && shorter(*timeframe));
    made.map(|timeframe| {
        let text = config.output.streams.market_data(timeframe);
        name(&["output", "streams", "market_data_prefix"], text, format!("where closed {timeframe} bars are written"))
    })
    .collect()
}

/// The keys of the engine itself, and of its configuration.
fn keys(config: &Config) -> Vec<Name> {
    let (keys, engine) = (&config.output.keys, &config.engine.name);
    let lease = keys.lease_key(engine);
    let own = [
        ("position", keys.position_key(engine), "the position"),
        ("journal", keys.journal_key(engine), "the journal"),
        ("lease", format!("{lease}:epoch"), "the count of leases"),
        ("lease", format!("{lease}:committed"), "the mark of the last batch"),
        ("lease", lease, "the lease"),
        ("snapshot", keys.snapshot_key(engine), "the snapshots"),
        ("config", keys.config_key(engine), "the last good documents"),
        ("partitions", keys.partitions_key(), "the map of the partitions"),
    ];
    let frames = (config.output.signals_format == SignalsFormat::Frame)
        .then(|| ("names", keys.names_key(engine), "the names in frames"));
    let health = config.telemetry.health_to_redis.then(|| ("health", keys.health_key(engine), "the health"));
    let own =
        own.into_iter().chain(frames).chain(health).map(|(key, text, what)| name(&["output", "keys", key], text, what));
    let documents = config.redis.document_keys().into_iter().filter(|_| config.redis.config_from_redis);
    let documents = documents.map(|key| name(&["redis", "config_prefix"], key, "a document of the configuration"));
    own.chain(documents).chain(performance(config)).chain(cross_asset(config)).collect()
}

/// The hashes of figures.
fn performance(config: &Config) -> Vec<Name> {
    let frames = timeframes(config).into_iter().filter(|_| config.performance.enabled);
    let key = |timeframe: &Timeframe, strategy: Strategy| {
        config.output.keys.performance_key(&timeframe.to_string(), strategy.name())
    };
    let path = ["output", "keys", "performance"];
    let roster = config.strategies.roster();
    let of = |timeframe: Timeframe| {
        let all = roster.iter().map(|strategy| key(&timeframe, strategy)).collect::<Vec<_>>();
        all.into_iter().map(move |key| name(&path, key, format!("the figures of {timeframe}")))
    };
    frames.flat_map(of).collect()
}

/// The hash of what symbols have in common.
fn cross_asset(config: &Config) -> Option<Name> {
    let key = config.output.keys.market_correlation_key(config.cross_asset.timeframe);
    let path = ["output", "keys", "market_correlation"];
    config.cross_asset.enabled.then(|| name(&path, key, "what the symbols have in common"))
}

/// The keys of latest values.
fn latest(config: &Config) -> Vec<Name> {
    let mut all = Vec::new();
    if !config.output.latest_values {
        return all;
    }
    let (keys, frames) = (&config.output.keys, timeframes(config));
    let symbols: BTreeSet<&str> = config.watchlist.iter().map(|asset| asset.symbol.as_str()).collect();
    for symbol in symbols {
        if config.output.latest_format == LatestFormat::Hash {
            let text = keys.fill(&keys.latest, symbol, "");
            all.push(name(&["output", "keys", "latest"], text, format!("output.keys.latest of {symbol}")));
            continue;
        }
        for (key, template) in
            [("calculations", &keys.calculations), ("composite", &keys.composite), ("latest_price", &keys.latest_price)]
        {
            all.push(name(
                &["output", "keys", key],
                keys.fill(template, symbol, ""),
                format!("output.keys.{key} of {symbol}"),
            ));
        }
        for timeframe in &frames {
            let text = keys.fill(&keys.timeframe_indicators, symbol, &timeframe.to_string());
            let what = format!("output.keys.timeframe_indicators of {symbol} on {timeframe}");
            all.push(name(&["output", "keys", "timeframe_indicators"], text, what));
            if config.statistics.publish {
                let text = keys.fill(&keys.statistics, symbol, &timeframe.to_string());
                let what = format!("output.keys.statistics of {symbol} on {timeframe}");
                all.push(name(&["output", "keys", "statistics"], text, what));
            }
        }
    }
    all
}
