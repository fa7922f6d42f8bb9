//! Signals of strategies outside: each is of the newest bar of its cell, once, and has a sequence like a record.

use super::Admission;
use crate::{
    feed::{Refusal, SavedNewestBar},
    model::{SymbolId, TimeframeId},
};

impl Admission {
    /// Takes signals of strategies outside from now on. Allocates.
    pub fn follow_bars(&mut self) {
        self.clocks.follow_bars();
    }

    /// Accepts the signal of a strategy, by its place among those outside, of the bar of a cell with this label, Unix ms, and
    /// numbers it.
    ///
    /// # Errors
    /// [`Refusal::WrongTimeframe`], [`Refusal::NoSuchBar`], [`Refusal::SaidLate`], [`Refusal::SaidAlready`]; the state is
    /// unchanged then.
    pub fn admit_signal(
        &mut self,
        symbol: SymbolId,
        timeframe: TimeframeId,
        bar_ts: i64,
        strategy: usize,
    ) -> Result<(), Refusal> {
        if self.enabled[symbol.index()] & 1 << timeframe.index() == 0 {
            return Err(Refusal::WrongTimeframe);
        }
        let (interval, calendar) = (self.timeframes[timeframe.index()], &self.calendars[symbol.index()]);
        let end = interval.labelled(bar_ts, calendar).end;
        // A time that is no bar's may seem to end with one.
        if interval.span(end - 1, calendar).is_some_and(|span| span.label != bar_ts) {
            return Err(Refusal::NoSuchBar);
        }
        let cell = symbol.index() * self.timeframes.len() + timeframe.index();
        self.clocks.newest_bars().say(cell, end, strategy)?;
        self.seq += 1;
        Ok(())
    }

    /// What a snapshot keeps of the newest bars: by cell, with the names of symbols and of strategies outside.
    #[must_use]
    pub fn save_bars<'a>(
        &self,
        symbol: impl Fn(SymbolId) -> &'a str,
        strategy: impl Fn(usize) -> &'a str,
    ) -> Vec<SavedNewestBar> {
        let columns = self.timeframes.len();
        let saved = |(cell, end, said): (usize, i64, u32)| SavedNewestBar {
            symbol: symbol(SymbolId((cell / columns) as u16)).to_owned(),
            timeframe: self.timeframes[cell % columns].to_string(),
            end,
            said: (0..u32::BITS as usize)
                .filter(|place| said & 1 << place != 0)
                .map(|place| strategy(place).to_owned())
                .collect(),
        };
        self.clocks.kept_bars().all().map(saved).collect()
    }

    /// Goes on from that: cells and strategies that are no more are left out.
    pub fn restore_bars(
        &mut self,
        saved: &[SavedNewestBar],
        symbol: impl Fn(&str) -> Option<SymbolId>,
        strategy: impl Fn(&str) -> Option<usize>,
    ) {
        let names: Vec<String> = self.timeframes.iter().map(ToString::to_string).collect();
        for bar in saved {
            let timeframe = names.iter().position(|name| *name == bar.timeframe);
            let Some((symbol, timeframe)) = symbol(&bar.symbol).zip(timeframe) else { continue };
            let said =
                bar.said.iter().filter_map(|name| strategy(name)).fold(0, |bits, place| bits | 1 << (place % 32));
            self.clocks.newest_bars().restore(symbol.index() * names.len() + timeframe, bar.end, said);
        }
    }
}
