//! The price of a bar.

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
