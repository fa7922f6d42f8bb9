//! Which conditions of a strategy hold at a bar.

use crate::{
    lanes::Vector,
    model::{Side, Strategy},
};

/// A set of conditions: what a strategy finds without branching, on every bar; the candidates are made of it on the few
/// bars on which it is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fired(u8);

impl Fired {
    /// Whatever there is.
    pub(super) const ANY: Self = Self(u8::MAX);
    /// The strategy's own condition.
    pub(super) const BUY: Self = Self(1);
    pub(super) const SELL: Self = Self(2);
    /// Its second condition: a divergence, or a squeeze.
    pub(super) const DIVERGENCE_BUY: Self = Self(4);
    pub(super) const DIVERGENCE_SELL: Self = Self(8);
    pub(super) const SQUEEZE: Self = Self(16);

    /// The conditions of a strategy out of those of all.
    #[inline(always)]
    pub(super) fn of(strategy: Strategy, all: u64) -> Self {
        Self((all >> (8 * strategy.index())) as u8)
    }

    /// These conditions of a strategy as part of those of all.
    #[inline(always)]
    pub(super) const fn within_all(self, strategy: Strategy) -> u64 {
        (self.0 as u64) << (8 * strategy.index())
    }

    /// Whether a condition of `other` holds.
    #[inline(always)]
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
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

/// The conditions of all strategies that hold, for each cell of a row: a byte a strategy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Findings<V: Vector>(pub(super) V::B);

impl<V: Vector> Findings<V> {
    /// Nothing holds.
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self(V::words(0))
    }

    /// One more condition of a strategy.
    #[inline(always)]
    pub(super) fn add(&mut self, strategy: Strategy, fired: Fired, condition: V::M) {
        self.0 = V::or_if(self.0, condition, fired.within_all(strategy));
    }

    /// The same of a condition that counts only where it did not hold at the bar before, as `flag` of `flags` says.
    #[inline(always)]
    pub(super) fn add_fresh(&mut self, strategy: Strategy, fired: Fired, condition: V::M, flags: V::B, flag: u64) {
        self.add(strategy, fired, V::and(condition, V::not(V::any(flags, flag))));
    }
}
