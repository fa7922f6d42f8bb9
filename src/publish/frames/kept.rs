//! How many entries hold so many signals, where an entry holds any number of them. Pure; allocates nothing.

/// Runs of entries that are remembered.
const RUNS: usize = 64;
/// Runs that hold together what is to be kept, about.
const SHARE: u64 = 32;

/// Counts what was written last, run by run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// Signals that are to be kept.
    signals: u64,
    /// Entries and signals of the last runs; the newest grows.
    runs: [(u64, u64); RUNS],
    newest: usize,
}

impl Kept {
    /// So many signals are to be kept; nothing has been written yet.
    pub fn new(signals: u64) -> Self {
        Self { signals, runs: [(0, 0); RUNS], newest: 0 }
    }

    /// Takes an entry with so many signals, at least one, and gives how many entries at the end of the stream hold all the
    /// signals that are to be kept. While what is remembered does not hold them, it is one entry a signal: enough in any case.
    pub fn entries(&mut self, signals: u64) -> u64 {
        if self.runs[self.newest].1 >= self.signals.div_ceil(SHARE) {
            self.newest = (self.newest + 1) % RUNS;
            self.runs[self.newest] = (0, 0);
        }
        let run = &mut self.runs[self.newest];
        *run = (run.0 + 1, run.1 + signals);
        let (mut entries, mut held) = (0, 0);
        for k in 0..RUNS {
            let (more, signals) = self.runs[(self.newest + RUNS - k) % RUNS];
            (entries, held) = (entries + more, held + signals);
            if held >= self.signals {
                return entries.min(self.signals);
            }
        }
        self.signals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_equal_entries_as_many_as_it_takes() {
        let mut kept = Kept::new(10_000);
        for k in 0..200 {
            let entries = kept.entries(100);
            let few = 100..=104;
            assert!(if k < 99 { entries == 10_000 } else { few.contains(&entries) }, "{k}: {entries}");
        }
        assert_eq!(Kept::new(1).entries(7), 1);
    }

    proptest! {
        /// Whatever is trimmed, what is left holds what was to be kept, and not much more.
        #[test]
        fn what_is_kept_is_enough(signals in 1u64..3_000, sizes in prop::collection::vec(1u64..200, 1..600)) {
            let (mut kept, mut stream) = (Kept::new(signals), Vec::new());
            for size in sizes {
                stream.push(size);
                let entries = kept.entries(size) as usize;
                let before: u64 = stream.iter().sum();
                let from = stream.len().saturating_sub(entries);
                stream.drain(..from);
                let held: u64 = stream.iter().sum();
                prop_assert!(held >= signals.min(before), "{held} of {signals}");
                prop_assert!(held <= 2 * signals + 400 || held == before, "{held} for {signals}");
            }
        }
    }
}
