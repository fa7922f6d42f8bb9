//! Inputs of which nothing comes: said after a minute, then more and more seldom, and when it goes on.

use crate::telemetry::EngineSnapshot;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Silence after which it is said, at first and at most.
const FIRST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
struct Stream {
    entries: u64,
    since: Instant,
    /// Silence after which it is said next.
    next: Duration,
}

/// What has been seen of each input.
#[derive(Debug)]
pub struct QuietInput {
    started: Instant,
    on: bool,
    streams: HashMap<String, Stream>,
}

impl QuietInput {
    /// Nothing yet; whether anything is to be said at all.
    pub fn new(now: Instant, on: bool) -> Self {
        Self { started: now, on, streams: HashMap::new() }
    }

    /// Lines where there is something to say.
    pub fn lines(&mut self, now: Instant, snapshot: &EngineSnapshot) -> Vec<String> {
        if !self.on {
            return Vec::new();
        }
        let mut lines = Vec::new();
        // Where a connection is lost that is said already, and why nothing comes.
        let down = snapshot.links.iter().any(|(_, link)| link.down > 0);
        for (name, counters) in &snapshot.streams {
            let fresh = Stream { entries: counters.entries, since: self.started, next: FIRST };
            let stream = self.streams.entry(name.clone()).or_insert(fresh);
            let silent = now.duration_since(stream.since);
            if counters.entries != stream.entries {
                if stream.next > FIRST {
                    lines.push(format!("records on {name} again, after {} s", silent.as_secs()));
                }
                *stream = Stream { entries: counters.entries, since: now, next: FIRST };
            } else if down {
                stream.since = now;
            } else if silent >= stream.next {
                lines.push(format!(
                    "no records for {} s on {name}: look at whoever writes it, or the market is closed",
                    silent.as_secs()
                ));
                stream.next = (stream.next * 10).min(stream.next + MOST);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::StreamSnapshot;

    #[test]
    fn silence_is_told_of_more_and_more_seldom_and_so_is_its_end() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let snapshot = |entries| EngineSnapshot {
            streams: vec![("in".to_owned(), StreamSnapshot { entries, ..Default::default() })],
            ..Default::default()
        };
        let mut quiet = QuietInput::new(start, true);
        let said = |quiet: &mut QuietInput, from: u64, to: u64, entries| -> Vec<(u64, String)> {
            let lines = |s| quiet.lines(at(s), &snapshot(entries)).into_iter().map(move |line| (s, line));
            (from..to).flat_map(lines).collect()
        };
        let first = said(&mut quiet, 0, 10_000, 5);
        let times: Vec<u64> = first.iter().map(|(s, _)| *s).collect();
        assert_eq!(times, [60, 600, 4_200, 7_800], "{first:?}");
        assert!(first[0].1.starts_with("no records for 60 s on in: "), "{first:?}");
        let again = said(&mut quiet, 10_000, 10_050, 6);
        assert_eq!(again, [(10_000, "records on in again, after 10000 s".to_owned())]);
        assert_eq!(said(&mut quiet, 10_050, 10_070, 6).len(), 1, "a minute after the last");
        assert_eq!(QuietInput::new(start, false).lines(at(100), &snapshot(5)), [] as [String; 0]);
    }
}
