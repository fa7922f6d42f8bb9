//! Which conditions of a strategy hold at a bar.

use crate::model::Side;
use std::ops::BitOr;

/// A set of conditions: what a strategy finds without branching, on every bar; the candidates are made of it on the few
/// bars on which it is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fired(u8);

impl Fired {
    /// Nothing holds.
    pub(super) const NONE: Self = Self(0);
    /// The strategy's own condition.
    pub(super) const BUY: Self = Self(1);
    pub(super) const SELL: Self = Self(2);
    /// Its second condition: a divergence, or a squeeze.
    pub(super) const DIVERGENCE_BUY: Self = Self(4);
    pub(super) const DIVERGENCE_SELL: Self = Self(8);
    pub(super) const SQUEEZE: Self = Self(16);

    /// This set where the condition holds, else none.
    #[inline(always)]
    pub(super) fn when(self, condition: bool) -> Self {
        Self(self.0 * u8::from(condition))
    }

    /// Whether a condition of `other` holds.
    #[inline(always)]
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether any condition holds.
    #[inline(always)]
    pub(super) fn any(self) -> bool {
        self.0 != 0
    }

    /// The sides of the strategy's own condition that hold, in their order.
    pub(super) fn sides(self) -> impl Iterator<Item = Side> {
        [(Self::BUY, Side::Buy), (Self::SELL, Side::Sell)]
            .into_iter()
            .filter(move |(bit, _)| self.has(*bit))
            .map(|x| x.1)
    }

    /// The sides of the divergences that hold, in their order.
    pub(super) fn divergences(self) -> impl Iterator<Item = Side> {
        let bits = [(Self::DIVERGENCE_BUY, Side::Buy), (Self::DIVERGENCE_SELL, Side::Sell)];
        bits.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|x| x.1)
    }
}

impl BitOr for Fired {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
