//! Checks that involve several values.

use super::{
    Config, Feed, SelectionEffect, StatisticsConfig, StrategyParams, calendar_checks,
    checker::Checks,
    custom_rules,
    fault::Fault,
    input::HistoryConfig,
    names,
    node::Node,
    output::{Compat, EventsFormat, LatestFormat},
    partitioned,
    resolve::{EVERY, MAX_STREAMS, cannot, makeable, symbols, timeframes},
    streams::{Holds, StreamConfig},
    telemetry, wall_checks,
};
use crate::model::{MAX_SYMBOL_LEN, MAX_TIMEFRAMES, Timeframe, is_symbol};
use std::collections::{BTreeMap, BTreeSet};

/// Checks a configuration whose single values are valid, but for those of the spoiled keys, which have others in their place;
/// `offline` as in [`Config::load_offline`].
pub(super) fn check(config: &Config, tree: &Node, offline: bool, spoiled: &[String], faults: &mut Vec<Fault>) {
    let mut checks = Checks { tree, spoiled, faults };
    engine(config, &mut checks);
    watchlist(config, &mut checks);
    if checks.knows(&["strategies", "timeframes"]) {
        overrides(config, &mut checks);
    }
    if checks.knows(&["watchlist", "input.feed", "redis.config_from_redis"]) {
        some_symbol(config, offline, &mut checks);
    }
    if checks.knows(&["input.streams", "input.history", "input.feed"]) {
        streams(config, &mut checks);
    }
    if checks.knows(&["input.streams", "timeframes", "watchlist"]) {
        intervals(config, &mut checks);
    }
    if checks.knows(&["input.streams", "timeframes", "calendars"]) {
        calendar_checks::check(config, &mut checks);
    }
    tls(config, &mut checks);
    judge(config, &mut checks);
    custom_rules::check(config, &mut checks);
    output(config, &mut checks);
    wall_checks::check(config, &mut checks);
    partitioned::check(config, &mut checks);
    statistics(config, &mut checks);
    telemetry::check(&config.telemetry, &mut checks);
    if checks.knows(&["input.streams", "input.history"]) {
        for (path, problem) in names::check(config) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            checks.fault(&path, problem);
        }
    }
    let limits = &config.limits;
    checks.require(limits.max_entry_bytes <= limits.read_buffer_max_bytes, &["limits", "max_entry_bytes"], || {
        format!("found {}; allowed: at most read_buffer_max_bytes", limits.max_entry_bytes)
    });
    let (wait, timeout) = (config.redis.replicas_wait_ms, config.redis.timeout_ms);
    let waits = config.redis.replicas > 0 || config.redis.on_disk;
    checks.require(!waits || wait < timeout, &["redis", "replicas_wait_ms"], || {
        format!("found {wait}; allowed: less than redis.timeout_ms, which is {timeout}, or a slow replica or disk looks like a dead server")
    });
    checks.require(config.input.block_ms < config.redis.timeout_ms, &["input", "block_ms"], || {
        let (block, timeout) = (config.input.block_ms, config.redis.timeout_ms);
        format!("found {block}; allowed: less than redis.timeout_ms, which is {timeout}, or a quiet stream looks dead")
    });
}

/// What is learned from outcomes needs outcomes, and what is compared with something needs it.
fn judge(config: &Config, checks: &mut Checks<'_>) {
    let (calibration, styles) = (&config.calibration, config.styles.table());
    checks.require(config.performance.enabled || !calibration.enabled, &["calibration", "enabled"], || {
        "is true, but nothing is learned without outcomes; set performance.enabled = true as well".into()
    });
    let filters = styles.iter().any(|style| style.min_calibrated_confidence > 0.0);
    checks.require(calibration.enabled || !filters, &["styles"], || {
        "has a min_calibrated_confidence above 0, but there is no calibrated confidence; set calibration.enabled = true".into()
    });
    let holds = config.selection.effect == SelectionEffect::Hold;
    checks.require(config.performance.enabled || !holds, &["selection", "effect"], || {
        "is \"hold\", but nothing is selected without outcomes; set performance.enabled = true as well".into()
    });
    for (i, symbol) in calibration.market.iter().enumerate() {
        let known = config.watchlist.is_empty()
            || !checks.knows(&["watchlist"])
            || config.watchlist.iter().any(|asset| asset.enabled && asset.symbol == *symbol);
        checks.require(known || !calibration.enabled, &["calibration", "market", &i.to_string()], || {
            format!("{symbol:?} is not on the watchlist; add it there, or take it out here")
        });
    }
}

/// Readers of the existing system know the fields of events, and keys of latest values, alone.
fn output(config: &Config, checks: &mut Checks<'_>) {
    let output = &config.output;
    let reads_fields = !matches!(output.compat, None | Some(Compat::Off));
    let is_fields = output.calculation_events_format == EventsFormat::Fields;
    checks.require(is_fields || !reads_fields, &["output", "calculation_events_format"], || {
        "is not \"fields\", which are all that the readers of output.compat know; allowed with it: \"fields\"".into()
    });
    let is_keys = output.latest_format == LatestFormat::Keys;
    checks.require(is_keys || !reads_fields, &["output", "latest_format"], || {
        "is not \"keys\", which are all that the readers of output.compat know; allowed with it: \"keys\"".into()
    });
}

/// Windows are told apart by their bars, and their keys are latest values.
fn statistics(config: &Config, checks: &mut Checks<'_>) {
    let of = &config.statistics;
    let most = StatisticsConfig::WINDOWS_MAX;
    checks.require(of.windows.len() <= most, &["statistics", "windows"], || {
        format!("has {} windows; allowed: at most {most}", of.windows.len())
    });
    for (i, bars) in of.windows.iter().enumerate() {
        checks.require(!of.windows[..i].contains(bars), &["statistics", "windows", &i.to_string()], || {
            format!("is {bars} again; allowed: each window once")
        });
    }
    checks.require(config.output.latest_values || !of.publish, &["statistics", "publish"], || {
        "is true, but no latest values are written; set output.latest_values = true as well".into()
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
    let moves = redis.url.address().is_ok_and(|address| address.group().is_some());
    checks.require(!config.engine.sandbox || !moves, &["engine", "sandbox"], || {
        "is true, but redis.url names sentinels or a cluster: which port a primary has is not known before the start, and a sandbox lets \
         the engine connect to no other; set it to false"
            .into()
    });
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
            match streams[i].holds {
                Holds::Bars => checks.fault(&["input", "streams", &i.to_string(), "name"], text),
                Holds::Signals => checks.fault(&["input", "external_signals"], text),
            }
        }
    }
    let heard = config.strategies.external.iter().any(|strategy| strategy.enabled);
    checks.require(config.input.external_signals.is_empty() || heard, &["input", "external_signals"], || {
        "is there, and no strategy is declared whose signals it could hold, so every one would be refused; write a \
         [[strategies.external]] table with its name, or \"\" here"
            .into()
    });
    let mut of_history: BTreeMap<String, usize> = BTreeMap::new();
    for (i, input) in config.input.history.iter().enumerate() {
        let name = input.name();
        let index = i.to_string();
        if let (HistoryConfig::Stream(_), Some(first)) = (input, seen.get(&*name)) {
            let text = format!("{name:?} is input.streams[{first}] already, whose past is read as it is");
            checks.fault(&["input", "history", &index, "name"], text);
        }
        if let Some(first) = of_history.insert(name, i) {
            checks.fault(&["input", "history", &index], format!("is the same as input.history[{first}]"));
        }
    }
    checks.require(of_history.is_empty() || config.input.feed.is_redis(), &["input", "history"], || {
        "is there, but the feed is mock, which brings its own history (mock.history); allowed: with feed = \"redis\"".into()
    });
}

/// Checks each symbol by itself, and that none is there twice.
fn watchlist(config: &Config, checks: &mut Checks<'_>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, asset) in config.watchlist.iter().enumerate() {
        let index = i.to_string();
        let path = ["watchlist", &index, "symbol"];
        let symbol = asset.symbol.as_str();
        if let Some(first) = seen.insert(symbol, i) {
            checks.fault(&path, format!("{symbol:?} is watchlist[{first}] already"));
        }
        checks.require(is_symbol(symbol.as_bytes()), &path, || {
            let length = symbol.len();
            format!(
                "found {symbol:?}, {length} bytes; allowed: at most {MAX_SYMBOL_LEN} bytes, no spaces or control characters"
            )
        });
        if let Some(timeframes) = &asset.timeframes {
            let some = timeframes.values().any(|timeframe| timeframe.enabled);
            checks.require(some || !asset.enabled, &["watchlist", &index, "timeframes"], || {
                "enables no timeframe; leave the key away for all of them, or set enabled = false for the symbol".into()
            });
        }
    }
}

/// Checks that the parameters of single symbols go together with those that they have from their timeframes.
fn overrides(config: &Config, checks: &mut Checks<'_>) {
    let mut bases: Vec<StrategyParams> = Vec::new();
    for params in timeframes(config).into_iter().map(|timeframe| config.strategies.of(timeframe)) {
        if !bases.contains(&params) {
            bases.push(params);
        }
    }
    for (i, asset) in config.watchlist.iter().enumerate().filter(|(_, asset)| !asset.strategy_overrides.is_empty()) {
        let index = i.to_string();
        let mut said = BTreeSet::new();
        for base in &bases {
            for (strategy, key, problem) in asset.strategy_overrides.contradictions(base) {
                if said.insert((strategy, key)) {
                    checks.fault(&["watchlist", &index, "strategy_overrides", strategy, key], problem);
                }
            }
        }
    }
}

/// Checks that there are symbols, and not too many.
fn some_symbol(config: &Config, offline: bool, checks: &mut Checks<'_>) {
    let count = symbols(config);
    checks.require(count <= config.limits.max_symbols, &["limits", "max_symbols"], || {
        format!("found {}; allowed: {count} or more, so many symbols are enabled", config.limits.max_symbols)
    });
    let brought = offline && config.redis.config_from_redis;
    let path: &[&str] = if config.watchlist.is_empty() { &["input", "feed"] } else { &["watchlist"] };
    let every = config.every().is_some();
    checks.require(!every || config.input.feed == Feed::Redis, path, || {
        format!("has {EVERY:?}, every symbol that comes, and the feed is the mock market, which only makes symbols that are named")
    });
    checks.require(config.input.feed == Feed::Mock || count > 0 || every || brought, path, || {
        "the feed is redis and no symbol is enabled, so every record would be refused; write a [[watchlist]] table with \
         symbol = \"SPY\" for each symbol, or symbol = \"*\" for every symbol that comes, or set \
         redis.config_from_redis = true"
            .into()
    });
}

/// Checks that the timeframes can be made from the bars of the streams.
fn intervals(config: &Config, checks: &mut Checks<'_>) {
    let enabled = timeframes(config);
    checks.require(!enabled.is_empty(), &["timeframes", "list"], || "no timeframe is enabled".into());
    let bases: BTreeSet<Timeframe> = config.input.bar_streams().map(|stream| stream.timeframe).collect();
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
