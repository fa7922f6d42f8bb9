//! Other names of the same keys, converted to one name before the layers are merged.

use super::{
    fault::Fault,
    node::{Data, Node, Table},
};
use crate::{
    model::Timeframe,
    strategies::{StrategyParams, TABLES},
};
use std::collections::btree_map::Entry;

/// Suffix of the strategies' names in the existing system.
const SUFFIX: &str = "_strategy";

/// The name of a strategy section, from any of its names.
pub(super) fn strategy(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix(SUFFIX).unwrap_or(name);
    TABLES.iter().map(|&(known, _)| known).find(|&known| known == name)
}

/// The name of a strategy in the existing system.
pub(super) fn old_name(strategy: &str) -> String {
    format!("{strategy}{SUFFIX}")
}

/// Maps a parameter name of the existing system to the name here.
pub(super) fn parameter(strategy: &str, name: &str) -> Option<&'static str> {
    let &(_, pick) = TABLES.iter().find(|(known, _)| *known == strategy)?;
    let mut params = StrategyParams::default();
    pick(&mut params).old_names().iter().find(|(old, _)| *old == name).map(|&(_, here)| here)
}

/// Converts the keys of a layer to their canonical names.
pub(super) fn normalise(root: &mut Node, faults: &mut Vec<Fault>) {
    let Some(root) = root.table_mut() else { return };
    if let Some(table) = root.get_mut("timeframes").and_then(Node::table_mut) {
        rename(table, "timeframes", timeframe, faults);
    }
    if let Some(Node { data: Data::List(assets), .. }) = root.get_mut("watchlist") {
        for (index, asset) in assets.iter_mut().enumerate() {
            let Some(table) = asset.table_mut() else { continue };
            let Some(own) = table.get_mut("strategy_overrides").and_then(Node::table_mut) else { continue };
            let path = format!("watchlist[{index}].strategy_overrides");
            rename(own, &path, |name| strategy(name).map(str::to_owned), faults);
            for (name, node) in own {
                if let Some(table) = node.table_mut() {
                    let to_known = |key: &str| parameter(name, key).map(str::to_owned);
                    rename(table, &format!("{path}.{name}"), to_known, faults);
                }
            }
        }
    }
    if let Some(styles) = root.get_mut("styles").and_then(Node::table_mut) {
        for (name, node) in styles {
            let Some(own) = node.table_mut().and_then(|style| style.get_mut("timeframes")).and_then(Node::table_mut)
            else {
                continue;
            };
            rename(own, &format!("styles.{name}.timeframes"), timeframe, faults);
        }
    }
    let Some(strategies) = root.get_mut("strategies").and_then(Node::table_mut) else { return };
    rename(strategies, "strategies", |name| strategy(name).map(str::to_owned), faults);
    for &(name, _) in TABLES {
        let Some(table) = strategies.get_mut(name).and_then(Node::table_mut) else { continue };
        let to_known = |key: &str| parameter(name, key).map(str::to_owned);
        let path = format!("strategies.{name}");
        rename(table, &path, to_known, faults);
        let Some(timeframes) = table.get_mut("timeframes").and_then(Node::table_mut) else { continue };
        let path = format!("{path}.timeframes");
        rename(timeframes, &path, timeframe, faults);
        for (key, node) in timeframes {
            if let Some(table) = node.table_mut() {
                rename(table, &format!("{path}.{key}"), to_known, faults);
            }
        }
    }
}

/// The canonical spelling of a timeframe.
fn timeframe(key: &str) -> Option<String> {
    key.parse::<Timeframe>().ok().map(|timeframe| timeframe.to_string())
}

/// Renames keys. Two keys that get the same name are a fault, and the one with the canonical spelling stays.
fn rename(table: &mut Table, path: &str, name_of: impl Fn(&str) -> Option<String>, faults: &mut Vec<Fault>) {
    let renamed = |key: &String| name_of(key).filter(|name| name != key).map(|name| (key.clone(), name));
    let changes: Vec<(String, String)> = table.keys().filter_map(renamed).collect();
    for (key, name) in changes {
        let Some(node) = table.remove(&key) else { continue };
        match table.entry(name) {
            Entry::Vacant(place) => {
                place.insert(node);
            }
            Entry::Occupied(taken) => {
                let problem = format!("is another name of `{}`, which is there too; keep one of them", taken.key());
                let key = format!("{path}.{}", key.escape_debug());
                faults.push(Fault { origin: node.origin, key, problem });
            }
        }
    }
}
