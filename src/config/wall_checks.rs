//! What goes by the wall needs one: a stream whose ids are no times has none.

use super::{Config, CrossAssetConfig, StreamClock, checker::Checks, resolve::symbols};

/// Shortest intervals of the correlation across assets, ms.
const MINUTE_MS: i64 = 60_000;

/// Checks that the log has a time where something goes by it.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    let CrossAssetConfig { enabled, timeframe, max_symbols } = config.cross_asset;
    let count = symbols(config);
    checks.require(!enabled || count <= max_symbols, &["cross_asset", "max_symbols"], || {
        format!(
            "found {max_symbols}; allowed: {count} or more, so many symbols are enabled (8 bytes for each pair of them)"
        )
    });
    let short = timeframe.filter(|timeframe| timeframe.interval_ms() < MINUTE_MS);
    checks.require(short.is_none(), &["cross_asset", "timeframe"], || {
        format!("found {}; allowed: 1m and longer", short.map_or(String::new(), |timeframe| timeframe.to_string()))
    });
    let untimed = config.input.streams.iter().find(|stream| stream.clock == StreamClock::Records);
    let Some(stream) = untimed.filter(|_| config.input.feed.is_redis()) else { return };
    let limits = config.output.max_signals_per_s.table();
    checks.require(limits.iter().all(|&max| max == 0), &["output", "max_signals_per_s"], || {
        format!(
            "counts by the second of the log, and {:?} has none: its clock is \"records\"; set all limits to 0, or the clock \
             of the stream to \"ids\" or \"heartbeat\"",
            stream.name
        )
    });
    checks.require(!config.cross_asset.enabled, &["cross_asset", "enabled"], || {
        format!(
            "is true, but its intervals go by the time of the log, and {:?} has none: its clock is \"records\"; set it to false, \
             or the clock of the stream to \"ids\" or \"heartbeat\"",
            stream.name
        )
    });
}
