//! Trading styles and asset types.

use super::Timeframe;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// How long a trader who acts on a signal means to hold: decides the thread and the latency budget of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "lowercase")]
pub enum TradingStyle {
    /// Within the day; by default timeframes below 30 minutes.
    Day,
    /// Days; by default from 30 minutes to below one day.
    Swing,
    /// Weeks and longer; by default one day and longer.
    Position,
}

impl TradingStyle {
    /// All styles, most urgent first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Swing, Self::Position];

    /// The style of a timeframe where the asset's configuration does not say otherwise.
    #[must_use]
    pub const fn of(timeframe: Timeframe) -> Self {
        match timeframe.interval_ms() {
            ..1_800_000 => Self::Day,
            1_800_000..86_400_000 => Self::Swing,
            _ => Self::Position,
        }
    }

    /// Index into tables of styles.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name as configured and published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Swing => "swing",
            Self::Position => "position",
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
