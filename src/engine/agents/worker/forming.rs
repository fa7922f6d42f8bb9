//! Values of bars that are still forming, for keys of latest values. Nothing of a cell changes.

use super::{Rows, WorkerAgent};
use crate::model::{Bar, Forming, IndicatorRow, WorkerMessage};

impl WorkerAgent {
    /// Sends what the indicators of a cell would be if its open bar closed as it is.
    #[inline(never)]
    pub(super) fn forming(&mut self, forming: &Forming) {
        let Forming { bar_ts, until, vwap, symbol, timeframe } = *forming;
        let place = symbol.index() * self.columns + timeframe.index();
        let Some(&number) = self.index_of.get(place) else { return };
        let Some(owner) = self.owners.get(number as usize).filter(|owner| owner.rows == Rows::Indicators) else {
            return;
        };
        let layout = owner.layout as usize;
        let [open, high, low, close, volume] = self.numbers;
        let bar = Bar {
            ts: bar_ts,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades: 0,
            symbol,
            seq_delta: Bar::BUILT,
            timeframe,
        };
        let Some(scratch) = self.scratch.get_mut(layout) else { return };
        let Some((price, indicators)) = self.cells.forming(number, &self.layouts[layout], &bar, scratch) else {
            return;
        };
        let Some(cell) = self.cells.get(number) else { return };
        let settled = owner.unsettled == 0;
        self.outlet.send(WorkerMessage::Forming(IndicatorRow {
            bar,
            seq: self.head.seq,
            event_ts: until,
            source: self.head.source,
            price,
            previous_price: cell.price(),
            indicators,
            settled,
            readiness: self.layouts[layout].readiness(cell.bars(), !settled),
        }));
    }
}
