//! A signal seen across timeframes, and the signals of one group.

use super::{Judged, Signal, SignalKind, Strategy, TimeframeId, TradingStyle};
use wincode::{SchemaRead, SchemaWrite};

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

/// Whether something is missing from the history that a composite was made of, because streams had been trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Completeness {
    /// Nothing that matters.
    Complete,
    /// Something of a timeframe that has not voted; with all its history it might have.
    SilentPeers,
    /// Something of the signal's own timeframe, or of one that has voted.
    Incomplete,
}

impl Completeness {
    /// The value of the signals' field `history`; `None` where there is no such field.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Complete => None,
            Self::SilentPeers => Some("peers_incomplete"),
            Self::Incomplete => Some("incomplete"),
        }
    }
}

/// A signal with what the other timeframes say of it: what is published.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
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
    /// Whether something is missing from the history that it was made of.
    pub history: Completeness,
}

/// A composite with the peers that voted on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed<'a> {
    /// The composite.
    pub composite: &'a Composite,
    /// The signal is active for groups whose bars end before this moment, Unix ms.
    pub expires: i64,
    /// Whether its bar had ended long before the record came that closed it.
    pub stale: bool,
    /// Active signals of the same side, strongest weighted confidence first.
    pub supporting: &'a [Peer],
    /// Active signals of the other side, strongest weighted confidence first.
    pub opposing: &'a [Peer],
    /// What is known of signals like it.
    pub judged: Judged,
}

/// What a group keeps of a signal beside its composite.
#[derive(Debug, Clone, Copy)]
struct Beside {
    expires: i64,
    stale: bool,
    judged: Judged,
    /// Where its supporting and its opposing peers end.
    ends: [usize; 2],
}

/// The published signals of one group, each with its peers. Allocates only for a larger group than any before.
#[derive(Debug, Clone, Default)]
pub struct Composites {
    composites: Vec<Composite>,
    /// The peers of all: those that support the first, those that oppose it, those that support the second, and so on.
    peers: Vec<Peer>,
    /// By composite.
    rest: Vec<Beside>,
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
            rest: Vec::with_capacity(signals),
        }
    }

    /// Empties the group and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.composites.clear();
        self.peers.clear();
        self.rest.clear();
    }

    /// Appends a signal with its peers.
    #[inline]
    pub fn push(&mut self, weighed: &Weighed<'_>) {
        self.composites.push(*weighed.composite);
        self.peers.extend_from_slice(weighed.supporting);
        let middle = self.peers.len();
        self.peers.extend_from_slice(weighed.opposing);
        let Weighed { expires, stale, judged, .. } = *weighed;
        self.rest.push(Beside { expires, stale, judged, ends: [middle, self.peers.len()] });
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
        self.composites.iter().zip(&self.rest).map(move |(composite, beside)| {
            let Beside { expires, stale, judged, ends: [middle, to] } = *beside;
            let start = std::mem::replace(&mut from, to);
            let (supporting, opposing) = (&self.peers[start..middle], &self.peers[middle..to]);
            Weighed { composite, expires, stale, supporting, opposing, judged }
        })
    }
}
