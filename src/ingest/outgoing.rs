//! What the desk gives out, and what it counts.

use super::market::FeedBar;

/// Something to be published.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A bar.
    Bar(FeedBar),
    /// All bars of a stream that end up to a moment have been published, but of some symbols.
    Heartbeat {
        /// Which of the streams.
        stream: usize,
        /// The moment, Unix ms.
        end_ms: i64,
        /// The symbols, separated by commas.
        except: String,
        /// It is of the symbols whose bars are held for so long, ms.
        hold_ms: i64,
    },
    /// A bar that was published is otherwise.
    Correction {
        /// Of which symbol.
        symbol: usize,
        /// Where the bar begins, Unix ms.
        start_ms: i64,
        /// As it was published, where that is remembered.
        old: Option<FeedBar>,
        /// As it is; `None` where there was none at all.
        new: Option<FeedBar>,
        /// What kind of correction.
        kind: &'static str,
    },
    /// Somebody should look.
    Alert(String),
}

/// What has been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeskCounts {
    /// Bars given out for publication.
    pub bars: u64,
    /// Bars that had been published before, in the same words.
    pub repeated: u64,
    /// Bars that came when their time was over: they go to the corrections.
    pub late: u64,
    /// Trades that came when the time of their bar was over.
    pub late_trades: u64,
    /// Bars whose numbers no bar can have.
    pub refused: u64,
    /// Corrections of published bars.
    pub corrected: u64,
    /// Corrections of bars that were held, and are in them.
    pub settled: u64,
    /// Corrections of trades that nobody remembers: of bars long gone, or from before the connection.
    pub unknown_trades: u64,
    /// Gaps that were filled from the past.
    pub filled: u64,
    /// Gaps that could not be filled.
    pub gaps: u64,
}
