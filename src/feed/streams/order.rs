//! The order in which the entries of several streams are taken: by entry id, ties by the order of the streams.
//!
//! A second reading can repeat the order from the streams alone, with an exception. An entry whose id is smaller than one
//! taken before (the server's clock had stepped back, or its writer makes up ids) was taken out of order. It gets a place
//! right after the entry taken before it; the journal records that place in the transaction that holds its effects.

use crate::model::SourceId;
use wincode::{SchemaRead, SchemaWrite};

/// A place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, SchemaWrite, SchemaRead)]
pub struct Place {
    /// The entry, or the entry before.
    pub source: SourceId,
    /// 0 for the entry itself; 1 and up for what is taken out of order after it.
    pub behind: u32,
}

/// The last place taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, SchemaWrite, SchemaRead)]
pub struct Order {
    newest: Place,
}

impl Order {
    /// Takes an entry; returns its place if it is an exception, which a second reading cannot derive.
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

    /// Takes something out of order.
    fn exception(&mut self) -> Place {
        self.newest.behind += 1;
        self.newest
    }
}

/// One entry of the journal: what a second reading cannot derive of an entry of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// The place of the entry, its own unless it was taken out of the order of ids.
    pub place: Place,
    /// The entry.
    pub source: SourceId,
    /// The moment at which it was taken, Unix ms, where the clock had closed bars up to there before.
    pub moment: Option<i64>,
    /// How far the ids of its stream are ahead of the time from this entry on, ms, where that changes.
    pub offset_ms: Option<i64>,
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
