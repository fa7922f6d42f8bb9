//! A signal seen across timeframes, and the signals of one group.

use super::{Signal, SignalKind, Strategy, TimeframeId, TradingStyle};
use bincode::{Decode, Encode};

/// An active signal of the same symbol on another timeframe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peer {
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Its strategy.
    pub strategy: Strategy,
    /// What it said.
    pub kind: SignalKind,
    /// How sure it was, in [0, 1].
    pub confidence: f64,
    /// Start of its bar, Unix ms.
    pub bar_ts: i64,
}

/// A signal with what the other timeframes say of it: what is published.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct Composite {
    /// The signal itself.
    pub signal: Signal,
    /// Trading style of its cell.
    pub style: TradingStyle,
    /// Weighted vote over the timeframes, in [0, 1].
    pub composite_confidence: f64,
    /// Share of the symbol's other timeframes that support it, in [0, 1].
    pub correlation_strength: f64,
    /// Composite confidence times the asset's priority.
    pub priority: f64,
}

/// A composite with the peers that voted on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed<'a> {
    /// The composite.
    pub composite: &'a Composite,
    /// Active signals of the same side, strongest weighted confidence first.
    pub supporting: &'a [Peer],
    /// Active signals of the other side, strongest weighted confidence first.
    pub opposing: &'a [Peer],
}

/// The published signals of one group, each with its peers. Allocates only for a larger group than any before.
#[derive(Debug, Clone, Default)]
pub struct Composites {
    composites: Vec<Composite>,
    /// The peers of all: those that support the first, those that oppose it, those that support the second, and so on.
    peers: Vec<Peer>,
    /// By composite: where its supporting and its opposing peers end.
    ends: Vec<[usize; 2]>,
}

/// Peers that there is room for at first, for each signal that there is room for.
const PEERS: usize = 16;

impl Composites {
    /// An empty group with room for so many signals.
    #[must_use]
    pub fn with_capacity(signals: usize) -> Self {
        Self {
            composites: Vec::with_capacity(signals),
            peers: Vec::with_capacity(signals * PEERS),
            ends: Vec::with_capacity(signals),
        }
    }

    /// Empties the group and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.composites.clear();
        self.peers.clear();
        self.ends.clear();
    }

    /// Appends a signal with its peers.
    #[inline]
    pub fn push(&mut self, weighed: &Weighed<'_>) {
        self.composites.push(*weighed.composite);
        self.peers.extend_from_slice(weighed.supporting);
        let middle = self.peers.len();
        self.peers.extend_from_slice(weighed.opposing);
        self.ends.push([middle, self.peers.len()]);
    }

    /// The signals in the order of publication.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Composite] {
        &self.composites
    }

    /// The signals with their peers, in the order of publication.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Weighed<'_>> {
        let mut from = 0;
        self.composites.iter().zip(&self.ends).map(move |(composite, &[middle, to])| {
            let start = std::mem::replace(&mut from, to);
            Weighed { composite, supporting: &self.peers[start..middle], opposing: &self.peers[middle..to] }
        })
    }
}
