//! The existing system's configuration documents in Redis, as a layer.

use super::{
    RedisConfig, aliases,
    fault::Fault,
    node::{Data, Node, Table},
    origin::Origin,
    output::INDICATORS,
    params::param_names,
    parse::json_value,
    rules::Named as _,
    watchlist::{AssetConfig, AssetTimeframe},
    wire::{WireForm, decode},
};
use crate::model::TradingStyle;
use crate::strategies::TABLES;
use std::collections::BTreeMap;

/// A decoded document: the keys that it sets, and the parts that are not used.
pub(super) struct Document {
    pub tree: Node,
    pub notes: Vec<String>,
    /// Whether its form is one that only the existing system writes.
    pub foreign: bool,
}

/// Decodes a document of any form by its key, which ends with its kind.
pub(super) fn read(key: &str, bytes: &[u8]) -> Result<Document, Fault> {
    let origin = Origin::Redis { key: key.into() };
    let fault = |problem: String| Fault { origin: origin.clone(), key: String::new(), problem };
    let (form, value) = decode(bytes).map_err(|error| fault(error.to_string()))?;
    let node = json_value(&value, &origin).unwrap_or_else(|| Node::new(Data::Table(Table::new()), origin.clone()));
    let mut reader = Reader { key, origin: origin.clone(), unused: BTreeMap::new(), notes: Vec::new() };
    let mut tree = Node::new(Data::Table(Table::new()), origin.clone());
    match key.rsplit(':').next().unwrap_or_default() {
        "watchlist" => tree.put(&["watchlist"], reader.watchlist(node)?),
        "strategies" => reader.strategies(node, &mut tree)?,
        "indicators" => reader.indicators(node, &mut tree)?,
        "system" => reader.system(node, &mut tree)?,
        "timeframe_configs" => reader.timeframe_configs(node, &mut tree)?,
        "strategy_matrix" => reader.strategy_matrix(node, &mut tree)?,
        _ => return Err(fault(format!("unknown document; known: {}", RedisConfig::DOCUMENTS.join(", ")))),
    }
    for (field, count) in reader.unused {
        reader.notes.push(format!("{key}: `{field}` is not used ({count}×)"));
    }
    let foreign = !matches!(form, WireForm::Json | WireForm::Bare);
    Ok(Document { tree, notes: reader.notes, foreign })
}

struct Reader<'a> {
    key: &'a str,
    origin: Origin,
    unused: BTreeMap<String, usize>,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn fault(&self, problem: String) -> Fault {
        Fault { origin: self.origin.clone(), key: String::new(), problem }
    }

    /// Removes the unknown keys, and notes them.
    fn strip(&mut self, table: &mut Table, known: &[&str]) {
        let unused = &mut self.unused;
        table.retain(|key, _| {
            let used = known.contains(&key.as_str());
            if !used {
                *unused.entry(key.escape_debug().to_string()).or_default() += 1;
            }
            used
        });
    }

    /// A list of tables, or a table of tables by name.
    fn entries(&self, node: Node, name: &str) -> Result<Vec<Node>, Fault> {
        match node.data {
            Data::List(list) => Ok(list),
            Data::Table(table) => {
                let entry = |(key, mut node): (String, Node)| {
                    let text = Node::new(Data::Text(key), node.origin.clone());
                    if let Some(table) = node.table_mut() {
                        table.entry(name.to_owned()).or_insert(text);
                    }
                    node
                };
                Ok(table.into_iter().map(entry).collect())
            }
            _ => Err(self.fault(format!("found {}; allowed: a list of objects", node.found()))),
        }
    }

    fn watchlist(&mut self, node: Node) -> Result<Node, Fault> {
        let mut assets = self.entries(node, "symbol")?;
        for asset in &mut assets {
            let Some(table) = asset.table_mut() else { continue };
            self.strip(table, &AssetConfig::KEYS);
            if let Some(Node { data: Data::List(names), .. }) = table.get_mut("enabled_strategies") {
                names.retain(|node| self.knows(node));
            }
            if let Some(Node { data: Data::Table(overrides), origin, .. }) = table.get_mut("strategy_overrides") {
                let (given, origin) = (std::mem::take(overrides), origin.clone());
                let mut own = Node::new(Data::Table(Table::new()), origin);
                for (name, node) in given {
                    self.overrides(&name, node, &mut own);
                }
                if let Data::Table(table) = own.data {
                    *overrides = table;
                }
            }
            let Some(timeframes) = table.get_mut("timeframes").and_then(Node::table_mut) else { continue };
            for node in timeframes.values_mut() {
                if let Some(table) = node.table_mut() {
                    self.strip(table, &AssetTimeframe::KEYS);
                }
            }
        }
        Ok(Node::new(Data::List(assets), self.origin.clone()))
    }

    /// Whether a strategy is known here; one that is not is noted.
    fn knows(&mut self, node: &Node) -> bool {
        let Data::Text(name) = &node.data else { return true };
        let known = aliases::strategy(name).is_some_and(|name| name != "common");
        if !known {
            self.notes.push(format!("{}: strategy `{}` is not known here", self.key, name.escape_debug()));
        }
        known
    }

    /// Parameters of one symbol's strategy, as they are or below `parameters`.
    fn overrides(&mut self, name: &str, node: Node, own: &mut Node) {
        if !self.knows(&Node::new(Data::Text(name.to_owned()), node.origin.clone())) {
            return;
        }
        let (Some(strategy), Data::Table(mut table)) = (aliases::strategy(name), node.data) else { return };
        if let Some(Node { data: Data::Table(below), .. }) = table.remove("parameters") {
            self.parameters(strategy, &[strategy], below, own);
        }
        self.parameters(strategy, &[strategy], table, own);
    }

    fn strategies(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        for mut entry in self.entries(node, "name")? {
            let found = entry.found();
            let Some(table) = entry.table_mut() else {
                return Err(self.fault(format!("found {found}; allowed: an object with name and parameters")));
            };
            let name = match table.remove("name") {
                Some(Node { data: Data::Text(name), .. }) => name,
                _ => return Err(self.fault("a strategy has no name".to_owned())),
            };
            let Some(strategy) = aliases::strategy(&name).filter(|&name| name != "common") else {
                self.notes.push(format!("{}: strategy `{}` is not known here", self.key, name.escape_debug()));
                continue;
            };
            self.strip(table, &["enabled", "parameters", "timeframe_parameters", "supported_timeframes"]);
            let path = ["strategies", strategy];
            if let Some(supported) = table.remove("supported_timeframes") {
                tree.put(&[path[0], path[1], "supported_timeframes"], supported);
            }
            if let Some(enabled) = table.remove("enabled") {
                tree.put(&[path[0], path[1], "enabled"], enabled);
            }
            if let Some(Node { data: Data::Table(parameters), .. }) = table.remove("parameters") {
                self.parameters(strategy, &path, parameters, tree);
            }
            if let Some(Node { data: Data::Table(timeframes), .. }) = table.remove("timeframe_parameters") {
                for (timeframe, node) in timeframes {
                    if let Data::Table(parameters) = node.data {
                        let path = [path[0], path[1], "timeframes", &timeframe];
                        self.parameters(strategy, &path, parameters, tree);
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies the known parameters into the tree, under their names here.
    fn parameters(&mut self, strategy: &str, path: &[&str], parameters: Table, tree: &mut Node) {
        let known =
            TABLES.iter().find(|(name, _)| *name == strategy).map_or(Vec::new(), |&(_, pick)| param_names(pick));
        for (name, node) in parameters {
            let here = aliases::parameter(strategy, &name).unwrap_or(&name);
            if known.contains(&here) {
                tree.put(&[path, &[here]].concat(), node);
            } else {
                *self.unused.entry(format!("{strategy}.{}", name.escape_debug())).or_default() += 1;
            }
        }
    }

    /// Which strategy runs on which timeframes.
    fn strategy_matrix(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        for mut entry in self.entries(node, "strategy_name")? {
            let Some(table) = entry.table_mut() else { continue };
            let Some(name) = table.remove("strategy_name").or_else(|| table.remove("name")) else {
                return Err(self.fault("a strategy has no strategy_name".to_owned()));
            };
            let Data::Text(text) = &name.data else { continue };
            let (Some(strategy), true) = (aliases::strategy(text), self.knows(&name)) else { continue };
            self.strip(table, &["supported_timeframes"]);
            if let Some(supported) = table.remove("supported_timeframes") {
                tree.put(&["strategies", strategy, "supported_timeframes"], supported);
            }
        }
        Ok(())
    }

    /// By trading profile: how often its timeframes are refreshed, and how far they look back.
    fn timeframe_configs(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        let Data::Table(profiles) = node.data else {
            return Err(self.fault(format!("found {}; allowed: an object of trading profiles", node.found())));
        };
        for (profile, node) in profiles {
            let Some(style) = TradingStyle::named(&profile) else {
                *self.unused.entry(profile.escape_debug().to_string()).or_default() += 1;
                continue;
            };
            for mut entry in self.entries(node, "timeframe")? {
                let Some(table) = entry.table_mut() else { continue };
                let Some(Node { data: Data::Text(timeframe), .. }) = table.remove("timeframe") else {
                    return Err(self.fault(format!("a timeframe of {profile} has no name")));
                };
                self.strip(table, &["update_interval_seconds", "lookback_periods"]);
                for (old, here) in
                    [("update_interval_seconds", "update_frequency_seconds"), ("lookback_periods", "buffer_size")]
                {
                    if let Some(node) = table.remove(old) {
                        tree.put(&["styles", style.name(), "timeframes", &timeframe, here], node);
                    }
                }
            }
        }
        Ok(())
    }

    /// Which of the published indicators are published.
    fn indicators(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        let mut on = Vec::new();
        for mut entry in self.entries(node, "name")? {
            let Some(table) = entry.table_mut() else { continue };
            let Some(Node { data: Data::Text(name), origin, .. }) = table.remove("name") else {
                return Err(self.fault("an indicator has no name".to_owned()));
            };
            let Some((_, periods)) = INDICATORS.iter().find(|(known, _)| *known == name) else {
                self.notes.push(format!("{}: indicator `{}` is not published here", self.key, name.escape_debug()));
                continue;
            };
            if let Some(Node { data: Data::Table(parameters), .. }) = table.remove("parameters") {
                for (key, node) in parameters {
                    let own = match node.data {
                        Data::Int(int) => Some(int as f64),
                        Data::Real(real) => Some(real),
                        _ => None,
                    };
                    let fixed = periods.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
                    if own.is_none() || own != fixed {
                        let (key, found) = (key.escape_debug().to_string(), node.found());
                        self.notes.push(format!("{}: {name}: `{key}` = {found} is not used: it is fixed", self.key));
                    }
                }
            }
            let off = matches!(table.remove("enabled"), Some(Node { data: Data::Flag(false), .. }));
            self.strip(table, &[]);
            if !off {
                on.push(Node::new(Data::Text(name), origin));
            }
        }
        tree.put(&["output", "indicators"], Node::new(Data::List(on), self.origin.clone()));
        Ok(())
    }

    fn system(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        let Data::Table(table) = node.data else {
            return Err(self.fault(format!("found {}; allowed: an object", node.found())));
        };
        for (name, node) in table {
            match name.as_str() {
                "redis_streams_maxlen" => {
                    for stream in ["market_data_maxlen", "calculation_events_maxlen", "alerts_maxlen", "signals_maxlen"]
                    {
                        tree.put(&["output", "streams", stream], node.clone());
                    }
                }
                "enable_alerts" => tree.put(&["output", "alerts"], node),
                _ => *self.unused.entry(name.escape_debug().to_string()).or_default() += 1,
            }
        }
        Ok(())
    }
}
