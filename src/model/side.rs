//! Which way a signal points, and what its confidence is made of.

use wincode::{SchemaRead, SchemaWrite};

/// Which way a signal points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, SchemaWrite, SchemaRead)]
#[repr(u8)]
pub enum Side {
    /// Prices are expected to rise.
    Buy,
    /// Prices are expected to fall.
    Sell,
}

impl Side {
    /// Name as published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    /// The first for buy, the second for sell.
    #[inline(always)]
    #[must_use]
    pub fn pick<T>(self, buy: T, sell: T) -> T {
        match self {
            Self::Buy => buy,
            Self::Sell => sell,
        }
    }

    /// `+1.0` for buy, `-1.0` for sell.
    #[inline]
    #[must_use]
    pub const fn dir(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// Most factors that any kind of signal carries.
pub const MAX_FACTORS: usize = 5;

/// Values of a signal's named factors, in the order of [`SignalKind::factor_names`](super::SignalKind::factor_names); the rest is zero.
pub type Factors = [f64; MAX_FACTORS];
