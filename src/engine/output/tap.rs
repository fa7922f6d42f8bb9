//! What is published, passed on to whoever watches: screens, pages, reports. Hot where somebody does: a copy into a ring,
//! no allocation, no formatting. Who watches too slowly misses something, and is told how much.

use super::Group;
use crate::{
    model::{Composite, IndicatorRow, Judged, Peer, Weighed},
    telemetry::Counter,
};
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use std::sync::Arc;

/// Peers of a signal that are passed on: of either side the strongest, supporting ones first.
const PEERS: usize = 8;

/// A published signal.
#[derive(Debug, Clone, Copy)]
pub struct SeenSignal {
    /// The signal.
    pub composite: Composite,
    /// Moment at which it expires, Unix ms.
    expires: i64,
    /// Whether its bar came long after its end.
    stale: bool,
    /// What is known of signals like it.
    judged: Judged,
    peers: [Option<Peer>; PEERS],
    /// How many of the peers support it.
    supporting: usize,
}

/// Something that has been published.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // slots of a ring
pub enum Tapped {
    /// A closed bar; whether it is of the past, which only warms the engine up.
    Bar(IndicatorRow, bool),
    /// A signal.
    Signal(SeenSignal),
}

impl SeenSignal {
    fn new(weighed: &Weighed<'_>) -> Self {
        let mut peers = [None; PEERS];
        let all = weighed.supporting.iter().chain(weighed.opposing);
        peers.iter_mut().zip(all).for_each(|(place, peer)| *place = Some(*peer));
        let supporting = weighed.supporting.len().min(PEERS);
        let Weighed { expires, stale, judged, .. } = *weighed;
        Self { composite: *weighed.composite, expires, stale, judged, peers, supporting }
    }

    /// How its symbol moves with the others, where that is known.
    #[must_use]
    pub fn market_correlation(&self) -> Option<f64> {
        self.judged.crossed.map(|crossed| crossed.market_correlation)
    }

    /// Calls `with` with the signal as it was weighed.
    pub fn weighed<T>(&self, with: impl FnOnce(&Weighed<'_>) -> T) -> T {
        let peers: Vec<Peer> = self.peers.iter().flatten().copied().collect();
        let (supporting, opposing) = peers.split_at(self.supporting.min(peers.len()));
        let Self { expires, stale, judged, .. } = *self;
        with(&Weighed { composite: &self.composite, expires, stale, supporting, opposing, judged })
    }
}

/// The publisher's end.
#[derive(Debug)]
pub struct Tap {
    seen: Producer<Tapped>,
    missed: Arc<Counter>,
    /// Whether what finds no room waits for it: then nothing is missed, and the publisher is as slow as who watches.
    waits: bool,
}

/// The end of whoever watches.
#[derive(Debug)]
pub struct Watch {
    seen: Consumer<Tapped>,
    missed: Arc<Counter>,
}

/// Both ends, with room for so many bars and signals that have not been looked at. Allocates everything.
#[must_use]
pub fn tap(room: usize) -> (Tap, Watch) {
    let (producer, consumer) = RingBuffer::new(room);
    let missed = Arc::new(Counter::default());
    (Tap { seen: producer, missed: Arc::clone(&missed), waits: false }, Watch { seen: consumer, missed })
}

impl Tap {
    /// The same, but nothing is missed: for a replay, which may take as long as it takes.
    #[must_use]
    pub fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Passes a group on.
    #[inline]
    pub fn group(&mut self, group: &Group<'_>) {
        for row in group.rows {
            self.push(Tapped::Bar(*row, group.replayed));
        }
        if !group.replayed {
            for weighed in group.signals.iter() {
                self.push(Tapped::Signal(SeenSignal::new(&weighed)));
            }
        }
    }

    #[inline]
    fn push(&mut self, seen: Tapped) {
        if let Err(PushError::Full(seen)) = self.seen.push(seen) {
            if self.waits { self.wait(seen) } else { self.missed.bump() }
        }
    }

    #[cold]
    fn wait(&mut self, mut seen: Tapped) {
        while !self.seen.is_abandoned() {
            match self.seen.push(seen) {
                Ok(()) => return,
                Err(PushError::Full(back)) => seen = back,
            }
            std::thread::yield_now();
        }
    }
}

impl Watch {
    /// The next thing that was published.
    #[must_use]
    pub fn take_next(&mut self) -> Option<Tapped> {
        self.seen.pop().ok()
    }

    /// How much found no room because nobody looked in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.get()
    }
}
