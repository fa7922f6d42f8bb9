//! Cells that something is missing from: until so many bars have come that it no longer matters.

use super::WorkerAgent;
use crate::{
    engine::agents::owner::settling_bars,
    model::{Bar, TimeframeId, WorkerMessage},
    state::StateError,
};

impl WorkerAgent {
    /// Marks the cells that are made of this base.
    #[cold]
    pub(super) fn incomplete(&mut self, base: TimeframeId, seq: u64) -> Result<(), StateError> {
        let fed = self.plan.fed_by()[base.index()];
        for index in 0..self.owners.len() {
            let timeframe = self.owners[index].timeframe.index();
            if fed & 1 << timeframe != 0 {
                self.save_before_change(index)?;
                self.owners[index].unsettled = settling_bars(&self.layouts[self.owners[index].layout as usize]);
                self.count(index as u32);
                // Behind all bars of the record before.
                let settling = self.owners[index].settling(seq, i64::MAX);
                self.outlet.send(WorkerMessage::Settling(settling));
            }
        }
        Ok(())
    }

    /// Counts a bar of a cell that something is missing from; says so when it was the last that mattered.
    #[cold]
    pub(super) fn settle_bar(&mut self, bar: &Bar, index: usize) {
        let owner = &mut self.owners[index];
        owner.unsettled -= 1;
        if owner.unsettled == 0 {
            let calendar = &self.plan.asset(bar.symbol).calendar;
            let end = self.plan.timeframes[bar.timeframe.index()].end(bar.ts, calendar);
            let settling = owner.settling(self.head.seq + bar.seq_offset(), end);
            self.outlet.send(WorkerMessage::Settling(settling));
        }
    }
}
