//! Keys and events for readers of the existing system, in their form: `RAW:` and a pickle that holds data alone, which all
//! of its versions read.

use super::{
    bars::SOURCE,
    events::{SymbolResults, base_row, open_event},
    keys::{LatestValues, timeframe_of},
    levels::{LevelRules, fill_bands, fill_flat, fill_levels, fill_macd, has_levels, singles},
    names::OutputNames,
    tree::{JsonTree, PickleTree, Tree},
    vote::Vote,
};
use crate::{
    model::{Bar, Directory, IndicatorRow, Indicators},
    redis_io::Commands,
};

/// What events say of a symbol's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolConfig {
    /// Names of its timeframes.
    pub timeframes: Vec<String>,
    /// Its trading profile in the existing system.
    pub trading_profile: &'static str,
    /// The strategies that run, by their names there.
    pub strategies: Vec<&'static str>,
}

/// How results are written for the existing system.
#[derive(Debug, Clone, Copy)]
pub struct CompatView<'a> {
    /// Thresholds of the levels.
    pub rules: LevelRules,
    /// Names of symbols and timeframes.
    pub directory: &'a Directory,
}

impl CompatView<'_> {
    /// Appends everything that readers of the version in use look at, of one symbol.
    pub fn set_current(&self, commands: &mut Commands, names: &OutputNames, latest: &LatestValues<'_>) {
        let Some(row) = latest.base() else { return };
        let (now, symbol) = (&row.indicators, self.directory.symbol(latest.symbol));
        let timeframe = timeframe_of(Some(row), self.directory);
        let keys = &names.compat;
        for (name, value) in singles(now).into_iter().filter(|(_, value)| value.is_finite()) {
            let write = |out: &mut Vec<u8>| PickleTree::push_real(out, value);
            keys.indicators.set_as(commands, [symbol, name], timeframe, write);
        }
        if now.macd_hist.is_finite() {
            let write = |out: &mut Vec<u8>| PickleTree::push(out, |map| fill_macd(map, now));
            keys.indicators.set_as(commands, [symbol, "macd"], timeframe, write);
        }
        if now.bb_middle.is_finite() {
            let write = |out: &mut Vec<u8>| PickleTree::push(out, |map| fill_bands(map, now));
            keys.indicators.set_as(commands, [symbol, "bollinger_bands"], timeframe, write);
        }
        if has_levels(now) {
            let write = |out: &mut Vec<u8>| PickleTree::push(out, |map| fill_levels(map, now, self.rules));
            keys.strategies.set_as(commands, [symbol, ""], timeframe, write);
        }
        let write = |out: &mut Vec<u8>| PickleTree::push(out, |map| self.fill_complete(map, now));
        names.calculations.set_as(commands, [symbol, ""], timeframe, write);
        self.set_price(commands, names, &row.bar);
    }

    /// Appends everything that readers of the version with several timeframes look at, of one symbol; `new_rows` are the
    /// timeframes with something new, as bits.
    pub fn set_multi(
        &self,
        commands: &mut Commands,
        names: &OutputNames,
        latest: &LatestValues<'_>,
        config: &SymbolConfig,
        (new_rows, vote): (u32, Option<&(Vote, i64)>),
    ) {
        let symbol = self.directory.symbol(latest.symbol);
        let new = latest.newest().enumerate().filter(|(index, _)| new_rows >> index & 1 == 1);
        for (row, forming) in new.filter_map(|(_, (row, forming))| Some((row?, forming))) {
            let labels = [symbol, self.directory.timeframe_name(row.bar.timeframe)];
            let write = |out: &mut Vec<u8>| {
                PickleTree::push(out, |map| {
                    fill_flat(map, &row.indicators);
                    if forming {
                        map.flag("forming", true);
                    }
                });
            };
            let timeframe = timeframe_of(Some(row), self.directory);
            names.timeframe_indicators.set_as(commands, labels, timeframe, write);
        }
        let Some(row) = latest.base() else { return };
        let timeframe = timeframe_of(Some(row), self.directory);
        if let Some((vote, event_ts)) = vote {
            let write = |out: &mut Vec<u8>| {
                PickleTree::push(out, |map| {
                    map.text("symbol", Some(symbol));
                    fill_vote(map, vote);
                    map.int("strategies_analyzed", vote.strategies.into());
                    map.stamp("timestamp", *event_ts);
                });
            };
            names.composite_signals.set_as(commands, [symbol, ""], timeframe, write);
        }
        let write = |out: &mut Vec<u8>| {
            PickleTree::push(out, |map| self.fill_multi(map, latest.rows, config, vote.map(|(vote, _)| vote)));
        };
        names.compat.multi_timeframe.set_as(commands, [symbol, ""], timeframe, write);
        let write = |out: &mut Vec<u8>| PickleTree::push(out, |map| self.fill_complete(map, &row.indicators));
        names.calculations.set_as(commands, [symbol, ""], timeframe, write);
        self.set_price(commands, names, &row.bar);
    }

    /// The flat map of indicators with the levels.
    fn fill_complete<T: Tree>(&self, map: &mut T, now: &Indicators) {
        fill_flat(map, now);
        if has_levels(now) {
            map.map("signals", |signals| fill_levels(signals, now, self.rules));
        }
    }

    fn fill_multi<T: Tree>(
        &self,
        map: &mut T,
        rows: &[Option<IndicatorRow>],
        config: &SymbolConfig,
        vote: Option<&Vote>,
    ) {
        map.map("timeframe_results", |results| {
            for row in rows.iter().flatten() {
                let name = self.directory.timeframe_name(row.bar.timeframe);
                results.map(name, |result| fill_flat(result, &row.indicators));
            }
        });
        match vote {
            Some(vote) => map.map("composite_signal", |composite| fill_vote(composite, vote)),
            None => map.text("composite_signal", None),
        }
        let Some(row) = rows.iter().flatten().next() else { return };
        map.stamp("timestamp", row.bar.ts);
        map.map("symbol_config", |own| {
            own.texts("timeframes", config.timeframes.iter().map(String::as_str));
            own.text("trading_profile", Some(config.trading_profile));
            own.texts("enabled_strategies", config.strategies.iter().copied());
        });
        map.map("legacy_indicators", |flat| fill_flat(flat, &row.indicators));
        if has_levels(&row.indicators) {
            map.map("legacy_signals", |levels| fill_levels(levels, &row.indicators, self.rules));
        }
    }

    fn set_price(&self, commands: &mut Commands, names: &OutputNames, bar: &Bar) {
        let symbol = self.directory.symbol(bar.symbol);
        let timeframe = self.directory.timeframes()[bar.timeframe.index()];
        let write = |out: &mut Vec<u8>| {
            PickleTree::push(out, |map| {
                map.text("symbol", Some(symbol));
                map.stamp("timestamp", bar.ts);
                map.real("price", bar.close);
                map.real("volume", bar.volume);
                map.real("open_price", bar.open);
                map.real("high_price", bar.high);
                map.real("low_price", bar.low);
                map.real("close_price", bar.close);
                map.text("source", Some(SOURCE));
                map.map("metadata", |metadata| {
                    metadata.text("timeframe", Some(self.directory.timeframe_name(bar.timeframe)));
                });
            });
        };
        names.latest_price.set_as(commands, [symbol, ""], timeframe, write);
    }
}

/// Appends an `XADD` of a symbol's results in the shape of the version in use, or with its configuration in that of the
/// version with several timeframes.
pub fn xadd_compat_event(
    commands: &mut Commands,
    names: &mut OutputNames,
    results: &SymbolResults<'_>,
    config: Option<&SymbolConfig>,
    view: CompatView<'_>,
) {
    let mut command = open_event(commands, names, results, view.directory, None);
    command.field_with("results", |out| {
        JsonTree::push(out, |map| match (config, base_row(results.rows)) {
            (Some(config), _) => view.fill_multi(map, results.rows, config, results.vote.as_ref()),
            (None, Some(row)) => view.fill_complete(map, &row.indicators),
            (None, None) => {}
        });
    });
}

fn fill_vote<T: Tree>(map: &mut T, vote: &Vote) {
    map.text("direction", Some(vote.direction()));
    map.real("confidence", vote.confidence);
    map.text("strength", Some(vote.strength()));
    map.int("timeframes_analyzed", vote.timeframes.into());
    map.int("contributing_signals", vote.contributing.into());
    map.real("timeframe_alignment", vote.timeframe_alignment);
    map.real("strategy_alignment", vote.strategy_alignment);
}
