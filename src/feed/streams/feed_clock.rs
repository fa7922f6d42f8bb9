//! The time of the input: the server's clock as first read, continued by this machine's monotonic clock.
//!
//! A reading says only between which bounds the clock is, and the first may have waited long: those that follow narrow them.
//! Otherwise later readings adjust only the rate, by at most 500 ppm. A step of the server's clock, even of an hour, moves
//! nothing: how far it is ahead from then on is its *offset*, which is taken off the ids of the entries as well.

/// A difference from which on a clock has stepped rather than drifted, ms.
pub(crate) const STEP_MS: i64 = 2_000;
/// Maximum adjustment, as a divisor of the time passed.
const SLEW: i64 = 2_000;

/// The time of the input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedClock {
    /// What the readings have said; `None` before the first.
    known: Option<Known>,
    /// How far the server's clock is ahead of the time, µs.
    offset_us: i64,
}

/// Where the time is, as differences to the monotonic time, µs.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The time as it is told.
    anchor_us: i64,
    /// The least and the most that it can be.
    bounds_us: (i64, i64),
    /// The last reading, in monotonic time, µs.
    seen_us: i64,
}

impl FeedClock {
    /// A clock of a server that is so far ahead of the time, ms.
    pub fn new(offset_ms: i64) -> Self {
        Self { known: None, offset_us: offset_ms.saturating_mul(1_000) }
    }

    /// Takes a reading of the server's clock, Unix µs, that was made between two monotonic times, ns: when it was asked for,
    /// and now. If the clock has stepped since the last reading, returns by how much, ms.
    ///
    /// An answer may have waited, for a process that was stopped or a server that was slow: what the reading says is only
    /// that the clock is within bounds.
    pub fn observe(&mut self, server_us: i64, asked_ns: u64, now_ns: u64) -> Option<i64> {
        let us = |ns: u64| i64::try_from(ns / 1_000).unwrap_or(i64::MAX);
        let (asked_us, now_us) = (us(asked_ns.min(now_ns)), us(now_ns));
        let time_us = server_us.saturating_sub(self.offset_us);
        let read_us = (time_us.saturating_sub(now_us), time_us.saturating_sub(asked_us));
        let Some(known) = &mut self.known else {
            self.known = Some(Known { anchor_us: read_us.0, bounds_us: read_us, seen_us: now_us });
            return None;
        };
        let (low_us, high_us) = known.bounds_us;
        // The least by which it has stepped; nothing where both can be true.
        let apart_us = beyond(read_us, (low_us, high_us));
        if apart_us.abs() > STEP_MS * 1_000 {
            self.offset_us = self.offset_us.saturating_add(apart_us);
            let time_us = if apart_us > 0 { high_us } else { low_us };
            let anchor_us = known.anchor_us.max(time_us);
            *known = Known { anchor_us, bounds_us: (time_us, time_us), seen_us: now_us };
            return Some(apart_us / 1_000);
        }
        let drift_us = now_us.saturating_sub(known.seen_us) / SLEW;
        let both_us = (read_us.0.max(low_us - drift_us), read_us.1.min(high_us + drift_us));
        if both_us.0 <= both_us.1 {
            (known.bounds_us, known.anchor_us) = (both_us, known.anchor_us.max(both_us.0));
        }
        if drift_us > 0 {
            known.anchor_us += beyond(read_us, (known.anchor_us, known.anchor_us)).clamp(-drift_us, drift_us);
            known.seen_us = now_us;
        }
        if both_us.0 > both_us.1 {
            // A small step, which the time follows slowly.
            known.bounds_us = (known.anchor_us, known.anchor_us);
        }
        None
    }

    /// The time at hand, as far as it is known.
    #[inline]
    pub fn reading(&self, now_ns: u64) -> Reading {
        let now_us = i64::try_from(now_ns / 1_000).unwrap_or(i64::MAX);
        let time_us = self.known.map_or(i64::MAX, |known| known.anchor_us.saturating_add(now_us));
        Reading { time_ms: time_us.div_euclid(1_000), offset_ms: self.offset_us / 1_000 }
    }
}

/// How far a range is above another, or below it (then negative); 0 where they meet.
fn beyond((low, high): (i64, i64), (other_low, other_high): (i64, i64)) -> i64 {
    if low > other_high { low.saturating_sub(other_high) } else { high.saturating_sub(other_low).min(0) }
}

/// A time, and how far the server's clock is ahead of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The time, Unix ms.
    pub time_ms: i64,
    /// How far the server's clock is ahead, ms.
    pub offset_ms: i64,
}

/// How far the ids of one stream are ahead of the time. They are the server's clock, unless that has been set back (they
/// stand still until it has caught up), or a writer makes them up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdClock {
    /// How far they are ahead, ms.
    pub offset_ms: i64,
    /// A step that the server's clock made while nobody read, ms: it is between two entries that are at least so far apart.
    pub pending_ms: i64,
    /// Time in the last id.
    last_ms: Option<i64>,
    /// Whether the last id was ahead of the server's own clock.
    pub ahead: bool,
}

impl IdClock {
    /// Begins behind an entry of this time.
    pub fn new(last_ms: Option<i64>, offset_ms: i64, pending_ms: i64) -> Self {
        Self { offset_ms, pending_ms, last_ms, ahead: false }
    }

    /// Takes the time of an id of which the offset is known.
    #[inline]
    pub fn known(&mut self, id_ms: i64, offset_ms: Option<i64>) {
        self.last_ms = Some(id_ms);
        self.offset_ms = offset_ms.unwrap_or(self.offset_ms);
    }

    /// Takes the time of an id that has been read at this time; returns the offset from it on, where it is another. A `fresh`
    /// one has been written since the read before: only then does one that stands still say anything of the time.
    #[inline]
    pub fn read(&mut self, id_ms: i64, now: Reading, fresh: bool) -> Option<i64> {
        let last_ms = self.last_ms.replace(id_ms);
        let wall_ms = id_ms.saturating_sub(self.offset_ms);
        let latest_ms = now.time_ms.saturating_add(STEP_MS);
        if wall_ms <= latest_ms
            && !self.ahead
            && self.pending_ms == 0
            && id_ms <= latest_ms.saturating_add(now.offset_ms)
            && !self.is_unsure(now)
        {
            return None;
        }
        self.odd((id_ms, wall_ms), last_ms, now, fresh)
    }

    /// Whether the server's clock has stepped back, and it is not known yet between which entries: they may have been
    /// written later than their ids say.
    #[inline]
    pub fn is_unsure(&self, now: Reading) -> bool {
        self.offset_ms > now.offset_ms.saturating_add(STEP_MS)
    }

    /// Takes an id of which that is not known, whose entry cannot have been written before a time, Unix ms: it has a record
    /// that begins then. Returns the offset from it on, where it is another.
    pub fn written_after(&mut self, id_ms: i64, time_ms: i64, now: Reading) -> Option<i64> {
        let late_ms = time_ms.min(now.time_ms).saturating_sub(id_ms.saturating_sub(self.offset_ms));
        if !self.is_unsure(now) || late_ms <= STEP_MS {
            return None;
        }
        self.offset_ms = (self.offset_ms - late_ms).max(now.offset_ms);
        if !self.is_unsure(now) {
            self.offset_ms = now.offset_ms;
        }
        Some(self.offset_ms)
    }

    #[cold]
    fn odd(&mut self, (id_ms, wall_ms): (i64, i64), last_ms: Option<i64>, now: Reading, fresh: bool) -> Option<i64> {
        let Reading { time_ms, offset_ms } = now;
        let ahead = id_ms > time_ms.saturating_add(offset_ms).saturating_add(STEP_MS);
        let was_ahead = std::mem::replace(&mut self.ahead, ahead);
        let moved = last_ms != Some(id_ms);
        let found = if self.pending_ms > 0 && last_ms.is_some_and(|last_ms| id_ms - last_ms >= self.pending_ms) {
            self.offset_ms + std::mem::take(&mut self.pending_ms)
        } else if wall_ms > time_ms.saturating_add(STEP_MS) {
            self.pending_ms = 0;
            if ahead { id_ms - time_ms } else { offset_ms }
        } else if ahead && !moved && fresh && wall_ms < time_ms - STEP_MS {
            id_ms - time_ms
        } else if (was_ahead && !ahead && moved)
            || (!ahead && fresh && wall_ms < time_ms - STEP_MS && self.is_unsure(now))
        {
            offset_ms
        } else {
            return None;
        };
        if (found - self.offset_ms).abs() <= STEP_MS {
            return None;
        }
        self.offset_ms = found;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn steps_move_nothing_and_drift_is_followed() {
        let mut clock = FeedClock::default();
        let t0 = 1_700_000_000_000_000i64;
        assert_eq!(clock.observe(t0, 0, 0), None);
        assert_eq!(clock.reading(2 * S).time_ms, t0 / 1_000 + 2_000);
        // An hour ahead, an hour back, and correct again.
        assert_eq!(clock.observe(t0 + 3_602_000_000, 2 * S, 2 * S), Some(HOUR));
        assert_eq!(clock.observe(t0 + 3_603_000_000, 3 * S, 3 * S), None);
        assert_eq!((clock.reading(3 * S).time_ms, clock.reading(3 * S).offset_ms), (t0 / 1_000 + 3_000, HOUR));
        assert_eq!(clock.observe(t0 + 4_000_000, 4 * S, 4 * S), Some(-HOUR));
        assert_eq!(clock.observe(t0 - 3_595_000_000, 5 * S, 5 * S), Some(-HOUR));
        assert_eq!(clock.reading(6 * S).time_ms, t0 / 1_000 + 6_000);
        // 100 ppm too slow for a day.
        let mut clock = FeedClock::default();
        for s in 0..86_400u64 {
            assert_eq!(clock.observe(t0 + s as i64 * 1_000_100, s * S, s * S), None);
        }
        let behind = t0 / 1_000 + 86_399 * 10_001 / 10 - clock.reading(86_399 * S).time_ms;
        assert!(behind.abs() < 3, "{behind} ms behind");
    }

    #[test]
    fn an_answer_that_has_waited_is_no_step() {
        let (mut clock, t0) = (FeedClock::default(), 1_700_000_000_000_000i64);
        assert_eq!(clock.observe(t0, 0, 0), None);
        // Asked for after a second, read after six.
        assert_eq!(clock.observe(t0 + 1_000_000, S, 6 * S), None);
        assert_eq!(clock.observe(t0 + 6_000_500, 6 * S, 6 * S + 1_000_000), None);
        assert_eq!(clock.reading(7 * S).time_ms, t0 / 1_000 + 7_000);
        // What is out of all bounds is one, by as much as is certain.
        assert_eq!(clock.observe(t0 + 1_000_000, 7 * S, 12 * S), Some(-5_999));
    }

    #[test]
    fn what_the_first_answer_left_open_is_no_part_of_a_step() {
        let t0 = 1_700_000_000_000_000i64;
        let us = |ns: u64| (ns / 1_000) as i64;
        // It is made when it is asked for, when it comes, or between, and comes after 0.9 s; the next comes at once.
        for made_ns in [0, S / 3, 9 * S / 10] {
            let mut clock = FeedClock::default();
            assert_eq!(clock.observe(t0 + us(made_ns), 0, 9 * S / 10), None);
            assert_eq!(clock.observe(t0 + 2_000_000, 2 * S, 2 * S), None);
            assert_eq!(clock.reading(2 * S).time_ms, t0 / 1_000 + 2_000);
            assert_eq!(clock.observe(t0 + 23_000_000, 3 * S, 3 * S), Some(20_000));
            assert_eq!(clock.observe(t0 + 4_000_000, 4 * S, 4 * S), Some(-20_000));
            assert_eq!(clock.reading(5 * S).time_ms, t0 / 1_000 + 5_000);
        }
        // A small step moves the time by its rate alone, and is remembered where another follows.
        let mut clock = FeedClock::default();
        assert_eq!(clock.observe(t0, 0, 0), None);
        assert_eq!(clock.observe(t0 + 2_500_000, S, S), None);
        assert_eq!(clock.reading(S).time_ms, t0 / 1_000 + 1_000);
        assert_eq!(clock.observe(t0 + 5_000_000, 2 * S, 2 * S), Some(2_999));
    }

    /// Reads an id a second, written then; `server` is how far the server's clock is ahead in that second. Ids never go back.
    /// Returns how far the walls are from the time at most, ms, and how often the offset was another.
    fn live(server: &[i64]) -> (i64, usize) {
        let (mut ids, mut last, mut worst, mut changes) = (IdClock::default(), 0, 0i64, 0);
        for (second, &offset_ms) in server.iter().enumerate() {
            let time_ms = 1_700_000_000_000 + second as i64 * 1_000;
            last = last.max(time_ms + offset_ms);
            changes += usize::from(ids.read(last, Reading { time_ms, offset_ms }, true).is_some());
            worst = worst.max((last - ids.offset_ms - time_ms).abs());
        }
        (worst, changes)
    }

    #[test]
    fn the_wall_goes_on_through_every_step_of_the_server() {
        assert_eq!(live(&[0; 100]), (0, 0));
        assert_eq!(live(&[HOUR; 100]).0, 0);
        let back = [&[0; 10][..], &[HOUR; 8], &[0; 4_000]].concat();
        let (worst, changes) = live(&back);
        assert!(worst <= 2 * STEP_MS && (1_000..1_900).contains(&changes), "{worst} {changes}");
        let (worst, _) = live(&[&[0; 10][..], &[-60_000; 300]].concat());
        assert!(worst <= 2 * STEP_MS, "{worst}");
    }

    #[test]
    fn an_id_of_another_century_moves_the_wall_no_further_than_any_other() {
        let (mut ids, mut wall) = (IdClock::default(), 0);
        for second in 0..50i64 {
            let now = Reading { time_ms: 1_700_000_000_000 + second * 1_000, offset_ms: 0 };
            let id_ms = if second < 10 { now.time_ms } else { 9_999_999_999_999 };
            ids.read(id_ms, now, true);
            let next = id_ms - ids.offset_ms;
            assert!(next >= wall && (next - now.time_ms).abs() <= STEP_MS + 1_000, "{second}: {next}");
            wall = next;
        }
    }

    #[test]
    fn a_step_back_made_while_nobody_read_is_placed_where_a_record_says_so_at_the_latest_at_a_fresh_entry() {
        let t0 = 1_700_000_000_000i64;
        let now = Reading { time_ms: t0 + 60_000, offset_ms: -20_000 };
        // Stepped back at second 10, read at second 60: the ids stand still until second 30.
        let id = |second: i64| if second < 10 { t0 + second * 1_000 } else { t0 + (second - 20).max(10) * 1_000 };
        let mut ids = IdClock::new(Some(t0), 0, 0);
        for second in 1..60 {
            assert_eq!(ids.read(id(second), now, false), None);
            let start = t0 + second * 1_000 - 1_000;
            ids.written_after(id(second), start, now);
            let wall = id(second) - ids.offset_ms;
            assert!(wall >= start - STEP_MS && wall <= t0 + second * 1_000 + STEP_MS, "{second}: {wall}");
        }
        assert_eq!(ids.offset_ms, -20_000);
        // A feed of last year says nothing of it, and a record of next year no more than that it is now.
        let mut ids = IdClock::new(Some(t0), 0, 0);
        assert_eq!(ids.read(t0 + 39_000, now, false), None);
        assert_eq!(ids.written_after(t0 + 39_000, 0, now), None);
        let mut other = ids;
        assert_eq!(other.written_after(t0 + 39_500, t0 * 2, now), Some(-20_000));
        assert_eq!(ids.read(t0 + 40_000, now, true), Some(-20_000));
    }

    #[test]
    fn a_step_made_while_nobody_read_is_placed_where_the_ids_are_apart() {
        let now = Reading { time_ms: 1_700_000_600_000, offset_ms: HOUR };
        let mut ids = IdClock::new(Some(1_700_000_000_000), 0, HOUR);
        assert_eq!(ids.read(1_700_000_050_000, now, false), None);
        assert_eq!(ids.read(1_700_000_060_000 + HOUR, now, false), Some(HOUR));
        assert_eq!(ids.read(1_700_000_070_000 + HOUR, now, false), None);
    }
}
