//! Signals of strategies outside: each is of the newest bar of its cell, which has come before it.

use super::WorkerAgent;
use crate::{
    model::{Candidate, External, Signal, SignalKind, Strategy, WorkerMessage},
    state::StateError,
};

impl WorkerAgent {
    /// Sends the signal on, like those that were found here.
    #[cold]
    pub(super) fn external(&mut self, external: &External) -> Result<(), StateError> {
        let External { bar_ts, confidence, symbol, timeframe, strategy, side } = *external;
        let place = symbol.index() * self.columns + timeframe.index();
        let Strategy::Custom(custom) = strategy else { return Ok(()) };
        let Some(&number) = self.index_of.get(place) else { return Ok(()) };
        self.save_before_change(number as usize)?;
        let Some(cell) = self.cells.get(number).filter(|cell| cell.bars() > 0) else { return Ok(()) };
        let interval = self.plan.timeframes[timeframe.index()];
        let signal = Signal {
            seq: self.head.seq,
            event_ts: interval.end(bar_ts, &self.plan.asset(symbol).calendar),
            arrival_ns: self.head.arrival_ns,
            source: self.head.source,
            bar_ts,
            bar_index: cell.bars() - 1,
            price: cell.price(),
            symbol,
            timeframe,
            strategy,
            candidate: Candidate { kind: SignalKind::of(custom), side, confidence, factors: self.numbers },
            settled: self.owners[number as usize].unsettled == 0,
        };
        self.counters.signals[strategy.index()][timeframe.index()].bump();
        self.following.on_signal(number as usize, &signal, &mut self.outlet);
        self.outlet.send(WorkerMessage::Signal(signal));
        Ok(())
    }
}
