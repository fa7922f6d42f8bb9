//! How long histories may be beyond what windows need, by the memory that there is. Pure; looked at now and then by the
//! thread that watches the engine. No output depends on it.

/// Share of the budget from which on histories are halved, and below which they may double again.
const HIGH: f64 = 0.85;
const LOW: f64 = 0.60;
/// Share of the time that something waits for memory from which on they are halved, per cent.
const STALLED_PCT: f64 = 10.0;
/// Time below [`LOW`] until they double again, and least time between two halvings, in which the first takes effect, ms.
const CALM_MS: u64 = 300_000;
const PAUSE_MS: u64 = 10_000;

/// How much memory there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryStanding {
    /// Resident memory of the process, bytes.
    pub resident: u64,
    /// What it may have, bytes.
    pub budget: u64,
    /// Share of the last ten seconds for which something waited for memory, per cent.
    pub stalled_pct: f64,
}

/// Decides how often histories are halved.
#[derive(Debug, Default)]
pub struct HistoryGovernor {
    /// How often they are, and may be at most.
    halvings: u32,
    most: u32,
    /// Since when there has been plenty, ms.
    calm_since_ms: Option<u64>,
    /// Not before this time, ms.
    next_ms: u64,
}

impl HistoryGovernor {
    /// Histories that may be halved so often until they are what windows need.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { most, ..Self::default() }
    }

    /// How often they are halved.
    #[must_use]
    pub const fn halvings(&self) -> u32 {
        self.halvings
    }

    /// Looks at the memory; gives a line for people where something has changed.
    pub fn look(&mut self, now_ms: u64, of: &MemoryStanding) -> Option<String> {
        let share = of.resident as f64 / of.budget.max(1) as f64;
        let short = share > HIGH || of.stalled_pct > STALLED_PCT;
        if short || share >= LOW {
            self.calm_since_ms = None;
        }
        if short {
            if self.halvings >= self.most || now_ms < self.next_ms {
                return None;
            }
            self.halvings += 1;
            self.next_ms = now_ms + PAUSE_MS;
            return Some(self.line("halved", share, of));
        }
        if share >= LOW || self.halvings == 0 {
            return None;
        }
        let since_ms = *self.calm_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) < CALM_MS {
            return None;
        }
        self.calm_since_ms = Some(now_ms);
        self.halvings -= 1;
        Some(self.line("doubled again", share, of))
    }

    fn line(&self, what: &str, share: f64, of: &MemoryStanding) -> String {
        format!(
            "memory: {:.0} % of {} MiB are used, something waited for memory {:.1} % of the time: histories longer than \
             windows need are {what}, {} of {} times now (limits.memory_mb)",
            share * 100.0,
            of.budget >> 20,
            of.stalled_pct,
            self.halvings,
            self.most
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(percent: u64, stalled_pct: f64) -> MemoryStanding {
        MemoryStanding { resident: percent << 20, budget: 100 << 20, stalled_pct }
    }

    #[test]
    fn it_halves_where_memory_is_short_and_doubles_again_after_a_while_of_plenty() {
        let mut governor = HistoryGovernor::new(3);
        assert_eq!(governor.look(0, &at(85, 10.0)), None);
        let line = governor.look(1_000, &at(86, 0.0)).unwrap();
        assert!(line.contains("86 % of 100 MiB") && line.contains("halved, 1 of 3 times"), "{line}");
        assert_eq!(governor.look(2_000, &at(99, 0.0)), None, "the first has not taken effect");
        assert!(governor.look(11_000, &at(20, 10.1)).is_some(), "others need the memory");
        assert!(governor.look(21_000, &at(90, 0.0)).is_some());
        assert_eq!((governor.look(99_000, &at(99, 50.0)), governor.halvings()), (None, 3), "what windows need stays");
        assert_eq!(governor.look(100_000, &at(59, 0.0)), None);
        assert_eq!(governor.look(200_000, &at(60, 0.0)), None, "not plenty any more");
        assert_eq!(governor.look(300_000, &at(59, 0.0)), None);
        assert_eq!(governor.look(599_999, &at(59, 0.0)), None);
        let line = governor.look(600_000, &at(59, 0.0)).unwrap();
        assert!(line.contains("doubled again, 2 of 3 times"), "{line}");
        assert_eq!(governor.look(700_000, &at(59, 0.0)), None);
        assert!(governor.look(900_000, &at(59, 0.0)).is_some() && governor.look(1_200_000, &at(59, 0.0)).is_some());
        assert_eq!((governor.look(9_000_000, &at(1, 0.0)), governor.halvings()), (None, 0));
    }
}
