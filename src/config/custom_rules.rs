//! The custom strategies together: their places, their programs, and what is wrong with them.

use super::{Config, CustomConfig, StrategiesConfig, checker::Checks, resolve::timeframes};
use crate::{
    model::{CustomStrategy, Roster, Side, SignalKind, Strategy, Timeframe},
    strategies::custom::{CustomRule, Program, RulePart},
};
use std::collections::BTreeSet;

impl StrategiesConfig {
    /// The names of the custom strategies that run, each once, in the order of the configuration.
    fn custom_names(&self) -> Vec<(&str, Side)> {
        let mut names: Vec<(&str, Side)> = Vec::new();
        for own in self.custom.iter().filter(|own| own.enabled) {
            if !names.iter().any(|(name, _)| *name == own.name) {
                names.push((&own.name, own.side));
            }
        }
        names.truncate(CustomStrategy::MAX);
        names
    }

    fn custom_strategies(&self) -> Vec<CustomStrategy> {
        let names = self.custom_names();
        names.iter().enumerate().filter_map(|(place, (name, side))| CustomStrategy::new(place, name, *side)).collect()
    }

    /// All strategies, by their places in tables.
    #[must_use]
    pub fn roster(&self) -> Roster {
        let mut all = self.custom_strategies();
        for own in self.external.iter().filter(|own| own.enabled) {
            if all.len() < CustomStrategy::MAX {
                all.extend(CustomStrategy::outside(all.len(), &own.name, &own.factors));
            }
        }
        Roster::new(&all)
    }

    /// What runs on a timeframe, with the place of each in the configuration.
    fn rules_of(&self, timeframe: Timeframe) -> Vec<(usize, CustomRule<'_>)> {
        let strategies = self.custom_strategies();
        let mut rules: Vec<(usize, CustomRule<'_>)> = Vec::new();
        for (index, own) in self.custom.iter().enumerate().filter(|(_, own)| own.runs_on(timeframe)) {
            let strategy = strategies.iter().find(|strategy| Strategy::Custom(**strategy).name() == own.name);
            let CustomConfig { side, when, confidence, min_confidence, every_bar, symbols, .. } = own;
            rules.extend(strategy.map(|&strategy| {
                let (side, min_confidence, every_bar) = (*side, *min_confidence, *every_bar);
                let symbols = symbols.as_deref();
                (index, CustomRule { strategy, side, when, confidence, min_confidence, every_bar, symbols })
            }));
        }
        rules.sort_by_key(|(_, rule)| rule.strategy);
        rules
    }

    /// The custom strategies of a timeframe, compiled.
    pub(super) fn program(&self, timeframe: Timeframe) -> Program {
        let rules: Vec<CustomRule<'_>> = self.rules_of(timeframe).into_iter().map(|(_, rule)| rule).collect();
        // What has been checked has no faults.
        Program::compile(&rules).unwrap_or_default()
    }
}

const PATH: [&str; 2] = ["strategies", "custom"];

/// Checks names, and the expressions on every timeframe on which they are calculated.
pub(super) fn check(config: &Config, checks: &mut Checks<'_>) {
    let strategies = &config.strategies;
    check_outside(strategies, checks);
    if strategies.custom.is_empty() {
        return;
    }
    let frames = timeframes(config);
    for (index, own) in strategies.custom.iter().enumerate() {
        let index = index.to_string();
        check_name(strategies, own, &index, checks);
        for timeframe in own.timeframes.iter().flatten().filter(|timeframe| !frames.contains(timeframe)) {
            checks.fault(
                &[PATH[0], PATH[1], &index, "timeframes"],
                format!("has {timeframe}, which is not calculated; add it to timeframes.list, or take it out here"),
            );
        }
        let is_open = config.watchlist.is_empty() || config.every().is_some();
        let listed = |symbol: &&String| is_open || config.watchlist.iter().any(|asset| asset.symbol == **symbol);
        for symbol in own.symbols.iter().flatten().filter(|symbol| !listed(symbol)) {
            checks.fault(
                &[PATH[0], PATH[1], &index, "symbols"],
                format!("has {symbol:?}, which is not on the watchlist; add it there, or take it out here"),
            );
        }
    }
    let names: BTreeSet<&str> = strategies.custom.iter().filter(|own| own.enabled).map(|own| &*own.name).collect();
    checks.require(names.len() <= CustomStrategy::MAX, &PATH, || {
        format!("has {} names; allowed: at most {} custom strategies", names.len(), CustomStrategy::MAX)
    });
    let known = strategies.custom_strategies().len();
    checks.require(known == strategies.custom_names().len(), &PATH, || {
        "has names that this process has no room for, after so many reloads; start the engine again".to_owned()
    });
    let mut told = BTreeSet::new();
    for &timeframe in &frames {
        let (indices, rules): (Vec<usize>, Vec<CustomRule<'_>>) = strategies.rules_of(timeframe).into_iter().unzip();
        for (number, part, fault) in Program::compile(&rules).err().into_iter().flatten() {
            let rule = &rules[number];
            let (key, text) = match part {
                RulePart::When => ("when", rule.when),
                RulePart::Confidence => ("confidence", rule.confidence),
            };
            if told.insert((indices[number], key)) {
                let index = indices[number].to_string();
                checks.fault(&[PATH[0], PATH[1], &index, key], fault.shown_in(text).to_string());
            }
        }
    }
}

/// Strategies outside share names and places with the custom ones.
fn check_outside(strategies: &StrategiesConfig, checks: &mut Checks<'_>) {
    let path = [PATH[0], "external"];
    for (index, own) in strategies.external.iter().enumerate() {
        let (index, kind) = (index.to_string(), format!("{}_signal", own.name));
        let taken = |other: &&CustomConfig| {
            let theirs = [other.name.clone(), format!("{}_{}", other.name, other.side.name())];
            theirs.contains(&own.name) || theirs.contains(&kind)
        };
        let other = strategies.custom.iter().find(taken);
        checks.require(other.is_none(), &[path[0], path[1], &index, "name"], || {
            format!("{:?} is the name of one of strategies.custom, or of its signals; allowed: another", own.name)
        });
    }
    let enabled = strategies.external.iter().filter(|own| own.enabled).count();
    let count = enabled + strategies.custom_names().len();
    checks.require(enabled == 0 || count <= CustomStrategy::MAX, &path, || {
        format!(
            "there are {count} strategies with those of strategies.custom; allowed: at most {}",
            CustomStrategy::MAX
        )
    });
}

/// A name belongs to one strategy, on each timeframe once.
fn check_name(strategies: &StrategiesConfig, own: &CustomConfig, index: &str, checks: &mut Checks<'_>) {
    let kind = |own: &CustomConfig| format!("{}_{}", own.name, own.side.name());
    let is_taken = |name: &str| {
        Strategy::ALL.into_iter().chain([Strategy::Probe]).any(|strategy| strategy.name() == name)
            || SignalKind::named(name).is_some()
            || ["common", "custom"].contains(&name)
    };
    let path = [PATH[0], PATH[1], index, "name"];
    for name in [own.name.clone(), kind(own)] {
        checks.require(!is_taken(&name), &path, || {
            format!("{name:?} is the name of something built in; allowed: another, such as \"my_{}\"", own.name)
        });
    }
    let place: usize = index.parse().unwrap_or(0);
    for (other, before) in
        strategies.custom[..place].iter().enumerate().filter(|(_, before)| before.enabled && own.enabled)
    {
        let here = format!("strategies.custom[{other}]");
        if before.name != own.name {
            checks.require(kind(before) != own.name && kind(own) != before.name, &path, || {
                format!("{:?} and the signals of {here} would have one name; allowed: another", own.name)
            });
            continue;
        }
        checks.require(before.side == own.side, &path, || {
            format!("{:?} is {here} already, with the other side; allowed: a name for each side", own.name)
        });
        let shared = match (&before.timeframes, &own.timeframes) {
            (Some(theirs), Some(ours)) => theirs.iter().any(|timeframe| ours.contains(timeframe)),
            _ => true,
        };
        checks.require(!shared, &path, || {
            format!("{:?} is {here} already; allowed: another name, or timeframes that they do not share", own.name)
        });
    }
}
