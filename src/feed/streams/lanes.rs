//! The order in which the entries of one reply are taken: by id over all streams, with the exceptions of the journal,
//! and no entry that another stream may still precede.
//! Allocates only at the start.

use crate::{
    feed::streams::{Exception, Place},
    model::{SourceId, StreamId},
    redis_io::{Entry, FieldIter, ProtocolError, XreadCursor, XreadItem},
};
use std::collections::VecDeque;

/// An id that is this far ahead of the server's time is not waited for, ms: the server's clock has stepped back. Only
/// the second read decides so, because a server may have stalled between its time and its answer.
const AHEAD_MS: u64 = 1_000;

/// The entries of one stream in the reply.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    cursor: XreadCursor,
    left: usize,
    /// Id of the next entry.
    head: Option<StreamId>,
    /// Id of the last entry in the reply, if the stream may have more.
    cut: Option<StreamId>,
}

/// What to take next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next entry of this lane.
    Entry(usize),
    /// Something that must wait until the server's time has passed it.
    Held,
    /// The reply has been taken to its end.
    Empty,
}

/// The lanes of all streams, and the exceptions still to come.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// By stream: the last entry whose effects have been published. All entries up to these come before any other,
    /// whatever their ids: they were taken in that order.
    published: Vec<StreamId>,
    /// No published entry after the first, and no entry at all after the second, may be taken yet: a stream whose part
    /// of the reply was cut may have more entries before it.
    limit_published: Option<StreamId>,
    limit: Option<StreamId>,
    /// Whether a stream may have published entries after the reply.
    more_published: bool,
    /// Whether a single stream may have more entries after the reply.
    more: bool,
    /// The server's time at a moment before the read, Unix ms: the reply holds everything older.
    server_ms: u64,
    /// The newest entry seen before that time was asked for; and the newest in the reply.
    seen: StreamId,
    newest: StreamId,
    /// By stream: what the journal says of its entries.
    journal: Vec<VecDeque<Exception>>,
}

impl Lanes {
    /// Lanes of streams that have been published up to these entries, with the exceptions of the journal.
    pub fn new(published: Vec<StreamId>, journal: &[Exception]) -> Self {
        let streams = published.len();
        let mut lanes = Self {
            lanes: vec![Lane::default(); streams],
            published,
            limit_published: None,
            limit: None,
            more_published: false,
            more: false,
            server_ms: 0,
            seen: StreamId::default(),
            newest: StreamId::default(),
            journal: vec![VecDeque::new(); streams],
        };
        for exception in journal {
            if let Some(of_stream) = lanes.journal.get_mut(exception.source.index()) {
                of_stream.push_back(*exception);
            }
        }
        lanes
    }

    /// Begins a reply that was read with at most `count` entries per stream. `server_ms` is the server's time, asked
    /// for before the read, when entries up to `seen` had been seen. `skipped` returns, by stream, an entry to take
    /// before those of the reply. Returns the number of entries in the reply, or the server's error.
    pub fn begin<'a>(
        &mut self,
        reply: &'a [u8],
        count: u64,
        (server_ms, seen): (u64, StreamId),
        find: impl Fn(&[u8]) -> Option<usize>,
        skipped: impl Fn(usize) -> Option<StreamId>,
    ) -> Result<Result<u64, &'a [u8]>, ProtocolError> {
        (self.server_ms, self.seen) = (server_ms, seen);
        self.lanes.fill(Lane::default());
        self.more = false;
        self.newest = StreamId::default();
        let (mut cursor, mut current, mut entries) = (XreadCursor::default(), None, 0);
        while let Some(item) = cursor.next(reply)? {
            match item {
                XreadItem::Error(text) => return Ok(Err(text)),
                XreadItem::Stream(name) => {
                    current = find(name);
                    if let Some(lane) = current.and_then(|index| self.lanes.get_mut(index)) {
                        lane.cursor = cursor;
                        lane.left = cursor.entries_left();
                        if self.journal.len() == 1 {
                            // A single stream needs no look ahead.
                            entries = lane.left as u64;
                            self.more = entries >= count;
                            break;
                        }
                    }
                }
                XreadItem::Entry(entry) => {
                    entries += 1;
                    self.newest = self.newest.max(entry.id);
                    if let Some(lane) = current.and_then(|index| self.lanes.get_mut(index)) {
                        lane.head.get_or_insert(entry.id);
                        lane.cut = (lane.left as u64 >= count).then_some(entry.id);
                    }
                }
            }
        }
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.head = skipped(index).or(lane.head);
            if self.journal.len() == 1 && lane.head.is_none() && lane.left > 0 {
                lane.head = peek(lane, reply)?;
            }
        }
        self.find_limit();
        Ok(Ok(entries))
    }

    /// The newest entry in the reply.
    pub fn newest(&self) -> StreamId {
        self.newest
    }

    /// Drops the reply.
    pub fn clear(&mut self) {
        self.lanes.fill(Lane::default());
    }

    /// A lane that ends where the reply was cut holds the others back, unless it waits for one of them itself.
    fn find_limit(&mut self) {
        (self.limit, self.limit_published, self.more_published) = (None, None, false);
        for index in 0..self.lanes.len() {
            let Some(cut) = self.lanes[index].cut else { continue };
            let place = self.lanes[index].head.map(|head| self.place(index, head));
            let least = place.filter(|place| place.behind > 0).map_or(cut, |place| cut.max(place.source.id));
            self.limit = Some(self.limit.map_or(least, |limit| limit.min(least)));
            if cut < self.published[index] {
                self.more_published = true;
                self.limit_published = Some(self.limit_published.map_or(least, |limit| limit.min(least)));
            }
        }
    }

    /// The place of an entry at the head of a lane.
    #[inline]
    fn place(&self, lane: usize, id: StreamId) -> Place {
        match self.journal[lane].front() {
            Some(exception) if exception.source.id == id => exception.place,
            _ => Place { source: SourceId { id, input: lane as u32 }, behind: 0 },
        }
    }

    /// What to take next.
    #[inline]
    pub fn next(&self) -> Next {
        // The least head over all lanes. Published entries (`new` is false) come before all others.
        let mut best: Option<(bool, Place, usize)> = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            let Some(head) = lane.head else { continue };
            let (new, place) = (head > self.published[index], self.place(index, head));
            if best.is_none_or(|(least_new, least, _)| (new, place) < (least_new, least)) {
                best = Some((new, place, index));
            }
        }
        let lone = self.lanes.len() == 1;
        match best {
            Some((new, place, index)) if lone || self.may_take(new, place) => Next::Entry(index),
            Some(_) => Next::Held,
            None => Next::Empty,
        }
    }

    /// Whether what is to be taken next was not published.
    pub fn is_past_published(&self) -> bool {
        let published = |input: usize| self.published.get(input).copied();
        match self.next() {
            Next::Entry(index) => self.lanes[index].head > published(index),
            Next::Held | Next::Empty => false,
        }
    }

    /// Whether no stream can still bring something that belongs before this place. A published place needs no wait for the
    /// server's time: its order is settled.
    #[inline]
    fn may_take(&self, new: bool, place: Place) -> bool {
        let limit = if new { self.limit } else { self.limit_published };
        let seen = limit.is_none_or(|limit| place.source.id <= limit) && !(new && self.more_published);
        let ahead = place.source.id.ms > self.server_ms + AHEAD_MS && place.source.id <= self.seen;
        // Past: the server can add no more entries before this id, for its clock has moved on (or has stepped back).
        let past = place.source.id.ms < self.server_ms || ahead;
        seen && (past || !new)
    }

    /// What the journal says of the entry at the head of a lane.
    #[inline]
    pub fn journaled(&self, index: usize) -> Option<Exception> {
        self.journal[index].front().filter(|exception| Some(exception.source.id) == self.lanes[index].head).copied()
    }

    /// Whether everything has been taken that the server had when it was asked for its time: the reply holds all of it, and
    /// nothing in it waits but what is newer.
    pub fn is_read_up(&self) -> bool {
        !self.more && self.lanes.iter().all(|lane| lane.cut.is_none())
    }

    /// The entry at the head of a lane, which is not taken.
    ///
    /// # Errors
    /// [`ProtocolError`] if none follows.
    #[cold]
    pub fn look<'a>(&self, index: usize, reply: &'a [u8]) -> Result<Entry<'a>, ProtocolError> {
        let mut cursor = self.lanes[index].cursor;
        cursor.open(reply)
    }

    /// Takes the entry at the head of a lane; call [`Lanes::passed`] after it. Returns the entry, or `None` if it was
    /// skipped.
    #[inline]
    pub fn take<'a>(
        &mut self,
        index: usize,
        skipped: bool,
        reply: &'a [u8],
    ) -> Result<Option<Entry<'a>>, ProtocolError> {
        let lane = &mut self.lanes[index];
        if skipped {
            return Ok(None);
        }
        lane.left = lane.left.checked_sub(1).ok_or(ProtocolError::Shape)?;
        Ok(Some(lane.cursor.open(reply)?))
    }

    /// Continues after the entry that was taken, whose fields have been read this far.
    #[inline]
    pub fn passed(
        &mut self,
        index: usize,
        fields: Option<FieldIter<'_>>,
        journaled: bool,
        reply: &[u8],
    ) -> Result<(), ProtocolError> {
        let lane = &mut self.lanes[index];
        if let Some(fields) = fields {
            lane.cursor.pass(reply, fields)?;
        }
        lane.head = if lane.left > 0 { peek(lane, reply)? } else { None };
        if journaled {
            self.journal[index].pop_front();
            self.find_limit();
        }
        Ok(())
    }

    /// The last entry of a lane that has been seen.
    #[inline]
    pub fn head(&self, index: usize) -> Option<StreamId> {
        self.lanes[index].head
    }
}

/// The id of a lane's next entry.
#[inline]
fn peek(lane: &Lane, reply: &[u8]) -> Result<Option<StreamId>, ProtocolError> {
    lane.cursor.peek_id(reply).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(streams: &[Vec<StreamId>]) -> Vec<u8> {
        let filled: Vec<_> = streams.iter().enumerate().filter(|(_, entries)| !entries.is_empty()).collect();
        if filled.is_empty() {
            return b"*-1\r\n".to_vec();
        }
        let mut text = format!("*{}\r\n", filled.len());
        for (index, entries) in filled {
            text += &format!("*2\r\n$1\r\n{index}\r\n*{}\r\n", entries.len());
            for id in entries {
                let id = id.to_string();
                text += &format!("*2\r\n${}\r\n{id}\r\n*0\r\n", id.len());
            }
        }
        text.into_bytes()
    }

    /// Reads growing streams as the server's time passes, a few entries at a time; returns the order of taking.
    fn read(streams: &[Vec<StreamId>], counts: &[u64], steps: &[u64]) -> Vec<(usize, StreamId)> {
        let mut lanes = Lanes::new(vec![StreamId::default(); streams.len()], &[]);
        let (mut last, mut taken, mut now_ms) = (vec![StreamId::default(); streams.len()], Vec::new(), 0);
        for step in 0.. {
            let count = counts[step % counts.len()];
            // The read is a little later than the reading of the time.
            let (asked_ms, read_ms) = (now_ms, now_ms + steps[step % steps.len()] / 2);
            now_ms += steps[step % steps.len()];
            let there = |index: usize| streams[index].iter().filter(move |id| id.ms < read_ms + 1);
            let slices = (0..streams.len())
                .map(|index| there(index).filter(|id| **id > last[index]).take(count as usize).copied().collect());
            let slices: Vec<Vec<StreamId>> = slices.collect();
            let reply = reply(&slices);
            let find = |name: &[u8]| std::str::from_utf8(name).ok()?.parse().ok();
            lanes.begin(&reply, count, (asked_ms, StreamId::default()), find, |_| None).unwrap().unwrap();
            while let Next::Entry(index) = lanes.next() {
                let entry = lanes.take(index, false, &reply).unwrap().unwrap();
                last[index] = entry.id;
                lanes.passed(index, Some(entry.fields), false, &reply).unwrap();
                taken.push((index, last[index]));
            }
            if taken.len() == streams.iter().map(Vec::len).sum::<usize>() {
                break;
            }
            assert!(step < 10_000, "stuck at {last:?} of {streams:?}");
        }
        taken
    }

    proptest! {
        #[test]
        fn every_reading_takes_the_entries_in_one_order(
            ids in prop::collection::vec(prop::collection::btree_set((0u64..60, 1u64..4), 0..30), 1..4),
            counts in prop::collection::vec(1u64..9, 1..5),
            steps in prop::collection::vec(1u64..20, 1..5),
        ) {
            let ids = ids.iter().map(|ids| ids.iter().map(|&(ms, seq)| StreamId { ms, seq }).collect());
            let streams: Vec<Vec<StreamId>> = ids.collect();
            let mut expected: Vec<(usize, StreamId)> = Vec::new();
            for (index, ids) in streams.iter().enumerate() {
                expected.extend(ids.iter().map(|id| (index, *id)));
            }
            expected.sort_by_key(|&(index, id)| (id, index));
            prop_assert_eq!(read(&streams, &counts, &steps), expected);
        }
    }
}
