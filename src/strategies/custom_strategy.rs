//! What strategies of the configuration are: a place among them and a name, in two bytes.

use crate::model::Side;
use std::sync::OnceLock;

/// Bits of a name's number; above them lies the place.
const NAME_BITS: u32 = 10;
const NAME_MASK: u16 = (1 << NAME_BITS) - 1;

/// What a custom strategy is called.
#[derive(Debug)]
struct Names {
    name: &'static str,
    /// The side of its signals; `None` for a strategy outside, which gives signals of both.
    side: Option<Side>,
    kind: &'static str,
    old: &'static str,
    factors: &'static [&'static str],
}

/// All names that this process has met. They stay for as long as it runs: a name is asked for wherever a signal is written,
/// by threads that know no configuration.
static KNOWN: [OnceLock<Names>; NAME_MASK as usize] = [const { OnceLock::new() }; NAME_MASK as usize];

/// A strategy that the configuration defines: its place among these, and its name. Ordered by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomStrategy(u16);

impl CustomStrategy {
    /// Most of them in one configuration.
    pub const MAX: usize = 24;

    /// One that was saved, before it is known which it is.
    pub(super) const UNKNOWN: Self = Self(NAME_MASK);

    /// The strategy at a place below [`MAX`](Self::MAX), with its name and the side of its signals. Keeps the name for as
    /// long as the process runs; `None` where it has met more than a thousand others.
    #[must_use]
    pub fn new(place: usize, name: &str, side: Side) -> Option<Self> {
        Self::named(place, name, Some(side), &[])
    }

    /// The same of a strategy outside, whose signals come with these factors, at most
    /// [`MAX_FACTORS`](crate::model::MAX_FACTORS).
    #[must_use]
    pub fn outside(place: usize, name: &str, factors: &[String]) -> Option<Self> {
        Self::named(place, name, None, factors)
    }

    fn named(place: usize, name: &str, side: Option<Side>, factors: &[String]) -> Option<Self> {
        debug_assert!(place < Self::MAX, "the configuration has been checked");
        let is_it = |known: &Names| known.name == name && known.side == side && known.factors == factors;
        let names = || {
            let keep = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let kind = side.map_or("signal", Side::name);
            let (kind, old) = (keep(format!("{name}_{kind}")), keep(format!("{name}_strategy")));
            let factors: Vec<&'static str> = factors.iter().map(|factor| keep(factor.clone())).collect();
            Names { name: keep(name.to_owned()), side, kind, old, factors: factors.leak() }
        };
        let number = KNOWN.iter().position(|slot| is_it(slot.get_or_init(names)))?;
        Some(Self((place as u16) << NAME_BITS | number as u16))
    }

    /// Its place among the custom strategies.
    #[inline]
    #[must_use]
    pub const fn place(self) -> usize {
        (self.0 >> NAME_BITS) as usize
    }

    fn names(self) -> Option<&'static Names> {
        KNOWN.get(usize::from(self.0 & NAME_MASK))?.get()
    }

    pub(super) fn name(self) -> &'static str {
        self.names().map_or("", |names| names.name)
    }

    pub(super) fn old_name(self) -> &'static str {
        self.names().map_or("", |names| names.old)
    }

    /// The name of its only kind of signals.
    pub(super) fn kind_name(self) -> &'static str {
        self.names().map_or("", |names| names.kind)
    }

    /// The names of the factors of its signals.
    pub(super) fn factor_names(self) -> &'static [&'static str] {
        self.names().map_or(&[], |names| names.factors)
    }

    /// Whether it runs outside, and its signals come in.
    pub(super) fn is_outside(self) -> bool {
        self.names().is_some_and(|names| names.side.is_none())
    }

    /// As a number below 2¹⁵, and back.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn of_bits(bits: u16) -> Self {
        Self(bits)
    }
}

const _: () = assert!(CustomStrategy::MAX <= 1 << (15 - NAME_BITS), "a place has five bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_the_order_is_that_of_the_places() {
        let one = CustomStrategy::new(3, "dip", Side::Buy).unwrap();
        let again = CustomStrategy::new(0, "dip", Side::Buy).unwrap();
        let other = CustomStrategy::new(1, "dip", Side::Sell).unwrap();
        assert_eq!((one.name(), one.kind_name(), one.old_name()), ("dip", "dip_buy", "dip_strategy"));
        assert_eq!(one.bits() & NAME_MASK, again.bits() & NAME_MASK);
        assert_eq!((other.name(), other.kind_name()), ("dip", "dip_sell"));
        assert!(again < other && other < one);
        assert_eq!((one.place(), CustomStrategy::of_bits(one.bits())), (3, one));
        assert_eq!(CustomStrategy::UNKNOWN.name(), "");
        let outside = |factors: &[&str]| {
            CustomStrategy::outside(2, "dip", &factors.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .unwrap()
        };
        let (plain, rich) = (outside(&[]), outside(&["depth", "speed"]));
        assert_eq!((plain.kind_name(), plain.factor_names().len(), plain.is_outside()), ("dip_signal", 0, true));
        assert_eq!((rich.factor_names(), one.is_outside()), (&["depth", "speed"][..], false));
        assert!(plain != rich && rich == outside(&["depth", "speed"]), "other factors are another strategy");
    }
}
