//! What the records of streams have in common that a key of the configuration is for: said once each.

use crate::{model::Refusal, telemetry::ReaderSnapshot};

/// Records before anything is said.
const ENOUGH: u64 = 20;

/// What has been said.
#[derive(Debug, Default)]
pub struct Habits {
    young: bool,
    repeated: bool,
}

impl Habits {
    /// A line about most of what has come so far, where there is one to say.
    pub fn line(&mut self, reader: &ReaderSnapshot) -> Option<String> {
        let most = |count: u64| reader.records_in >= ENOUGH && 2 * count > reader.records_in;
        if !self.young && most(reader.young) {
            self.young = true;
            return Some(
                "most records come within a second after their own time: they look stamped at their end, or forming. For \
                 bars stamped at their end set stamp = \"end\" on the stream; a forming bar is held until it is over, \
                 which final = \"auto\" does"
                    .to_owned(),
            );
        }
        let [duplicates, revisions] =
            [Refusal::Duplicate, Refusal::Revision].map(|reason| reader.refused[reason.index()]);
        if !self.repeated && most(duplicates + revisions) {
            self.repeated = true;
            return Some(format!(
                "more than half of the records are of bars that have been taken ({duplicates} the same, {revisions} with other \
                 values): of a source that repeats the latest bar final = \"auto\" takes the last record, and final = \
                 \"next\" does where it is delayed"
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_is_named_once_when_most_have_it() {
        let mut habits = Habits::default();
        let mut reader = ReaderSnapshot { records_in: 10, young: 10, ..ReaderSnapshot::default() };
        assert_eq!(habits.line(&reader), None, "too few");
        (reader.records_in, reader.young) = (40, 20);
        assert_eq!(habits.line(&reader), None, "half");
        reader.young = 21;
        assert!(habits.line(&reader).is_some_and(|line| line.contains("stamp = \"end\"")));
        assert_eq!(habits.line(&reader), None);
        reader.refused[Refusal::Revision.index()] = 15;
        reader.refused[Refusal::Duplicate.index()] = 6;
        assert!(habits.line(&reader).is_some_and(|line| line.contains("6 the same, 15 with other")));
        assert_eq!(habits.line(&reader), None);
    }
}
