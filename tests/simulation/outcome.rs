//! What a run has left in the server, and how it differs from another's.

use crate::{
    data::{Data, Fields},
    market::show,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Entries by stream, without their ids.
    streams: BTreeMap<String, Vec<Fields>>,
    /// Keys of latest values.
    latest: BTreeMap<String, String>,
}

impl Outcome {
    pub fn of(data: &Data) -> Self {
        let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let mut outcome = Self::default();
        for key in data.names().map(|key| name(key)) {
            let is_output = !key.starts_with("in_") && !key.starts_with("wagehood:engine:");
            if let Some(stream) = data.stream(&key).filter(|_| is_output) {
                // The time at which it is written is no part of what is written.
                let said =
                    |fields: &Fields| fields.iter().filter(|(name, _)| name != b"published_ms").cloned().collect();
                outcome.streams.insert(key, stream.entries.values().map(said).collect());
            }
        }
        for (key, value) in data.texts() {
            let key = name(key);
            if !key.starts_with("wagehood:engine:") {
                outcome.latest.insert(key, name(value));
            }
        }
        outcome
    }

    /// Without everything of one symbol.
    pub fn without(mut self, symbol: &str) -> Self {
        let is_of = |fields: &Fields| fields.iter().any(|(n, v)| n == b"symbol" && v == symbol.as_bytes());
        self.streams.values_mut().for_each(|entries| entries.retain(|fields| !is_of(fields)));
        self.latest.retain(|key, _| !key.contains(&format!("_{symbol}")) && !key.contains(&format!(":{symbol}_")));
        self
    }

    /// In some order, and without what says where in the input something was: what a symbol's records alone decide.
    pub fn by_content(mut self) -> Self {
        for entries in self.streams.values_mut() {
            for fields in entries.iter_mut() {
                let is_place = |name: &[u8]| name == b"source_id" || name == b"event_id";
                *fields = fields.iter().filter(|(name, _)| !is_place(name)).cloned().collect();
            }
            entries.sort();
        }
        self
    }

    /// The signals that are there more than once.
    pub fn repeated(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let ids = self.streams.get("signals").into_iter().flatten().map(|fields| show(&fields[..1].into()));
        ids.filter(|id| !seen.insert(id.clone())).collect()
    }

    pub fn count(&self, stream: &str) -> usize {
        self.streams.get(stream).map_or(0, Vec::len)
    }

    /// Where it differs from what it should be, a line a stream.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let names: BTreeSet<&String> = self.streams.keys().chain(expected.streams.keys()).collect();
        for name in names {
            let [found, wanted] = [self, expected].map(|outcome| outcome.streams.get(name).map_or(&[][..], |all| all));
            if found == wanted {
                continue;
            }
            let at = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
            let line = |entries: &[Fields]| entries.get(at).map_or("the end".to_owned(), show);
            let place = |entries: &[Fields], entry: Option<&Fields>| {
                let at = entry.and_then(|entry| entries.iter().position(|other| other == entry));
                at.map_or("nowhere".to_owned(), |at| format!("at {at}"))
            };
            lines.push(format!(
                "{name}: {} entries instead of {}, the first difference at {at}:\n    found  {} (wanted {})\n    wanted {} (found {})",
                found.len(),
                wanted.len(),
                line(found),
                place(wanted, found.get(at)),
                line(wanted),
                place(found, wanted.get(at))
            ));
        }
        for (key, wanted) in &expected.latest {
            // One that has expired says nothing.
            if let Some(found) = self.latest.get(key).filter(|found| *found != wanted) {
                lines.push(format!("{key}:\n    found  {found}\n    wanted {wanted}"));
            }
        }
        lines
    }
}
