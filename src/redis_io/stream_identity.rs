//! Whether a stream is the one that was read before. Pure.
//!
//! A stream has no name of its own beside its key, so it is known by what cannot change: its ids only grow, it only
//! loses entries, and it counts all that were ever added.

use super::stream_info::StreamInfo;
use crate::model::StreamId;

/// What is remembered of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remembered {
    /// The last entry of it that was taken.
    pub position: StreamId,
    /// Entries ever added up to there, where that is known.
    pub entries: Option<u64>,
    /// Its oldest entry at some time.
    pub first: Option<StreamId>,
}

/// What shows that a stream is another one than before, or has lost what had been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Another {
    /// The key does not exist.
    #[error("had been read up to {position} and is not there any more")]
    Gone {
        /// The last entry taken.
        position: StreamId,
    },
    /// Its ids begin anew: whatever comes would be waited for in vain.
    #[error("had been read up to {position}, but its newest entry ever is {last}")]
    Lower {
        /// The last entry taken.
        position: StreamId,
        /// The newest entry that was ever added.
        last: StreamId,
    },
    /// It begins before it began.
    #[error("began at {before} and now begins at {first}, though a stream never grows at that end")]
    Earlier {
        /// The oldest entry before.
        before: StreamId,
        /// The oldest entry now.
        first: StreamId,
    },
    /// It has had fewer entries than were read.
    #[error(
        "had been read up to its entry number {entries}, but has only had {added}, of which {length} are still there"
    )]
    Fewer {
        /// Entries read before.
        entries: u64,
        /// Entries ever added.
        added: u64,
        /// Entries still there.
        length: u64,
    },
    /// The last entry read is not among its entries, though nothing as new as that was deleted.
    #[error("had been read up to {position}, an entry that it has not got, though it holds older ones")]
    Missing {
        /// The last entry taken.
        position: StreamId,
    },
}

impl Remembered {
    /// What shows that this is another stream; `info` is what the server says of it, `None` where there is none, and
    /// `holds_position` whether it still has the entry of the position.
    #[must_use]
    pub fn compare(&self, info: Option<&StreamInfo>, holds_position: bool) -> Option<Another> {
        let Self { position, entries, first: before } = *self;
        if position == StreamId::default() {
            return None;
        }
        let Some(&StreamInfo { length, added, first, last, max_deleted }) = info else {
            return Some(Another::Gone { position });
        };
        if last < position {
            return Some(Another::Lower { position, last });
        }
        if let Some(before) = before.filter(|before| length > 0 && first < *before) {
            return Some(Another::Earlier { before, first });
        }
        // A server that does not count cannot say either whether the entry was deleted by itself.
        let added = added?;
        let removed = added.saturating_sub(length);
        // Once the entry itself is gone, so are all before it.
        let at_least = if first > position { removed } else { added };
        if let Some(entries) = entries.filter(|entries| *entries > at_least) {
            return Some(Another::Fewer { entries, added, length });
        }
        let missing = first <= position && !holds_position && max_deleted < position;
        missing.then_some(Another::Missing { position })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Server;
    use super::*;
    use ::redis::Commands as _;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn add(oracle: &mut redis::Connection, ids: std::ops::RangeInclusive<u64>) {
        for ms in ids {
            let _: String = oracle.xadd("s", format!("{ms}-0"), &[("f", "v")]).unwrap();
        }
    }

    #[test]
    fn the_same_stream_stays_the_same_whatever_is_trimmed_deleted_or_added() {
        let server = Server::start(&[]);
        let (mut oracle, mut link) = (server.oracle(), server.link());
        add(&mut oracle, 1..=100);
        let _: u64 = oracle.xdel("s", &["30-0", "60-0"]).unwrap();
        // As a reader counts that began when two were deleted: those count as removed at the front.
        let number = |position: u64| position + 2 - u64::from(position >= 30) - u64::from(position >= 60);
        let mut same = |position: u64, entries| {
            let info = StreamInfo::ask(&mut link, "s").unwrap();
            let held: Vec<(StreamId, redis::Value)> =
                link.ask(&redis::Cmd::xrange("s", id(position).to_string(), id(position).to_string())).unwrap();
            let known = Remembered { position: id(position), entries, first: Some(id(1)) };
            assert_eq!(known.compare(Some(&info), !held.is_empty()), None, "{position}: {info:?}");
        };
        (1..=100).for_each(|position| same(position, Some(number(position))));
        let _: u64 = oracle.xtrim("s", redis::streams::StreamMaxlen::Equals(50)).unwrap();
        (40..=100).for_each(|position| same(position, Some(number(position))));
        add(&mut oracle, 101..=200);
        let _: u64 = oracle.xtrim("s", redis::streams::StreamMaxlen::Equals(0)).unwrap();
        (1..=200).for_each(|position| same(position, Some(number(position))));
        same(0, None);
    }

    #[test]
    fn another_stream_is_seen_by_each_of_its_signs() {
        let known = Remembered { position: id(50), entries: Some(50), first: Some(id(10)) };
        let info = |first: u64, last: u64, length: u64, added: Option<u64>| StreamInfo {
            length,
            added,
            first: id(first),
            last: id(last),
            max_deleted: id(0),
        };
        let position = id(50);
        assert_eq!(known.compare(None, false), Some(Another::Gone { position }));
        let lower = info(1, 49, 49, Some(49));
        assert_eq!(known.compare(Some(&lower), false), Some(Another::Lower { position, last: id(49) }));
        let earlier = info(9, 99, 90, None);
        let (before, first) = (id(10), id(9));
        assert_eq!(known.compare(Some(&earlier), true), Some(Another::Earlier { before, first }));
        // Made again with newer ids: nothing was ever removed of it.
        let fewer = info(60, 99, 40, Some(40));
        let (added, length) = (40, 40);
        assert_eq!(known.compare(Some(&fewer), false), Some(Another::Fewer { entries: 50, added, length }));
        let long = info(60, 199, 140, Some(140));
        assert!(matches!(known.compare(Some(&long), false), Some(Another::Fewer { entries: 50, .. })));
        let missing = info(20, 99, 60, Some(70));
        assert_eq!(known.compare(Some(&missing), false), Some(Another::Missing { position }));
        assert_eq!(known.compare(Some(&StreamInfo { max_deleted: id(50), ..missing }), false), None);
        // A server that does not count is believed.
        assert_eq!(known.compare(Some(&info(60, 99, 40, None)), false), None);
    }
}
