//! The model: a discrete-event run of load, nodes, engines and readers. Deterministic under its seed. Pure.
//!
//! Each process works on one thing at a time, first come, first served, on a core of its machine: a node takes entries,
//! answers reads, executes transactions; the thread of a partition computes. Between hosts lies a constant time and, at the
//! nodes, a network of limited bandwidth. An engine reads what there is, computes, asks for more, and commits what it has:
//! at once if there is a signal in it, with one batch on its way at a time.

use super::{
    agenda::{Agenda, Happening},
    costs::{CommonCosts, FormCosts},
    dice::Dice,
    layout::Layout,
    queue::Stations,
    scenario::{Scenario, Spread},
    state::{EngineState, NodeState, Parcel, PartState, Sightings, Task},
};
use hdrhistogram::Histogram;

/// Microseconds as nanoseconds.
pub fn us(value: f64) -> u64 {
    (value * 1e3).round() as u64
}

/// The state of a run.
pub struct World<'a> {
    pub scenario: &'a Scenario,
    pub costs: &'a FormCosts,
    pub common: &'a CommonCosts,
    pub stations: Stations<Task>,
    pub parts: Vec<PartState>,
    pub nodes: Vec<NodeState>,
    pub engines: Vec<EngineState>,
    /// The process that sends the load, where it shares the machine.
    sender: Option<usize>,
    agenda: Agenda,
    pub now: u64,
    dice: Dice,
    pub bars_in: u64,
    pub bars_out: u64,
    pub signals: u64,
    /// Bars that a lost primary had taken, and its replica perhaps not.
    pub at_risk: u64,
    /// Partitions that an engine took over.
    pub moved: u64,
    /// By partition: its engine at the start.
    pub homes: Vec<usize>,
    pub zone_lost: Vec<bool>,
    /// By second of the sending: how late signals were seen, ns.
    pub late: Vec<Histogram<u64>>,
    /// By second: bars on their way at its end.
    pub behind: Vec<u64>,
}

impl<'a> World<'a> {
    /// A deployment before its first bar.
    pub fn new(scenario: &'a Scenario, costs: &'a FormCosts, common: &'a CommonCosts, seed: u64) -> Self {
        let layout = Layout::new(scenario);
        let mut stations = Stations::default();
        let one = (scenario.one_machine > 0).then(|| stations.machine(scenario.one_machine));
        let mut nodes = Vec::new();
        for (&zone, &replica) in layout.node_zone.iter().zip(&layout.replica_zone) {
            let machine = one.unwrap_or_else(|| stations.machine(1));
            // The first processes: each has the number of its node.
            stations.station(machine);
            nodes.push(NodeState {
                machine,
                zone,
                replica: Some(replica),
                up: true,
                free: [0; 2],
                bytes: [0.0; 2],
                fresh: std::collections::VecDeque::new(),
                unseen: Vec::new(),
                away_ns: 0,
                since: 0,
            });
        }
        let mut engines = Vec::new();
        for &zone in &layout.engine_zone {
            let machine = one.unwrap_or_else(|| stations.machine(scenario.cores));
            engines.push(EngineState { machine, zone, up: true });
        }
        let parts = layout.parts.iter().map(|&place| {
            let (bars, gap_ns) = pace(scenario, place.bars_per_s);
            PartState::new(place, stations.station(engines[place.engine].machine), bars, gap_ns)
        });
        let parts = parts.collect();
        let sender = one.map(|machine| stations.station(machine));
        Self {
            scenario,
            costs,
            common,
            stations,
            parts,
            nodes,
            engines,
            sender,
            agenda: Agenda::default(),
            now: 0,
            dice: Dice::new(seed),
            bars_in: 0,
            bars_out: 0,
            signals: 0,
            at_risk: 0,
            moved: 0,
            homes: layout.parts.iter().map(|part| part.engine).collect(),
            zone_lost: vec![false; scenario.zones],
            late: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// Runs to the end.
    pub fn run(&mut self) {
        let end = us(self.scenario.duration_s * 1e6);
        for part in 0..self.parts.len() {
            self.ask(part);
            let gap = self.parts[part].gap_ns;
            // A burst comes just after a second is counted.
            let first = if self.scenario.spread == Spread::Burst { 1e6 } else { gap * self.dice.unit() };
            if gap.is_finite() {
                self.at(first as u64, Happening::Due(part));
            }
        }
        for (index, loss) in self.scenario.losses.iter().enumerate() {
            self.at(us(loss.at_s * 1e6), Happening::Lose(index));
        }
        self.at(1_000_000_000, Happening::Second);
        while let Some((at, what)) = self.agenda.next(end) {
            self.now = at;
            self.happen(what);
        }
        self.now = end;
    }

    /// Something will happen.
    pub fn at(&mut self, at: u64, what: Happening) {
        self.agenda.add(at, what);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Due(part) => self.due(part),
            Happening::Arrive(station, work) => self.arrive(station, work),
            Happening::End(ending) => {
                if let Some((work, next)) = self.stations.end(ending) {
                    self.start(next);
                    self.ended(work);
                }
            }
            Happening::Flush(part, epoch) if epoch == self.parts[part].epoch => {
                self.parts[part].timed = false;
                self.commit(part);
            }
            Happening::Acked(part, epoch) if epoch == self.parts[part].epoch => {
                self.parts[part].in_flight = false;
                self.commit(part);
            }
            Happening::Flush(..) | Happening::Acked(..) => {}
            Happening::Lose(index) => self.lose(self.scenario.losses[index].what),
            Happening::Promote(node) => self.promote(node),
            Happening::Adopt(part) => self.adopt(part),
            Happening::Second => {
                self.behind.push(self.bars_in - self.bars_out);
                self.at(self.now + 1_000_000_000, Happening::Second);
            }
        }
    }

    /// The load sends what is due.
    fn due(&mut self, part: usize) {
        let PartState { bars_of_entry, gap_ns, place, .. } = self.parts[part];
        let entries = match self.scenario.spread {
            Spread::Burst => (place.bars_per_s * gap_ns / 1e9 / bars_of_entry).ceil() as u64,
            Spread::Even | Spread::Random => 1,
        };
        for _ in 0..entries {
            let bars = self.dice.around(bars_of_entry).max(1);
            let signals = self.dice.around(bars as f64 * self.costs.signals_per_bar.median);
            let parcel = Parcel { sent: self.now, bars, signals };
            self.bars_in += bars;
            match self.sender {
                Some(sender) => self.arrive(sender, Task::Send { part, parcel }),
                None => self.send(part, parcel),
            }
        }
        let gap = if self.scenario.spread == Spread::Random { self.dice.exponential(gap_ns) } else { gap_ns };
        self.at(self.now + (gap as u64).max(1), Happening::Due(part));
    }

    /// An entry leaves for its node, or waits for it.
    pub fn send(&mut self, part: usize, parcel: Parcel) {
        let node = self.parts[part].place.node;
        if !self.nodes[node].up {
            self.parts[part].held.push_back(parcel);
            return;
        }
        let bytes = parcel.bars as f64 * self.costs.bar_in_bytes.median;
        self.post(part, bytes, Task::Write { part, parcel });
    }

    /// Time between engine and node of a partition, one way, ns.
    fn way(&self, part: usize) -> u64 {
        let Scenario { one_machine, network_us, zone_us, .. } = *self.scenario;
        let place = self.parts[part].place;
        let between = match self.nodes[place.node].zone == self.engines[place.engine].zone {
            _ if one_machine > 0 => 0.0,
            true => network_us,
            false => zone_us,
        };
        us(self.common.hop_us.median + between)
    }

    /// When bytes have passed the network of a node, inwards (0) or outwards (1), ns.
    fn passed(&mut self, node: usize, way: usize, bytes: f64) -> u64 {
        let takes = (bytes * 8.0 / self.scenario.network_gbit) as u64;
        let own = &mut self.nodes[node];
        own.bytes[way] += bytes;
        own.free[way] = own.free[way].max(self.now) + takes;
        own.free[way]
    }

    /// Sends work to the node of a partition; what it writes goes on to the replica.
    pub fn post(&mut self, part: usize, bytes: f64, work: Task) {
        let node = self.parts[part].place.node;
        let at = self.passed(node, 0, bytes) + self.way(part);
        if self.nodes[node].replica.is_some() && self.scenario.one_machine == 0 {
            self.passed(node, 1, bytes);
        }
        self.at(at, Happening::Arrive(node, work));
    }

    /// An engine asks for more.
    pub fn ask(&mut self, part: usize) {
        let PartState { place, epoch, ready, .. } = self.parts[part];
        if ready && self.nodes[place.node].up {
            self.post(part, 0.0, Task::Read { part, epoch });
        }
    }

    /// Task reaches a process. What reaches a node that is away comes back: entries wait, the rest is void.
    pub fn arrive(&mut self, station: usize, work: Task) {
        if let Some(node) = self.nodes.get_mut(station).filter(|node| !node.up) {
            match work {
                Task::Write { part, parcel } => self.parts[part].held.push_back(parcel),
                Task::Give { .. } => node.unseen.push(work),
                _ => {}
            }
            return;
        }
        self.offer(station, work, false);
    }

    fn offer(&mut self, station: usize, work: Task, first: bool) {
        let starts = self.stations.offer(station, work, first);
        self.start(starts.then_some(station));
    }

    /// A process begins with its next work.
    pub fn start(&mut self, station: Option<usize>) {
        let Some(station) = station else { return };
        let Some(work) = self.stations.next(station) else { return };
        let costs = self.costs;
        let takes = match work {
            Task::Send { .. } => us(costs.send_us.median),
            Task::Write { .. } => us(costs.write_us.median),
            Task::Read { part, epoch } => {
                let own = &mut self.parts[*part];
                let count = if own.epoch == *epoch { own.stored.len().min(self.scenario.read_count) } else { 0 };
                own.reading.extend(own.stored.drain(..count));
                // A read that has to wait costs when it is answered: it was measured so.
                if count == 0 { 0 } else { us(costs.call_us.median + count as f64 * costs.read_us.median) }
            }
            Task::Compute { part, epoch } if self.parts[*part].epoch == *epoch => {
                let (bars, signals) = sums(&self.parts[*part].reading);
                let ns = bars as f64 * costs.bar_ns.median + signals as f64 * costs.signal_ns.median;
                us(costs.cycle_us.median) + ns as u64
            }
            Task::Restore { part, .. } => {
                let symbols = self.parts[*part].place.symbols as f64;
                us(1e3 * (self.common.takeover_ms.median + symbols * self.common.takeover_symbol_ms.median))
            }
            Task::Commit { part, epoch } if self.parts[*part].epoch == *epoch => {
                let (_, signals) = sums(&self.parts[*part].committing);
                us(costs.commit_us.median + signals as f64 * costs.signal_us.median)
            }
            Task::Give { signals, .. } => us(costs.call_us.median + *signals as f64 * costs.signal_read_us.median),
            Task::Compute { .. } | Task::Commit { .. } => us(costs.call_us.median),
        };
        let ending = self.stations.begin(station, self.now, takes);
        self.at(ending.at, Happening::End(ending));
    }

    /// Task is done.
    fn ended(&mut self, work: Task) {
        match work {
            Task::Send { part, parcel } => self.send(part, parcel),
            Task::Write { part, parcel } => self.written(part, parcel),
            Task::Read { part, epoch } if self.parts[part].epoch == epoch => self.answered(part),
            Task::Compute { part, epoch } if self.parts[part].epoch == epoch => {
                let own = &mut self.parts[part];
                if own.pending.is_empty() {
                    own.pending_since = self.now;
                }
                own.pending.append(&mut own.reading);
                self.ask(part);
                self.commit(part);
            }
            Task::Restore { part, epoch } if self.parts[part].epoch == epoch => {
                self.parts[part].ready = true;
                self.ask(part);
            }
            Task::Commit { part, epoch } if self.parts[part].epoch == epoch => self.committed(part),
            Task::Give { seen, .. } => self.seen(&seen),
            Task::Read { .. } | Task::Compute { .. } | Task::Restore { .. } | Task::Commit { .. } => {}
        }
    }

    fn written(&mut self, part: usize, parcel: Parcel) {
        let own = &mut self.parts[part];
        own.stored.push_back(parcel);
        let (epoch, blocked) = (own.epoch, std::mem::take(&mut own.blocked));
        let lag = us(self.scenario.replica_lag_ms * 1e3);
        let (now, number) = (self.now, own.place.node);
        let node = &mut self.nodes[number];
        node.fresh.push_back((now, parcel.bars));
        while node.fresh.front().is_some_and(|(at, _)| at + lag < now) {
            node.fresh.pop_front();
        }
        if blocked {
            self.offer(number, Task::Read { part, epoch }, true);
        }
    }

    fn answered(&mut self, part: usize) {
        let own = &mut self.parts[part];
        if own.reading.is_empty() {
            own.blocked = true;
            return;
        }
        let (thread, epoch, node) = (own.thread, own.epoch, own.place.node);
        let bytes = sums(&own.reading).0 as f64 * self.costs.bar_out_bytes.median;
        let at = self.passed(node, 1, bytes) + self.way(part);
        self.at(at, Happening::Arrive(thread, Task::Compute { part, epoch }));
    }

    /// A batch goes, if there is one, none is on its way, and it has a signal or has waited.
    fn commit(&mut self, part: usize) {
        let wait = us(self.scenario.batch_ms * 1e3);
        let own = &mut self.parts[part];
        if own.in_flight || own.pending.is_empty() {
            return;
        }
        let (epoch, due) = (own.epoch, own.pending_since + wait);
        let (_, signals) = sums(&own.pending);
        if signals == 0 && self.now < due {
            if !std::mem::replace(&mut own.timed, true) {
                self.at(due, Happening::Flush(part, epoch));
            }
            return;
        }
        own.committing = std::mem::take(&mut own.pending);
        own.in_flight = true;
        let bytes = signals as f64 * self.costs.signal_in_bytes.median;
        self.post(part, bytes, Task::Commit { part, epoch });
    }

    fn committed(&mut self, part: usize) {
        let own = &mut self.parts[part];
        let (bars, signals) = sums(&own.committing);
        let with_signals = own.committing.drain(..).filter(|parcel| parcel.signals > 0);
        let mut seen: Sightings = with_signals.map(|parcel| (parcel.sent, parcel.signals)).collect();
        let (epoch, node) = (own.epoch, own.place.node);
        self.bars_out += bars;
        self.signals += signals;
        let acked = self.now + self.way(part);
        self.at(acked, Happening::Acked(part, epoch));
        if signals == 0 {
            return;
        }
        for _ in 0..self.scenario.readers {
            self.passed(node, 1, signals as f64 * self.costs.signal_out_bytes.median);
            let work = Task::Give { signals, seen: std::mem::take(&mut seen) };
            self.offer(node, work, true);
        }
        if self.scenario.readers == 0 {
            self.seen(&seen);
        }
    }

    /// Signals have left the node for a reader.
    fn seen(&mut self, seen: &Sightings) {
        let hop = us(self.common.hop_us.median);
        let between = if self.scenario.one_machine > 0 { 0 } else { us(self.scenario.network_us) };
        for &(sent, signals) in seen {
            let second = (sent / 1_000_000_000) as usize;
            while self.late.len() <= second {
                let Ok(histogram) = Histogram::new(2) else { return };
                self.late.push(histogram);
            }
            let late = self.now + hop + between - sent;
            // Grows by itself.
            let _ = self.late[second].record_n(late.max(1), signals);
        }
    }

    /// Bars on their way, counted where they are.
    pub fn waiting(&self) -> u64 {
        let on_the_way = self.agenda.all().map(|what| match what {
            Happening::Arrive(_, work) => work.bars(),
            _ => 0,
        });
        let at_work = self.stations.waiting().map(Task::bars);
        on_the_way.chain(at_work).chain(self.parts.iter().map(PartState::waiting)).sum()
    }
}

/// Bars and signals of entries.
pub fn sums(parcels: &[Parcel]) -> (u64, u64) {
    parcels.iter().fold((0, 0), |(bars, signals), parcel| (bars + parcel.bars, signals + parcel.signals))
}

/// Bars of an entry of a partition, and the time between two of its entries, or bursts, ns.
fn pace(scenario: &Scenario, bars_per_s: f64) -> (f64, f64) {
    use crate::lab::bench::bars::Form;
    let gathered = match scenario.spread {
        // All of a burst are there at once.
        Spread::Burst => bars_per_s / scenario.rate,
        Spread::Even | Spread::Random => bars_per_s * scenario.gather_ms / 1e3,
    };
    let bars = match scenario.form {
        Form::Legacy => 1.0,
        Form::Compact => gathered.clamp(1.0, scenario.frame as f64),
    };
    match scenario.spread {
        Spread::Burst if bars_per_s > 0.0 => (bars, 1e9 / scenario.rate),
        _ => (bars, 1e9 * bars / bars_per_s),
    }
}
