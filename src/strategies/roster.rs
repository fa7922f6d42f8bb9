//! The strategies of a configuration: the built-in ones, then its own.

use super::{CustomStrategy, SignalKind, Strategy};

/// The strategies of a configuration, in the order of publication, and the kinds of their signals. Tables by strategy have
/// [`count`](Self::count) places, tables by kind [`kind_count`](Self::kind_count).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roster {
    custom: [CustomStrategy; CustomStrategy::MAX],
    customs: usize,
}

impl Default for Roster {
    fn default() -> Self {
        Self { custom: [CustomStrategy::UNKNOWN; CustomStrategy::MAX], customs: 0 }
    }
}

impl Roster {
    /// The built-in strategies and these, by their places; at most [`CustomStrategy::MAX`] of them.
    #[must_use]
    pub fn new(custom: &[CustomStrategy]) -> Self {
        let mut roster = Self::default();
        for (to, from) in roster.custom.iter_mut().zip(custom) {
            *to = *from;
            roster.customs += 1;
        }
        roster
    }

    /// Number of strategies, without the probe.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        Strategy::COUNT + self.customs
    }

    /// Number of kinds, that of the probe among them.
    #[inline]
    #[must_use]
    pub fn kind_count(&self) -> usize {
        SignalKind::COUNT + self.customs
    }

    /// Whether strategies outside are among them.
    #[must_use]
    pub fn has_outside(&self) -> bool {
        self.custom[..self.customs].iter().any(|custom| custom.is_outside())
    }

    /// All strategies, by [`Strategy::index`], without the probe.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Strategy> + Clone + '_ {
        (0..self.count()).map(|index| self.at(index))
    }

    /// The strategy with an index below [`count`](Self::count).
    #[must_use]
    pub fn at(&self, index: usize) -> Strategy {
        let custom = || Strategy::Custom(self.custom[(index - Strategy::COUNT).min(CustomStrategy::MAX - 1)]);
        Strategy::ALL.get(index).copied().unwrap_or_else(custom)
    }

    /// All kinds, by [`SignalKind::index`].
    pub fn kinds(&self) -> impl Iterator<Item = SignalKind> + '_ {
        SignalKind::all().chain(self.custom[..self.customs].iter().map(|&custom| SignalKind::of(custom)))
    }

    /// The strategy with a published name; the probe is none.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Strategy> {
        self.iter().find(|strategy| strategy.name() == name)
    }

    /// The kind with a published name.
    #[must_use]
    pub fn kind_named(&self, name: &str) -> Option<SignalKind> {
        self.kinds().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    #[test]
    fn the_strategies_of_a_configuration_come_behind_the_built_in_ones() {
        let custom = |place, name| CustomStrategy::new(place, name, Side::Sell).unwrap();
        let roster = Roster::new(&[custom(0, "roster_one"), custom(1, "roster_two")]);
        assert_eq!((roster.count(), roster.kind_count()), (Strategy::COUNT + 2, SignalKind::COUNT + 2));
        assert!(roster.iter().enumerate().all(|(index, strategy)| strategy.index() == index));
        assert!(roster.kinds().enumerate().all(|(index, kind)| kind.index() == index));
        let two = roster.named("roster_two").unwrap();
        assert_eq!((two.index(), roster.at(two.index())), (Strategy::COUNT + 1, two));
        assert_eq!(roster.kind_named("roster_two_sell").unwrap().index(), SignalKind::COUNT + 1);
        assert_eq!((Roster::default().named("roster_two"), roster.named("probe")), (None, None));
        assert!(Strategy::SrBreakout < two && Strategy::Probe.index() > two.index());
    }
}
