//! Trading styles and asset types.

use super::{Timeframe, named::named};
use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

named! {
    /// How long a trader who acts on a signal means to hold: decides the thread and the latency budget of a cell.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    #[serde(rename_all = "lowercase")]
    TradingStyle {
        /// Within the day; by default timeframes below 30 minutes.
        Day = "day",
        /// Days; by default from 30 minutes to below one day.
        Swing = "swing",
        /// Weeks and longer; by default one day and longer.
        Position = "position",
    }
}

impl TradingStyle {
    /// The style of a timeframe where the asset's configuration does not say otherwise.
    #[must_use]
    pub const fn of(timeframe: Timeframe) -> Self {
        match timeframe.interval_ms() {
            ..1_800_000 => Self::Day,
            1_800_000..86_400_000 => Self::Swing,
            _ => Self::Position,
        }
    }
}

/// What kind of asset a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetType {
    /// A share.
    #[default]
    Stock,
    /// An exchange-traded fund.
    Etf,
    /// A crypto currency.
    Crypto,
    /// A pair of currencies.
    Forex,
    /// A future.
    Future,
    /// An option.
    Option,
    /// An index.
    Index,
    /// A commodity.
    Commodity,
    /// A bond.
    Bond,
}

impl AssetType {
    /// Number of types.
    pub const COUNT: usize = 9;

    /// Index into tables of types.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
