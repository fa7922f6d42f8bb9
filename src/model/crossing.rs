//! What the correlation across assets is told, and what it tells of a signal.

use super::SymbolId;

/// What is told of the intervals that are taken before a sequence, in their order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Crossing {
    /// A symbol has traded in the interval that ends next.
    Close {
        /// The sequence.
        seq: u64,
        /// The symbol.
        symbol: SymbolId,
        /// Close of its newest base bar that ends in the interval, or came late for one before.
        close: f64,
    },
    /// An interval is over.
    End {
        /// The sequence.
        seq: u64,
        /// Its end, Unix ms.
        end: i64,
    },
    /// Nothing has traded in some intervals.
    Rest {
        /// The sequence.
        seq: u64,
        /// The end of the last of them, Unix ms.
        end: i64,
        /// How many they are.
        intervals: u64,
    },
}

impl Crossing {
    /// The sequence.
    #[inline]
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Close { seq, .. } | Self::End { seq, .. } | Self::Rest { seq, .. } => *seq,
        }
    }
}

/// Active signals of one timeframe and side from which on few independent ones are worth a word, and what few is.
const MANY: u32 = 5;
const FEW: f64 = 1.5;

/// What the other symbols say of a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// Correlation of its symbol with the mean return of the others, within ±1.
    pub market_correlation: f64,
    /// How many independent signals the active ones of its timeframe and side are worth; `None` where their confidence is 0.
    pub independent_signals: Option<f64>,
    /// How many of those there are, itself among them.
    pub signals: u32,
}

impl Crossed {
    /// Whether many signals say hardly more than one does.
    #[inline]
    #[must_use]
    pub fn is_concentrated(&self) -> bool {
        self.signals > MANY && self.independent_signals.is_some_and(|worth| worth < FEW)
    }
}
