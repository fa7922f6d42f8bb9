//! What an engine has written, and how it differs from what another one has.

use redis::{Commands, streams::StreamRangeReply};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use wagehood_engine::publish::{SignalEntryError, SignalReader};

pub type Entry = BTreeMap<String, String>;

/// All entries of a stream, without their ids and the time at which they were written; signals each by itself, in whichever
/// form they were written.
pub fn entries(connection: &mut redis::Connection, stream: &str) -> Vec<Entry> {
    let (mut all, mut from, mut reader) = (Vec::new(), "-".to_owned(), SignalReader::default());
    loop {
        let page: StreamRangeReply = connection.xrange_count(stream, &from, "+", 5_000).unwrap();
        for entry in &page.ids {
            let bytes = |value: &redis::Value| redis::from_redis_value_ref::<Vec<u8>>(value).unwrap();
            let fields: Vec<_> = entry.map.iter().map(|(k, v)| (k.clone().into_bytes(), bytes(v))).collect();
            let ask = |key: &str| Ok::<_, SignalEntryError>(connection.hgetall(key).unwrap());
            for signal in reader.read(&fields, ask).unwrap() {
                all.push(signal.into_iter().filter(|(name, _)| name != "published_ms").collect());
            }
            from = format!("({}", entry.id);
        }
        if page.ids.len() < 5_000 {
            return all;
        }
    }
}

/// Waits until an engine has committed the ends of all input streams; false where it does not get there in time.
pub fn caught_up(connection: &mut redis::Connection, name: &str, streams: &[&str], timeout: Duration) -> bool {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        let position: HashMap<String, String> =
            connection.hgetall(format!("wagehood:engine:position:{name}")).unwrap_or_default();
        let done = streams.iter().all(|stream| {
            let last: StreamRangeReply = connection.xrevrange_count(*stream, "+", "-", 1).unwrap();
            last.ids.first().is_none_or(|entry| position.get(*stream) == Some(&entry.id))
        });
        if done {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// The first entries that are not the same, for a message of failure.
pub fn first_difference(expected: &[Entry], found: &[Entry]) -> String {
    let at = expected.iter().zip(found).position(|(a, b)| a != b).unwrap_or(expected.len().min(found.len()));
    let (a, b) = (expected.get(at), found.get(at));
    format!(
        "{} and {} entries, the first difference at {at}:\nexpected {a:?}\n   found {b:?}",
        expected.len(),
        found.len()
    )
}

/// Signals that are missing, and that are there too often.
pub fn differences(expected: &[Entry], found: &[Entry]) -> (usize, usize) {
    let mut counts: HashMap<&Entry, i64> = HashMap::new();
    expected.iter().for_each(|entry| *counts.entry(entry).or_default() += 1);
    found.iter().for_each(|entry| *counts.entry(entry).or_default() -= 1);
    let lost: i64 = counts.values().filter(|n| **n > 0).sum();
    let repeated: i64 = -counts.values().filter(|n| **n < 0).sum::<i64>();
    (lost as usize, repeated as usize)
}
