//! What the desk knows of one symbol: what has been given out, what is held, what is missing.

use super::market::{FeedBar, PastWanted};
use std::collections::{HashMap, VecDeque};

/// Published bars of a symbol that are remembered, to tell what a correction corrects.
const REMEMBERED: usize = 8;

/// How long after their ends bars are held, until corrections of them have come.
#[derive(Debug, Clone, Default)]
pub struct HoldTimes {
    by_symbol: HashMap<String, i64>,
    others_ms: i64,
}

impl HoldTimes {
    /// So long, ms, by symbol, and of all others.
    #[must_use]
    pub fn new(by_symbol: HashMap<String, i64>, others_ms: i64) -> Self {
        Self { by_symbol, others_ms }
    }

    /// How long those of a symbol, ms.
    #[must_use]
    pub fn of(&self, symbol: &str) -> i64 {
        self.by_symbol.get(symbol).copied().unwrap_or(self.others_ms)
    }
}

/// How a symbol comes in.
#[derive(Debug)]
pub(super) enum Coming {
    /// Not at all.
    Absent,
    /// Live.
    Live,
    /// Live, but what lies before is fetched first: those bars wait. Where it was joined once more meanwhile, what lies before
    /// that is fetched next.
    Filling { wanted: PastWanted, waiting: Vec<FeedBar>, again_ms: Option<i64> },
}

/// What came of a bar that is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// It is held.
    New,
    /// It was held already.
    Known,
    /// It has taken the place of another of its interval.
    Replaced,
}

/// One symbol.
#[derive(Debug)]
pub(super) struct Line {
    pub name: String,
    pub stream: usize,
    pub coming: Coming,
    /// Start of the newest bar given out.
    pub newest: Option<i64>,
    /// Where it was joined first, Unix ms.
    pub since: Option<i64>,
    /// End up to which a heartbeat has said that all is there.
    pub proved: i64,
    /// End up to which the past has been seen to hold nothing more.
    pub searched: i64,
    pub recent: VecDeque<FeedBar>,
    /// How long after its end a bar is held until corrections of it have come, ms; and the bars that are held, by time.
    pub hold_ms: i64,
    pub held: VecDeque<FeedBar>,
}

impl Line {
    /// A symbol of which nothing has come, but for what was committed before.
    pub fn new(name: String, stream: usize, newest: Option<i64>, proved: i64, hold_ms: i64) -> Self {
        Self {
            name,
            stream,
            coming: Coming::Absent,
            newest,
            since: None,
            proved,
            searched: i64::MIN,
            recent: VecDeque::new(),
            hold_ms,
            held: VecDeque::new(),
        }
    }

    /// Whether it has had a bar.
    pub fn has_any(&self) -> bool {
        self.newest.is_some() || !self.held.is_empty()
    }

    /// Up to where all that there is has come, Unix ms: what a heartbeat has said to be there or absent, and what was looked
    /// for in the past, is not asked for again.
    pub fn known_ms(&self, interval: i64) -> Option<i64> {
        let newest = self.held.back().map(|bar| bar.start_ms).or(self.newest);
        let given = newest.map(|newest| newest + interval);
        let seen = self.searched.max(self.proved.max(i64::MIN + interval).div_euclid(interval) * interval);
        given.max(Some(seen).filter(|_| self.searched.max(self.proved) > i64::MIN))
    }

    /// How much is not there of what should be there up to a moment, where there is a bar in every interval, ms.
    pub fn lacks_ms(&self, end_ms: i64, interval: i64) -> i64 {
        match self.known_ms(interval) {
            Some(known) if self.has_any() => (end_ms.div_euclid(interval) * interval - known).max(0),
            _ => 0,
        }
    }

    /// HoldTimes a bar that is newer than all that were given out.
    pub fn hold(&mut self, bar: FeedBar) -> Holding {
        let place = self.held.partition_point(|held| held.start_ms < bar.start_ms);
        match self.held.get_mut(place).filter(|held| held.start_ms == bar.start_ms) {
            Some(held) if held.says_the_same(&bar) => Holding::Known,
            Some(held) => {
                *held = bar;
                Holding::Replaced
            }
            None => {
                self.held.insert(place, bar);
                Holding::New
            }
        }
    }

    /// Changes a bar that is held: for another, or for none. Whether there is one.
    pub fn change_held(&mut self, start_ms: i64, new: Option<FeedBar>) -> bool {
        let Some(place) = self.held.iter().position(|held| held.start_ms == start_ms) else { return false };
        match new {
            Some(bar) => self.held[place] = bar,
            None => drop(self.held.remove(place)),
        }
        true
    }

    /// Takes the next bar that need not be held any longer at a moment, Unix ms.
    pub fn release(&mut self, end_ms: i64, interval: i64) -> Option<FeedBar> {
        let is_due = |bar: &FeedBar| bar.start_ms + interval + self.hold_ms <= end_ms;
        if self.held.front().is_some_and(is_due) { self.held.pop_front() } else { None }
    }

    /// Remembers a bar as given out.
    pub fn given(&mut self, bar: FeedBar) {
        self.newest = Some(bar.start_ms);
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(bar);
    }
}
