//! One input stream: its position, its backlog, and its lost entries. Pure.

use super::feed_clock::IdClock;
use crate::{
    model::{StreamId, Timeframe},
    redis_io::StreamInfo,
};

/// State of a stream at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamStart {
    /// The last entry whose effects have been published; entries up to it only rebuild state.
    pub published: StreamId,
    /// Number of entries ever added at that entry, if known.
    pub published_entries: Option<u64>,
    /// The entry after which reading starts.
    pub start: StreamId,
    /// Number of that entry among all ever added, if known.
    pub start_number: Option<u64>,
    /// How far the ids there are ahead of the time, ms.
    pub offset_ms: i64,
    /// How far the server's clock has stepped ahead since then, somewhere among the entries that were not read, ms.
    pub step_ms: i64,
}

/// Entries that the server removed before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The stream.
    pub input: u8,
    /// The last entry before them.
    pub after: StreamId,
    /// The first entry after them.
    pub before: StreamId,
    /// Their number; `None` if the server does not say.
    pub entries: Option<u64>,
}

/// What is missing of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Entries whose effects were never published; `None` if they are missing only from the state.
    pub gap: Option<Gap>,
}

/// A stream and its read position.
#[derive(Debug)]
pub(crate) struct Stream {
    pub name: String,
    pub timeframe: Timeframe,
    /// The last entry taken.
    pub last: StreamId,
    pub published: StreamId,
    /// What its ids say of the time.
    pub ids: IdClock,
    /// An entry after `last` that is too large to be received; it is refused at its turn.
    pub skip: Option<StreamId>,
    published_entries: Option<u64>,
    /// Number of the last entry taken among all ever added; 0 if unknown.
    index: Option<u64>,
    looked: bool,
    /// Up to which entry a server that does not count was last taken to have trimmed unread ones.
    guessed: StreamId,
    /// The entry that the state at the start includes.
    restored: StreamId,
    /// Backlog: entries after the last one taken, at the last check; 0 if unknown.
    pub lag_entries: u64,
    /// Age of the next entry to be taken, ms, at the last check: the time since the entry before it was added; 0 if
    /// none waits.
    pub lag_ms: u64,
    /// Entries removed before they were read, since the start; a gap of unknown size counts as one.
    pub trimmed: u64,
}

impl Stream {
    pub fn new(name: String, timeframe: Timeframe, start: StreamStart) -> Self {
        let last_ms = (start.start != StreamId::default()).then_some(start.start.ms.cast_signed());
        Self {
            name,
            timeframe,
            ids: IdClock::new(last_ms, start.offset_ms, start.step_ms),
            last: start.start,
            published: start.published,
            skip: None,
            published_entries: start.published_entries,
            index: start.start_number,
            looked: false,
            guessed: StreamId::default(),
            restored: start.start,
            lag_entries: 0,
            lag_ms: 0,
            trimmed: 0,
        }
    }

    /// The entry after which the next read starts.
    pub fn read_from(&self) -> StreamId {
        self.skip.unwrap_or(self.last)
    }

    /// Takes an entry; returns its number among all ever added, 0 if unknown.
    #[inline]
    pub fn take(&mut self, id: StreamId) -> u64 {
        self.last = id;
        self.skip = None;
        self.index = self.index.map(|index| index + 1);
        self.number()
    }

    /// Number of the last entry taken among all ever added; 0 if unknown.
    pub fn number(&self) -> u64 {
        self.index.unwrap_or(0)
    }

    /// Takes the server's figures on the stream at the server's time, Unix ms; returns what is missing after the last
    /// entry.
    pub fn look(&mut self, input: u8, info: &StreamInfo, server_ms: u64) -> Option<Loss> {
        let Some(added) = info.added else {
            self.lag_ms = self.age_ms(info, server_ms);
            return self.guess(input, info);
        };
        let removed = added.saturating_sub(info.length);
        let hole = !self.looked && self.has_hole(info, removed);
        let gap =
            if self.looked { self.gap(input, info, added, removed) } else { self.first_gap(input, info, removed) };
        if !self.looked && self.last == StreamId::default() {
            self.index = Some(removed);
        }
        if self.last >= info.last {
            self.index = Some(added);
        } else if (self.looked || self.index.is_some())
            && info.first > self.last
            && self.index.is_none_or(|index| index < removed)
        {
            self.index = Some(removed);
        }
        self.looked = true;
        self.lag_entries = self.index.map_or(0, |index| added.saturating_sub(index));
        self.lag_ms = self.age_ms(info, server_ms);
        if let Some(gap) = gap {
            self.trimmed += gap.entries.unwrap_or(1);
        }
        (hole || gap.is_some()).then_some(Loss { gap })
    }

    /// What may be missing, where the server does not count the entries: as long as it still has the last one read it has
    /// trimmed none behind it; where it has not, and has newer ones, it may have.
    fn guess(&mut self, input: u8, info: &StreamInfo) -> Option<Loss> {
        let restored = self.restored != StreamId::default() && self.published != StreamId::default();
        let hole = !self.looked && restored && info.first > self.restored && info.last > self.restored;
        self.looked = true;
        let read = self.last.max(self.published);
        let unread = read != StreamId::default() && read >= self.guessed && info.last > read && info.first > read;
        if unread {
            self.guessed = info.first;
            self.trimmed += 1;
        }
        let gap = unread.then_some(Gap { input, after: read, before: info.first, entries: None });
        (hole || unread).then_some(Loss { gap })
    }

    /// Whether entries are gone that the state at the start should include: the stream's first entries, or those after
    /// the snapshot.
    fn has_hole(&self, info: &StreamInfo, removed: u64) -> bool {
        let behind = self.restored != StreamId::default();
        let resumed = self.published != StreamId::default();
        match self.index {
            _ if !resumed => false,
            _ if !behind => removed > 0,
            Some(index) => removed > index,
            None => info.first > self.restored && info.last > self.restored,
        }
    }

    /// What is missing after the committed position when the stream is first examined.
    fn first_gap(&self, input: u8, info: &StreamInfo, removed: u64) -> Option<Gap> {
        let passed = self.published != StreamId::default() && info.first > self.published;
        if !passed || info.last <= self.published {
            return None;
        }
        let entries = self.published_entries.map(|published| removed.saturating_sub(published));
        let gap = Gap { input, after: self.published, before: info.first, entries };
        (entries != Some(0)).then_some(gap)
    }

    /// What is missing after the last entry taken.
    fn gap(&self, input: u8, info: &StreamInfo, added: u64, removed: u64) -> Option<Gap> {
        let index = self.index?;
        let lost = |entries: u64, before| {
            (entries > 0).then_some(Gap { input, after: self.last, before, entries: Some(entries) })
        };
        if self.last >= info.last {
            // All remaining entries have been read, so the unread ones were removed, at an unknown place.
            return lost(added.saturating_sub(index), self.last);
        }
        if info.first > self.last { lost(removed.saturating_sub(index), info.first) } else { None }
    }

    fn age_ms(&self, info: &StreamInfo, server_ms: u64) -> u64 {
        if self.last >= info.last { 0 } else { server_ms.saturating_sub(self.last.ms.max(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 0 }
    }

    fn stream(published: u64, entries: Option<u64>) -> Stream {
        let start = StreamStart { published: id(published), published_entries: entries, ..StreamStart::default() };
        Stream::new("s".to_owned(), "1s".parse().unwrap(), start)
    }

    fn info(first: u64, last: u64, length: u64, added: u64) -> StreamInfo {
        StreamInfo { length, added: Some(added), first: id(first), last: id(last), max_deleted: id(0) }
    }

    #[test]
    fn a_fresh_start_misses_nothing_and_a_resumed_one_what_was_trimmed() {
        let incomplete = Some(Loss { gap: None });
        assert_eq!(stream(0, None).look(0, &info(50, 99, 50, 99), 99), None);
        assert_eq!(stream(60, Some(60)).look(0, &info(1, 99, 99, 99), 99), None);
        assert_eq!(stream(60, Some(60)).look(0, &info(50, 99, 50, 99), 99), incomplete, "state is made of less");
        assert_eq!(stream(49, Some(49)).look(0, &info(50, 99, 50, 99), 99), incomplete, "the next one is still there");
        let gap = Gap { input: 1, after: id(40), before: id(50), entries: Some(9) };
        assert_eq!(stream(40, Some(40)).look(1, &info(50, 99, 50, 99), 99), Some(Loss { gap: Some(gap) }));
        assert_eq!(gap_of(stream(40, None).look(0, &info(50, 99, 50, 99), 99)).entries, None);
    }

    #[test]
    fn a_snapshot_needs_only_what_is_behind_it() {
        let restored = |at: u64, number: Option<u64>, published: u64| {
            let start = StreamStart {
                published: id(published),
                published_entries: Some(published),
                start: id(at),
                start_number: number,
                ..StreamStart::default()
            };
            Stream::new("s".to_owned(), "1s".parse().unwrap(), start)
        };
        let trimmed = info(50, 99, 50, 99);
        for number in [None, Some(70)] {
            let mut stream = restored(70, number, 80);
            assert_eq!(stream.look(0, &trimmed, 99), None, "{number:?}");
            assert_eq!(stream.lag_entries, if number.is_some() { 29 } else { 0 });
        }
        let incomplete = Some(Loss { gap: None });
        for number in [None, Some(40)] {
            let mut stream = restored(40, number, 80);
            assert_eq!(stream.look(0, &trimmed, 99), incomplete, "{number:?}");
            assert_eq!(stream.look(0, &trimmed, 99), None, "it is said once");
        }
        let gap = gap_of(restored(40, Some(40), 45).look(0, &trimmed, 99));
        assert_eq!((gap.after, gap.before, gap.entries), (id(45), id(50), Some(4)));
        assert_eq!(restored(99, Some(99), 99).look(0, &info(0, 99, 0, 99), 99), None, "all read, all trimmed");
    }

    #[test]
    fn a_server_that_does_not_count_is_taken_to_have_trimmed_what_it_may_have() {
        let uncounted = |first, last, length| StreamInfo { added: None, ..info(first, last, length, 0) };
        assert_eq!(stream(0, None).look(0, &uncounted(50, 99, 50), 99), None, "never read");
        assert_eq!(stream(50, None).look(0, &uncounted(50, 99, 50), 99), None, "the last one read is still there");
        assert_eq!(stream(99, None).look(0, &uncounted(100, 99, 0), 99), None, "all read");
        let mut stream = stream(40, None);
        let gap = gap_of(stream.look(0, &uncounted(50, 99, 50), 99));
        assert_eq!((gap.after, gap.before, gap.entries), (id(40), id(50), None));
        assert_eq!(stream.look(0, &uncounted(60, 99, 40), 99), None, "it is said once");
        (50..=70).for_each(|ms| {
            stream.take(id(ms));
        });
        assert_eq!(stream.look(0, &uncounted(65, 99, 35), 99), None);
        assert_eq!(gap_of(stream.look(0, &uncounted(72, 99, 28), 99)).after, id(70));
        assert_eq!(stream.trimmed, 2);
    }

    fn gap_of(loss: Option<Loss>) -> Gap {
        loss.and_then(|loss| loss.gap).unwrap()
    }

    #[test]
    fn what_is_trimmed_under_a_slow_reader_is_counted_once() {
        let mut stream = stream(0, None);
        assert_eq!(stream.look(0, &info(1, 100, 100, 100), 100), None);
        (1..=10).for_each(|ms| {
            stream.take(id(ms));
        });
        assert_eq!(stream.look(0, &info(11, 200, 190, 200), 200), None, "trimmed as far as it was read");
        assert_eq!(stream.lag_entries, 190);
        let gap = gap_of(stream.look(0, &info(31, 200, 170, 200), 200));
        assert_eq!((gap.after, gap.before, gap.entries), (id(10), id(31), Some(20)));
        assert_eq!(stream.look(0, &info(31, 200, 170, 200), 200), None);
        (31..=200).for_each(|ms| {
            stream.take(id(ms));
        });
        assert_eq!(stream.look(0, &info(31, 200, 170, 200), 200), None);
        assert_eq!((stream.lag_entries, stream.trimmed), (0, 20));
        // Trimmed between two checks while reading went on: found when all is read.
        stream.take(id(260));
        assert_eq!(gap_of(stream.look(0, &info(260, 260, 1, 260), 260)).entries, Some(59));
    }
}
