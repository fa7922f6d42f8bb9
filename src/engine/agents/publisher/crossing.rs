//! The publisher's part in the correlation across assets: when it hears of intervals, what of it is saved, counted and written.

use super::PublisherAgent;
use crate::{
    cross::CrossAssets,
    engine::{Of, Restored},
    model::SymbolId,
    state::StateError,
};
use std::collections::VecDeque;

/// Rows of the matrix that are written with one group, and that are saved in a duty cycle.
const ROWS_TOGETHER: usize = 4;

/// Drives [`CrossAssets`].
#[derive(Debug)]
pub(super) struct CrossWork {
    pub assets: CrossAssets,
    /// Symbols whose rows are to be written.
    news: VecDeque<usize>,
}

impl CrossWork {
    pub fn new(assets: CrossAssets) -> Self {
        Self { assets, news: VecDeque::new() }
    }

    pub fn bytes(&self) -> usize {
        self.assets.bytes() + self.news.capacity() * size_of::<usize>()
    }

    /// All rows are to be written, as they are now.
    fn renew(&mut self) {
        self.news.clear();
        let matrix = self.assets.matrix();
        self.news.extend((0..matrix.symbols()).filter(|&symbol| matrix.presence(symbol).is_seen()));
    }
}

impl PublisherAgent {
    /// Takes the intervals that come before the group in hand.
    #[inline]
    pub(super) fn cross(&mut self, replayed: bool) -> Result<(), StateError> {
        if self.parts.crossings.is_empty() { Ok(()) } else { self.take_intervals(replayed) }
    }

    #[cold]
    fn take_intervals(&mut self, replayed: bool) -> Result<(), StateError> {
        self.save_rows(usize::MAX)?;
        let Some(crossed) = &mut self.crossed else { return Ok(()) };
        let seq = self.parts.crossings.first().map_or(0, |crossing| crossing.seq());
        let (output, crossings) = (&mut self.output, &self.parts.crossings[..]);
        if output.files.wants_matrix() && !replayed {
            crossed.assets.take(crossings, Some(&mut |assets: &CrossAssets| output.matrix(assets, seq)));
        } else {
            crossed.assets.take(crossings, None);
        }
        crossed.renew();
        self.tell_intervals();
        self.memory.cross.set(self.crossed.as_ref().map_or(0, CrossWork::bytes) as u64);
        Ok(())
    }

    /// Counts what the intervals have come to.
    fn tell_intervals(&self) {
        let Some(CrossWork { assets, .. }) = &self.crossed else { return };
        let matrix = assets.matrix();
        let count = |is: &dyn Fn(usize) -> bool| (0..matrix.symbols()).filter(|&symbol| is(symbol)).count() as u64;
        self.counters.intervals.set(assets.taken());
        self.counters.cross_ready.set(count(&|symbol| matrix.is_ready(symbol)));
        self.counters.cross_left_out.set(count(&|symbol| matrix.presence(symbol).is_left_out()));
        self.counters.cross_beyond.set(assets.beyond() as u64);
    }

    /// Goes on from a saved state.
    pub(super) fn restore_cross(&mut self, restored: &Restored) {
        let Some(crossed) = &mut self.crossed else { return };
        if let Some(saved) = &restored.cross {
            let find = |name: &str| self.plan.assets.iter().position(|asset| asset.symbol == name);
            crossed.assets.restore(saved, |name| find(name).map(|index| SymbolId(index as u16)));
        }
        for (index, (signals, _)) in restored.symbols.iter().enumerate() {
            let symbol = SymbolId(index as u16);
            for (timeframe, strategy, entry) in signals.newest(&self.plan.roster) {
                let expires = self.correlator.expires_of(symbol, timeframe, entry.bar_ts);
                crossed.assets.restore_signal(symbol, timeframe, strategy, entry.side, (expires, entry.confidence));
            }
        }
        // What was new may not have been written before it was saved.
        crossed.renew();
        self.tell_intervals();
    }

    /// Begins to save the matrix.
    pub(super) fn begin_saving_cross(&mut self) -> Result<(), StateError> {
        let (Some(saving), Some(CrossWork { assets, .. })) = (&mut self.saving, &self.crossed) else { return Ok(()) };
        saving.saver.record(Of::Cross, |keys, out| assets.save(|symbol| keys.symbol(symbol), out))?;
        saving.rows.start(assets.matrix().symbols());
        Ok(())
    }

    /// Saves the next rows of the matrix; how many.
    pub(super) fn save_rows(&mut self, max: usize) -> Result<usize, StateError> {
        let (Some(saving), Some(CrossWork { assets, .. })) = (&mut self.saving, &self.crossed) else { return Ok(0) };
        let mut count = 0;
        while count < max
            && let Some(symbol) = saving.rows.take_next()
        {
            saving.saver.record(Of::CrossRow(SymbolId(symbol as u16)), |_, out| assets.save_row(symbol, out))?;
            count += 1;
        }
        if count > 0 {
            saving.end_if_done();
        }
        Ok(count)
    }

    /// Writes some of the rows that are new; all that there is room for with the `last` batch.
    pub(super) fn write_rows(&mut self, last: bool) {
        let Some(CrossWork { assets, news }) = &mut self.crossed else { return };
        let Some(redis) = &mut self.output.redis else { return news.clear() };
        let mut left = if last { usize::MAX } else { ROWS_TOGETHER };
        while left > 0
            && !redis.standing().full
            && let Some(symbol) = news.pop_front()
        {
            redis.matrix_row(assets, symbol, &self.output.directory);
            left -= 1;
        }
    }
}
