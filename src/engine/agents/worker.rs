//! A strategy worker's agent: closed bars in, signals out.

mod external;
mod forming;
mod requests;
mod settling;

use super::{
    closed::Closed,
    ease::Ease,
    finder::Finder,
    outcomes::{Fired, Following},
    owner::{Owner, Rows, save_cell, settling_bars},
    rows_wanted::RowsWanted,
    statistics::Asked,
    window::{Found, WINDOW, Window},
    worker_wiring::WorkerWiring,
};
use crate::{
    aggregate::Routes,
    config::{CellSpec, Plan},
    engine::{Memory, Restored, Saver},
    indicators::IndicatorSet,
    model::{
        Bar, BarMessage, Candidate, Control, Directory, Head, IndicatorRow, Indicators, Signal, SourceId, Strategy,
        SymbolId, TimeframeId, WorkerMessage,
    },
    runtime::{Agent, AgentError, Clock, Inlet, Now, Outlet, Work},
    state::{StateError, Sweep},
    strategies::{
        Cell, CellLayout, Cells,
        custom::{CustomCell, Programs},
    },
    telemetry::{Latency, Recorder, Stage, WorkerCounters},
};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

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
    /// First those of the timeframes, then those of cells with parameters of their own.
    layouts: Vec<CellLayout>,
    /// Number of timeframes.
    columns: usize,
    /// By symbol and timeframe: the cell, or [`FOREIGN`].
    index_of: Vec<u32>,
    cells: Cells,
    /// The custom strategies of the cells, where there are any.
    programs: Option<Programs>,
    /// By cell.
    owners: Vec<Owner>,
    /// What is followed beside the cells.
    following: Following,
    window: Window,
    inlet: Inlet<BarMessage>,
    outlet: Outlet<WorkerMessage>,
    counters: Arc<CachePadded<WorkerCounters>>,
    recorder: Recorder,
    clock: Clock,
    head: Head,
    /// Of the message that comes next.
    numbers: [f64; 5],
    /// By layout: the indicators of the bar that is forming. Empty where none are asked for.
    scratch: Vec<IndicatorSet>,
    batch: usize,
    /// Waiting messages whose cells have been asked for.
    ahead: usize,
    ended: bool,
    memory: Arc<Memory>,
    /// Where snapshots go, and which slots the one at work still wants.
    saver: Option<Saver>,
    sweep: Sweep,
    /// What others ask of its cells, where somebody may.
    asked: Option<Asked>,
    ease: Ease,
}

impl WorkerAgent {
    /// A worker with the cells of the plan's symbols that are its own.
    #[must_use]
    pub fn new(wiring: WorkerWiring) -> Self {
        let WorkerWiring { index, plan, routes, wanted, directory, .. } = wiring;
        let layouts = CellLayout::of_plan(&plan, wanted.indicators());
        let customs = plan.roster.count() - Strategy::COUNT;
        let mut agent = Self {
            name: format!("worker {index}"),
            index,
            window: Window::new(layouts.len(), customs),
            scratch: scratch(&plan, &layouts),
            layouts,
            columns: plan.timeframes.len(),
            index_of: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
            cells: Cells::new(),
            programs: (customs > 0).then(|| Programs::new(&plan.programs)),
            owners: Vec::new(),
            following: Following::new(&plan, &wanted),
            inlet: wiring.inlet,
            outlet: wiring.outlet,
            counters: wiring.counters,
            recorder: wiring.recorder,
            clock: wiring.clock,
            head: Head { seq: 0, arrival_ns: 0, source: SourceId::default() },
            numbers: [0.0; 5],
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
            asked: wiring.questions.map(|questions| Asked::new(questions, index)),
            ease: Ease::new(wiring.sway),
        };
        for symbol in 0..agent.plan.assets.len() {
            agent.add_symbol(symbol);
        }
        agent.tell_memory();
        agent
    }

    fn tell_memory(&self) {
        if let Some(gauge) = self.memory.cells.get(self.index) {
            let custom = self.programs.as_ref().map_or(0, Programs::bytes);
            let index = self.index_of.capacity() * size_of::<u32>();
            gauge.set((self.cells.bytes() + custom + self.following.bytes() + index) as u64);
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
            let rows = Rows::of(&self.wanted, name, timeframe);
            let layout = &self.layouts[spec.params];
            let cell = Cell::new(layout, spec.method, spec.price_scale, spec.buffer_size);
            self.index_of.push(self.cells.add(spec.params, layout, cell));
            if let Some(programs) = &mut self.programs {
                let CellSpec { method, price_scale: scale, .. } = *spec;
                programs.add(CustomCell { timeframe, method, scale }, name);
            }
            let shortest = asset.cells.iter().position(|cell| cell.enabled) == Some(index);
            let probe = self.plan.probe && shortest;
            let layout = spec.params as u32;
            self.following.add(&self.plan, (name, id), timeframe, spec);
            self.owners.push(Owner { rows, probe, unsettled: 0, symbol: id, timeframe, layout, counted: [false; 2] });
            self.counters.cells[index].bump();
        }
    }

    #[cold]
    fn add_symbols(&mut self, symbol: usize) {
        let columns = self.columns;
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
        let columns = self.columns;
        for (number, (owner, cell)) in self.owners.iter_mut().zip(self.cells.iter_mut()).enumerate() {
            let timeframe = owner.timeframe.index();
            match restored.cells.get_mut(owner.symbol.index() * columns + timeframe).and_then(Option::take) {
                Some(state) => {
                    self.following.restore(number, &state);
                    if let (Some(programs), Some(custom)) = (&mut self.programs, &state.custom) {
                        programs.restore(number as u32, custom);
                    }
                    (owner.unsettled, *cell) = (state.unsettled, state.cell);
                }
                None => owner.unsettled = settling_bars(&self.layouts[owner.layout as usize]),
            }
            let readiness = self.layouts[owner.layout as usize].readiness(cell.bars(), owner.unsettled > 0);
            owner.count(&readiness, &self.counters);
            if let Some(known) = restored.readiness.get_mut(owner.symbol.index() * columns + timeframe) {
                *known = readiness;
            }
            if owner.unsettled > 0 {
                // Before everything that comes.
                self.outlet.send(WorkerMessage::Settling(owner.settling(restored.publisher.seq, i64::MIN)));
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
            let followed = self.following.of(index);
            let state = (self.cells.with_state(index as u32), self.programs.as_ref().map(|all| (all, index as u32)));
            save_cell(saver, &self.layouts, &self.owners[index], state, &followed)?;
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
            let followed = self.following.of(index);
            let state = (self.cells.with_state(index as u32), self.programs.as_ref().map(|all| (all, index as u32)));
            save_cell(saver, &self.layouts, &self.owners[index], state, &followed)?;
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
                let place = bar.symbol.index() * self.columns + bar.timeframe.index();
                self.save_before_change(self.index_of[place] as usize)?;
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
        let (index_of, cells, columns) = (&self.index_of, &self.cells, self.columns);
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
        let Self { index_of, cells, layouts, columns, owners, .. } = self;
        let find = Finder { index_of, cells, layouts, columns: *columns, owners };
        let messages = self.window.messages();
        if messages.len() > self.ahead.max(1) {
            let rest = &messages[self.ahead..];
            rest.iter().for_each(|message| find.ask(message));
            rest.iter().for_each(|message| find.ask_history(message));
        }
        // A longer window's rest is asked for when it is taken: the innermost cache has no room for more.
        self.ahead = self.inlet.ahead(WINDOW, |message| find.ask(message));
        self.evaluate();
        let Self { index_of, cells, layouts, columns, owners, .. } = self;
        let find = Finder { index_of, cells, layouts, columns: *columns, owners };
        self.inlet.ahead(self.ahead, |message| find.ask_history(message));
        Ok(true)
    }

    /// Adds the symbols that the window's bars are the first of.
    #[inline]
    fn add_missing(&mut self) {
        let columns = self.columns;
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
        let (index_of, columns, owners) = (&self.index_of, self.columns, &self.owners);
        // A load less where no cell has parameters of its own.
        let usual = self.layouts.len() == columns;
        let cell_of = |bar: &Bar| {
            let number = index_of[bar.symbol.index() * columns + bar.timeframe.index()];
            let layout = if usual { bar.timeframe.index() } else { owners[number as usize].layout as usize };
            (number, layout)
        };
        self.window.evaluate(&mut self.cells, &self.layouts, &mut self.programs, cell_of);
        if let Some(programs) = &self.programs {
            self.counters.custom_undefined.set(programs.undefined());
        }
    }

    /// Sends what a bar of the window has caused.
    #[inline]
    fn send_bar(&mut self, bar: &Bar, place: usize) {
        self.counters.bars.bump();
        let number = self.window.found(place).cell;
        let owner = &self.owners[number as usize];
        let (rows, probe, settled, layout) = (owner.rows, owner.probe, owner.unsettled == 0, owner.layout as usize);
        if !settled {
            self.settle_bar(bar, number as usize);
        }
        if self.owners[number as usize].is_warming() {
            self.count(number);
        }
        let Found { fired, candidates, custom, .. } = self.window.found(place);
        let row = rows == Rows::Indicators || (rows == Rows::Bars && bar.is_built());
        let follows = self.following.wants(number as usize, fired);
        let Some(cell) = self.cells.get(number).filter(|_| row | probe | follows | (fired != 0)) else { return };
        let seq = self.head.seq + bar.seq_offset();
        let calendar = &self.plan.asset(bar.symbol).calendar;
        let timeframe = self.plan.timeframes[bar.timeframe.index()];
        let event_ts = timeframe.end(bar.ts, calendar);
        let fired = Fired { set: fired, candidates, custom, roster: &self.plan.roster };
        if follows {
            let closed = Closed { bar, seq, event_ts, cell, timeframe, calendar };
            self.following.on_bar(number as usize, &closed, &fired, &mut self.outlet, &self.counters);
        }
        if row {
            let indicators = match rows {
                Rows::Indicators if self.wanted.as_read => {
                    Indicators::in_columns(cell.reading(&self.layouts[layout]).values())
                }
                Rows::Indicators => cell.published(&self.layouts[layout]),
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
                readiness: self.layouts[layout]
                    .readiness(cell.bars(), !settled && self.owners[number as usize].unsettled > 0),
            }));
        }
        for (strategy, candidate) in fired.iter().chain(probe.then_some((Strategy::Probe, &Candidate::PROBE))) {
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

    /// Counts a cell as what it is after a bar.
    #[cold]
    fn count(&mut self, number: u32) {
        let owner = &mut self.owners[number as usize];
        let Some(cell) = self.cells.get(number) else { return };
        owner.count(&self.layouts[owner.layout as usize].readiness(cell.bars(), owner.unsettled > 0), &self.counters);
    }

    fn end(&mut self) {
        self.ended = true;
        self.outlet.send(WorkerMessage::End);
    }
}

/// By layout: room for the indicators of a bar that is forming; none where none are asked for. Allocates.
fn scratch(plan: &Plan, layouts: &[CellLayout]) -> Vec<IndicatorSet> {
    let layouts = if plan.refreshes() { layouts } else { &[] };
    layouts.iter().map(|layout| IndicatorSet::new(&layout.indicators)).collect()
}

impl Agent for WorkerAgent {
    fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        self.recorder.hand_over();
        self.outlet.turn(now.ns);
        if self.ease.is_due(&self.memory, self.owners.len()) {
            self.ease();
        }
        if let Some(asked) = self.asked.as_mut().and_then(Asked::next) {
            self.answer(asked);
        }
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
                BarMessage::Control(Control::Drift(drift)) => self.following.drift = Some(drift),
                BarMessage::Control(Control::Crossing(crossing)) => self.outlet.send(WorkerMessage::Crossing(crossing)),
                BarMessage::Control(Control::Close { .. } | Control::Feeds { .. } | Control::Intervals { .. }) => {}
                BarMessage::Control(Control::Numbers(numbers)) => self.numbers = numbers,
                BarMessage::Control(Control::External(external)) => self.external(&external)?,
                BarMessage::Control(Control::Forming(forming)) => self.forming(&forming),
                BarMessage::Control(Control::Incomplete { base, seq }) => self.incomplete(base, seq)?,
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
