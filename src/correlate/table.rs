//! The active signals of one symbol.

use crate::model::{Candidate, Completeness, Peer, Roster, Side, Signal, SignalKind, Strategy, TimeframeId};
use wincode::{SchemaRead, SchemaWrite};

/// The newest signal of one timeframe and strategy.
#[derive(Debug, Clone, Copy)]
struct Newest {
    peer: Peer,
    side: Side,
    /// It is no longer active for groups whose bars end at this moment, Unix ms, or later.
    expires: i64,
}

impl Newest {
    /// No signal yet: never active.
    const NONE: Self = {
        let Candidate { kind, side, confidence, .. } = Candidate::PROBE;
        let peer =
            Peer { timeframe: TimeframeId::new(0), strategy: Strategy::Probe, kind, confidence, bar_ts: i64::MIN };
        Self { peer, side, expires: i64::MIN }
    };
}

/// The newest signal of a timeframe and strategy in a snapshot, without what its place and the configuration say.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
pub struct EntryState {
    /// What happened.
    pub kind: SignalKind,
    /// Which way it points.
    pub side: Side,
    /// How sure the strategy is, in [0, 1].
    pub confidence: f64,
    /// Start of its bar, Unix ms.
    pub bar_ts: i64,
}

/// The newest signals of one symbol by timeframe and strategy.
#[derive(Debug, Clone)]
pub(super) struct ActiveSignals {
    /// By timeframe and strategy.
    newest: Box<[Newest]>,
    /// Number of strategies.
    strategies: usize,
    /// Timeframes that have had a signal at all, as a bit set.
    used: u32,
    /// Timeframes of which something was missing since the start, as a bit set.
    doubted: u32,
    /// By timeframe: what it says, or does not say, is doubtful for groups whose bars end before this moment, Unix ms.
    doubts: Box<[i64]>,
}

/// The peers on one side, strongest first; equal ones in the order they were found.
#[derive(Debug, Clone)]
pub(super) struct Voters {
    /// Weighted confidence of each.
    weights: Vec<f64>,
    peers: Vec<Peer>,
}

impl Voters {
    /// Empty, with room for so many.
    fn new(most: usize) -> Self {
        Self { weights: Vec::with_capacity(most), peers: Vec::with_capacity(most) }
    }

    fn clear(&mut self) {
        self.weights.clear();
        self.peers.clear();
    }

    /// Inserts a peer by its weight. The library's stable sort may allocate; this does not.
    #[inline]
    fn add(&mut self, weight: f64, peer: Peer) {
        let mut at = self.weights.len();
        self.weights.push(weight);
        self.peers.push(peer);
        while at > 0 && self.weights[at - 1] < weight {
            self.weights.swap(at - 1, at);
            self.peers.swap(at - 1, at);
            at -= 1;
        }
    }

    /// The sum of their weighted confidences.
    #[inline]
    pub(super) fn weight(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The peers.
    #[inline]
    pub(super) fn as_slice(&self) -> &[Peer] {
        &self.peers
    }
}

/// The peers of one signal.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    /// Active signals of the same side.
    pub(super) supporting: Voters,
    /// Active signals of the other side.
    pub(super) opposing: Voters,
}

impl Peers {
    /// Empty, with room for all peers that a signal can have.
    pub(super) fn new(timeframes: usize, roster: &Roster) -> Self {
        let most = timeframes.saturating_sub(1) * roster.count();
        Self { supporting: Voters::new(most), opposing: Voters::new(most) }
    }
}

impl ActiveSignals {
    /// No signals yet. Allocates.
    pub(super) fn new(timeframes: usize, roster: &Roster) -> Self {
        let strategies = roster.count();
        let newest = vec![Newest::NONE; timeframes * strategies].into_boxed_slice();
        Self { newest, strategies, used: 0, doubted: 0, doubts: vec![i64::MIN; timeframes].into_boxed_slice() }
    }

    /// By timeframe: until when what it says is doubtful, Unix ms.
    pub(super) fn doubts(&self) -> &[i64] {
        &self.doubts
    }

    /// What a timeframe says is doubtful for groups whose bars end before this moment, Unix ms.
    pub(super) fn doubt(&mut self, timeframe: TimeframeId, until: i64) {
        let index = timeframe.index();
        self.doubts[index] = until;
        self.doubted = self.doubted & !(1 << index) | u32::from(until > i64::MIN) << index;
    }

    /// Whether all timeframes can be relied on for what they say, or do not say, of this signal, on which those of
    /// `peers` have voted.
    #[inline]
    pub(super) fn history(&self, signal: &Signal, peers: &Peers) -> Completeness {
        match (signal.settled, self.doubted) {
            (false, _) => Completeness::Incomplete,
            (true, 0) => Completeness::Complete,
            (true, _) => self.history_of_peers(signal, peers),
        }
    }

    #[cold]
    fn history_of_peers(&self, signal: &Signal, peers: &Peers) -> Completeness {
        let is_doubtful = |index: usize| self.doubted & 1 << index != 0 && signal.event_ts < self.doubts[index];
        let mut voted = peers.supporting.as_slice().iter().chain(peers.opposing.as_slice());
        if voted.any(|peer| is_doubtful(peer.timeframe.index())) {
            Completeness::Incomplete
        } else if (0..self.doubts.len()).any(|index| index != signal.timeframe.index() && is_doubtful(index)) {
            Completeness::SilentPeers
        } else {
            Completeness::Complete
        }
    }

    /// The state by timeframe and strategy.
    pub(super) fn state(&self) -> impl ExactSizeIterator<Item = Option<EntryState>> {
        self.newest.iter().map(|Newest { peer, side, expires }| {
            let Peer { kind, confidence, bar_ts, .. } = *peer;
            (*expires != i64::MIN).then_some(EntryState { kind, side: *side, confidence, bar_ts })
        })
    }

    /// Restores the newest signal of a timeframe and strategy, with the moment from which it is no longer active.
    pub(super) fn restore(&mut self, timeframe: TimeframeId, strategy: Strategy, newest: Option<(EntryState, i64)>) {
        let index = timeframe.index();
        self.used |= u32::from(newest.is_some()) << index;
        self.newest[index * self.strategies + strategy.index()] = match newest {
            Some((EntryState { kind, side, confidence, bar_ts }, expires)) => {
                let kind = kind.saved_with(strategy);
                Newest { peer: Peer { timeframe, strategy, kind, confidence, bar_ts }, side, expires }
            }
            None => Newest::NONE,
        };
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.newest) + size_of_val(&*self.doubts)
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
        self.newest[index * self.strategies + signal.strategy.index()] =
            Newest { peer, side: signal.candidate.side, expires };
    }

    /// The moment, Unix ms, from which a signal is no longer active; `i64::MIN` if it was never entered.
    #[inline]
    pub(super) fn expires(&self, signal: &Signal) -> i64 {
        let row = &self.newest[signal.timeframe.index() * self.strategies..][..self.strategies];
        row.get(signal.strategy.index()).map_or(i64::MIN, |newest| newest.expires)
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
            for newest in &self.newest[index as usize * self.strategies..][..self.strategies] {
                if signal.event_ts >= newest.expires {
                    continue;
                }
                let weighted = weight(newest.peer.timeframe) * newest.peer.confidence;
                if newest.side == signal.candidate.side {
                    peers.supporting.add(weighted, newest.peer);
                } else {
                    peers.opposing.add(weighted, newest.peer);
                }
            }
        }
    }
}
