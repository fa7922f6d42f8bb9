//! The price of a bar.

use super::Bar;
use serde::{Deserialize, Serialize};

/// Which price of a bar the indicators and strategies read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceMethod {
    /// The close.
    #[default]
    Ohlc,
    /// The volume-weighted average price.
    Vwap,
    /// `(high + low + close) / 3`.
    Typical,
}

impl PriceMethod {
    /// That price of a bar.
    #[inline(always)]
    #[must_use]
    pub fn of(self, bar: &Bar) -> f64 {
        match self {
            Self::Ohlc => bar.close,
            Self::Vwap => bar.vwap,
            Self::Typical => bar.typical(),
        }
    }
}
