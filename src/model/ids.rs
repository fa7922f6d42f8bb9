//! Dense identities, handed out once at the edge and used as indices everywhere else.

use bincode::{Decode, Encode};
use std::num::NonZeroU8;

/// Symbols one process can carry.
pub const MAX_SYMBOLS: usize = 65_535;
/// Longest name of a symbol, bytes.
pub const MAX_SYMBOL_LEN: usize = 32;
/// Timeframes one process can carry.
pub const MAX_TIMEFRAMES: usize = 16;

/// Dense index of a symbol: its place in the watchlist, or its order of first appearance without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[repr(transparent)]
pub struct SymbolId(pub u16);

impl SymbolId {
    /// Index into tables of symbols.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Dense index of a timeframe in the engine's table, which is sorted from the shortest to the longest.
///
/// Stored plus one, so that a message can keep its tag in the unused zero and a [`Bar`](super::Bar) with its tag
/// still fits one cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[repr(transparent)]
pub struct TimeframeId(NonZeroU8);

impl TimeframeId {
    /// The identity with this index.
    ///
    /// Indices are below [`MAX_TIMEFRAMES`], which the configuration checks; a larger one saturates.
    #[inline]
    #[must_use]
    pub fn new(index: usize) -> Self {
        let stored = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(1);
        Self(NonZeroU8::MIN.saturating_add(stored - 1))
    }

    /// Index into tables of timeframes.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }
}
