//! How much is asked for at a time: fewer entries where replies are larger than this side or the server can hold.

use super::{Await, BLIND_NS, LOOK_NS, RedisSource, State};
use crate::{feed::streams::CutReply, redis_io::StreamInfo, runtime::Now, telemetry::ReaderCounters};

/// From this size of a reply on fewer entries are asked for, bytes: it is written by the server, copied by the socket and
/// read here, and all three are several times faster while it stays in the cache of a core.
const REPLY_BYTES: usize = 512 << 10;
/// Time after which twice as many entries are tried again, ns, at first; twice as long each time that this fails.
const GROW_NS: u64 = 10_000_000_000;
const GROW_NS_MAX: u64 = 3_600_000_000_000;
/// Time between two looks at a stream whose entries the server does not count, ns: what is trimmed in between is not seen.
const GUESS_NS: u64 = 100_000_000;
/// What the looks at a stream may cost, ns between two per byte of the answer, which holds two entries: 64 KiB a second.
const LOOK_NS_PER_BYTE: u64 = LOOK_NS >> 16;
/// Connections in a row that end before an answer, at which the server's limit is suspected.
const SUSPECT: u32 = 2;

/// Entries that are asked for at least, where nothing forbids as many: fewer save nothing.
const LEAST: u64 = 64;
/// Reads in a row that bring less than a quarter of what was asked for, after which half is.
const SMALL: u32 = 2;

/// Entries that are asked for at a time: many while reads come back full, few while they do not.
#[derive(Debug)]
pub(super) struct Amount {
    count: u64,
    /// Reads in a row that brought less than a quarter.
    small: u32,
    /// The state of a generator of random changes, for tests; 0 for none.
    sway: u64,
    /// What it may grow to now, and as configured.
    ceiling: u64,
    max: u64,
    /// Connections that ended before an answer, since the last one.
    hang_ups: u32,
    /// When the ceiling is raised, and how long after it was lowered, ns.
    grow_at_ns: u64,
    grow_ns: u64,
    told: bool,
}

impl Amount {
    pub fn new(max: u64, sway: Option<u64>) -> Self {
        Self {
            count: max,
            small: 0,
            sway: sway.map_or(0, |seed| seed | 1),
            ceiling: max,
            max,
            hang_ups: 0,
            grow_at_ns: 0,
            grow_ns: GROW_NS,
            told: false,
        }
    }

    #[inline]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Asks for so many from now on, at least for one; gives how many.
    pub fn at_most(&mut self, count: u64) -> u64 {
        self.count = count.max(1);
        self.count
    }

    /// A read was answered with so many bytes and entries: asks for fewer where they are large or few, for more again where as
    /// many came as were asked for.
    #[inline]
    pub fn answered(&mut self, len: usize, entries: u64, now_ns: u64) {
        self.hang_ups = 0;
        self.small = if entries < self.count.div_ceil(4) { self.small + 1 } else { 0 };
        if len > REPLY_BYTES {
            self.count = (self.count / 2).max(1);
        } else if entries >= self.count && len < REPLY_BYTES / 4 {
            // Two steps of powers of two.
            self.count = (self.count * 4).next_power_of_two().min(self.ceiling);
        } else if self.small >= SMALL && self.count > LEAST {
            self.small = 0;
            self.count = (self.count.next_power_of_two() / 2).clamp(LEAST.min(self.ceiling), self.ceiling);
        }
        if self.sway != 0 {
            self.stagger();
        }
        if self.ceiling < self.max && now_ns >= self.grow_at_ns {
            self.ceiling = (self.ceiling * 2).min(self.max);
            self.grow_at_ns = now_ns + self.grow_ns;
            if self.ceiling == self.max {
                self.told = false;
            }
        }
    }

    /// Any number.
    #[cold]
    fn stagger(&mut self) {
        self.sway ^= self.sway << 13;
        self.sway ^= self.sway >> 7;
        self.sway ^= self.sway << 17;
        self.count = 1 + (self.sway >> 8) % self.ceiling;
    }

    /// Tells the counters what is asked for from now on, where that has changed.
    #[inline]
    pub fn tell(&self, counters: &ReaderCounters) {
        let before = counters.read_limit.get();
        if before != self.count {
            counters.read_limit.set(self.count);
            let changed = if before < self.count { &counters.read_limit_raised } else { &counters.read_limit_lowered };
            changed.add(u64::from(before > 0));
        }
    }

    /// The server hung up instead of answering; gives what to say about it, once.
    #[cold]
    fn hung_up(&mut self, now_ns: u64) -> Option<String> {
        self.hang_ups += 1;
        // Whatever it was before, so many have been too many for it.
        if self.told && self.hang_ups == 1 {
            self.grow_ns = (self.grow_ns * 2).min(GROW_NS_MAX);
        }
        self.ceiling = self.at_most(self.count / 2);
        self.grow_at_ns = now_ns + self.grow_ns;
        if self.hang_ups < SUSPECT || std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(format!(
            "warning: the server has hung up {} times instead of answering a read: where its client-output-buffer-limit is \
             smaller than a reply, CONFIG SET client-output-buffer-limit \"normal 0 0 0\" mends it; until then fewer entries \
             are read at a time, {} now",
            self.hang_ups, self.count
        ))
    }
}

/// Time until the next look at a stream of which the server says this in so many bytes, ns.
pub(super) fn look_pause_ns(len: usize, info: Option<&StreamInfo>) -> u64 {
    let guessed = info.is_some_and(|info| info.added.is_none());
    let least_ns = if guessed { GUESS_NS } else { LOOK_NS };
    (len as u64 * LOOK_NS_PER_BYTE).clamp(least_ns, BLIND_NS)
}

impl RedisSource {
    /// Has the number of entries that are asked for change at random from here on: for tests.
    pub fn sway(&mut self, seed: u64) {
        self.amount = Amount::new(self.amount.max, Some(seed));
    }

    /// The server hung up; what to say of it besides.
    #[cold]
    pub(super) fn hung_up(&mut self, reason: String, now: Now) -> String {
        if matches!(self.state, State::Asked { .. }) {
            if let Some(advice) = self.amount.hung_up(now.ns) {
                self.dial.incidents().note(advice);
            }
            if self.amount.hang_ups > SUSPECT {
                // The answer to a look may be what is too large: it holds two entries.
                self.look_ns = now.ns + BLIND_NS;
            }
        }
        reason
    }

    /// A reply does not fit: asks for fewer entries from now on, or passes over the one that is too large by itself.
    /// Its id comes before its contents.
    pub(super) fn too_large(&mut self, now: Now) -> String {
        if let State::Asked { next: Await::Info(index), .. } = self.state {
            // The first or the last entry is too large; the reading will come to it.
            self.look_ns = now.ns + BLIND_NS;
            return format!("the answer to XINFO STREAM {} is too large", self.streams[index].name);
        }
        let find = |name: &[u8]| self.streams.iter().position(|stream| stream.name.as_bytes() == name);
        let CutReply { complete, entry, first, bytes } = CutReply::new(self.link.received(), find);
        let before = self.amount.count();
        let alone = bytes > self.entry_bytes_max || complete == 0 || before == 1;
        // What came before it in its stream would be passed over with it.
        if let Some((index, id)) = entry.filter(|_| alone && first) {
            let stream = &mut self.streams[index];
            stream.skip = Some(id);
            return format!("entry {id} of {} is too large to be received and will be refused", stream.name);
        }
        let count = self.amount.at_most((before / 2).min(complete.max(1)));
        format!("{before} entries at a time are too many to be received, {count} from now on")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_count_halves_with_each_hang_up_and_grows_back() {
        let mut amount = Amount::new(512, None);
        assert_eq!((amount.hung_up(0), amount.count()), (None, 256), "it may have been restarted");
        let said = amount.hung_up(0).unwrap();
        assert!(said.contains("client-output-buffer-limit") && said.contains("128 now"), "{said}");
        assert_eq!((amount.hung_up(0), amount.count()), (None, 64), "said once");
        (0..100).for_each(|_| amount.answered(1_000, 64, 9 * SECOND));
        assert_eq!(amount.count(), 64);
        for (at_s, count) in [(10, 128), (20, 256), (30, 512), (40, 512)] {
            (0..2).for_each(|_| amount.answered(1_000, amount.count(), at_s * SECOND));
            assert_eq!(amount.count(), count, "{at_s}");
        }
        assert_eq!(amount.hung_up(50 * SECOND), None);
        assert!(amount.hung_up(50 * SECOND).is_some(), "another time");
        // Each attempt that fails makes the next a later one.
        amount.answered(1_000, 64, 51 * SECOND);
        assert_eq!((amount.hung_up(61 * SECOND), amount.grow_at_ns), (None, 81 * SECOND));
        (0..20).for_each(|_| _ = amount.hung_up(0));
        assert_eq!(amount.count(), 1);
    }

    #[test]
    fn the_count_follows_what_comes() {
        let mut amount = Amount::new(500, None);
        amount.answered(9_000, 400, 0);
        amount.answered(900, 124, 0);
        assert_eq!(amount.count(), 500, "once may be chance");
        amount.answered(900, 125, 0);
        amount.answered(900, 3, 0);
        assert_eq!(amount.count(), 500);
        amount.answered(5, 0, 0);
        assert_eq!(amount.count(), 256);
        (0..20).for_each(|_| amount.answered(5, 0, 0));
        assert_eq!(amount.count(), LEAST);
        amount.answered(900, 64, 0);
        assert_eq!(amount.count(), 256);
        amount.answered(900, 256, 0);
        assert_eq!(amount.count(), 500, "no more than is configured");
        let mut few = Amount::new(3, None);
        (0..20).for_each(|_| few.answered(5, 0, 0));
        assert_eq!(few.count(), 3);
        let counters = ReaderCounters::shared();
        few.tell(&counters);
        assert_eq!((counters.read_limit.get(), counters.read_limit_raised.get()), (3, 0));
        let mut any = Amount::new(9, Some(5));
        let sizes = (0..999).map(|_| (any.answered(5, 0, 0), any.count()).1);
        assert_eq!(sizes.collect::<std::collections::BTreeSet<u64>>(), (1..=9).collect());
    }

    #[test]
    fn looks_are_paid_by_the_byte() {
        let counted = StreamInfo { added: Some(1), ..StreamInfo::default() };
        assert_eq!(look_pause_ns(500, Some(&counted)), LOOK_NS);
        assert_eq!(look_pause_ns(500, Some(&StreamInfo::default())), GUESS_NS);
        assert_eq!(look_pause_ns(50 << 20, Some(&counted)), BLIND_NS);
        assert!((10 * SECOND..11 * SECOND).contains(&look_pause_ns(700 << 10, None)));
    }
}
