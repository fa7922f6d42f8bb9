//! A strategy worker's agent: closed bars in, signals out.

use crate::{
    config::Plan,
    engine::{Memory, Routes, Saver, Sweep},
    model::{
        Bar, BarMessage, Candidate, Control, Head, IndicatorRow, Indicators, Signal, SourceId, Strategy, SymbolId,
        TimeframeId, WorkerMessage,
    },
    runtime::{Agent, AgentError, Clock, Inlet, Now, Outlet, Work},
    state::{Part, Snapshot, StateError, put, take},
    strategies::{Cell, CellLayout},
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

#[derive(Debug)]
struct Slot {
    cell: Cell,
    rows: Rows,
    /// Whether every bar gives a signal of the probe.
    probe: bool,
    /// Bars until what is missing from its history no longer matters.
    unsettled: u32,
    symbol: SymbolId,
    timeframe: TimeframeId,
}

/// Messages whose cells are asked for before the first of them is handled: enough to hide the memory's latency, few
/// enough for the innermost cache to hold them all.
const LOOK_AHEAD: usize = 8;

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
    directory: Arc<crate::model::Directory>,
    layouts: Vec<CellLayout>,
    /// By symbol and timeframe: the slot, or [`FOREIGN`].
    index_of: Vec<u32>,
    slots: Vec<Slot>,
    inlet: Inlet<BarMessage>,
    outlet: Outlet<WorkerMessage>,
    counters: Arc<CachePadded<WorkerCounters>>,
    recorder: Recorder,
    clock: Clock,
    head: Head,
    batch: usize,
    /// Waiting messages that have been looked at.
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
    /// For what it holds.
    pub memory: Arc<Memory>,
}

impl WorkerAgent {
    /// Worker `index` of the routes, with the cells of the plan's symbols; `batch` messages a duty cycle.
    #[must_use]
    pub fn new(
        index: usize,
        plan: Arc<Plan>,
        routes: Routes,
        wanted: RowsWanted,
        directory: Arc<crate::model::Directory>,
        wiring: WorkerWiring,
        batch: usize,
    ) -> Self {
        let layouts = plan.params.iter().map(|p| CellLayout::new(p.clone(), wanted.indicators())).collect();
        let mut agent = Self {
            name: format!("worker {index}"),
            index,
            layouts,
            index_of: Vec::with_capacity(plan.assets.len() * plan.timeframes.len()),
            slots: Vec::new(),
            inlet: wiring.inlet,
            outlet: wiring.outlet,
            counters: wiring.counters,
            recorder: wiring.recorder,
            clock: wiring.clock,
            head: Head { seq: 0, event_ts: i64::MIN, arrival_ns: 0, source: SourceId::default() },
            batch,
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
        let cells: usize = self.slots.iter().map(|slot| slot.cell.bytes()).sum();
        if let Some(gauge) = self.memory.cells.get(self.index) {
            gauge.set((cells + self.index_of.capacity() * size_of::<u32>()) as u64);
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
            self.index_of.push(self.slots.len() as u32);
            let cell = Cell::new(&self.layouts[index], spec.method, spec.price_scale, spec.buffer_size);
            let shortest = asset.cells.iter().position(|cell| cell.enabled) == Some(index);
            let probe = self.plan.probe && shortest;
            self.slots.push(Slot { cell, rows, probe, unsettled: 0, symbol: id, timeframe });
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

    /// Takes the state of a snapshot.
    ///
    /// # Errors
    /// One that does not fit the plan.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), StateError> {
        for slot in &mut self.slots {
            let mut bytes = snapshot.part(Part::Cell(slot.symbol.0, slot.timeframe.index() as u8))?;
            slot.unsettled = take(&mut bytes)?;
            slot.cell.read_state(&self.layouts[slot.timeframe.index()], bytes)?;
        }
        Ok(())
    }

    /// Begins to save: what the barrier found, not what comes after it.
    #[cold]
    fn snapshot(&mut self, number: u32) -> Result<(), StateError> {
        // The one before is late; it must not see what comes now.
        self.save(usize::MAX)?;
        let Some(saver) = &mut self.saver else { return Ok(()) };
        saver.begin(number);
        self.sweep.start(self.slots.len());
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
            save_slot(saver, &self.slots[index])?;
            count += 1;
        }
        if !self.sweep.is_on() {
            saver.end();
        }
        Ok(count)
    }

    /// Saves a slot that is about to change, where the snapshot at work wants it as it is.
    #[inline]
    fn save_before_change(&mut self, index: usize) -> Result<(), StateError> {
        if self.sweep.needs(index)
            && let Some(saver) = &mut self.saver
        {
            save_slot(saver, &self.slots[index])?;
            if !self.sweep.is_on() {
                saver.end();
            }
        }
        Ok(())
    }

    /// Marks the cells that are made of this base.
    #[cold]
    fn incomplete(&mut self, base: TimeframeId) -> Result<(), StateError> {
        let fed = self.plan.fed_by()[base.index()];
        for index in 0..self.slots.len() {
            let timeframe = self.slots[index].timeframe.index();
            if fed & 1 << timeframe != 0 {
                self.save_before_change(index)?;
                let bars = self.layouts[timeframe].settling_bars();
                self.slots[index].unsettled = u32::try_from(bars).unwrap_or(u32::MAX);
            }
        }
        Ok(())
    }

    #[inline]
    fn on_bar(&mut self, bar: &Bar) -> Result<(), StateError> {
        self.counters.bars.bump();
        let columns = self.plan.timeframes.len();
        let place = bar.symbol.index() * columns + bar.timeframe.index();
        if place >= self.index_of.len() {
            self.add_symbols(bar.symbol.index());
        }
        let index = self.index_of[place] as usize;
        self.save_before_change(index)?;
        let slot = &mut self.slots[index];
        let settled = slot.unsettled == 0;
        slot.unsettled = slot.unsettled.saturating_sub(1);
        let layout = &self.layouts[bar.timeframe.index()];
        let seq = self.head.seq + bar.seq_offset();
        let mut found = [None; Strategy::COUNT];
        slot.cell.on_bar(layout, bar, |strategy, candidate| found[strategy.index()] = Some(candidate));
        if slot.rows == Rows::Indicators || (slot.rows == Rows::Bars && bar.is_built()) {
            let indicators = match slot.rows {
                Rows::Indicators => slot.cell.published(layout),
                _ => Indicators::NONE,
            };
            self.outlet.send(WorkerMessage::Row(IndicatorRow {
                bar: *bar,
                seq,
                event_ts: self.head.event_ts,
                source: self.head.source,
                price: slot.cell.price(),
                previous_price: slot.cell.previous_price(),
                indicators,
                settled,
            }));
        }
        let found = Strategy::ALL.into_iter().zip(found);
        for (strategy, candidate) in found.chain([(Strategy::Probe, slot.probe.then_some(Candidate::PROBE))]) {
            let Some(candidate) = candidate else { continue };
            self.counters.signals[strategy.index()][bar.timeframe.index()].bump();
            self.outlet.send(WorkerMessage::Signal(Signal {
                seq,
                event_ts: self.head.event_ts,
                arrival_ns: self.head.arrival_ns,
                source: self.head.source,
                bar_ts: bar.ts,
                bar_index: slot.cell.bars() - 1,
                price: slot.cell.price(),
                symbol: bar.symbol,
                timeframe: bar.timeframe,
                strategy,
                candidate,
                settled,
            }));
        }
        Ok(())
    }

    /// Asks for the memory that the next messages will need: cells come in any order, and no cache foresees it.
    #[inline]
    fn look_ahead(&mut self) {
        let (index_of, slots, columns) = (&self.index_of, &self.slots, self.plan.timeframes.len());
        let cell = |message: &BarMessage| match message {
            BarMessage::Bar(bar) => {
                let place = bar.symbol.index() * columns + bar.timeframe.index();
                let slot = index_of.get(place).and_then(|&slot| slots.get(slot as usize));
                slot.map(|slot| (&slot.cell, bar.timeframe.index()))
            }
            BarMessage::Control(_) => None,
        };
        self.ahead = self.inlet.ahead(LOOK_AHEAD, |message| {
            if let Some((cell, _)) = cell(message) {
                cell.prefetch();
            }
        });
        if self.ahead > 1 {
            self.inlet.ahead(self.ahead, |message| {
                if let Some((cell, timeframe)) = cell(message) {
                    cell.prefetch_history(&self.layouts[timeframe]);
                }
            });
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.outlet.send(WorkerMessage::End);
    }
}

#[cold]
fn save_slot(saver: &mut Saver, slot: &Slot) -> Result<(), StateError> {
    saver.record(Part::Cell(slot.symbol.0, slot.timeframe.index() as u8), |out| {
        put(out, &slot.unsettled)?;
        slot.cell.write_state(out);
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
            if self.ahead == 0 {
                self.look_ahead();
            }
            let Some(message) = self.inlet.pop() else { break };
            self.ahead = self.ahead.saturating_sub(1);
            match message {
                BarMessage::Bar(bar) => {
                    self.on_bar(&bar)?;
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
        if !self.ended && self.inlet.is_finished() {
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
