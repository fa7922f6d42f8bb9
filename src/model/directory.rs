//! Names of the dense identities: written by the reader as symbols appear, read by whoever prints.

use super::{MAX_SYMBOLS, SymbolId, Timeframe, TimeframeId};
use std::sync::OnceLock;

/// Names of symbols and timeframes, shared by all threads.
///
/// Preallocated; a name is written once, before the first message that carries its identity is sent, and never
/// changes. Reading does not block.
#[derive(Debug)]
pub struct Directory {
    symbols: Box<[OnceLock<Box<str>>]>,
    timeframes: Vec<Timeframe>,
    timeframe_names: Vec<String>,
}

impl Directory {
    /// An empty directory for at most `max_symbols` symbols (at most [`MAX_SYMBOLS`]).
    #[must_use]
    pub fn new(max_symbols: usize, timeframes: &[Timeframe]) -> Self {
        Self {
            symbols: (0..max_symbols.min(MAX_SYMBOLS)).map(|_| OnceLock::new()).collect(),
            timeframes: timeframes.to_vec(),
            timeframe_names: timeframes.iter().map(ToString::to_string).collect(),
        }
    }

    /// Symbols that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.symbols.len()
    }

    /// Names an identity; false where it is out of range or has a name already.
    pub fn name_symbol(&self, id: SymbolId, name: &str) -> bool {
        self.symbols.get(id.index()).is_some_and(|slot| slot.set(name.into()).is_ok())
    }

    /// Name of a symbol; empty for one that was never named.
    #[inline]
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> &str {
        self.symbols.get(id.index()).and_then(OnceLock::get).map_or("", |name| name)
    }

    /// The timeframes, shortest first.
    #[must_use]
    pub fn timeframes(&self) -> &[Timeframe] {
        &self.timeframes
    }

    /// A timeframe by its identity, which came from the same configuration.
    #[inline]
    #[must_use]
    pub fn timeframe(&self, id: TimeframeId) -> Timeframe {
        self.timeframes[id.index()]
    }

    /// Name of a timeframe, such as `5m`.
    #[inline]
    #[must_use]
    pub fn timeframe_name(&self, id: TimeframeId) -> &str {
        &self.timeframe_names[id.index()]
    }
}
