//! Which intervals of the correlation across assets the wall has passed. Hot: a comparison a record, and none of it where it is
//! off.

use crate::{
    config::CrossRules,
    engine::BarOutlet,
    model::{Calendar, Control, Timeframe},
};

/// Intervals after its end at which one is taken.
const DELAY: i64 = 2;

/// The next interval.
#[derive(Debug)]
pub struct Intervals {
    timeframe: Option<Timeframe>,
    /// End of the interval that is taken next, Unix ms; `i64::MIN` before the first record.
    due: i64,
    /// From which wall on it is taken, Unix ms.
    at: i64,
}

impl Intervals {
    /// Intervals by these rules, or none.
    pub fn new(rules: Option<CrossRules>) -> Self {
        let at = if rules.is_some() { i64::MIN } else { i64::MAX };
        Self { timeframe: rules.map(|rules| rules.timeframe), due: i64::MIN, at }
    }

    /// Goes on with the interval that ends there, Unix ms; `i64::MIN` before the first record.
    pub fn restore(&mut self, due: i64) {
        if let Some(timeframe) = self.timeframe.filter(|_| due != i64::MIN) {
            self.due = due;
            self.at = timeframe.later(due, DELAY, &Calendar::Utc);
        }
    }

    /// Sends which intervals are taken before a sequence at this wall, Unix ms, ahead of everything of the sequence.
    #[inline]
    pub fn pass(&mut self, bars: &mut BarOutlet, seq: u64, wall: i64) {
        if wall >= self.at {
            self.go(bars, seq, wall);
        }
    }

    #[cold]
    fn go(&mut self, bars: &mut BarOutlet, seq: u64, wall: i64) {
        let Some(timeframe) = self.timeframe.filter(|_| wall > i64::MIN) else { return };
        let later = |end, intervals| timeframe.later(end, intervals, &Calendar::Utc);
        if self.due == i64::MIN {
            self.due = timeframe.utc_span(wall - 1).end;
        }
        let first = self.due;
        // The last that ends so long ago, and the one behind it.
        let ended = timeframe.utc_span(wall).start;
        self.due = first.max(later(ended, 1 - DELAY));
        self.at = later(self.due, DELAY);
        bars.control(Control::Intervals { seq, first, next: self.due });
    }
}
