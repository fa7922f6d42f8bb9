//! How many records were refused, now and then, as long as more are: the first few of each reason are shown, the others
//! would be told of at the end alone.

use crate::{model::Refusal, telemetry::exact_count};
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// Time between two lines, at first and at most; twice as long after each line.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What has been told.
#[derive(Debug)]
pub struct Flood {
    told: [u64; Refusal::ALL.len()],
    since: Instant,
    pause: Duration,
}

impl Flood {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { told: [0; Refusal::ALL.len()], since: now, pause: PAUSE }
    }

    /// A line about what was refused since the last one, by reason, where it is time for one and there is more than is shown
    /// anyhow.
    pub fn line(&mut self, now: Instant, refused: &[u64; Refusal::ALL.len()], shown: u64) -> Option<String> {
        let elapsed = now.duration_since(self.since);
        if elapsed < self.pause {
            return None;
        }
        self.since = now;
        let more = |reason: Refusal| refused[reason.index()].saturating_sub(self.told[reason.index()]);
        let mut reasons: Vec<(u64, Refusal)> = Refusal::ALL.into_iter().map(|reason| (more(reason), reason)).collect();
        reasons.retain(|(count, reason)| *count > 0 && !reason.is_asked_for());
        reasons.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let first = self.told.iter().all(|count| *count == 0);
        self.told = *refused;
        if reasons.is_empty() || first && refused.iter().sum::<u64>() <= shown {
            self.pause = PAUSE;
            return None;
        }
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        let all: u64 = reasons.iter().map(|(count, _)| count).sum();
        let mut line = format!("refused: {} records in the last {} s", exact_count(all), elapsed.as_secs());
        for (index, (count, reason)) in reasons.iter().enumerate() {
            // Writing into a text cannot fail.
            let _ = write!(line, "{} {} {}", if index == 0 { ":" } else { "," }, reason.name(), exact_count(*count));
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_of_with_growing_pauses_and_a_trickle_is_not() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut flood = Flood::new(start);
        let mut refused = [0; Refusal::ALL.len()];
        refused[Refusal::Late.index()] = 2;
        assert_eq!(flood.line(at(10), &refused, 2), None, "both were shown");
        refused[Refusal::Late.index()] = 5_002;
        refused[Refusal::UnknownSymbol.index()] = 7;
        assert_eq!(flood.line(at(19), &refused, 5), None);
        let line = flood.line(at(20), &refused, 5).unwrap();
        assert_eq!(line, "refused: 5,007 records in the last 10 s: late 5,000, unknown_symbol 7");
        refused[Refusal::Late.index()] += 1;
        assert_eq!(flood.line(at(39), &refused, 5), None);
        assert_eq!(flood.line(at(40), &refused, 5).unwrap(), "refused: 1 records in the last 20 s: late 1");
        assert_eq!(flood.line(at(80), &refused, 5), None, "it is over");
        refused[Refusal::Late.index()] += 1;
        assert!(flood.line(at(90), &refused, 5).is_some());
    }
}
