//! What the model knows at one moment: bars on their way, nodes, engines, partitions. Pure.

use super::layout::PartPlace;
use std::collections::VecDeque;

/// An entry of bars of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parcel {
    /// When it was sent, ns.
    pub sent: u64,
    /// Its bars.
    pub bars: u64,
    /// The signals that they give.
    pub signals: u64,
}

/// When bars were sent, ns, and how many signals they gave.
pub type Sightings = Vec<(u64, u64)>;

/// A piece of work of a process. An epoch tells whether what asked for it still lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// The load sends an entry; only where it shares the machine.
    Send { part: usize, parcel: Parcel },
    /// A node takes an entry.
    Write { part: usize, parcel: Parcel },
    /// A node answers a read of an engine.
    Read { part: usize, epoch: u32 },
    /// An engine does its work on what it has read.
    Compute { part: usize, epoch: u32 },
    /// An engine loads the state of a partition that it takes over.
    Restore { part: usize, epoch: u32 },
    /// A node executes the transaction of an engine.
    Commit { part: usize, epoch: u32 },
    /// A node gives signals to a reader; the first of several readers tells how late they are.
    Give { signals: u64, seen: Sightings },
}

impl Task {
    /// The bars that are nowhere else.
    pub const fn bars(&self) -> u64 {
        match self {
            Self::Send { parcel, .. } | Self::Write { parcel, .. } => parcel.bars,
            _ => 0,
        }
    }
}

/// A partition: its entries at each place of their way.
#[derive(Debug)]
pub struct PartState {
    /// Its load, node and engine.
    pub place: PartPlace,
    /// The thread of its engine.
    pub thread: usize,
    /// Changes when its node or its engine is lost: what was asked before is void.
    pub epoch: u32,
    /// Whether its engine has its state.
    pub ready: bool,
    /// At the writer, while the node is away.
    pub held: VecDeque<Parcel>,
    /// In the stream, not read.
    pub stored: VecDeque<Parcel>,
    /// Read, on their way to the engine or in its work.
    pub reading: Vec<Parcel>,
    /// In the batch in the making.
    pub pending: Vec<Parcel>,
    /// Since when, ns.
    pub pending_since: u64,
    /// In the batch that is on its way.
    pub committing: Vec<Parcel>,
    /// Whether a read waits at the node for the next entry.
    pub blocked: bool,
    /// Whether a batch is on its way.
    pub in_flight: bool,
    /// Whether the end of the wait of a batch is an event already.
    pub timed: bool,
    /// Bars of an entry, on average.
    pub bars_of_entry: f64,
    /// Time between two entries, or two bursts of them, ns, on average.
    pub gap_ns: f64,
}

impl PartState {
    /// A partition that nothing was sent to.
    pub const fn new(place: PartPlace, thread: usize, bars_of_entry: f64, gap_ns: f64) -> Self {
        Self {
            place,
            thread,
            epoch: 0,
            ready: true,
            held: VecDeque::new(),
            stored: VecDeque::new(),
            reading: Vec::new(),
            pending: Vec::new(),
            pending_since: 0,
            committing: Vec::new(),
            blocked: false,
            in_flight: false,
            timed: false,
            bars_of_entry,
            gap_ns,
        }
    }

    /// Node or engine is lost: what was read and not committed is in the stream, and will be read again.
    pub fn reset(&mut self) {
        self.epoch += 1;
        for list in [&mut self.reading, &mut self.pending, &mut self.committing] {
            while let Some(parcel) = list.pop() {
                self.stored.push_front(parcel);
            }
        }
        (self.blocked, self.in_flight, self.timed) = (false, false, false);
    }

    /// Bars that are somewhere on their way.
    pub fn waiting(&self) -> u64 {
        let queues = self.held.iter().chain(&self.stored);
        queues.chain(&self.reading).chain(&self.pending).chain(&self.committing).map(|parcel| parcel.bars).sum()
    }
}

/// A node of the cluster.
#[derive(Debug)]
pub struct NodeState {
    /// Its machine; its process has its own number.
    pub machine: usize,
    /// Zone of its primary.
    pub zone: usize,
    /// Zone of its replica, while it has one.
    pub replica: Option<usize>,
    /// Whether it serves.
    pub up: bool,
    /// When its network is free, inwards and outwards, ns.
    pub free: [u64; 2],
    /// Bytes that its network carried, inwards and outwards.
    pub bytes: [f64; 2],
    /// Entries taken of late, with their time, ns: what its replica may not have.
    pub fresh: VecDeque<(u64, u64)>,
    /// Signals that readers could not read, because it died.
    pub unseen: Vec<Task>,
    /// How long it was away, ns.
    pub away_ns: u64,
    /// Since when it is away, ns.
    pub since: u64,
}

/// A host of engines.
#[derive(Debug)]
pub struct EngineState {
    /// Its machine.
    pub machine: usize,
    /// Its zone.
    pub zone: usize,
    /// Whether it lives.
    pub up: bool,
}
