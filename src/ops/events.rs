//! Events for those who listen: signals and changes of state are kept for a while, so that who comes back misses none.

use std::{collections::VecDeque, fmt::Write as _, sync::Arc};

/// Events that are kept.
pub(super) const KEPT_MAX: usize = 4_096;

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Event {
    number: u64,
    /// `signal` or `state`.
    pub kind: &'static str,
    /// JSON in one line.
    pub data: Arc<str>,
}

/// The events of one run.
#[derive(Debug)]
pub(super) struct Events {
    /// Tells the ids of one run from those of another.
    run: u64,
    next: u64,
    kept: VecDeque<Event>,
}

impl Events {
    /// None yet; no other run has this number.
    pub const fn new(run: u64) -> Self {
        Self { run, next: 1, kept: VecDeque::new() }
    }

    /// Adds an event.
    pub fn add(&mut self, kind: &'static str, data: &str) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Event { number: self.next, kind, data: data.trim_end().into() });
        self.next += 1;
    }

    /// Number of the next event.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The events from a number on, as long as they are kept.
    pub fn from(&self, number: u64) -> impl Iterator<Item = &Event> {
        let first = self.kept.front().map_or(self.next, |event| event.number);
        let skip = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        self.kept.iter().skip(skip)
    }

    /// Number of the oldest event that is kept.
    pub fn oldest(&self) -> u64 {
        self.kept.front().map_or(self.next, |event| event.number)
    }

    /// Where a client goes on that saw this id last: the number, and whether something in between is not kept any more.
    pub fn after(&self, last_id: &str) -> (u64, bool) {
        let parsed = last_id
            .split_once('-')
            .and_then(|(run, number)| Some((u64::from_str_radix(run, 16).ok()?, number.parse::<u64>().ok()?)));
        match parsed {
            Some((run, number)) if run == self.run && number < self.next => (number + 1, number + 1 < self.oldest()),
            // Of another run: all that is kept is new, and what was before it is not known.
            _ => (self.oldest(), true),
        }
    }

    /// The newest signals, oldest first, at most so many, of those that are kept.
    pub fn signals(&self, most: usize) -> Vec<&str> {
        let mut signals: Vec<&str> = self
            .kept
            .iter()
            .rev()
            .filter(|event| event.kind == "signal")
            .take(most)
            .map(|event| &*event.data)
            .collect();
        signals.reverse();
        signals
    }

    /// Appends an event as it is sent.
    pub fn push(&self, out: &mut Vec<u8>, event: &Event) {
        let mut text = String::with_capacity(event.data.len() + 64);
        // Writing into a text cannot fail.
        let _ = write!(text, "id: {:x}-{}\nevent: {}\ndata: {}\n\n", self.run, event.number, event.kind, event.data);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends an event that is not kept.
pub(super) fn push_passing(out: &mut Vec<u8>, kind: &str, data: &str) {
    for part in ["event: ", kind, "\ndata: ", data, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_misses_nothing_that_is_kept_and_is_told_of_the_rest() {
        let mut events = Events::new(0xab);
        assert_eq!(events.after("ab-0"), (1, false));
        (0..10).for_each(|n| events.add("signal", &format!("{n}\n")));
        let mut out = Vec::new();
        let (next, gap) = events.after("ab-7");
        events.from(next).for_each(|event| events.push(&mut out, event));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("data: ").count(), 3, "{text}");
        assert!(text.starts_with("id: ab-8\nevent: signal\ndata: 7\n\n"), "{text}");
        assert!(!gap);
        (0..2 * KEPT_MAX).for_each(|n| events.add("state", &n.to_string()));
        assert_eq!(events.after("ab-7"), (8, true), "the next are gone");
        assert_eq!(events.from(8).count(), KEPT_MAX);
        for other in ["ac-7", "", "x", "ab-99999", "ab-"] {
            assert_eq!(events.after(other), (events.oldest(), true), "{other:?}");
        }
        assert_eq!(events.signals(3).len(), 0);
    }
}
