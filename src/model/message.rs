//! What crosses the rings.

use super::{Bar, IndicatorRow, Signal, SourceId, TimeframeId};

/// Opens a run of bars: where they came from and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// Sequence that the run starts from; a bar's own is this plus its `seq_delta`.
    pub seq: u64,
    /// Monotonic time of arrival of the record's bytes, ns.
    pub arrival_ns: u64,
    /// Where the run came from.
    pub source: SourceId,
}

/// Everything but a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Control {
    /// The next bars belong to this record.
    Head(Head),
    /// Event time has advanced without a bar: an input record of its own, numbered by the head before it.
    Clock {
        /// New event time, Unix ms.
        event_ts: i64,
    },
    /// Everything up to and including this sequence has been sent.
    Progress {
        /// The last complete sequence.
        seq: u64,
    },
    /// Bars of this base timeframe are missing before the ones that follow: what is made of them is to be marked.
    Incomplete {
        /// The base timeframe.
        base: TimeframeId,
    },
    /// The barrier of a snapshot: state as of here is to be saved.
    Snapshot {
        /// Which.
        number: u32,
    },
    /// Nothing follows.
    End,
}

/// A message of the bar rings: one cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BarMessage {
    /// A bar of the run that the last head opened.
    Bar(Bar),
    /// Anything else.
    Control(Control),
}

// A ring slot is one cache line: the tag lives in the unused zero of the bar's timeframe.
const _: () = assert!(size_of::<BarMessage>() == 64);

/// A message from a strategy worker to the publisher.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::large_enum_variant)] // a ring slot has one size; rows are the common case where they are wanted
pub enum WorkerMessage {
    /// A strategy fired.
    Signal(Signal),
    /// A bar closed.
    Row(IndicatorRow),
    /// Everything up to and including this sequence has been sent.
    Progress {
        /// The last complete sequence.
        seq: u64,
    },
    /// Nothing follows.
    End,
}
