//! What providers give: bars of symbols that are named once, and what they know about them.

use crate::feed::{Record, timestamp::in_range, validate};
use crate::model::{Refusal, Timeframe};

/// A final bar of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeedBar {
    /// Index of the symbol, in the order in which symbols were named.
    pub symbol: usize,
    /// Where it begins, Unix ms.
    pub start_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume.
    pub volume: f64,
    /// Volume-weighted average price; NaN if there is none.
    pub vwap: f64,
    /// Number of trades; 0 if it is not known.
    pub trades: u32,
}

impl FeedBar {
    /// The bar of a record.
    #[must_use]
    pub fn of(symbol: usize, record: &Record<'_>) -> Self {
        let Record { ts, open, high, low, close, volume, vwap, trades, .. } = *record;
        Self { symbol, start_ms: ts, open, high, low, close, volume, vwap, trades }
    }

    /// The record of the bar.
    #[must_use]
    pub fn record<'a>(&self, name: &'a str, interval: Timeframe, ingest_ns: u64) -> Record<'a> {
        let Self { start_ms, open, high, low, close, volume, vwap, trades, .. } = *self;
        Record {
            symbol: name.as_bytes(),
            ts: start_ms,
            interval,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
            ingest_ns,
        }
    }

    /// Checks the numbers as the engine will.
    ///
    /// # Errors
    /// What the engine would refuse the bar for.
    pub fn check(&self, name: &str, interval: Timeframe) -> Result<(), Refusal> {
        validate(&self.record(name, interval, 0))?;
        in_range(self.start_ms).map(|_| ())
    }

    /// Whether another says the same of the same bar.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let numbers = |bar: &Self| [bar.open, bar.high, bar.low, bar.close, bar.volume].map(f64::to_bits);
        let vwap = self.vwap == other.vwap || self.vwap.is_nan() || other.vwap.is_nan();
        self.start_ms == other.start_ms && numbers(self) == numbers(other) && vwap
    }
}

/// What a provider has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A symbol that was not on the list; its index is the number of those before it.
    Named(String),
    /// A final bar, as it comes live.
    Bar(FeedBar),
    /// From now on the bars of this symbol come live that begin here or later, Unix ms.
    Joined {
        /// Which.
        symbol: usize,
        /// Where the first one begins.
        from_ms: i64,
    },
    /// No bar comes live any more, until the symbols are joined again; what was asked for is not going to come.
    Parted,
    /// All bars that end up to here, Unix ms, have come, of all symbols that are joined.
    Complete(i64),
    /// A bar of the past that was asked for, in the order of time.
    Past(FeedBar),
    /// All there are of those that were asked for have come.
    Filled(usize),
    /// What was asked for cannot be had, and why.
    Unfilled(usize, String),
    /// A bar that has been given before is otherwise.
    Corrected(FeedBar),
    /// A bar that has been given before was none.
    Cancelled {
        /// Of which symbol.
        symbol: usize,
        /// Where it began, Unix ms.
        start_ms: i64,
    },
    /// Counts of trades, in all.
    Trades {
        /// Those that came too late for their bar.
        late: u64,
        /// Corrections of trades that are not remembered.
        unknown: u64,
    },
    /// Something to know.
    Said(String),
    /// Something that somebody should look at.
    Warned(String),
    /// No more will come.
    End,
}

/// Bars of the past that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastWanted {
    /// Of which symbol.
    pub symbol: usize,
    /// From those on that begin here, Unix ms.
    pub from_ms: i64,
    /// Up to those that begin before here, Unix ms.
    pub to_ms: i64,
}
