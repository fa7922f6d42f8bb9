//! Dense identities, handed out once at the edge and used as indices everywhere else.

use std::num::NonZeroU8;
use wincode::{SchemaRead, SchemaWrite};

/// Symbols one process can carry.
pub const MAX_SYMBOLS: usize = 65_535;
/// Longest name of a symbol, bytes.
pub const MAX_SYMBOL_LEN: usize = 32;
/// Timeframes one process can carry.
pub const MAX_TIMEFRAMES: usize = 16;

/// Whether a name can be a symbol's: 1 to [`MAX_SYMBOL_LEN`] bytes of UTF-8 without spaces or control characters. The one
/// rule for the configuration and for every input.
#[inline]
#[must_use]
pub fn is_symbol(name: &[u8]) -> bool {
    let fits = !name.is_empty() && name.len() <= MAX_SYMBOL_LEN;
    fits && (name.iter().all(u8::is_ascii_graphic) || is_written(name))
}

/// Whether a name that is not of ASCII alone is readable.
#[cold]
fn is_written(name: &[u8]) -> bool {
    let written = |c: char| !c.is_whitespace() && !c.is_control();
    std::str::from_utf8(name).is_ok_and(|name| name.chars().all(written))
}

/// Dense index of a symbol: its place in the watchlist, or its order of first appearance without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, SchemaWrite, SchemaRead)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
#[repr(transparent)]
pub struct TimeframeId(NonZeroU8);

impl TimeframeId {
    /// The identity with this index.
    ///
    /// Indices are below [`MAX_TIMEFRAMES`], which the configuration checks; a larger one saturates.
    #[inline]
    #[must_use]
    pub const fn new(index: usize) -> Self {
        let stored = if index < u8::MAX as usize { index as u8 } else { u8::MAX };
        Self(NonZeroU8::MIN.saturating_add(stored))
    }

    /// Index into tables of timeframes.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }
}
