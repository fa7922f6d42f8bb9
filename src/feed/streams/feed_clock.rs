//! The time of the input: the server's clock as first read, continued by this machine's monotonic clock.
//!
//! Entry ids and the time that closes quiet bars come from the same clock, so that an engine whose wall clock is wrong
//! closes nothing early. Later readings of the server's clock adjust only the rate, by at most 500 ppm: a step of
//! either clock, even of an hour, moves nothing. If the server's clock was already wrong at the start, correct it and
//! restart.

/// A difference from which on the server's clock has stepped rather than drifted, µs.
const STEP_US: i64 = 1_000_000;
/// Maximum adjustment, as a divisor of the time passed.
const SLEW: i64 = 2_000;

/// The time of the input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FeedClock {
    /// Server's time minus monotonic time, µs; and the time of the last reading, monotonic µs.
    anchor: Option<(i64, i64)>,
    stepped: bool,
}

impl FeedClock {
    /// Takes a reading of the server's clock, Unix µs, at a monotonic time, ns. If the clock has stepped since the last
    /// reading, returns by how much in total, µs; 0 means that it has returned.
    pub fn observe(&mut self, server_us: i64, now_ns: u64) -> Option<i64> {
        let now_us = i64::try_from(now_ns / 1_000).unwrap_or(i64::MAX);
        let offset_us = server_us.saturating_sub(now_us);
        let Some((anchor_us, seen_us)) = self.anchor else {
            self.anchor = Some((offset_us, now_us));
            return None;
        };
        let apart_us = offset_us.saturating_sub(anchor_us);
        let stepped = apart_us.abs() > STEP_US;
        let bound_us = now_us.saturating_sub(seen_us) / SLEW;
        if stepped {
            self.anchor = Some((anchor_us, now_us));
        } else if bound_us > 0 {
            self.anchor = Some((anchor_us + apart_us.clamp(-bound_us, bound_us), now_us));
        }
        (stepped != std::mem::replace(&mut self.stepped, stepped)).then_some(if stepped { apart_us } else { 0 })
    }

    /// The time, Unix ms; `None` before the first reading of the server's clock.
    #[inline]
    pub fn ms(&self, now_ns: u64) -> Option<i64> {
        let now_us = i64::try_from(now_ns / 1_000).unwrap_or(i64::MAX);
        self.anchor.map(|(anchor_us, _)| anchor_us.saturating_add(now_us).div_euclid(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn steps_move_nothing_and_drift_is_followed() {
        let mut clock = FeedClock::default();
        assert_eq!(clock.ms(5 * S), None);
        let t0 = 1_700_000_000_000_000i64;
        assert_eq!(clock.observe(t0, 0), None);
        assert_eq!(clock.ms(2 * S), Some(t0 / 1_000 + 2_000));
        // An hour ahead, an hour back, and correct again.
        assert_eq!(clock.observe(t0 + 3_602_000_000, 2 * S), Some(3_600_000_000));
        assert_eq!(clock.observe(t0 + 3_603_000_000, 3 * S), None);
        assert_eq!(clock.ms(3 * S), Some(t0 / 1_000 + 3_000));
        assert_eq!(clock.observe(t0 + 4_000_000, 4 * S), Some(0));
        assert_eq!(clock.observe(t0 - 3_595_000_000, 5 * S), Some(-3_600_000_000));
        assert_eq!(clock.ms(6 * S), Some(t0 / 1_000 + 6_000));
        // 100 ppm too slow for a day.
        let mut clock = FeedClock::default();
        for s in 0..86_400u64 {
            clock.observe(t0 + s as i64 * 1_000_100, s * S);
        }
        let behind = t0 / 1_000 + 86_399 * 10_001 / 10 - clock.ms(86_399 * S).unwrap();
        assert!(behind.abs() < 3, "{behind} ms behind");
    }
}
