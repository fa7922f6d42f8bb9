//! How far the publisher has got with the snapshot at work.

use super::PublisherAgent;
use crate::{
    engine::{Of, Saver},
    model::SymbolId,
    state::{StateError, Sweep, put},
};

/// Symbols that are saved in a duty cycle: some 10 µs.
const SYMBOLS_A_CYCLE: usize = 8;

/// The publisher's share of snapshots.
#[derive(Debug)]
pub(super) struct Saving {
    pub saver: Saver,
    /// Symbols that the one at work still wants.
    pub sweep: Sweep,
    /// Accounts of timeframes with strategies and kinds that it still wants.
    pub accounts: Sweep,
    /// Rows of the matrix across assets that it still wants.
    pub rows: Sweep,
    /// Whether one is at work, and which flush must be acknowledged before it may be used.
    pub awaits: Option<u64>,
    /// Flushes so far, and those that have been acknowledged.
    pub flushed: u64,
    pub acknowledged: u64,
}

impl Saving {
    /// None at work.
    pub fn new(saver: Saver) -> Self {
        let [sweep, accounts, rows] = [Sweep::default(), Sweep::default(), Sweep::default()];
        Self { saver, sweep, accounts, rows, awaits: None, flushed: 0, acknowledged: 0 }
    }

    /// Whether something is left to be saved.
    pub fn is_sweeping(&self) -> bool {
        self.sweep.is_on() || self.accounts.is_on() || self.rows.is_on()
    }

    pub fn is_on(&self) -> bool {
        self.awaits.is_some()
    }

    /// Ends the share where everything is saved, and written that was published before the barrier.
    pub fn end_if_done(&mut self) {
        if self.awaits.is_some_and(|flush| self.acknowledged >= flush) && !self.is_sweeping() {
            self.awaits = None;
            self.saver.end();
        }
    }
}

impl PublisherAgent {
    /// Begins to save: what has been published up to the barrier, with sequence `seq`.
    #[cold]
    pub(super) fn snapshot(&mut self, seq: u64, number: u32) -> Result<(), StateError> {
        // The one before is late. Its symbols have been saved, but not yet what it waits for: it is given up.
        self.save(usize::MAX)?;
        let unwritten = self.batch.has_something(&self.output.standing());
        let Some(saving) = &mut self.saving else { return Ok(()) };
        if saving.is_on() {
            saving.saver.abandon();
        }
        saving.saver.begin(number);
        saving.saver.record(Of::Publisher, |_, out| {
            put(out, &seq)?;
            self.output.redis.as_ref().map_or(Ok(()), |redis| put(out, &redis.order))
        })?;
        if let Some(judging) = &self.judging {
            judging.begin_saving(saving)?;
        }
        if let Some(rate) = self.correlator.rate() {
            saving.saver.record(Of::Rate, |_, out| put(out, &rate))?;
        }
        saving.sweep.start(self.symbols);
        saving.awaits = Some(saving.flushed + u64::from(unwritten));
        self.begin_saving_cross()?;
        self.saving.iter_mut().for_each(Saving::end_if_done);
        Ok(())
    }

    /// Saves the next symbols of the snapshot at work; how many.
    pub(super) fn save(&mut self, max: usize) -> Result<usize, StateError> {
        let mut count = 0;
        while count < max
            && let Some(symbol) = self.saving.as_mut().and_then(|saving| saving.sweep.take_next())
        {
            self.save_symbol(symbol)?;
            count += 1;
        }
        while count < max
            && let Some(saving) = &mut self.saving
            && let Some(judging) = &self.judging
            && let Some(key) = saving.accounts.take_next()
        {
            judging.save_key(key, saving)?;
            count += 1;
        }
        Ok(count + self.save_rows(max - count)?)
    }

    /// Saves a symbol that is about to change, where the snapshot at work wants it as it is.
    #[inline]
    pub(super) fn save_before_change(&mut self, symbol: SymbolId) -> Result<(), StateError> {
        let wanted = self.saving.as_mut().is_some_and(|saving| saving.sweep.needs(symbol.index()));
        if wanted { self.save_symbol(symbol.index()) } else { Ok(()) }
    }

    /// Saves a little of the snapshot at work where there is room, or all that is left at the end.
    #[inline]
    pub(super) fn go_on_saving(&mut self, ended: bool) -> Result<usize, StateError> {
        let Some(saving) = self.saving.as_mut().filter(|saving| saving.is_sweeping()) else { return Ok(0) };
        let room = saving.saver.flush();
        match (ended, room) {
            (true, _) => self.save(usize::MAX),
            (false, true) => self.save(SYMBOLS_A_CYCLE),
            (false, false) => Ok(0),
        }
    }

    #[cold]
    fn save_symbol(&mut self, index: usize) -> Result<(), StateError> {
        let symbol = SymbolId(index as u16);
        let Some(saving) = &mut self.saving else { return Ok(()) };
        saving.saver.record(Of::Symbol(symbol), |keys, out| {
            keys.save_table(symbol, out)?;
            self.correlator.save(symbol, out)?;
            self.output.redis.as_ref().map_or(Ok(()), |redis| redis.latest.save(symbol, out))
        })?;
        if let Some(judging) = &self.judging {
            judging.save_symbol(symbol, saving)?;
        }
        saving.end_if_done();
        Ok(())
    }
}
