//! When a record that is held, because its bar is still forming, is taken at the latest: at a moment of the wall, as bars are
//! closed. Allocates only when symbols are added; never blocks.

use super::deadlines::{Deadlines, NEVER};

/// A record that is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// Where its bar begins and ends, Unix ms.
    pub start: i64,
    pub end: i64,
    /// When it is taken, Unix ms.
    pub due: i64,
    /// The input that it came from.
    pub input: u8,
}

/// The records that are held, by base and symbol.
#[derive(Debug, Clone)]
pub(super) struct Holds {
    /// Empty where no input holds records.
    holds: Vec<Option<Hold>>,
    /// No record is taken earlier.
    deadlines: Deadlines,
    /// Those that are taken at the moment at hand, with the ends of their bars, the last first.
    ripe: Vec<(i64, usize)>,
}

impl Holds {
    /// Nothing is held.
    pub fn new() -> Self {
        Self { holds: Vec::new(), deadlines: Deadlines::new(0), ripe: Vec::new() }
    }

    /// Makes room for so many. Allocates.
    pub fn grow(&mut self, count: usize) {
        self.holds.resize(count, None);
        self.deadlines.grow(count);
        self.ripe.reserve(count);
    }

    #[inline]
    pub fn get(&self, track: usize) -> Option<Hold> {
        self.holds.get(track).copied().flatten()
    }

    pub fn set(&mut self, track: usize, hold: Option<Hold>, armed: i64) {
        if let Some(own) = self.holds.get_mut(track) {
            *own = hold;
            self.deadlines.set(track, armed);
        }
    }

    /// What came from an input may be taken earlier than it seemed, but not before `floor`.
    #[cold]
    pub fn wake(&mut self, input: u8, floor: i64) {
        for (track, hold) in self.holds.iter().enumerate() {
            if let Some(hold) = hold.filter(|hold| hold.input == input) {
                self.deadlines.set(track, hold.due.max(floor));
            }
        }
    }

    /// The earliest time at which one may be taken.
    #[inline]
    pub fn earliest(&self) -> i64 {
        self.deadlines.earliest()
    }

    /// The moment at which the next one is taken, up to `until`; `moment` gives that of a record as far as it is known.
    pub fn next_moment(&mut self, until: i64, moment: impl Fn(Hold) -> i64) -> Option<i64> {
        while self.deadlines.earliest() <= until {
            let (track, armed) = (self.deadlines.first(), self.deadlines.earliest());
            let at = self.get(track).map_or(NEVER, &moment);
            if at <= armed {
                return Some(armed);
            }
            self.deadlines.set(track, at);
        }
        None
    }

    /// Finds what is taken at a moment.
    pub fn ripen(&mut self, at: i64, moment: impl Fn(Hold) -> i64) {
        self.ripe.clear();
        while self.deadlines.earliest() <= at {
            let track = self.deadlines.first();
            let hold = self.get(track);
            let own = hold.map_or(NEVER, &moment);
            if let Some(hold) = hold.filter(|_| own <= at) {
                self.ripe.push((hold.end, track));
                self.deadlines.set(track, NEVER);
            } else {
                self.deadlines.set(track, own);
            }
        }
        self.ripe.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// The next one that is taken at the moment at hand: in the order of the ends of their bars, then of the symbols.
    pub fn next_ripe(&mut self) -> Option<usize> {
        self.ripe.pop().map(|(_, track)| track)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.holds.capacity() * size_of::<Option<Hold>>()
            + self.ripe.capacity() * size_of::<(i64, usize)>()
            + self.deadlines.bytes()
    }
}
