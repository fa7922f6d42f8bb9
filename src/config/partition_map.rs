//! Which partition a symbol belongs to: a rendezvous of both, but for the symbols that a person has placed. Pure.

use super::partition_tag::tag;
use std::collections::BTreeMap;

/// The map of symbols to partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMap {
    /// Number of the map: each change makes it greater.
    pub version: u64,
    /// How many partitions there are.
    pub count: usize,
    /// Where symbols are that were placed by hand.
    pub overrides: BTreeMap<String, usize>,
}

impl PartitionMap {
    /// What is written for the way in which symbols find their partitions.
    pub const METHOD: &'static str = "rendezvous-fnv1a64-mix";

    /// The first map of so many partitions.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self { version: 1, count, overrides: BTreeMap::new() }
    }

    /// By partition: its tag.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        (0..self.count).map(|partition| tag(partition, self.count)).collect()
    }

    /// The partition of a symbol: the one whose number, hashed with the symbol, gives most.
    #[must_use]
    pub fn of(&self, symbol: &str) -> usize {
        if let Some(&partition) = self.overrides.get(symbol) {
            return partition;
        }
        let hash = fnv1a(symbol.as_bytes());
        // Of two that give the same the first.
        (0..self.count).rev().max_by_key(|&partition| mixed(hash ^ mixed(partition as u64 + 1))).unwrap_or(0)
    }
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of the number.
const fn mixed(mut number: u64) -> u64 {
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("S{i:05}")).collect()
    }

    #[test]
    fn partitions_have_equal_shares() {
        for count in [2, 3, 8, 64] {
            let map = PartitionMap::new(count);
            let mut shares = vec![0usize; count];
            names(20_000).iter().for_each(|name| shares[map.of(name)] += 1);
            let fair = 20_000.0 / count as f64;
            // Five standard deviations.
            let off = 5.0 * fair.sqrt();
            assert!(shares.iter().all(|&share| (share as f64 - fair).abs() < off), "{count}: {shares:?}");
        }
    }

    #[test]
    fn one_more_partition_takes_from_the_others_alone() {
        let (before, after) = (PartitionMap::new(8), PartitionMap::new(9));
        let moved = names(9_000).iter().filter(|name| before.of(name) != after.of(name)).count();
        assert!(names(9_000).iter().all(|name| [before.of(name), 8].contains(&after.of(name))));
        assert!((850..1_150).contains(&moved), "{moved}");
    }

    #[test]
    fn places_are_for_life() {
        let of = |count| ["SPY", "QQQ", "BTCUSDT", "ETHUSDT", "AAPL", "MSFT"].map(|s| PartitionMap::new(count).of(s));
        assert_eq!(of(1), [0; 6]);
        assert_eq!(of(4), [0, 2, 3, 1, 3, 1]);
        assert_eq!(of(8), [0, 2, 3, 4, 5, 1]);
        let mut placed = PartitionMap::new(8);
        placed.overrides.insert("SPY".into(), 7);
        assert_eq!((placed.of("SPY"), placed.of("QQQ")), (7, PartitionMap::new(8).of("QQQ")));
    }
}
