//! What closes because a writer or a record says so, and the newest bars that have closed, where somebody asks for them.

use super::{Clocks, Closing, NEVER, each, push};
use crate::{feed::newest_bars::NewestBars, model::SymbolId};

impl Clocks {
    /// Closes the bars that end up to `end` of the symbols of an input, but those `except`ed. Gives them in the order of
    /// publication.
    pub fn close_ended(&mut self, input: u8, end: i64, except: impl Fn(SymbolId) -> bool) -> &[Closing] {
        self.due.clear();
        for (index, clock) in self.tracks.iter_mut().enumerate() {
            let symbol = SymbolId((index / self.bases) as u16);
            if clock.input != input || clock.earliest > end || except(symbol) {
                continue;
            }
            let row = &self.ends[index * self.columns..][..self.columns];
            for timeframe in each(clock.open).filter(|&timeframe| row[timeframe] <= end) {
                clock.open &= !(1 << timeframe);
                clock.closed_until = clock.closed_until.max(row[timeframe]);
                self.newest_bars.closed(symbol.index() * self.columns + timeframe, row[timeframe]);
                push(&mut self.due, Closing { end: row[timeframe], symbol, timeframes: 1 << timeframe });
            }
            clock.earliest = each(clock.open).map(|index| row[index]).min().unwrap_or(NEVER);
        }
        self.due.sort_unstable();
        &self.due
    }

    /// Adds what the record at hand, of this symbol, has left behind to what closes with it, in the order of publication.
    pub(in crate::feed) fn with_left(&mut self, symbol: SymbolId) -> &[Closing] {
        for index in each(std::mem::take(&mut self.left_bits)) {
            push(&mut self.due, Closing { end: self.left[index], symbol, timeframes: 1 << index });
        }
        self.due.sort_unstable();
        &self.due
    }

    /// Keeps the newest bar of every cell from now on. Allocates.
    pub(in crate::feed) fn follow_bars(&mut self) {
        self.newest_bars.grow(self.tracks.len() / self.bases * self.columns);
        self.follows = true;
    }

    /// The newest bars, which are kept where that was asked for.
    pub(in crate::feed) fn newest_bars(&mut self) -> &mut NewestBars {
        &mut self.newest_bars
    }

    /// The same, to be read.
    pub(in crate::feed) fn kept_bars(&self) -> &NewestBars {
        &self.newest_bars
    }
}
