//! The aggregator's agent: base bars in, closed bars out to the worker that owns their cell.

use crate::{
    aggregate::{Closes, Closings, Drifts, Routes, TimeBarAggregator},
    config::Plan,
    engine::{BarOutlet, Memory, Of, Restored, Saver},
    model::{Bar, BarMessage, Control, Directory, External, Forming, Head, SourceId, SymbolId, TimeframeId, Turn},
    runtime::{Agent, AgentError, Clock, Inlet, Now, Outlet, Work},
    state::{StateError, put},
    telemetry::{AggregatorCounters, Latency, Recorder, Stage},
};
use crossbeam_utils::CachePadded;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Drives the [`TimeBarAggregator`]. Allocates when a symbol appears for the first time, never blocks.
#[derive(Debug)]
pub struct AggregatorAgent {
    plan: Arc<Plan>,
    aggregator: TimeBarAggregator,
    /// Running sums of returns, where the calibrated confidence asks for them.
    drifts: Option<Drifts>,
    /// The closes that the correlation across assets waits for, where there is one.
    closes: Option<Closes>,
    directory: Arc<Directory>,
    routes: Routes,
    /// By cell: the worker that owns it.
    owners: Vec<u8>,
    inlet: Inlet<BarMessage>,
    branches: Vec<BarOutlet>,
    counters: Arc<CachePadded<AggregatorCounters>>,
    recorder: Recorder,
    clock: Clock,
    /// The run of records that the reader's last head has opened.
    run: Head,
    /// Sequence of the last record taken, and the last one that all workers have been told of.
    seq: u64,
    told: u64,
    batch: usize,
    ended: bool,
    /// What closes behind the next bar, in its sequence.
    behind_bar: Vec<(SymbolId, u32)>,
    /// Of the outside signal that comes next.
    numbers: [f64; 5],
    /// By cell: how often its values are refreshed between closes, ms; 0 for never. Empty where none are.
    refresh: Vec<i64>,
    memory: Arc<Memory>,
    saver: Option<Saver>,
}

/// What an aggregator is wired to.
#[derive(Debug)]
pub struct AggregatorWiring {
    /// What is calculated.
    pub plan: Arc<Plan>,
    /// Names of symbols.
    pub directory: Arc<Directory>,
    /// Which worker owns which cell.
    pub routes: Routes,
    /// From the reader.
    pub inlet: Inlet<BarMessage>,
    /// To the workers, in their order.
    pub outlets: Vec<Outlet<BarMessage>>,
    /// Its counters.
    pub counters: Arc<CachePadded<AggregatorCounters>>,
    /// Its histogram.
    pub recorder: Recorder,
    /// For the time at the end of a duty cycle.
    pub clock: Clock,
    /// Messages taken in a duty cycle.
    pub batch: usize,
    /// For what it holds.
    pub memory: Arc<Memory>,
}

impl AggregatorAgent {
    /// An aggregator between the reader's ring and one ring per worker.
    #[must_use]
    pub fn new(wiring: AggregatorWiring) -> Self {
        let AggregatorWiring { plan, directory, routes, inlet, outlets, counters, recorder, clock, batch, memory } =
            wiring;
        let calibration = &plan.calibration;
        let mut agent = Self {
            aggregator: TimeBarAggregator::new(&plan),
            drifts: calibration.enabled.then(|| Drifts::new(plan.timeframes.len(), !calibration.market.is_empty())),
            closes: plan.cross_asset.map(|rules| Closes::new(rules.timeframe)),
            directory,
            owners: Vec::new(),
            branches: outlets.into_iter().map(BarOutlet::new).collect(),
            run: Head { seq: 0, arrival_ns: 0, source: SourceId::default() },
            seq: 0,
            told: 0,
            ended: false,
            behind_bar: Vec::new(),
            numbers: [0.0; 5],
            refresh: Vec::new(),
            plan,
            routes,
            inlet,
            counters,
            recorder,
            clock,
            batch,
            memory,
            saver: None,
        };
        for symbol in 0..agent.plan.assets.len() {
            agent.add_owners(symbol);
            agent.add_drift(symbol);
            agent.closes.iter_mut().for_each(Closes::add_symbol);
        }
        agent.memory.aggregator.set(agent.bytes() as u64);
        agent
    }

    /// Saves its state where a snapshot's barrier comes by.
    pub fn snapshots(&mut self, saver: Saver) {
        self.saver = Some(saver);
    }

    /// Takes its part of the state that the engine goes on from.
    pub fn restore(&mut self, restored: &Restored) {
        self.aggregator.restore(&restored.open_bars);
        for (symbol, base, timeframes) in restored.admission.feeds(&self.plan) {
            self.aggregator.set_feeds(symbol, base, timeframes);
        }
        let assets = self.plan.assets.iter().enumerate();
        let symbols: FxHashMap<&str, usize> = assets.map(|(index, asset)| (&*asset.symbol, index)).collect();
        let timeframes: Vec<String> = self.plan.timeframes.iter().map(ToString::to_string).collect();
        let symbol = |name: &str| symbols.get(name).copied();
        let timeframe = |name: &str| timeframes.iter().position(|timeframe| timeframe == name);
        if let (Some(drifts), Some(saved)) = (&mut self.drifts, &restored.drifts) {
            drifts.restore(saved, symbol, timeframe);
        }
        if let (Some(closes), Some(saved)) = (&mut self.closes, &restored.closes) {
            closes.restore(saved, symbol, timeframe);
        }
        // What came before has been told, in another life.
        (self.seq, self.told) = (restored.seq, restored.seq);
    }

    /// Saves the open bars and passes the barrier on.
    #[cold]
    fn snapshot(&mut self, number: u32) -> Result<(), StateError> {
        if let Some(saver) = &mut self.saver {
            saver.begin(number);
            saver.record(Of::Aggregator, |keys, out| {
                put(out, &self.seq)?;
                self.aggregator.save(keys.bar_columns(), |symbol| keys.symbol(symbol), out)
            })?;
            if let Some(drifts) = &self.drifts {
                saver.record(Of::Drifts, |keys, out| {
                    let timeframes = keys.bar_columns().map(|column| column.timeframe);
                    drifts.save(timeframes, |symbol| keys.symbol(symbol), out)
                })?;
            }
            if let Some(closes) = &self.closes {
                saver.record(Of::Closes, |keys, out| {
                    let timeframes = keys.bar_columns().map(|column| column.timeframe);
                    closes.save(timeframes, |symbol| keys.symbol(symbol), out)
                })?;
            }
            saver.end();
        }
        self.pass_on(Control::Snapshot { number });
        Ok(())
    }

    fn pass_on(&mut self, control: Control) {
        for branch in &mut self.branches {
            branch.control(control);
        }
    }

    fn bytes(&self) -> usize {
        self.aggregator.bytes()
            + self.owners.capacity()
            + self.drifts.as_ref().map_or(0, Drifts::bytes)
            + self.closes.as_ref().map_or(0, Closes::bytes)
    }

    fn add_drift(&mut self, symbol: usize) {
        if let Some(drifts) = &mut self.drifts {
            let id = SymbolId(symbol as u16);
            let name = self.plan.assets.get(symbol).map_or_else(|| self.directory.symbol(id), |asset| &asset.symbol);
            drifts.add_symbol(self.plan.calibration.is_market(name));
        }
    }

    fn add_owners(&mut self, symbol: usize) {
        let id = SymbolId(symbol as u16);
        let asset = self.plan.asset(id);
        for index in 0..self.plan.timeframes.len() {
            let worker = self.routes.worker(asset, id, TimeframeId::new(index));
            self.owners.push(worker as u8);
        }
        if self.plan.refreshes() {
            self.refresh.extend(asset.cells.iter().map(|cell| if cell.enabled { cell.refresh_ms } else { 0 }));
        }
    }

    /// Makes room for the symbols that the reader has let in since the last.
    #[cold]
    fn add_symbols(&mut self, symbol: usize) {
        while self.aggregator.symbols() <= symbol {
            let next = self.aggregator.symbols();
            self.aggregator.add_symbol(self.plan.asset(SymbolId(next as u16)));
            self.add_owners(next);
            self.add_drift(next);
            self.closes.iter_mut().for_each(Closes::add_symbol);
        }
        self.memory.aggregator.set(self.bytes() as u64);
    }

    #[inline]
    fn on_message(&mut self, message: BarMessage) -> Result<(), StateError> {
        match message {
            BarMessage::Control(Control::Head(head)) => self.run = head,
            BarMessage::Bar(bar) => self.on_bar(&bar),
            BarMessage::Control(Control::Close { symbol, timeframes, turn }) => self.close(symbol, timeframes, turn),
            BarMessage::Control(Control::Intervals { seq, first, next }) => self.take_intervals(seq, first, next),
            BarMessage::Control(
                Control::Progress { .. } | Control::Drift(_) | Control::Forming(_) | Control::Crossing(_),
            ) => {}
            BarMessage::Control(Control::Numbers(numbers)) => self.numbers = numbers,
            BarMessage::Control(Control::External(external)) => self.external(external),
            BarMessage::Control(Control::Feeds { symbol, base, timeframes }) => {
                self.aggregator.set_feeds(symbol, base, timeframes);
            }
            BarMessage::Control(control @ Control::Incomplete { .. }) => self.pass_on(control),
            BarMessage::Control(Control::Snapshot { number }) => self.snapshot(number)?,
            BarMessage::Control(Control::End) => self.end(),
        }
        Ok(())
    }

    #[inline]
    fn on_bar(&mut self, bar: &Bar) {
        self.counters.bars_in.bump();
        if bar.symbol.index() >= self.aggregator.symbols() {
            self.add_symbols(bar.symbol.index());
        }
        self.seq = self.run.seq + bar.seq_offset();
        let head = Head { seq: self.seq, ..self.run };
        let mut emit = Emitter {
            branches: &mut self.branches,
            owners: &self.owners,
            counters: &self.counters,
            columns: self.plan.timeframes.len(),
            head: &head,
            drifts: self.drifts.as_mut(),
            closes: self.closes.as_mut(),
        };
        self.aggregator.on_bar_followed(bar, &mut emit);
        if !self.refresh.is_empty() {
            self.send_forming(bar, &head);
        }
        if !self.behind_bar.is_empty() {
            self.close_behind(&head);
        }
    }

    /// Closes what the clock closes behind a bar, in its sequence.
    #[cold]
    fn close_behind(&mut self, head: &Head) {
        let mut emit = Emitter {
            branches: &mut self.branches,
            owners: &self.owners,
            counters: &self.counters,
            columns: self.plan.timeframes.len(),
            head,
            drifts: self.drifts.as_mut(),
            closes: self.closes.as_mut(),
        };
        for (symbol, timeframes) in self.behind_bar.drain(..) {
            self.aggregator.close(symbol, timeframes, &mut |bar| emit.closed(bar));
        }
    }

    /// Sends the open bars of a symbol whose values are due for a refresh: where a multiple of its interval lies at the end of
    /// the base bar, or within it.
    #[inline(never)]
    fn send_forming(&mut self, base: &Bar, head: &Head) {
        let (symbol, columns) = (base.symbol, self.plan.timeframes.len());
        let calendar = &self.plan.asset(symbol).calendar;
        let span = self.plan.timeframes[base.timeframe.index()].labelled(base.ts, calendar);
        for index in 0..columns {
            let cell = symbol.index() * columns + index;
            let every_ms = self.refresh.get(cell).copied().unwrap_or(0);
            if every_ms == 0 || span.start.div_euclid(every_ms) == span.end.div_euclid(every_ms) {
                continue;
            }
            let timeframe = TimeframeId::new(index);
            let Some(bar) = self.aggregator.forming(symbol, timeframe) else { continue };
            let branch = &mut self.branches[usize::from(self.owners[cell])];
            branch.head(head);
            branch.control(Control::Numbers([bar.open, bar.high, bar.low, bar.close, bar.volume]));
            let Bar { ts: bar_ts, vwap, .. } = bar;
            branch.control(Control::Forming(Forming { bar_ts, until: span.end, vwap, symbol, timeframe }));
        }
    }

    /// Sends what happened in intervals on its way to the publisher, through the first worker, which passes it on.
    #[cold]
    fn take_intervals(&mut self, seq: u64, first: i64, next: i64) {
        if let (Some(closes), Some(branch)) = (&mut self.closes, self.branches.first_mut()) {
            closes.take(seq, first, next, |crossing| branch.control(Control::Crossing(crossing)));
        }
    }

    /// Closes bars by the clock, in their turn. The sequence is over with the last of it: nobody is told of it before.
    #[cold]
    fn close(&mut self, symbol: SymbolId, timeframes: u32, turn: Turn) {
        if turn == Turn::BehindBar {
            self.behind_bar.push((symbol, timeframes));
            return;
        }
        let mut emit = Emitter {
            branches: &mut self.branches,
            owners: &self.owners,
            counters: &self.counters,
            columns: self.plan.timeframes.len(),
            head: &self.run,
            drifts: self.drifts.as_mut(),
            closes: self.closes.as_mut(),
        };
        self.aggregator.close(symbol, timeframes, &mut |bar| emit.closed(bar));
        if turn == Turn::Last {
            self.seq = self.run.seq;
        }
    }

    /// Sends the signal of a strategy outside to the worker of its cell: behind the bar that it is of.
    #[cold]
    fn external(&mut self, external: External) {
        self.seq = self.run.seq;
        let cell = external.symbol.index() * self.plan.timeframes.len() + external.timeframe.index();
        let Some(&owner) = self.owners.get(cell) else { return };
        let branch = &mut self.branches[usize::from(owner)];
        branch.head(&self.run);
        branch.control(Control::Numbers(self.numbers));
        branch.control(Control::External(external));
    }

    fn end(&mut self) {
        self.ended = true;
        self.pass_on(Control::End);
    }

    /// Tells every worker how far the aggregator has got, once per duty cycle.
    fn tell(&mut self) {
        if self.seq > self.told {
            self.told = self.seq;
            for branch in &mut self.branches {
                branch.control(Control::Progress { seq: self.told });
            }
        }
    }
}

/// What the aggregator does with a closed bar: counts it and sends it to the worker that owns its cell, behind the sums of
/// returns where that worker cannot add them up alone.
struct Emitter<'a> {
    branches: &'a mut [BarOutlet],
    owners: &'a [u8],
    counters: &'a AggregatorCounters,
    columns: usize,
    head: &'a Head,
    drifts: Option<&'a mut Drifts>,
    closes: Option<&'a mut Closes>,
}

impl Closings for Emitter<'_> {
    #[inline]
    fn base(&mut self, bar: &Bar, end: i64, fed: u32) {
        if let Some(drifts) = &mut self.drifts {
            drifts.base(bar, fed);
        }
        if let Some(closes) = &mut self.closes {
            closes.base(bar.symbol, bar.timeframe, end, bar.close);
        }
    }

    #[inline]
    fn closed(&mut self, bar: Bar) {
        let timeframe = bar.timeframe.index();
        self.counters.closed[timeframe].bump();
        let owner = self.owners[bar.symbol.index() * self.columns + timeframe];
        let branch = &mut self.branches[usize::from(owner)];
        if let Some(drift) = self.drifts.as_ref().and_then(|drifts| drifts.of(&bar)) {
            branch.control(Control::Drift(drift));
        }
        branch.bar(self.head, bar);
    }
}

/// Moves on what waits in all of them; whether nothing does any more.
#[inline]
fn flush_all(branches: &mut [BarOutlet]) -> bool {
    let mut clear = true;
    for branch in branches {
        clear &= branch.ring.flush();
    }
    clear
}

impl Agent for AggregatorAgent {
    fn name(&self) -> &str {
        "aggregator"
    }

    #[inline]
    fn do_work(&mut self, now: Now) -> Result<Work, AgentError> {
        self.recorder.hand_over();
        let mut count = 0;
        self.branches.iter_mut().for_each(|branch| branch.ring.turn(now.ns));
        let mut clear = flush_all(&mut self.branches);
        while clear && count < self.batch && !self.ended {
            let Some(message) = self.inlet.pop() else { break };
            self.on_message(message)?;
            count += 1;
            clear = self.branches.iter().all(|branch| branch.ring.is_clear());
        }
        if self.seq > self.told {
            self.recorder.since(Latency::Stage(Stage::Aggregate), self.clock.ns(), self.run.arrival_ns);
            self.tell();
        }
        if !self.ended && self.inlet.is_finished() {
            self.end();
        }
        let clear = flush_all(&mut self.branches) & self.saver.as_mut().is_none_or(Saver::flush);
        Ok(if self.ended && clear { Work::Done } else { Work::of(count) })
    }

    fn is_blocked(&self) -> bool {
        !self.branches.iter().all(|branch| branch.ring.is_clear())
    }
}
