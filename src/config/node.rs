//! The configuration as a tree in which every value knows its origin.

use super::{origin::Origin, url::redact};
use std::collections::BTreeMap;

/// A value with its origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub data: Data,
    /// Where it was written.
    pub origin: Origin,
    /// Position among its neighbours when the tree is shown.
    pub rank: u64,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Flag(bool),
    Int(i64),
    Real(f64),
    Text(String),
    /// A value that no key accepts: a date, or a number out of range. Kept as written.
    Other(String),
    List(Vec<Node>),
    Table(Table),
}

/// A table by key.
pub(super) type Table = BTreeMap<String, Node>;

impl Node {
    /// A value whose rank is irrelevant.
    pub(super) const fn new(data: Data, origin: Origin) -> Self {
        Self { data, origin, rank: 0 }
    }

    /// The table; `None` if it is another kind of value.
    pub(super) const fn table(&self) -> Option<&Table> {
        if let Data::Table(table) = &self.data { Some(table) } else { None }
    }

    /// The table, mutable; `None` if it is another kind of value.
    pub(super) const fn table_mut(&mut self) -> Option<&mut Table> {
        if let Data::Table(table) = &mut self.data { Some(table) } else { None }
    }

    /// Merges another tree over this one: tables merge key by key, other values are replaced.
    pub(super) fn overlay(&mut self, over: Self) {
        match (&mut self.data, over.data) {
            (Data::Table(base), Data::Table(table)) => {
                for (key, node) in table {
                    match base.get_mut(&key) {
                        Some(below) => below.overlay(node),
                        None => {
                            base.insert(key, node);
                        }
                    }
                }
            }
            (data, over) => *data = over,
        }
        self.origin = over.origin;
    }

    /// Sets the value at a path, and creates the tables on the way.
    pub(super) fn put(&mut self, path: &[&str], node: Self) {
        let Some((first, rest)) = path.split_first() else { return };
        if !matches!(self.data, Data::Table(_)) {
            self.data = Data::Table(Table::new());
        }
        let Some(table) = self.table_mut() else { return };
        if rest.is_empty() {
            table.insert((*first).to_owned(), node);
        } else {
            let origin = node.origin.clone();
            let empty = || Self { data: Data::Table(Table::new()), origin, rank: node.rank };
            table.entry((*first).to_owned()).or_insert_with(empty).put(rest, node);
        }
    }

    /// The node at a path, or the deepest existing node on the way to it.
    pub(super) fn nearest(&self, path: &[&str]) -> &Self {
        let Some((first, rest)) = path.split_first() else { return self };
        let next = match &self.data {
            Data::Table(table) => table.get(*first),
            Data::List(list) => first.parse().ok().and_then(|i: usize| list.get(i)),
            _ => None,
        };
        next.map_or(self, |node| node.nearest(rest))
    }

    /// Adds to the rank of every value, so that the trees of later layers come after earlier ones.
    pub(super) fn raise(&mut self, by: u64) {
        self.rank = self.rank.saturating_add(by);
        match &mut self.data {
            Data::List(list) => list.iter_mut().for_each(|n| n.raise(by)),
            Data::Table(table) => table.values_mut().for_each(|n| n.raise(by)),
            _ => {}
        }
    }

    /// The kind of the value: the only thing shown of a value that may be a password.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.data {
            Data::Flag(_) => "a switch",
            Data::Int(_) | Data::Real(_) => "a number",
            Data::Text(_) => "a text",
            Data::Other(_) => "something else",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    /// The value as a fault quotes it: short, on one line, without passwords.
    pub(super) fn found(&self) -> String {
        const LONGEST: usize = 60;
        let text = match &self.data {
            Data::Flag(flag) => flag.to_string(),
            Data::Int(int) => int.to_string(),
            Data::Real(real) => format!("{real:?}"),
            // A malformed URL may still contain a password.
            Data::Text(text) => match text.rsplit_once('@') {
                Some((_, host)) if !text.contains("://") => format!("{:?}", format!("***@{host}")),
                _ => format!("{:?}", redact(text)),
            },
            Data::Other(text) => redact(text),
            Data::List(list) => format!("a list of {}", list.len()),
            Data::Table(_) => "a table".to_owned(),
        };
        if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain("…".chars()).collect() } else { text }
    }
}
