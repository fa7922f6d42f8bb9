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
    side: Side,
    kind: &'static str,
    old: &'static str,
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
        debug_assert!(place < Self::MAX, "the configuration has been checked");
        let is_it = |known: &Names| known.name == name && known.side == side;
        let names = || {
            let keep = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let (kind, old) = (keep(format!("{name}_{}", side.name())), keep(format!("{name}_strategy")));
            Names { name: keep(name.to_owned()), side, kind, old }
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
    }
}
