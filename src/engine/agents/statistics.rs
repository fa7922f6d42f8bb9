//! Statistics of the windows of a worker's cells: computed where an output reads them at every bar, or when somebody asks,
//! once a bar, and not at all where nobody does. Hot where bars are kept.

use super::{closed::Closed, rows_wanted::RowsWanted};
use crate::{
    config::{CellSpec, Plan},
    engine::{
        CellState,
        questions::{Questions, WindowAnswer},
    },
    indicators::Recent,
    model::{Bar, Calendar, Statistics, SymbolId, TimeframeId, WindowStatistics, WorkerMessage},
    runtime::Outlet,
    strategies::Cell,
    telemetry::WorkerCounters,
};
use std::sync::Arc;

/// Answers that are remembered.
const REMEMBERED: usize = 64;

/// What was computed last of a cell and window.
#[derive(Debug, Clone, Copy)]
struct Computed {
    cell: u32,
    bars: u32,
    /// Bars that the cell had had.
    seen: u64,
    values: Statistics,
}

/// One cell.
#[derive(Debug)]
struct Kept {
    recent: Recent,
    /// Bars of a year.
    spans: f64,
    /// Whether an output reads the windows at every bar.
    read: bool,
}

/// The statistics of a worker's cells, by their numbers.
#[derive(Debug)]
pub(super) struct CellStatistics {
    cells: Vec<Kept>,
    windows: Vec<u32>,
    /// Bars of a year by timeframe and calendar, which many cells share.
    spans: Vec<(TimeframeId, Calendar, f64)>,
    computed: Box<[Option<Computed>; REMEMBERED]>,
    /// Room for the prices of the longest window.
    sorted: Vec<f64>,
    wanted: RowsWanted,
}

impl CellStatistics {
    /// Of no cells yet; `None` where nobody reads any.
    pub fn new(plan: &Plan, wanted: &RowsWanted) -> Option<Self> {
        let of = &wanted.statistics;
        (of.all || of.asked || !of.cells.is_empty()).then(|| Self {
            cells: Vec::new(),
            windows: plan.windows.clone(),
            spans: Vec::new(),
            computed: Box::new([None; REMEMBERED]),
            sorted: Vec::new(),
            wanted: wanted.clone(),
        })
    }

    /// Adds the next cell, with as many bars as its history has. Allocates.
    pub fn add(&mut self, plan: &Plan, (name, symbol): (&str, SymbolId), timeframe: TimeframeId, spec: &CellSpec) {
        let read = self.wanted.statistics_of(name, timeframe);
        let kept = read || self.wanted.statistics.asked;
        let recent = Recent::new(if kept { spec.buffer_size } else { 0 });
        self.sorted.reserve(recent.longest());
        let calendar = &plan.asset(symbol).calendar;
        let known = self.spans.iter().find(|(tf, of, _)| *tf == timeframe && of == calendar);
        let spans =
            known.map_or_else(|| plan.timeframes[timeframe.index()].bars_a_year(calendar), |(_, _, spans)| *spans);
        if known.is_none() {
            self.spans.push((timeframe, calendar.clone(), spans));
        }
        self.cells.push(Kept { recent, spans, read });
    }

    /// Takes a bar of a cell, and sends what an output reads.
    #[inline]
    pub fn on_bar(
        &mut self,
        number: usize,
        closed: &Closed<'_>,
        outlet: &mut Outlet<WorkerMessage>,
        counters: &WorkerCounters,
    ) {
        let Closed { bar, seq, event_ts, cell, timeframe, calendar } = *closed;
        let Some(kept) = self.cells.get_mut(number) else { return };
        let start = timeframe.labelled(bar.ts, calendar).start;
        let missing = |end, start| timeframe.between(end, start, calendar);
        kept.recent.on_bar(bar, cell.bars() == 1, (start, event_ts), missing);
        if !kept.read {
            counters.statistics_skipped.add(self.windows.len() as u64);
            return;
        }
        let Bar { ts, symbol, timeframe, .. } = *bar;
        for k in 0..self.windows.len() {
            let bars = self.windows[k];
            let values = self.compute(number, cell, bars, counters);
            let of = WindowStatistics { seq, event_ts, ts, symbol, timeframe, bars, values };
            outlet.send(WorkerMessage::Statistics(of));
        }
    }

    /// The statistics of the newest bars of a cell: computed, unless they have been at this bar.
    fn compute(&mut self, number: usize, cell: &Cell, bars: u32, counters: &WorkerCounters) -> Statistics {
        let place = (number.wrapping_mul(31) + bars as usize) % REMEMBERED;
        let (cell_number, seen) = (number as u32, cell.bars());
        let known = self.computed[place].filter(|of| (of.cell, of.bars, of.seen) == (cell_number, bars, seen));
        if let Some(known) = known {
            counters.statistics_served.bump();
            return known.values;
        }
        let Some(kept) = self.cells.get(number) else { return Statistics::NONE };
        let values = kept.recent.statistics(cell.history(), bars as usize, kept.spans, &mut self.sorted);
        counters.statistics_computed.bump();
        self.computed[place] = Some(Computed { cell: cell_number, bars, seen, values });
        values
    }

    /// Answers what somebody asks of a cell.
    #[cold]
    pub fn answer(&mut self, number: usize, cell: &Cell, bars: u32, counters: &WorkerCounters) -> Option<WindowAnswer> {
        let recent = &self.cells.get(number)?.recent;
        let answer = WindowAnswer {
            seen: cell.bars(),
            kept: recent.kept() as u32,
            longest: recent.longest() as u32,
            end: recent.end(),
            values: Statistics::NONE,
        };
        Some(WindowAnswer { values: self.compute(number, cell, bars, counters), ..answer })
    }

    /// Keeps so many bars of a cell from now on, where any are kept.
    pub fn resize(&mut self, number: usize, bars: usize) {
        if let Some(kept) = self.cells.get_mut(number).filter(|kept| kept.read || self.wanted.statistics.asked) {
            kept.recent.resize(bars);
            self.sorted.reserve(kept.recent.longest());
        }
    }

    /// What is saved of a cell.
    pub fn of(&self, number: usize) -> Option<&Recent> {
        self.cells.get(number).map(|kept| &kept.recent)
    }

    /// Goes on from the saved state of a cell.
    pub fn restore(&mut self, number: usize, state: &CellState) {
        if let (Some(kept), Some(saved)) = (self.cells.get_mut(number), &state.recent) {
            kept.recent.restore(saved);
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let cells: usize = self.cells.iter().map(|kept| kept.recent.bytes()).sum();
        cells + self.cells.capacity() * size_of::<Kept>() + self.sorted.capacity() * size_of::<f64>()
    }
}

/// What others ask a worker, and its answers.
#[derive(Debug)]
pub(super) struct Asked {
    questions: Arc<Questions>,
    worker: usize,
    /// The question that was looked at last.
    seen: u64,
}

impl Asked {
    /// Questions to this worker.
    pub const fn new(questions: Arc<Questions>, worker: usize) -> Self {
        Self { questions, worker, seen: 0 }
    }

    /// The question that nobody has looked at yet, if there is one.
    #[inline]
    pub fn next(&mut self) -> Option<u64> {
        let asked = self.questions.asked();
        (std::mem::replace(&mut self.seen, asked) != asked).then_some(asked)
    }

    /// Answers it.
    pub fn answer(&self, asked: u64, answer: &WindowAnswer) {
        self.questions.answer(self.worker, asked, answer);
    }
}
