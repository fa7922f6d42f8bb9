//! The one source of chance: splitmix64.

#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A source of its own for a purpose, so that one more draw here changes nothing there.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut random = Self(purpose.bytes().fold(seed, |h, b| h.rotate_left(9) ^ u64::from(b)));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Small values mostly, up to `high` sometimes.
    pub fn skewed(&mut self, high: u64) -> u64 {
        let bits = 64 - high.leading_zeros();
        let shift = self.below(u64::from(bits) + 1);
        self.below((high >> shift).max(1) + 1)
    }
}
