//! What crosses the rings.

use super::{
    Bar, Crossing, Drift, External, Forming, IndicatorRow, LiquiditySwitch, Signal, SignalOutcome, SourceId,
    Surroundings, SymbolId, TimeframeId, WindowStatistics,
};

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

/// Where a closing stands in its sequence, of which it may be but a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Before what comes next, which belongs to the sequence as well.
    Before,
    /// Behind the bar that comes next, which ends the sequence.
    BehindBar,
    /// It ends the sequence.
    Last,
}

/// Everything but a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Control {
    /// The next bars belong to this record.
    Head(Head),
    /// The clock closes open bars of a symbol, under the sequence of the head before.
    Close {
        /// The symbol.
        symbol: SymbolId,
        /// Its timeframes, as a bit set.
        timeframes: u32,
        /// Where it stands in its sequence.
        turn: Turn,
    },
    /// Everything up to and including this sequence has been sent.
    Progress {
        /// The last complete sequence.
        seq: u64,
    },
    /// What bars of this base timeframe of a symbol make from now on: the rest is made of others.
    Feeds {
        /// The symbol.
        symbol: SymbolId,
        /// The base timeframe.
        base: TimeframeId,
        /// The timeframes that they make, as a bit set.
        timeframes: u32,
    },
    /// Bars of this base timeframe are missing before the ones that follow: what is made of them is to be marked.
    Incomplete {
        /// The base timeframe.
        base: TimeframeId,
        /// Sequence of the last record before them.
        seq: u64,
    },
    /// The barrier of a snapshot: state as of here is to be saved.
    Snapshot {
        /// Which.
        number: u32,
    },
    /// Running sums of returns, of the bar that comes next.
    Drift(Drift),
    /// Numbers of the message that comes next: the factors of a signal, or open, high, low, close and volume of a bar.
    Numbers([f64; 5]),
    /// A strategy outside has spoken of the newest bar of a cell, under the sequence of the head before.
    External(External),
    /// A bar as far as it has come, whose cell has values that are refreshed between closes. Of the sequence of the head before.
    Forming(Forming),
    /// Intervals of the correlation across assets are taken before a sequence.
    Intervals {
        /// The sequence, of which nothing has been sent yet.
        seq: u64,
        /// End of the first of them, Unix ms.
        first: i64,
        /// End of the one behind the last, which is taken next, Unix ms.
        next: i64,
    },
    /// What happened in these intervals.
    Crossing(Crossing),
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

/// Whether what is missing from the history of a cell matters; sent when that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// Sequence of the record behind which it holds.
    pub seq: u64,
    /// End of the cell's bar behind which it holds, Unix ms.
    pub event_ts: i64,
    /// The cell's symbol.
    pub symbol: SymbolId,
    /// Its timeframe.
    pub timeframe: TimeframeId,
    /// Whether nothing is missing any more that matters.
    pub settled: bool,
}

/// A message from a strategy worker to the publisher.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::large_enum_variant)] // a ring slot has one size; rows are the common case where they are wanted
pub enum WorkerMessage {
    /// A strategy fired.
    Signal(Signal),
    /// What became of a signal.
    Outcome(SignalOutcome),
    /// What the calibrated confidence is told of a bar that has signals.
    Surroundings(Surroundings),
    /// A cell becomes liquid, or ceases to be.
    Liquidity(LiquiditySwitch),
    /// What happened in intervals of the correlation across assets.
    Crossing(Crossing),
    /// A bar closed.
    Row(IndicatorRow),
    /// What the indicators would be if a bar that is still forming closed as it is.
    Forming(IndicatorRow),
    /// Statistics of a window at a bar that closed.
    Statistics(WindowStatistics),
    /// What is missing from a cell's history begins to matter, or no longer does.
    Settling(Settling),
    /// Everything up to and including this sequence has been sent.
    Progress {
        /// The last complete sequence.
        seq: u64,
    },
    /// Nothing follows.
    End,
}
