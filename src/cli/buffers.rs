//! Lines on buffers that have grown or shrunk.

use crate::{config::LogLevel, engine::Engine, telemetry::EngineSnapshot};
use std::time::{Duration, Instant};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Remembers how large the buffers were.
#[derive(Debug, Default)]
pub(super) struct BufferWatch {
    told: Vec<(String, u64)>,
    looked: Option<Instant>,
}

impl BufferWatch {
    /// Looks at them now and then: lines for people, with how much they matter. Histories follow the memory there is.
    pub fn look(&mut self, now: Instant, engine: &mut Engine) -> Vec<(LogLevel, String)> {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return Vec::new();
        }
        self.looked = Some(now);
        let memory = engine.look_at_memory().map(|line| (LogLevel::Info, line));
        let others = self.lines(&engine.snapshot()).into_iter().map(|line| (LogLevel::Debug, line));
        memory.into_iter().chain(others).collect()
    }

    /// A line for each buffer that has another size than when it was looked at last.
    fn lines(&mut self, now: &EngineSnapshot) -> Vec<String> {
        let rings =
            now.rings.iter().map(|ring| (format!("ring {}: messages in flight", ring.name), ring.outlet.credit));
        let batch = ("publisher: entries that make a batch full".to_owned(), now.publisher.batch_limit);
        let read = ("reader: entries asked for at a time".to_owned(), now.reader.read_limit);
        let sizes: Vec<(String, u64)> = rings.chain([batch, read]).filter(|(_, size)| *size > 0).collect();
        let before = |name: &str| self.told.iter().find(|(known, _)| known == name).map(|(_, size)| *size);
        let line = |(name, size): &(String, u64)| match before(name) {
            Some(before) if before != *size => Some(format!("{name}: {size} at most, {before} before")),
            _ => None,
        };
        let lines = sizes.iter().filter_map(line).collect();
        self.told = sizes;
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told_once() {
        let mut watch = BufferWatch::default();
        let mut now = EngineSnapshot::default();
        (now.publisher.batch_limit, now.reader.read_limit) = (100, 512);
        assert_eq!(watch.lines(&now), Vec::<String>::new());
        now.publisher.batch_limit = 90;
        assert_eq!(watch.lines(&now), ["publisher: entries that make a batch full: 90 at most, 100 before"]);
        assert_eq!(watch.lines(&now), Vec::<String>::new());
    }
}
