//! What a worker does for others between two bars: answers, and room where memory is short. Cold.

use super::WorkerAgent;
use crate::engine::{
    agents::ease::Histories,
    questions::{Questions, WindowQuestion},
};

impl WorkerAgent {
    /// Answers what somebody has asked of one of its cells.
    #[cold]
    pub(super) fn answer(&mut self, asked: u64) {
        let WindowQuestion { symbol, timeframe, bars } = Questions::question(asked);
        let place = symbol.index() * self.columns + timeframe.index();
        let Some(number) = self.index_of.get(place).filter(|_| timeframe.index() < self.columns) else { return };
        if let (Some(cell), Some(statistics)) = (self.cells.get(*number), &mut self.following.statistics)
            && let Some(answer) = statistics.answer(*number as usize, cell, bars, &self.counters)
            && let Some(to) = &self.asked
        {
            to.answer(asked, &answer);
        }
    }

    /// Gives some cells histories of the length that the memory allows.
    #[cold]
    pub(super) fn ease(&mut self) {
        let Self { plan, layouts, owners, cells, following, memory, counters, ease, .. } = self;
        if ease.go_on(memory, &mut Histories { plan, layouts, owners, cells, following }, counters) {
            self.tell_memory();
        }
    }
}
