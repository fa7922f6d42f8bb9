//! The existing system's configuration documents in Redis, as a layer.

use super::{
    aliases,
    fault::Fault,
    node::{Data, Node, Table},
    origin::Origin,
    params::param_names,
    parse::json_value,
    watchlist::{AssetConfig, AssetTimeframe},
};
use crate::strategies::TABLES;
use std::collections::BTreeMap;

/// Prefix of a document whose value is JSON.
const PREFIX: &[u8] = b"JSON:";

/// A decoded document: the keys that it sets, and the parts that are not used.
pub(super) struct Document {
    pub tree: Node,
    pub notes: Vec<String>,
}

/// Decodes a document by its key, which ends with its kind.
///
/// Accepts only `JSON:` followed by JSON. Any other value, such as the pickle that the existing system writes, is
/// refused without being decoded.
pub(super) fn read(key: &str, bytes: &[u8]) -> Result<Document, Fault> {
    let origin = Origin::Redis { key: key.into() };
    let fault = |problem: String| Fault { origin: origin.clone(), key: String::new(), problem };
    let Some(json) = bytes.strip_prefix(PREFIX) else {
        let form = if bytes.starts_with(b"RAW:") || bytes.starts_with(b"GZIP:") {
            "a pickle of the Python system, which is never loaded"
        } else {
            "something else"
        };
        return Err(fault(format!("found {form}; allowed: the text JSON: followed by JSON")));
    };
    let value = serde_json::from_slice(json).map_err(|error| fault(format!("not JSON: {error}")))?;
    let node = json_value(&value, &origin).unwrap_or_else(|| Node::new(Data::Table(Table::new()), origin.clone()));
    let mut reader = Reader { key, origin: origin.clone(), unused: BTreeMap::new(), notes: Vec::new() };
    let mut tree = Node::new(Data::Table(Table::new()), origin.clone());
    match key.rsplit(':').next().unwrap_or_default() {
        "watchlist" => tree.put(&["watchlist"], reader.watchlist(node)?),
        "strategies" => reader.strategies(node, &mut tree)?,
        "indicators" => reader.notes.push(format!("{key}: not used; the published indicators are fixed")),
        "system" => reader.system(node, &mut tree)?,
        _ => return Err(fault("unknown document; known: watchlist, strategies, indicators, system".to_owned())),
    }
    for (field, count) in reader.unused {
        reader.notes.push(format!("{key}: `{field}` is not used ({count}×)"));
    }
    Ok(Document { tree, notes: reader.notes })
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
            let Some(timeframes) = table.get_mut("timeframes").and_then(Node::table_mut) else { continue };
            for node in timeframes.values_mut() {
                if let Some(table) = node.table_mut() {
                    self.strip(table, &AssetTimeframe::KEYS);
                }
            }
        }
        Ok(Node::new(Data::List(assets), self.origin.clone()))
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
            self.strip(table, &["enabled", "parameters", "timeframe_parameters"]);
            let path = ["strategies", strategy];
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

    fn system(&mut self, node: Node, tree: &mut Node) -> Result<(), Fault> {
        let Data::Table(table) = node.data else {
            return Err(self.fault(format!("found {}; allowed: an object", node.found())));
        };
        for (name, node) in table {
            match name.as_str() {
                "redis_streams_maxlen" => tree.put(&["output", "streams", "signals_maxlen"], node),
                "enable_alerts" => tree.put(&["output", "alerts"], node),
                _ => *self.unused.entry(name.escape_debug().to_string()).or_default() += 1,
            }
        }
        Ok(())
    }
}
