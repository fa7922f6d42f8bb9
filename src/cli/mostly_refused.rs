//! A feed of which most records are refused is of no use, however healthy everything else looks: said once a minute, with what
//! would mend it.

use crate::{
    model::Refusal,
    telemetry::{ReaderSnapshot, exact_count},
};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);
/// Records below which a share says nothing.
const RECORDS_MIN: u64 = 10;

/// What had been counted when it was last looked at.
#[derive(Debug)]
pub struct MostlyRefused {
    since: Instant,
    records: u64,
    refused: [u64; Refusal::COUNT],
}

impl MostlyRefused {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { since: now, records: 0, refused: [0; Refusal::COUNT] }
    }

    /// A line where most records of the last minute were refused. Those that are left out as asked for do not count.
    pub fn line(&mut self, now: Instant, reader: &ReaderSnapshot) -> Option<String> {
        let elapsed = now.duration_since(self.since);
        if elapsed < EVERY {
            return None;
        }
        let more = |reason: &Refusal| reader.refused[reason.index()].saturating_sub(self.refused[reason.index()]);
        let wanted = Refusal::ALL.iter().filter(|reason| !reason.is_usual());
        let refused: u64 = wanted.clone().map(more).sum();
        let records = reader.records_in.saturating_sub(self.records);
        let most = wanted.max_by_key(|reason| more(reason)).map(|reason| (*reason, more(reason)));
        (self.since, self.records, self.refused) = (now, reader.records_in, reader.refused);
        let (reason, count) = most.filter(|_| records >= RECORDS_MIN && refused * 2 > records)?;
        Some(format!(
            "warning: {} of {} records were refused in the last {} s, {} of them as {}: {}",
            exact_count(refused),
            exact_count(records),
            elapsed.as_secs(),
            exact_count(count),
            reason.name(),
            reason.advice()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_a_minute_while_it_is_so() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut mostly = MostlyRefused::new(start);
        let mut reader = ReaderSnapshot { records_in: 2_400, ..Default::default() };
        reader.refused[Refusal::Late.index()] = 2_313;
        assert_eq!(mostly.line(at(59), &reader), None);
        let line = mostly.line(at(60), &reader).unwrap();
        assert!(
            line.starts_with("warning: 2,313 of 2,400 records were refused in the last 60 s, 2,313 of them as late: ")
        );
        assert!(line.ends_with(Refusal::Late.advice()));
        assert_eq!(mostly.line(at(120), &reader), None, "nothing more came");
        reader.records_in += 100;
        reader.refused[Refusal::Late.index()] += 49;
        assert_eq!(mostly.line(at(180), &reader), None, "less than half");
        reader.records_in += 100;
        reader.refused[Refusal::NoTrade.index()] += 100;
        reader.refused[Refusal::InHistory.index()] += 100;
        reader.records_in += 100;
        assert_eq!(mostly.line(at(240), &reader), None, "as asked for");
        reader.records_in += 100;
        reader.refused[Refusal::Future.index()] += 60;
        assert!(mostly.line(at(300), &reader).unwrap().contains("60 of 100 records"));
    }
}
