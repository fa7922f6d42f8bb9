//! What belongs to a worker's cell beside its state.

use super::{outcomes::Followed, rows_wanted::RowsWanted};
use crate::{
    engine::{Of, Saver},
    model::{Readiness, Settling, SymbolId, TimeframeId},
    state::{StateError, put},
    strategies::{Cell, CellLayout, custom::Programs},
    telemetry::WorkerCounters,
};

/// What of a cell's bars goes to the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    None,
    Bars,
    Indicators,
}

impl Rows {
    /// What is wanted of a cell's, by its names.
    pub(super) fn of(wanted: &RowsWanted, symbol: &str, timeframe: TimeframeId) -> Self {
        let picked = wanted.cells.iter().any(|(name, tf)| name == symbol && *tf == timeframe);
        match wanted {
            wanted if wanted.all || picked => Self::Indicators,
            wanted if wanted.aggregated => Self::Bars,
            _ => Self::None,
        }
    }
}

/// What belongs to a cell beside its state.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) rows: Rows,
    /// Whether every bar gives a signal of the probe.
    pub(super) probe: bool,
    /// Bars until what is missing from its history no longer matters.
    pub(super) unsettled: u32,
    pub(super) symbol: SymbolId,
    pub(super) timeframe: TimeframeId,
    /// Which layout the cell has.
    pub(super) layout: u32,
    /// Whether it is counted as defined, and as settled.
    pub(super) counted: [bool; 2],
}

impl Owner {
    /// Whether it is not all that it will be.
    #[inline]
    pub(super) fn is_warming(&self) -> bool {
        self.counted != [true; 2]
    }

    /// Counts it as what it is, where that has changed.
    #[cold]
    pub(super) fn count(&mut self, readiness: &Readiness, counters: &WorkerCounters) {
        let timeframe = self.timeframe.index();
        let is = [readiness.is_defined(), readiness.is_settled()];
        for ((counted, is), of) in self.counted.iter_mut().zip(is).zip([&counters.defined, &counters.settled]) {
            let now = of[timeframe].get() + u64::from(is) - u64::from(*counted);
            of[timeframe].set(now);
            *counted = is;
        }
    }

    /// What there is to say of its history behind a sequence and the end of a bar.
    pub(super) fn settling(&self, seq: u64, event_ts: i64) -> Settling {
        let Self { symbol, timeframe, unsettled, .. } = *self;
        Settling { seq, event_ts, symbol, timeframe, settled: unsettled == 0 }
    }
}

/// Bars until what is missing from a cell's history no longer matters.
pub(super) fn settling_bars(layout: &CellLayout) -> u32 {
    u32::try_from(layout.settling_bars()).unwrap_or(u32::MAX)
}

/// Saves a cell with its custom strategies, and the bars behind its signals where they are followed.
#[cold]
pub(super) fn save_cell(
    saver: &mut Saver,
    layouts: &[CellLayout],
    owner: &Owner,
    (cell, custom): (Option<&Cell>, Option<(&Programs, u32)>),
    followed: &Followed<'_>,
) -> Result<(), StateError> {
    let Some(cell) = cell else { return Ok(()) };
    saver.record(Of::Cell(owner.symbol, owner.timeframe), |_, out| {
        put(out, &owner.unsettled)?;
        if let Some((programs, number)) = custom {
            programs.write_state(number, out);
        }
        cell.write_state(&layouts[owner.layout as usize], out);
        Ok(())
    })?;
    if followed.has_trail() {
        saver.record(Of::Trail(owner.symbol, owner.timeframe), |_, out| followed.save(out))?;
    }
    let Some(recent) = followed.recent else { return Ok(()) };
    saver.record(Of::Recent(owner.symbol, owner.timeframe), |_, out| recent.save(out))
}
