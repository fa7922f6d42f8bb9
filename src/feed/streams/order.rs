//! The order in which the entries of several streams are taken: by entry id, ties by the streams' order.
//!
//! It can be had a second time from the streams alone, but for two exceptions: a clock event is the engine's own, and an
//! entry whose id turned out to be smaller than one taken before (the server's clock had stepped back, or its writer
//! makes ids up) was taken out of order. Both have a place right behind the entry taken before them; the place is
//! written to the journal in the transaction that holds their effects.

use crate::model::SourceId;
use bincode::{Decode, Encode};

/// A place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
pub struct Place {
    /// The entry, or the one before.
    pub source: SourceId,
    /// 0 for the entry itself; counts up what is taken behind it out of order.
    pub behind: u32,
}

/// How far the order has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Order {
    newest: Place,
}

impl Order {
    /// Takes an entry: its place where that is an exception, which a second reading cannot know.
    #[inline]
    pub fn entry(&mut self, source: SourceId) -> Option<Place> {
        let place = Place { source, behind: 0 };
        if place > self.newest {
            self.newest = place;
            return None;
        }
        Some(self.exception())
    }

    /// The place taken last.
    #[must_use]
    pub fn newest(&self) -> Place {
        self.newest
    }

    /// Takes what has no place of its own.
    pub fn exception(&mut self) -> Place {
        self.newest.behind += 1;
        self.newest
    }
}

/// Something of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// Where it was taken.
    pub place: Place,
    /// What.
    pub what: Taken,
}

/// What was taken out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A clock event of this event time, Unix ms.
    Clock(i64),
    /// An entry.
    Entry(SourceId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StreamId;

    #[test]
    fn only_what_a_merge_by_id_would_place_elsewhere_is_an_exception() {
        let entry = |input, ms, seq| SourceId { id: StreamId { ms, seq }, input };
        let mut order = Order::default();
        assert_eq!(order.entry(entry(0, 5, 0)), None);
        assert_eq!(order.entry(entry(1, 5, 0)), None);
        assert_eq!(order.entry(entry(0, 5, 1)), None);
        let place = Place { source: entry(0, 5, 1), behind: 1 };
        assert_eq!(order.exception(), place);
        assert_eq!(order.entry(entry(1, 5, 1)), None, "a tie goes by the streams' order");
        let place = Place { source: entry(1, 5, 1), behind: 1 };
        assert_eq!(order.entry(entry(0, 4, 9)), Some(place));
        assert_eq!(order.entry(entry(0, 5, 0)), Some(Place { behind: 2, ..place }));
        assert_eq!(order.entry(entry(0, 6, 0)), None);
    }
}
