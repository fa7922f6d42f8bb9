//! What an admission remembers of the records of one track.

use crate::feed::Record;
use crate::model::{Bar, Span, SymbolId, TimeframeId};
use wincode::{SchemaRead, SchemaWrite};

/// The newest accepted record of a track.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
pub(super) struct Newest {
    /// Where its bar begins and ends, Unix ms.
    pub start: i64,
    pub end: i64,
    /// What it said.
    pub values: Values,
}

/// What a record says, by which one that is written once more is told from one that is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Default, SchemaWrite, SchemaRead)]
pub(super) struct Values {
    /// Open, high, low, close and vwap.
    pub prices: [f64; 5],
    pub volume: f64,
    pub trades: u32,
}

/// A record that is held until its bar is over.
#[derive(Debug, Clone, Copy, SchemaWrite, SchemaRead)]
pub(super) struct HeldRecord {
    /// Its bar, Unix ms.
    pub label: i64,
    pub start: i64,
    pub end: i64,
    pub values: Values,
    /// The input that it came from.
    pub input: u8,
    /// When it is taken at the latest, Unix ms.
    pub due: i64,
}

impl Values {
    /// Of a record of which nothing was kept: whatever has its timestamp is a duplicate.
    pub const UNKNOWN: Self = Self { prices: [f64::NAN; 5], volume: f64::NAN, trades: 0 };

    #[inline]
    pub fn of(record: &Record<'_>) -> Self {
        let Record { open, high, low, close, volume, trades, .. } = *record;
        Self { prices: [open, high, low, close, record.vwap_or_typical()], volume, trades }
    }

    /// The bar of them that is published under a label.
    #[inline]
    pub fn bar(&self, label: i64, symbol: SymbolId, timeframe: TimeframeId) -> Bar {
        let Self { prices: [open, high, low, close, vwap], volume, trades } = *self;
        Bar { ts: label, open, high, low, close, volume, vwap, trades, symbol, seq_delta: 0, timeframe }
    }
}

impl Newest {
    /// Before the first record.
    pub const NONE: Self =
        Self { start: i64::MIN, end: i64::MIN, values: Values { prices: [0.0; 5], volume: 0.0, trades: 0 } };
}

impl HeldRecord {
    /// Nothing.
    pub const NONE: Self = Self {
        label: 0,
        start: i64::MIN,
        end: i64::MIN,
        values: Values { prices: [0.0; 5], volume: 0.0, trades: 0 },
        input: 0,
        due: i64::MAX,
    };

    /// Its bar.
    pub fn span(&self) -> Span {
        Span { label: self.label, start: self.start, end: self.end }
    }
}
