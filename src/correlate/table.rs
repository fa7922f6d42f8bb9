//! The active signals of one symbol.

use crate::model::{MAX_TIMEFRAMES, Peer, Side, Signal, SignalKind, Strategy, TimeframeId};
use bincode::{Decode, Encode};

/// The newest signal of one timeframe and strategy.
#[derive(Debug, Clone, Copy)]
struct Entry {
    peer: Peer,
    side: Side,
    /// It is no longer active for groups whose bars end at this moment, Unix ms, or later.
    expires: i64,
}

/// An [`Entry`] in a snapshot, without what its place and the configuration say.
#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct EntryState {
    kind: SignalKind,
    side: Side,
    confidence: f64,
    pub(super) bar_ts: i64,
}

/// The newest signals of one symbol by timeframe and strategy.
#[derive(Debug, Clone)]
pub(super) struct ActiveSignals {
    /// By timeframe and strategy.
    entries: Box<[Option<Entry>]>,
    /// Timeframes that have an entry at all, as a bit set.
    used: u32,
}

/// Most peers a signal can have.
pub(super) const MAX_PEERS: usize = (MAX_TIMEFRAMES - 1) * Strategy::COUNT;

/// The peers of one signal.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    /// Active signals of the same side, with their weighted confidence.
    pub(super) supporting: Vec<(f64, Peer)>,
    /// Active signals of the other side, with their weighted confidence.
    pub(super) opposing: Vec<(f64, Peer)>,
}

impl Peers {
    /// No peers yet, room for all.
    pub(super) fn new() -> Self {
        Self { supporting: Vec::with_capacity(MAX_PEERS), opposing: Vec::with_capacity(MAX_PEERS) }
    }
}

impl ActiveSignals {
    /// No signals yet. Allocates.
    pub(super) fn new(timeframes: usize) -> Self {
        Self { entries: vec![None; timeframes * Strategy::COUNT].into_boxed_slice(), used: 0 }
    }

    /// The state by timeframe and strategy.
    pub(super) fn state(&self) -> impl ExactSizeIterator<Item = Option<EntryState>> {
        self.entries.iter().map(|entry| {
            entry.as_ref().map(|Entry { peer, side, .. }| EntryState {
                kind: peer.kind,
                side: *side,
                confidence: peer.confidence,
                bar_ts: peer.bar_ts,
            })
        })
    }

    /// Takes over the newest signal of a timeframe and strategy, with the moment from which on it is no longer active.
    pub(super) fn restore(&mut self, timeframe: TimeframeId, strategy: Strategy, newest: Option<(EntryState, i64)>) {
        let index = timeframe.index();
        let entry = newest.map(|(EntryState { kind, side, confidence, bar_ts }, expires)| Entry {
            peer: Peer { timeframe, strategy, kind, confidence, bar_ts },
            side,
            expires,
        });
        self.entries[index * Strategy::COUNT + strategy.index()] = entry;
        self.used |= u32::from(entry.is_some()) << index;
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.len() * size_of::<Option<Entry>>()
    }

    /// Enters a signal in place of the one of its timeframe and strategy. It `expires` for groups whose bars end at that
    /// moment, Unix ms, or later.
    pub(super) fn enter(&mut self, signal: &Signal, expires: i64) {
        let peer = Peer {
            timeframe: signal.timeframe,
            strategy: signal.strategy,
            kind: signal.candidate.kind,
            confidence: signal.candidate.confidence,
            bar_ts: signal.bar_ts,
        };
        let index = signal.timeframe.index();
        self.used |= 1 << index;
        self.entries[index * Strategy::COUNT + signal.strategy.index()] =
            Some(Entry { peer, side: signal.candidate.side, expires });
    }

    /// Collects the active signals on other timeframes than the signal's own: longest timeframe first, strategies in
    /// their order, then the strongest weighted confidence first.
    pub(super) fn peers(&self, signal: &Signal, weight: impl Fn(TimeframeId) -> f64, peers: &mut Peers) {
        peers.supporting.clear();
        peers.opposing.clear();
        let own = signal.timeframe.index();
        let mut rest = self.used & !(1 << own);
        while let Some(index) = rest.checked_ilog2() {
            rest &= !(1 << index);
            let row = index as usize * Strategy::COUNT;
            for entry in self.entries[row..row + Strategy::COUNT].iter().flatten() {
                if signal.event_ts >= entry.expires {
                    continue;
                }
                let weighted = weight(entry.peer.timeframe) * entry.peer.confidence;
                if entry.side == signal.candidate.side {
                    peers.supporting.push((weighted, entry.peer));
                } else {
                    peers.opposing.push((weighted, entry.peer));
                }
            }
        }
        for list in [&mut peers.supporting, &mut peers.opposing] {
            insertion_sort(list);
        }
    }
}

/// Sorts by descending weight; equals keep their order. In place and stable, which the library's stable sort is not at
/// every length without allocating.
fn insertion_sort(list: &mut [(f64, Peer)]) {
    for k in 1..list.len() {
        let mut j = k;
        while j > 0 && list[j - 1].0 < list[j].0 {
            list.swap(j - 1, j);
            j -= 1;
        }
    }
}
