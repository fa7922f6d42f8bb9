//! Signals: what a strategy says about one bar.

use super::{Factors, MAX_FACTORS, Side, SourceId, SymbolId, TimeframeId};
use crate::strategies::{SignalKind, Strategy};
use wincode::{SchemaRead, SchemaWrite};

/// What a strategy found on a bar, before it is anybody's.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Candidate {
    /// What happened.
    pub kind: SignalKind,
    /// Which way it points.
    pub side: Side,
    /// How sure the strategy is, in [0, 1].
    pub confidence: f64,
    /// What the confidence is made of.
    pub factors: Factors,
}

impl Candidate {
    /// What the probe finds on every bar: a signal without an opinion. It is published like any other, but neither held
    /// back nor counted among the signals that support and oppose others.
    pub const PROBE: Self =
        Self { kind: SignalKind::PROBE, side: Side::Buy, confidence: 0.0, factors: [0.0; MAX_FACTORS] };
}

/// One strategy's signal on one closed bar.
#[derive(Debug, Clone, Copy, PartialEq, SchemaWrite, SchemaRead)]
pub struct Signal {
    /// Sequence of the input record that closed the bar.
    pub seq: u64,
    /// End of the bar, Unix ms.
    pub event_ts: i64,
    /// Monotonic time at which that record's bytes had arrived, ns.
    pub arrival_ns: u64,
    /// Where that record came from.
    pub source: SourceId,
    /// Start of the bar, Unix ms.
    pub bar_ts: i64,
    /// Number of the bar in its cell, from 0.
    pub bar_index: u64,
    /// The price series at the bar.
    pub price: f64,
    /// Whose signal it is.
    pub symbol: SymbolId,
    /// Timeframe of the bar.
    pub timeframe: TimeframeId,
    /// Who says so.
    pub strategy: Strategy,
    /// What is said.
    pub candidate: Candidate,
    /// Whether nothing is missing from what its indicators remember; see [`Control::Incomplete`](super::Control).
    pub settled: bool,
}
