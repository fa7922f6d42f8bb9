//! Pauses between attempts: each longer than the one before, and none the same as that of anybody else.

/// Growing pauses.
#[derive(Debug)]
pub struct Pauses {
    min_ns: u64,
    max_ns: u64,
    in_a_row: u32,
    random: u64,
}

impl Pauses {
    /// From `min_ms` to `max_ms`; `seed` decides what is random about them.
    pub fn new(min_ms: u64, max_ms: u64, seed: u64) -> Self {
        Self { min_ns: min_ms * 1_000_000, max_ns: max_ms.max(min_ms) * 1_000_000, in_a_row: 0, random: seed }
    }

    /// The next one, ns: half as long again as the one before, less up to a fifth.
    pub fn next_ns(&mut self) -> u64 {
        let full = (self.min_ns as f64 * 1.5f64.powi(self.in_a_row.min(64) as i32)).min(self.max_ns as f64) as u64;
        self.in_a_row += 1;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        full - (self.random >> 33) % (full / 5 + 1)
    }

    /// Begins with the shortest again.
    pub fn reset(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_by_half_up_to_their_bound() {
        let mut pauses = Pauses::new(2_000, 30_000, 7);
        let all: Vec<u64> = (0..12).map(|_| pauses.next_ns() / 1_000_000).collect();
        let mut full = 2_000.0f64;
        for pause in &all {
            assert!((full * 0.8 - 1.0..=full).contains(&(*pause as f64)), "{all:?}");
            full = (full * 1.5).min(30_000.0);
        }
        assert!(all[11] >= 24_000);
        pauses.reset();
        assert!(pauses.next_ns() <= 2_000_000_000);
    }
}
