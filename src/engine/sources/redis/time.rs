//! The time of the streams: what the server's clock and the ids say, and how long a read may wait. Pure but for the notices.

use super::{
    Await, RedisSource, notices,
    trouble::{Trouble, time_us},
};
use crate::{
    config::StreamClock, engine::Intake, engine::sources::take::latest_begin, model::StreamId, redis_io::ProtocolError,
    runtime::Now,
};

/// From which time on an answer counts as one that has waited, ns.
const WAITED_NS: u64 = 500_000_000;

/// What is known of an entry that is about to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtHand {
    pub index: usize,
    pub id: StreamId,
    /// Whether the journal says something of it.
    pub journaled: bool,
    /// Its wall, Unix ms.
    pub wall_ms: i64,
    /// The clock closes bars up to this moment before it is taken, Unix ms.
    pub until_ms: i64,
    /// How far its id is ahead of that, ms, and whether that is to be journalled.
    pub offset: (i64, bool),
    /// Whether it may have been written later: the server's clock has stepped back, and it is not known yet where.
    pub unsure: bool,
}

impl RedisSource {
    /// Takes the answer to `TIME`, which was asked for at a time, ns; says which is next.
    #[inline]
    pub(super) fn on_time(&mut self, len: usize, asked_ns: u64, now: Now) -> Result<Await, Trouble> {
        let us = time_us(&self.link.received()[..len])?;
        (self.server_us, self.server_ns) = (us, now.ns);
        let server_us = i64::try_from(us).unwrap_or(i64::MAX);
        if let Some(by_ms) = self.clock.observe(server_us, asked_ns, now.ns) {
            notices::stepped(&self.dial, by_ms);
        }
        // An answer that has waited does not say what the server's time is by now.
        if now.ns.saturating_sub(asked_ns) < WAITED_NS {
            self.server_time.set(server_us, now.ns, self.clock.reading(now.ns).offset_ms);
        }
        Ok(if self.looking { Await::Info(0) } else { Await::Read })
    }

    /// What is known of the entry at the head of a lane: looked at once, however often it is about to be taken.
    #[inline]
    pub(super) fn at_hand(&mut self, index: usize, now: Now) -> AtHand {
        let id = self.lanes.head(index).unwrap_or_default();
        if let Some(at_hand) = self.at_hand.filter(|at_hand| (at_hand.index, at_hand.id) == (index, id)) {
            return at_hand;
        }
        let said = self.lanes.journaled(index);
        let ms = i64::try_from(id.ms).unwrap_or(i64::MAX);
        let (stream, mut stepped, mut unsure) = (&mut self.streams[index], false, false);
        if said.is_some() || id <= stream.published || self.rules[index].clock == StreamClock::Records {
            stream.ids.known(ms, said.and_then(|said| said.offset_ms));
        } else {
            let (reading, ahead) = (self.clock.reading(now.ns), stream.ids.ahead);
            stepped = stream.ids.read(ms, reading, self.fresh).is_some();
            unsure = stream.ids.is_unsure(reading);
            if stream.ids.ahead && !ahead {
                notices::ahead(&self.dial, &stream.name, id, reading, self.max_future_ms);
            }
        }
        let offset_ms = stream.ids.offset_ms;
        let moment = said.and_then(|said| said.moment).unwrap_or(i64::MIN);
        let wall_ms = match self.rules[index].clock {
            StreamClock::Records => i64::MIN,
            StreamClock::Ids | StreamClock::Heartbeat => ms.saturating_sub(offset_ms).max(moment),
        };
        // What was published came before it.
        let until_ms = if id > stream.published { wall_ms.max(self.published_moment) } else { wall_ms };
        let at_hand =
            AtHand { index, id, journaled: said.is_some(), wall_ms, until_ms, offset: (offset_ms, stepped), unsure };
        self.at_hand = Some(at_hand);
        at_hand
    }

    /// Looks into the entry at hand, of which it is not sure when it was written: not before its records begin.
    #[cold]
    pub(super) fn weigh(
        &mut self,
        mut at_hand: AtHand,
        len: usize,
        now: Now,
        intake: &Intake,
    ) -> Result<AtHand, ProtocolError> {
        let stream = &mut self.streams[at_hand.index];
        if stream.skip.is_some() {
            return Ok(at_hand);
        }
        let entry = self.lanes.look(at_hand.index, &self.link.received()[..len])?;
        let begin = latest_begin(&entry, &self.forms[at_hand.index], intake);
        let ms = i64::try_from(at_hand.id.ms).unwrap_or(i64::MAX);
        let offset_ms = begin.and_then(|begin| stream.ids.written_after(ms, begin, self.clock.reading(now.ns)));
        if let Some(offset_ms) = offset_ms {
            at_hand.offset = (offset_ms, true);
            at_hand.wall_ms = at_hand.wall_ms.max(ms.saturating_sub(offset_ms));
            at_hand.until_ms = at_hand.until_ms.max(at_hand.wall_ms);
        }
        at_hand.unsure = false;
        self.at_hand = Some(at_hand);
        Ok(at_hand)
    }

    /// The moment, Unix ms, up to which the clock may close bars when everything in the reply has been taken: the server's
    /// time is past it, and has been asked for before the read.
    #[inline]
    pub(super) fn read_up_to(&self) -> i64 {
        let offset_ms = self.clock.reading(self.server_ns).offset_ms;
        i64::try_from(self.server_us / 1_000).unwrap_or(i64::MAX).saturating_sub(offset_ms) - 1
    }

    /// How long the server may hold a read open, ms, at most so long: until the clock may have something to close. `None`
    /// where it may have now.
    #[inline]
    pub(super) fn wait_ms(&self, now: Now, at_most: u64) -> Option<u64> {
        let Some(look) = self.next_look else { return Some(at_most) };
        let passed_ms = i64::try_from(now.ns.saturating_sub(self.server_ns) / 1_000_000).unwrap_or(i64::MAX);
        // It is over when the server's time is past it.
        let wait_ms = look.saturating_sub(self.read_up_to()).saturating_sub(passed_ms);
        u64::try_from(wait_ms).ok().filter(|&ms| ms > 0).map(|ms| ms.min(at_most))
    }
}
