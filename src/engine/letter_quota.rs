//! How many dead letters of one reason are written, so that many of one do not wash out the few of another. Pure; cold.
//!
//! While other reasons have letters too, one reason has a quota for each hour of the wall. What goes beyond is counted.

use crate::model::Refusal;
use wincode::{SchemaRead, SchemaWrite};

const HOUR_MS: i64 = 3_600_000;

/// The letters of this hour, by reason.
#[derive(Debug, Clone)]
pub struct LetterQuota {
    quota: u64,
    hour: i64,
    written: [u64; Refusal::COUNT],
    /// Whether there were letters in the hour before.
    before: [bool; Refusal::COUNT],
}

/// The same as it is saved: reasons by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct SavedQuota {
    hour: i64,
    written: Vec<(String, u64, bool)>,
}

impl LetterQuota {
    /// So many letters of a reason in an hour.
    #[must_use]
    pub fn new(quota: u64) -> Self {
        Self { quota, hour: i64::MIN, written: [0; Refusal::COUNT], before: [false; Refusal::COUNT] }
    }

    /// Whether a letter of a reason is to be written at a moment of the wall, Unix ms; one without a wall always is.
    pub fn takes(&mut self, reason: Refusal, moment: i64) -> bool {
        if moment == i64::MIN {
            return true;
        }
        let hour = moment.div_euclid(HOUR_MS);
        if hour != self.hour {
            let next = self.hour.checked_add(1) == Some(hour);
            self.before = self.written.map(|count| next && count > 0);
            (self.hour, self.written) = (hour, [0; Refusal::COUNT]);
        }
        let own = reason.index();
        let others = (0..Refusal::COUNT).any(|other| other != own && (self.written[other] > 0 || self.before[other]));
        let takes = !others || self.written[own] < self.quota;
        self.written[own] += u64::from(takes);
        takes
    }

    /// What a snapshot keeps.
    #[must_use]
    pub fn save(&self) -> SavedQuota {
        let all = Refusal::ALL.iter().map(|reason| (reason, self.written[reason.index()], self.before[reason.index()]));
        let some = all.filter(|(_, count, before)| *count > 0 || *before);
        let named = some.map(|(reason, count, before)| (reason.name().to_owned(), count, before));
        SavedQuota { hour: self.hour, written: named.collect() }
    }

    /// Goes on from what a snapshot has kept.
    pub fn restore(&mut self, saved: &SavedQuota) {
        self.hour = saved.hour;
        for (name, count, before) in &saved.written {
            if let Some(reason) = Refusal::ALL.iter().find(|reason| reason.name() == name) {
                (self.written[reason.index()], self.before[reason.index()]) = (*count, *before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_has_all_the_room_until_another_needs_some() {
        let mut quota = LetterQuota::new(3);
        let mut takes = |reason, hours: i64, many| (0..many).filter(|_| quota.takes(reason, hours * HOUR_MS)).count();
        assert_eq!(takes(Refusal::UnknownSymbol, 5, 100), 100, "alone");
        assert_eq!(takes(Refusal::NotFinite, 5, 2), 2);
        assert_eq!(takes(Refusal::UnknownSymbol, 5, 100), 0);
        assert_eq!(takes(Refusal::NotFinite, 5, 2), 1, "it has a quota too");
        assert_eq!(takes(Refusal::UnknownSymbol, 6, 100), 3, "the next hour");
        assert_eq!(takes(Refusal::UnknownSymbol, 7, 100), 100, "the other one is long past");
        assert_eq!((0..9).filter(|_| quota.takes(Refusal::Late, i64::MIN)).count(), 9, "without a wall");
    }

    #[test]
    fn it_goes_on_where_it_was() {
        let mut quota = LetterQuota::new(3);
        for n in 0..50 {
            quota.takes([Refusal::Late, Refusal::NotFinite][n % 2], 7 * HOUR_MS + n as i64 * HOUR_MS / 20);
            let mut other = LetterQuota::new(3);
            other.restore(&quota.save());
            assert_eq!(other.save(), quota.save());
            let at = 7 * HOUR_MS + n as i64 * HOUR_MS / 20;
            assert_eq!(other.takes(Refusal::Late, at), quota.clone().takes(Refusal::Late, at));
        }
    }
}
