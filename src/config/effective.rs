//! The effective configuration as TOML, with the origin of every value in a comment.

use super::{
    node::{Data, Node, Table},
    origin::Origin,
    url::redact,
};

/// All values of a configuration with their origins. `Debug` hides passwords as [`Effective::to_toml`] does.
#[derive(Clone, PartialEq)]
pub struct Effective {
    root: Node,
}

impl Effective {
    pub(super) const fn new(root: Node) -> Self {
        Self { root }
    }

    /// Origin of the value of a dotted key; if there is no such key, that of the nearest table above it. Positions in
    /// lists are numbers: `watchlist.0.symbol`.
    #[must_use]
    pub fn origin(&self, key: &str) -> &Origin {
        &self.root.nearest(&key.split('.').collect::<Vec<_>>()).origin
    }

    /// TOML that loads back to the same configuration, except for passwords, which become `***`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        if let Some(table) = self.root.table() {
            write_table(&mut out, "", table);
        }
        out
    }
}

impl std::fmt::Debug for Effective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Effective({:?})", self.to_toml())
    }
}

/// Values first, as TOML requires, then the tables below.
fn write_table(out: &mut String, path: &str, table: &Table) {
    let mut entries: Vec<(&String, &Node)> = table.iter().collect();
    entries.sort_by_key(|(_, node)| node.rank);
    let (below, values): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, node)| has_header(node));
    for (key, node) in values {
        out.push_str(&format!("{} = {}  # {}\n", quoted(key), inline(node), node.origin));
    }
    for (key, node) in below {
        let path = if path.is_empty() { quoted(key) } else { format!("{path}.{}", quoted(key)) };
        match &node.data {
            Data::Table(table) => {
                out.push_str(&format!("\n[{path}]\n"));
                write_table(out, &path, table);
            }
            Data::List(list) => {
                for item in list {
                    let Data::Table(table) = &item.data else { continue };
                    out.push_str(&format!("\n[[{path}]]\n"));
                    let mut entries: Vec<(&String, &Node)> = table.iter().collect();
                    entries.sort_by_key(|(_, node)| node.rank);
                    for (key, node) in entries {
                        out.push_str(&format!("{} = {}  # {}\n", quoted(key), inline(node), node.origin));
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a value is written under its own header.
fn has_header(node: &Node) -> bool {
    match &node.data {
        Data::Table(_) => true,
        Data::List(list) => !list.is_empty() && list.iter().all(|item| item.table().is_some()),
        _ => false,
    }
}

fn inline(node: &Node) -> String {
    match &node.data {
        Data::Flag(flag) => flag.to_string(),
        Data::Int(int) => int.to_string(),
        Data::Real(real) => toml::Value::Float(*real).to_string(),
        // Any other text may contain an `@`, for example a symbol such as `ES@CME`.
        Data::Text(text) if text.contains("://") => toml::Value::String(redact(text)).to_string(),
        Data::Text(text) => toml::Value::String(text.clone()).to_string(),
        Data::Other(text) => text.clone(),
        Data::List(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Data::Table(table) => {
            let mut entries: Vec<(&String, &Node)> = table.iter().collect();
            entries.sort_by_key(|(_, node)| node.rank);
            let entry = |(key, node): &(&String, &Node)| format!("{} = {}", quoted(key), inline(node));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key in TOML's notation.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}
