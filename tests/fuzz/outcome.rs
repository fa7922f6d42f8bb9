//! What tells the outcomes of a target apart.

use crate::mutate::Random;

/// A checksum of what has happened.
#[derive(Debug, Clone, Copy)]
pub struct Outcome(u64);

impl Default for Outcome {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Outcome {
    /// FNV-1a over words.
    pub fn add(&mut self, value: u64) -> &mut Self {
        self.0 = (self.0 ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        self
    }

    pub fn ignore(&self) {}

    pub fn get(&self) -> u64 {
        self.0
    }
}

/// Nothing needs mending.
pub fn nothing(_: &mut Vec<u8>, _: &mut Random) {}
