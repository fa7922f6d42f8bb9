//! A signal seen across timeframes.

use super::{Signal, SignalKind, Strategy, TimeframeId, TradingStyle};

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Composite<'a> {
    /// The signal itself.
    pub signal: &'a Signal,
    /// Trading style of its cell.
    pub style: TradingStyle,
    /// Weighted vote over the timeframes, in [0, 1].
    pub composite_confidence: f64,
    /// Share of the symbol's other timeframes that support it, in [0, 1].
    pub correlation_strength: f64,
    /// Composite confidence times the asset's priority.
    pub priority: f64,
    /// Active signals of the same side, strongest weighted confidence first.
    pub supporting: &'a [Peer],
    /// Active signals of the other side, strongest weighted confidence first.
    pub opposing: &'a [Peer],
}
