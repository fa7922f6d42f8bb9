//! A strategy worker's agent: closed bars in, signals out.

use super::{
    finder::Finder,
    window::{Found, WINDOW, Window},
};
use crate::{
    aggregate::Routes,
    config::Plan,
    engine::{Memory, Of, Restored, Saver},
    model::{
        Bar, BarMessage, Candidate, Control, Directory, Head, IndicatorRow, Indicators, Signal, SourceId, Strategy,
        SymbolId, TimeframeId, WorkerMessage,
    },
    runtime::{Agent, AgentError, Clock, Inlet, Now, Outlet, Work},
    state::{StateError, Sweep, put},
    strategies::{Cell, CellLayout, Cells},
    telemetry::{Latency, Recorder, Stage, WorkerCounters},
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// Which closed bars the publisher wants to see, beside the signals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowsWanted {
    /// Every closed bar, with its published indicators.
    pub all: bool,
    /// Bars of the timeframes that are made here, without indicators.
    pub aggregated: bool,
    /// All bars of these cells, with their published indicators: names of symbol and timeframe.
    pub cells: Vec<(String, TimeframeId)>,
    /// Whether these bars have the indicators that the strategies read, with the periods of the configuration, instead of
    /// the published ones.
    pub as_read: bool,
}

impl RowsWanted {
    /// Whether published indicators are to be computed at all.
    #[must_use]
    pub fn indicators(&self) -> bool {
        self.all || !self.cells.is_empty()
    }
}

/// What of a cell's bars goes to the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    None,
    Bars,
    Indicators,
}

/// What belongs to a cell beside its state.
#[derive(Debug)]
struct Owner {
    rows: Rows,
    /// Whether every bar gives a signal of the probe.
    probe: bool,
    /// Bars until what is missing from its history no longer matters.
    unsettled: u32,
    symbol: SymbolId,
    timeframe: TimeframeId,
}

/// Cells that are saved in a duty cycle: some 10 µs, which no bar needs to wait longer for.
const CELLS_A_CYCLE: usize = 4;

/// The number of a cell that belongs to another worker.
const FOREIGN: u32 = u32::MAX;

/// Owns the cells of its styles, with their indicators and strategies. Allocates when a symbol appears for the first
/// time, never blocks.
#[derive(Debug)]
pub struct WorkerAgent {
    name: String,
    index: usize,
    plan: Arc<Plan>,
    routes: Routes,
    wanted: RowsWanted,
    directory: Arc<Directory>,
    layouts: Vec<CellLayout>,
    /// By symbol and timeframe: the cell, or [`FOREIGN`].
    index_of: Vec<u32>,
    cells: Cells,
    /// By cell.
    owners: Vec<Owner>,
    window: Window,
    inlet: Inlet<BarMessage>,
    outlet: Outlet<WorkerMessage>,
    counters: Arc<CachePadded<WorkerCounters>>,
    recorder: Recorder,
    clock: Clock,
    head: Head,
    batch: usize,
    /// Waiting messages whose cells have been asked for.
    ahead: usize,
    ended: bool,
    memory: Arc<Memory>,
    /// Where snapshots go, and which slots the one at work still wants.
    saver: Option<Saver>,
    sweep: Sweep,
}

/// What a worker is wired to.
#[derive(Debug)]
pub struct WorkerWiring {
    /// Its number among the workers of the routes.
    pub index: usize,
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Which worker owns which cell.
    pub routes: Routes,
    /// Which closed bars the publisher wants to see.
    pub wanted: RowsWanted,
    /// Names of symbols and timeframes.
    pub directory: Arc<Directory>,
    /// From the aggregator.
    pub inlet: Inlet<BarMessage>,
    /// To the publisher.
    pub outlet: Outlet<WorkerMessage>,
    /// Its counters.
    pub counters: Arc<CachePadded<WorkerCounters>>,
    /// Its histogram.
    pub recorder: Recorder,
    /// For the time at the end of a duty cycle.
    pub clock: Clock,
    /// Messages taken in a duty cycle.
    pub batch: usize,
    /// For what it holds.
    pub memory: Arc<Memory>,
}

impl WorkerAgent {
    /// A worker with the cells of the plan's symbols that are its own.
    #[must_use]
    pub fn new(wiring: WorkerWiring) -> Self {
        let WorkerWiring { index, plan, routes, wanted, directory, .. } = wiring;
        let layouts = plan.params.iter().map(|p| CellLayout::new(p.clone(), wanted.indicators())).collect();
        let mut agent = Self {
            name: format!("worker {index}"),
            index,
            layouts,
            index_of: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
            cells: Cells::new(),
            owners: Vec::new(),
            window: Window::new(plan.timeframes.len()),
            inlet: wiring.inlet,
            outlet: wiring.outlet,
            counters: wiring.counters,
            recorder: wiring.recorder,
            clock: wiring.clock,
            head: Head { seq: 0, arrival_ns: 0, source: SourceId::default() },
            batch: wiring.batch,
            ahead: 0,
            ended: false,
            memory: wiring.memory,
            plan,
            routes,
            wanted,
            directory,
            saver: None,
            sweep: Sweep::default(),
        };
        for symbol in 0..agent.plan.assets.len() {
            agent.add_symbol(symbol);
        }
        agent.tell_memory();
        agent
    }

    fn tell_memory(&self) {
        if let Some(gauge) = self.memory.cells.get(self.index) {
            gauge.set((self.cells.bytes() + self.index_of.capacity() * size_of::<u32>()) as u64);
        }
    }

    fn add_symbol(&mut self, symbol: usize) {
        let id = SymbolId(symbol as u16);
        let asset = self.plan.asset(id);
        let name = self.directory.symbol(id);
        for (index, spec) in asset.cells.iter().enumerate() {
            let timeframe = TimeframeId::new(index);
            if !spec.enabled || self.routes.worker(asset, id, timeframe) != self.index {
                self.index_of.push(FOREIGN);
                continue;
            }
            let picked = self.wanted.cells.iter().any(|(symbol, tf)| symbol == name && *tf == timeframe);
            let rows = match &self.wanted {
                wanted if wanted.all || picked => Rows::Indicators,
                wanted if wanted.aggregated => Rows::Bars,
                _ => Rows::None,
            };
            let cell = Cell::new(&self.layouts[index], spec.method, spec.price_scale, spec.buffer_size);
            self.index_of.push(self.cells.add(index, &self.layouts[index], cell));
            let shortest = asset.cells.iter().position(|cell| cell.enabled) == Some(index);
            let probe = self.plan.probe && shortest;
            self.owners.push(Owner { rows, probe, unsettled: 0, symbol: id, timeframe });
        }
    }

    #[cold]
    fn add_symbols(&mut self, symbol: usize) {
        let columns = self.plan.timeframes.len();
        while self.index_of.len() <= symbol * columns {
            self.add_symbol(self.index_of.len() / columns);
        }
        self.tell_memory();
    }

    /// Saves its cells where a snapshot's barrier comes by.
    pub fn snapshots(&mut self, saver: Saver) {
        self.saver = Some(saver);
    }

    /// Takes its cells out of the state that the engine goes on from. Cells that are not in it begin here: the history that
    /// their numbers should have been made of is missing.
    pub fn restore(&mut self, restored: &mut Restored) {
        let columns = self.layouts.len();
        for (owner, cell) in self.owners.iter_mut().zip(self.cells.iter_mut()) {
            let timeframe = owner.timeframe.index();
            match restored.cells.get_mut(owner.symbol.index() * columns + timeframe).and_then(Option::take) {
                Some(state) => (owner.unsettled, *cell) = (state.unsettled, state.cell),
                None => owner.unsettled = settling_bars(&self.layouts[timeframe]),
            }
        }
    }

    /// Begins to save: what the barrier found, not what comes after it.
    #[cold]
    fn snapshot(&mut self, number: u32) -> Result<(), StateError> {
        // The one before is late; it must not see what comes now.
        self.save(usize::MAX)?;
        let Some(saver) = &mut self.saver else { return Ok(()) };
        saver.begin(number);
        self.sweep.start(self.cells.len());
        if !self.sweep.is_on() {
            saver.end();
        }
        Ok(())
    }

    /// Saves the next cells of the snapshot at work; how many.
    fn save(&mut self, max: usize) -> Result<usize, StateError> {
        let Some(saver) = self.saver.as_mut().filter(|_| self.sweep.is_on()) else { return Ok(0) };
        let mut count = 0;
        while count < max
            && let Some(index) = self.sweep.take_next()
        {
            save_cell(saver, &self.layouts, &self.owners[index], self.cells.with_state(index as u32))?;
            count += 1;
        }
        if !self.sweep.is_on() {
            saver.end();
        }
        Ok(count)
    }

    /// Saves a cell that is about to change, where the snapshot at work wants it as it is.
    #[cold]
    fn save_before_change(&mut self, index: usize) -> Result<(), StateError> {
        if self.sweep.needs(index)
            && let Some(saver) = &mut self.saver
        {
            save_cell(saver, &self.layouts, &self.owners[index], self.cells.with_state(index as u32))?;
            if !self.sweep.is_on() {
                saver.end();
            }
        }
        Ok(())
    }

    /// Saves the cells that the window is about to change.
    #[cold]
    fn save_window(&mut self) -> Result<(), StateError> {
        for k in 0..self.window.messages().len() {
            if let BarMessage::Bar(bar) = &self.window.messages()[k] {
                let place = bar.symbol.index() * self.layouts.len() + bar.timeframe.index();
                self.save_before_change(self.index_of[place] as usize)?;
            }
        }
        Ok(())
    }

    /// Marks the cells that are made of this base.
    #[cold]
    fn incomplete(&mut self, base: TimeframeId) -> Result<(), StateError> {
        let fed = self.plan.fed_by()[base.index()];
        for index in 0..self.owners.len() {
            let timeframe = self.owners[index].timeframe.index();
            if fed & 1 << timeframe != 0 {
                self.save_before_change(index)?;
                self.owners[index].unsettled = settling_bars(&self.layouts[timeframe]);
            }
        }
        Ok(())
    }

    /// Takes the next messages from the ring, and computes those of the bars that may be computed together. False where
    /// there are none.
    ///
    /// Cells come in any order, and no cache foresees it: their memory is asked for two steps ahead. Of the messages that
    /// come next, the cells are asked for before this window is computed, and what only they can tell after that.
    #[inline]
    fn refill(&mut self) -> Result<bool, StateError> {
        let (index_of, cells, columns) = (&self.index_of, &self.cells, self.layouts.len());
        let lane = |bar: &Bar| {
            let number = index_of.get(bar.symbol.index() * columns + bar.timeframe.index());
            cells.lane(number.copied().unwrap_or(FOREIGN))
        };
        if !self.window.refill(&mut self.inlet, lane) {
            self.ahead = 0;
            return Ok(false);
        }
        self.add_missing();
        if self.sweep.is_on() {
            self.save_window()?;
        }
        let find = Finder { index_of: &self.index_of, cells: &self.cells, layouts: &self.layouts };
        let messages = self.window.messages();
        if messages.len() > self.ahead.max(1) {
            let rest = &messages[self.ahead..];
            rest.iter().for_each(|message| find.ask(message));
            rest.iter().for_each(|message| find.ask_history(message));
        }
        // A longer window's rest is asked for when it is taken: the innermost cache has no room for more.
        self.ahead = self.inlet.ahead(WINDOW, |message| find.ask(message));
        self.evaluate();
        let find = Finder { index_of: &self.index_of, cells: &self.cells, layouts: &self.layouts };
        self.inlet.ahead(self.ahead, |message| find.ask_history(message));
        Ok(true)
    }

    /// Adds the symbols that the window's bars are the first of.
    #[inline]
    fn add_missing(&mut self) {
        let columns = self.layouts.len();
        let symbols = self.window.messages().iter().map(|message| match message {
            BarMessage::Bar(bar) => bar.symbol.index(),
            BarMessage::Control(_) => 0,
        });
        let highest = symbols.max().unwrap_or(0);
        if highest * columns >= self.index_of.len() {
            self.add_symbols(highest);
        }
    }

    /// Computes the bars of the window that come next.
    #[inline]
    fn evaluate(&mut self) {
        let (index_of, columns) = (&self.index_of, self.layouts.len());
        let number = |bar: &Bar| index_of[bar.symbol.index() * columns + bar.timeframe.index()];
        self.window.evaluate(&mut self.cells, &self.layouts, number);
    }

    /// Sends what a bar of the window has caused.
    #[inline]
    fn send_bar(&mut self, bar: &Bar, place: usize) {
        self.counters.bars.bump();
        let Found { cell: number, fired, candidates } = self.window.found(place);
        let owner = &mut self.owners[number as usize];
        let (rows, probe, settled) = (owner.rows, owner.probe, owner.unsettled == 0);
        owner.unsettled = owner.unsettled.saturating_sub(1);
        let row = rows == Rows::Indicators || (rows == Rows::Bars && bar.is_built());
        let Some(cell) = self.cells.get(number).filter(|_| row | probe | (fired != 0)) else { return };
        let seq = self.head.seq + bar.seq_offset();
        let calendar = self.plan.asset(bar.symbol).calendar;
        let event_ts = self.plan.timeframes[bar.timeframe.index()].end(bar.ts, calendar);
        if row {
            let indicators = match rows {
                Rows::Indicators if self.wanted.as_read => {
                    Indicators::in_columns(cell.reading(&self.layouts[bar.timeframe.index()]).values())
                }
                Rows::Indicators => cell.published(&self.layouts[bar.timeframe.index()]),
                _ => Indicators::NONE,
            };
            self.outlet.send(WorkerMessage::Row(IndicatorRow {
                bar: *bar,
                seq,
                event_ts,
                source: self.head.source,
                price: cell.price(),
                previous_price: cell.previous_price(),
                indicators,
                settled,
            }));
        }
        let found = Strategy::ALL.into_iter().zip(candidates).filter(|(k, _)| fired & 1 << k.index() != 0);
        for (strategy, candidate) in found.chain(probe.then_some((Strategy::Probe, &Candidate::PROBE))) {
            self.counters.signals[strategy.index()][bar.timeframe.index()].bump();
            self.outlet.send(WorkerMessage::Signal(Signal {
                seq,
                event_ts,
                arrival_ns: self.head.arrival_ns,
                source: self.head.source,
                bar_ts: bar.ts,
                bar_index: cell.bars() - 1,
                price: cell.price(),
                symbol: bar.symbol,
                timeframe: bar.timeframe,
                strategy,
                candidate: *candidate,
                settled,
            }));
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.outlet.send(WorkerMessage::End);
    }
}

/// Bars until what is missing from a cell's history no longer matters.
fn settling_bars(layout: &CellLayout) -> u32 {
    u32::try_from(layout.settling_bars()).unwrap_or(u32::MAX)
}

#[cold]
fn save_cell(saver: &mut Saver, layouts: &[CellLayout], owner: &Owner, cell: Option<&Cell>) -> Result<(), StateError> {
    let Some(cell) = cell else { return Ok(()) };
    saver.record(Of::Cell(owner.symbol, owner.timeframe), |_, out| {
        put(out, &owner.unsettled)?;
        cell.write_state(&layouts[owner.timeframe.index()], out);
        Ok(())
    })
}

impl Agent for WorkerAgent {
    fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    fn do_work(&mut self, _: Now) -> Result<Work, AgentError> {
        self.recorder.hand_over();
        let mut count = 0;
        let mut bars = 0;
        let mut clear = self.outlet.flush();
        while clear && count < self.batch && !self.ended {
            let Some((place, message)) = self.window.next() else {
                if self.window.is_spent() {
                    if !self.refill()? {
                        break;
                    }
                } else {
                    self.evaluate();
                }
                continue;
            };
            match message {
                BarMessage::Bar(bar) => {
                    self.send_bar(&bar, place);
                    bars += 1;
                }
                BarMessage::Control(Control::Head(head)) => self.head = head,
                BarMessage::Control(Control::Progress { seq }) => self.outlet.send(WorkerMessage::Progress { seq }),
                BarMessage::Control(Control::Clock { .. }) => {}
                BarMessage::Control(Control::Incomplete { base }) => self.incomplete(base)?,
                BarMessage::Control(Control::Snapshot { number }) => self.snapshot(number)?,
                BarMessage::Control(Control::End) => self.end(),
            }
            count += 1;
            clear = self.outlet.is_clear();
        }
        if bars > 0 {
            self.recorder.since(Latency::Stage(Stage::Evaluate), self.clock.ns(), self.head.arrival_ns);
        }
        if !self.ended && self.window.is_spent() && self.inlet.is_finished() {
            self.end();
        }
        let saved = self.saver.as_mut().is_none_or(Saver::flush);
        if self.ended || (saved && self.sweep.is_on()) {
            count += self.save(if self.ended { usize::MAX } else { CELLS_A_CYCLE })?;
        }
        let clear = self.outlet.flush() & self.saver.as_mut().is_none_or(Saver::flush);
        Ok(if self.ended && clear { Work::Done } else { Work::of(count) })
    }

    fn is_blocked(&self) -> bool {
        !self.outlet.is_clear()
    }
}
