//! The entries of one reply in the order in which they are taken: by id over all streams, exceptions where the journal
//! has them, and nothing that another stream may still precede. Allocates nothing after the start.

use crate::{
    engine::order::{Exception, Place, Taken},
    redis_io::{Entry, ProtocolError, StreamId, XreadCursor, XreadItem},
};
use std::collections::VecDeque;

/// From so much on an id is not waited for: it is ahead of the server's clock, which has stepped back, ms.
const AHEAD_MS: u64 = 1_000;

/// The entries of one stream in the reply.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    cursor: XreadCursor,
    left: usize,
    /// The next entry.
    head: Option<StreamId>,
    /// The last entry in the reply, where there may be more behind it.
    cut: Option<StreamId>,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next entry of this lane.
    Entry(usize),
    /// A clock event of this event time, Unix ms, at this place.
    Clock(i64, Place),
    /// Something that must wait until the server's time has passed it.
    Held,
    /// Nothing is left in the reply.
    Empty,
}

/// The lanes of all streams, and the exceptions that are still to come.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// Nothing behind this entry may be taken: the stream it is of may have more before it.
    limit: Option<StreamId>,
    /// Of a lone stream: whether there may be more behind the reply, and the last entry taken.
    lone: Option<StreamId>,
    /// The server's time at a moment before the read, Unix ms: everything older has been seen.
    server_ms: u64,
    clocks: VecDeque<(Place, i64)>,
    late: Vec<VecDeque<(StreamId, Place)>>,
}

impl Lanes {
    /// Lanes for so many streams, with what the journal says.
    pub fn new(streams: usize, journal: &[Exception]) -> Self {
        let mut lanes = Self {
            lanes: vec![Lane::default(); streams],
            limit: None,
            lone: None,
            server_ms: 0,
            clocks: VecDeque::new(),
            late: vec![VecDeque::new(); streams],
        };
        for exception in journal {
            match exception.what {
                Taken::Clock(event_ts) => lanes.clocks.push_back((exception.place, event_ts)),
                Taken::Entry { input, id } => {
                    if let Some(late) = lanes.late.get_mut(usize::from(input)) {
                        late.push_back((id, exception.place));
                    }
                }
            }
        }
        lanes
    }

    /// Whether no exception is to come.
    pub fn is_live(&self) -> bool {
        self.clocks.is_empty()
    }

    /// Begins a reply, read with at most `count` entries a stream after the server's time was `server_ms`; `skipped`
    /// gives, by stream, an entry before those of the reply. Returns how many entries the reply has, or the server's error.
    pub fn begin<'a>(
        &mut self,
        reply: &'a [u8],
        count: u64,
        server_ms: u64,
        find: impl Fn(&[u8]) -> Option<usize>,
        skipped: impl Fn(usize) -> Option<StreamId>,
    ) -> Result<Result<u64, &'a [u8]>, ProtocolError> {
        self.server_ms = server_ms;
        self.lanes.fill(Lane::default());
        self.lone = None;
        let (mut cursor, mut current, mut entries) = (XreadCursor::default(), None, 0);
        while let Some(item) = cursor.next(reply)? {
            match item {
                XreadItem::Error(text) => return Ok(Err(text)),
                XreadItem::Stream(name) => {
                    current = find(name);
                    if let Some(lane) = current.and_then(|index| self.lanes.get_mut(index)) {
                        lane.cursor = cursor;
                        lane.left = cursor.entries_left();
                        if self.late.len() == 1 {
                            // A lone stream needs no look ahead.
                            entries = lane.left as u64;
                            self.lone = (entries >= count).then_some(StreamId::default());
                            break;
                        }
                    }
                }
                XreadItem::Entry(entry) => {
                    entries += 1;
                    if let Some(lane) = current.and_then(|index| self.lanes.get_mut(index)) {
                        lane.head.get_or_insert(entry.id);
                        lane.cut = (lane.left as u64 >= count).then_some(entry.id);
                    }
                }
            }
        }
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.head = skipped(index).or(lane.head);
            if self.late.len() == 1 && lane.head.is_none() && lane.left > 0 {
                lane.head = peek(lane, reply)?;
            }
        }
        self.find_limit();
        Ok(Ok(entries))
    }

    /// Forgets the reply.
    pub fn clear(&mut self) {
        self.lanes.fill(Lane::default());
    }

    /// A lane that ends where the reply was cut holds the others back, unless it waits for one of them itself.
    fn find_limit(&mut self) {
        self.limit = None;
        for index in 0..self.lanes.len() {
            let Some(cut) = self.lanes[index].cut else { continue };
            let place = self.lanes[index].head.map(|head| self.place(index, head));
            let cut = place.filter(|place| place.behind > 0).map_or(cut, |place| cut.max(place.id));
            self.limit = Some(self.limit.map_or(cut, |limit| limit.min(cut)));
        }
    }

    /// Where an entry at the head of a lane belongs.
    #[inline]
    fn place(&self, lane: usize, id: StreamId) -> Place {
        match self.late[lane].front() {
            Some(&(late, place)) if late == id => place,
            _ => Place { id, input: lane as u8, behind: 0 },
        }
    }

    /// What is to be taken next.
    #[inline]
    pub fn next(&self) -> Next {
        let mut best: Option<(Place, usize)> = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            let Some(head) = lane.head else { continue };
            let place = self.place(index, head);
            if best.is_none_or(|(least, _)| place < least) {
                best = Some((place, index));
            }
        }
        if let Some(&(place, event_ts)) = self.clocks.front()
            && best.is_none_or(|(least, _)| place < least)
        {
            let read = best.is_some() || self.lone.is_none_or(|last| place.id <= last);
            let may = if self.lanes.len() == 1 { read } else { self.may_take(place) };
            return if may { Next::Clock(event_ts, place) } else { Next::Held };
        }
        match best {
            Some((place, index)) if self.lanes.len() == 1 || self.may_take(place) => Next::Entry(index),
            Some(_) => Next::Held,
            None => Next::Empty,
        }
    }

    #[inline]
    fn may_take(&self, place: Place) -> bool {
        let seen = self.limit.is_none_or(|limit| place.id <= limit);
        let past = place.id.ms < self.server_ms || place.id.ms > self.server_ms + AHEAD_MS;
        seen && past
    }

    /// The clock event that was next has been taken.
    pub fn took_clock(&mut self) {
        self.clocks.pop_front();
    }

    /// Takes the entry at the head of a lane: the entry, or `None` for one that was skipped,
    /// and whether the journal has its place.
    #[inline]
    pub fn take<'a>(
        &mut self,
        index: usize,
        skipped: bool,
        reply: &'a [u8],
    ) -> Result<(Option<Entry<'a>>, bool), ProtocolError> {
        let lane = &mut self.lanes[index];
        let head = lane.head;
        let entry = if skipped {
            None
        } else {
            lane.left -= 1;
            match lane.cursor.next(reply)? {
                Some(XreadItem::Entry(entry)) => Some(entry),
                _ => return Err(ProtocolError::Shape),
            }
        };
        lane.head = if lane.left > 0 { peek(lane, reply)? } else { None };
        if let (Some(lone), Some(head)) = (&mut self.lone, head) {
            *lone = head;
        }
        let journaled = head.is_some() && self.late[index].front().map(|(id, _)| *id) == head;
        if journaled {
            self.late[index].pop_front();
            self.find_limit();
        }
        Ok((entry, journaled))
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
