//! Which conditions of the strategies hold at a bar.

use crate::{lanes::Vector, model::Side};

/// A set of conditions of one strategy: what it finds without branching, on every bar; the candidates are made of it on
/// the few bars on which it is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fired(u32);

impl Fired {
    /// None of them.
    pub(crate) const NONE: Self = Self(0);

    /// A condition by its number, below its strategy's `CONDITIONS`.
    pub(crate) const fn condition(number: u32) -> Self {
        Self(1 << number)
    }

    /// The conditions of either set.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The conditions of a strategy out of those of all: from bit `first` on, `count` of them.
    #[inline(always)]
    pub(super) const fn of(all: u64, first: u32, count: u32) -> Self {
        Self((all >> first) as u32 & ((1u64 << count) - 1) as u32)
    }

    /// Its bits among those of all strategies.
    #[inline(always)]
    pub(super) const fn within_all(self, first: u32) -> u64 {
        (self.0 as u64) << first
    }

    /// Whether a condition of `other` holds.
    #[inline(always)]
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Of two conditions, one for each side: the sides that hold, to buy first.
    pub(crate) fn sides(self, buy: Self, sell: Self) -> impl Iterator<Item = Side> {
        [(buy, Side::Buy), (sell, Side::Sell)].into_iter().filter(move |(bit, _)| self.has(*bit)).map(|x| x.1)
    }
}

/// The conditions that hold, for each cell of a row: a bit each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Findings<V: Vector> {
    pub(super) bits: V::B,
    /// The bit of the first condition of the strategy at work.
    pub(super) first: u32,
}

impl<V: Vector> Findings<V> {
    /// Nothing holds.
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self { bits: V::words(0), first: 0 }
    }

    /// One more condition.
    #[inline(always)]
    pub(crate) fn add(&mut self, condition: Fired, holds: V::M) {
        self.bits = V::or_if(self.bits, holds, condition.within_all(self.first));
    }
    /// Two more conditions, one for each side, to buy first; neither holds where they are not wanted.
    #[inline(always)]
    pub(crate) fn add_sides(&mut self, [buy, sell]: [Fired; 2], [buys, sells]: [V::M; 2], wanted: bool) {
        let wanted = V::always(wanted);
        self.add(buy, V::and(buys, wanted));
        self.add(sell, V::and(sells, wanted));
    }
}
